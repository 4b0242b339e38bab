#pragma once

#include "gradus/tensor/error.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace gradus::data {

/// A folder that lives as long as the object.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gradus_data_XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string path(const std::string& name = "") const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Compressed by zlib; `window` as deflateInit2 has it: 15 + 16 for a gzip file, -15 for bare data.
inline std::string deflated(const std::string& bytes, int window) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}
inline std::string gzipped(const std::string& bytes) { return deflated(bytes, 15 + 16); }

inline std::string gunzipped(const std::string& path) {
  std::string bytes;
  gzFile file = gzopen(path.c_str(), "rb");
  std::vector<char> buffer(1 << 16);
  for (int n = 0; (n = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0;)
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
  gzclose(file);
  return bytes;
}

/// Bytes that follow no pattern, the same each time.
inline std::string random_bytes(std::size_t n, std::uint64_t seed) {
  std::string bytes(n, '\0');
  std::uint64_t x = seed * 2 + 1;
  for (char& c : bytes) {
    x = x * 6364136223846793005ULL + 1442695040888963407ULL;
    c = static_cast<char>(x >> 56);
  }
  return bytes;
}

/// The folder ../shared/NAME; empty where it is absent.
inline std::string shared_folder(const std::string& name) {
  const char* root = std::getenv("GRADUS_SHARED_DIR");
  if (root == nullptr || *root == '\0') return {};
  const auto path = std::filesystem::path(root) / name;
  return std::filesystem::exists(path) ? path.string() : std::string();
}

#define GRADUS_SHARED_OR_SKIP(variable, name)       \
  const std::string variable = shared_folder(name); \
  if (variable.empty()) GTEST_SKIP() << "GRADUS_SHARED_DIR has no " << name

/// Runs `call` and checks that it throws E and that the message has each of the parts.
template <class E, class F>
void expect_error(F&& call, const std::vector<std::string>& parts) {
  try {
    call();
    ADD_FAILURE() << "nothing thrown; expected an error with \"" << (parts.empty() ? "" : parts[0]) << '"';
  } catch (const E& error) {
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << " is not in: " << error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of error: " << error.what();
  }
}

}  // namespace gradus::data

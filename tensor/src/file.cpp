#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <unistd.h>

namespace gradus::detail {
namespace {

namespace fs = std::filesystem;

/// 0, or the error number.
int write_all(const std::string& path, std::string_view bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return errno;
  const bool written = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const int error = errno;
  const bool closed = std::fclose(file) == 0;
  return !written ? error : closed ? 0 : errno;
}

/// Where the bytes for `path` go first.
struct Target {
  fs::path path, part;  // no part: written to as it is
};

[[noreturn]] void refuse(const char* op, const std::string& path, const std::error_code& error) {
  fail<IoError>(op, fmt::format("expected a file that can be written, got '{}' ({})", path, error.message()));
}

Target target_of(const char* op, const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::none) refuse(op, path, error);
  if (fs::is_directory(status)) refuse(op, path, std::make_error_code(std::errc::is_a_directory));
  if (fs::exists(status) && !fs::is_regular_file(status)) return {path, {}};
  // Through a link to what it names, so that the link stays.
  fs::path target = path;
  if (fs::exists(status)) target = fs::canonical(path, error);
  if (target.empty()) refuse(op, path, error);
  static std::atomic<unsigned> count{0};
  return {target, fmt::format("{}.{}-{}.part", target.string(), getpid(), count++)};
}

}  // namespace

std::string read_file(const char* op, const std::string& path) {
  const auto check = [&](bool well) {
    if (well) return;
    fail<IoError>(op, fmt::format("expected a readable file, got \"{}\" for {}", std::strerror(errno), path));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  check(file != nullptr);
  std::string bytes;
  std::array<char, std::size_t{1} << 16> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file.get())) bytes.append(buffer.data(), n);
  check(std::ferror(file.get()) == 0);
  return bytes;
}

void write_file(const char* op, const std::string& path, std::string_view bytes) {
  const Target target = target_of(op, path);
  const int code = write_all(target.part.empty() ? path : target.part.string(), bytes);
  std::error_code error{code, std::generic_category()};
  if (code == 0 && !target.part.empty()) fs::rename(target.part, target.path, error);
  if (!error) return;
  std::error_code ignored;
  if (!target.part.empty()) fs::remove(target.part, ignored);
  refuse(op, path, error);
}

void check_writable(const char* op, const std::string& path) {
  const Target target = target_of(op, path);
  if (target.part.empty()) return;
  const int code = write_all(target.part.string(), {});
  std::error_code ignored;
  fs::remove(target.part, ignored);
  if (code != 0) refuse(op, path, {code, std::generic_category()});
}

void fail_foreign(const char* op, const std::string& path, const char* what) {
  fail<IoError>(op, fmt::format("expected a file that can be read, got \"{}\" for {}", what, path));
}

}  // namespace gradus::detail

#pragma once

#include "input_file.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace gradus::data {

/// A whole file in memory, each access checked. All its errors are IoError and name the place.
class Bytes {
 public:
  Bytes(const char* op, std::string path, std::string_view bytes) : op_(op), path_(std::move(path)), bytes_(bytes) {}

  const char* op() const { return op_; }
  const std::string& path() const { return path_; }
  std::size_t size() const { return bytes_.size(); }
  std::string_view all() const { return bytes_; }
  /// `n` bytes from `at`.
  std::string_view view(std::size_t at, std::size_t n, const char* what) const {
    if (at > size() || n > size() - at)
      fail(fmt::format("expected {} ({} bytes), got the end of the file", what, n), at);
    return bytes_.substr(at, n);
  }
  /// A number, least or most significant byte first.
  template <class T>
  T little(std::size_t at) const {
    static_assert(std::endian::native == std::endian::little);
    T value;
    std::memcpy(&value, view(at, sizeof(T), "a number").data(), sizeof(T));
    return value;
  }
  template <class T>
  T big(std::size_t at) const {
    T value = 0;
    for (const char c : view(at, sizeof(T), "a number"))
      value = static_cast<T>(value << 8 | static_cast<unsigned char>(c));
    return value;
  }

  /// "message at byte N of PATH".
  [[noreturn]] void fail(const std::string& message, std::size_t at) const {
    gradus::detail::fail<IoError>(op_, fmt::format("{} at byte {} of {}", message, at, path_));
  }

 private:
  const char* op_;
  std::string path_;
  std::string_view bytes_;
};

template <class T>
void append_little(std::string& bytes, T value) {
  static_assert(std::endian::native == std::endian::little);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// All bytes of a file, unpacked if it is gzipped.
inline std::string read_all(const char* op, const std::string& path) {
  InputFile file(op, path);
  std::string bytes;
  while (true) {
    const auto part = file.next(std::size_t{1} << 20);
    if (part.empty()) return bytes;
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  }
}

}  // namespace gradus::data

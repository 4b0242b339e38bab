#include "gradus/tensor/file.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace gradus::detail {
namespace {

namespace fs = std::filesystem;

/// 0, or the error number.
int write_all(const std::string& path, std::string_view bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return errno;
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const int error = errno;
  const bool closed = std::fclose(file) == 0;
  return !written ? error : closed ? 0 : errno;
}

}  // namespace

void write_file(const char* op, const std::string& path, std::string_view bytes) {
  const auto refuse = [&](const std::error_code& error) {
    fail<IoError>(
        op,
        fmt::format("expected a file that can be written, got '{}' ({})", path, error.message()));
  };
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) refuse(std::make_error_code(std::errc::is_a_directory));
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    if (const int code = write_all(path, bytes)) refuse({code, std::generic_category()});
    return;
  }
  // Through a link to what it names, so that the link stays.
  fs::path target = path;
  if (fs::exists(status)) target = fs::canonical(path, error);
  if (target.empty()) refuse(error);
  static std::atomic<unsigned> count{0};
  const std::string part = fmt::format("{}.{}-{}.part", target.string(), getpid(), count++);
  const int code = write_all(part, bytes);
  error = {code, std::generic_category()};
  if (code == 0) fs::rename(part, target, error);
  if (!error) return;
  std::error_code ignored;
  fs::remove(part, ignored);
  refuse(error);
}

}  // namespace gradus::detail

#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace gradus::detail {
namespace {

namespace fs = std::filesystem;

/// 0, or the error number.
int write_all(const std::string& path, std::span<const std::string_view> parts) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return errno;
  const bool written = std::all_of(parts.begin(), parts.end(), [&](std::string_view bytes) {
    return bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  });
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
  write_file(op, path, std::span(&bytes, 1));
}

void write_file(const char* op, const std::string& path, std::span<const std::string_view> parts) {
  const Target target = target_of(op, path);
  const int code = write_all(target.part.empty() ? path : target.part.string(), parts);
  std::error_code error{code, std::generic_category()};
  if (code == 0 && !target.part.empty()) fs::rename(target.part, target.path, error);
  if (!error) return;
  std::error_code ignored;
  if (!target.part.empty()) fs::remove(target.part, ignored);
  refuse(op, path, error);
}

void write_files(const char* op, const FilePlan& file, const FilePlan& beside) {
  const Target target = target_of(op, file.path), other = target_of(op, beside.path);
  const auto refuse_without_parts = [&](const std::string& path, const std::error_code& error) {
    std::error_code ignored;
    for (const fs::path& part : {target.part, other.part})
      if (!part.empty()) fs::remove(part, ignored);
    refuse(op, path, error);
  };
  if (target.part.empty() || other.part.empty())
    fail<IoError>(op,
                  fmt::format("expected a regular file, as another one belongs to it, got '{}'",
                              target.part.empty() ? file.path : beside.path));
  for (const auto& [part, plan] : {std::pair(other.part, &beside), std::pair(target.part, &file)})
    if (const int code = write_all(part.string(), plan->parts); code != 0)
      refuse_without_parts(plan->path, {code, std::generic_category()});

  std::vector<std::pair<fs::path, fs::path>> moves;
  const fs::path old = target.part.string() + ".old", old_other = other.part.string() + ".old";
  std::error_code error, ignored;
  if (fs::exists(target.path, ignored)) moves.emplace_back(target.path, old);
  if (fs::exists(other.path, ignored)) moves.emplace_back(other.path, old_other);
  moves.emplace_back(other.part, other.path);
  moves.emplace_back(target.part, target.path);
  for (std::size_t i = 0; i < moves.size(); ++i) {
    fs::rename(moves[i].first, moves[i].second, error);
    if (!error) continue;
    while (i-- > 0) fs::rename(moves[i].second, moves[i].first, ignored);
    refuse_without_parts(file.path, error);
  }
  for (const fs::path& path : {old, old_other}) fs::remove(path, ignored);
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

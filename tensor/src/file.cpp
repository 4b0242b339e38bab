#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace gradus::detail {
namespace {

namespace fs = std::filesystem;

/// 0, or the error number. A file system that can't force anything to a disk is none.
int force(int file) {
  if (fsync(file) == 0) return 0;
  return errno == EINVAL || errno == ENOTSUP || errno == EROFS ? 0 : errno;
}

/// The same of what is at a path: a file, or a folder with the names in it.
int force(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return errno == EACCES ? 0 : errno;  // a folder may be written to without being read
  const int error = force(file);
  close(file);
  return error;
}

/// 0, or the error number.
int write_all(const std::string& path, std::span<const std::string_view> parts, OnDisk when) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return errno;
  const bool written = std::all_of(parts.begin(), parts.end(), [&](std::string_view bytes) {
    return bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  });
  int error = written && std::fflush(file) == 0 ? 0 : errno;
  if (error == 0 && when == OnDisk::now) error = force(fileno(file));
  const bool closed = std::fclose(file) == 0;
  return error != 0 ? error : closed ? 0 : errno;
}

/// Where the bytes for `path` go first.
struct Target {
  std::string path, part, folder;  // no part: written to as it is
};

[[noreturn]] void refuse(const char* op, const std::string& path, const std::error_code& error) {
  fail<IoError>(op, fmt::format("expected a file that can be written, got '{}' ({})", path, error.message()));
}

Target target_of(const char* op, const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::none) refuse(op, path, error);
  if (fs::is_directory(status)) refuse(op, path, std::make_error_code(std::errc::is_a_directory));
  if (fs::exists(status) && !fs::is_regular_file(status)) return {path, {}, {}};
  // Through a link to what it names, so that the link stays.
  fs::path target = path;
  if (fs::exists(status)) target = fs::canonical(path, error);
  if (target.empty()) refuse(op, path, error);
  static std::atomic<unsigned> count{0};
  const fs::path folder = target.has_parent_path() ? target.parent_path() : ".";
  return {target.string(), fmt::format("{}.{}-{}.part", target.string(), getpid(), count++), folder.string()};
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

void write_file(const char* op, const std::string& path, std::string_view bytes, OnDisk when) {
  write_file(op, path, std::span(&bytes, 1), when);
}

void write_file(const char* op, const std::string& path, std::span<const std::string_view> parts, OnDisk when) {
  const Target target = target_of(op, path);
  const bool replaces = !target.part.empty();
  // From here on nothing asks for memory, so that nothing stays half done for want of it.
  int code = replaces ? write_all(target.part, parts, when) : write_all(path, parts, OnDisk::later);
  if (code == 0 && replaces && std::rename(target.part.c_str(), target.path.c_str()) != 0) code = errno;
  if (code == 0 && replaces && when == OnDisk::now) code = force(target.folder.c_str());
  if (code == 0) return;
  if (replaces) unlink(target.part.c_str());
  refuse(op, path, {code, std::generic_category()});
}

void force_to_disk(const char* op, const std::string& path) {
  if (const int code = force(path.c_str()); code != 0) refuse(op, path, {code, std::generic_category()});
}

void write_files(const char* op, const FilePlan& file, const FilePlan& beside) {
  const Target target = target_of(op, file.path), other = target_of(op, beside.path);
  const auto refuse_without_parts = [&](const std::string& path, const std::error_code& error) {
    std::error_code ignored;
    for (const std::string& part : {target.part, other.part})
      if (!part.empty()) fs::remove(part, ignored);
    refuse(op, path, error);
  };
  if (target.part.empty() || other.part.empty())
    fail<IoError>(op,
                  fmt::format("expected a regular file, as another one belongs to it, got '{}'",
                              target.part.empty() ? file.path : beside.path));
  for (const auto& [part, plan] : {std::pair(other.part, &beside), std::pair(target.part, &file)})
    if (const int code = write_all(part, plan->parts, OnDisk::now); code != 0)
      refuse_without_parts(plan->path, {code, std::generic_category()});

  std::vector<std::pair<std::string, std::string>> moves;
  const std::string old = target.part + ".old", old_other = other.part + ".old";
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
  force_to_disk(op, target.folder);
  for (const std::string& path : {old, old_other}) fs::remove(path, ignored);
}

void check_writable(const char* op, const std::string& path) {
  const Target target = target_of(op, path);
  if (target.part.empty()) return;
  const int code = write_all(target.part, {}, OnDisk::later);
  unlink(target.part.c_str());
  if (code != 0) refuse(op, path, {code, std::generic_category()});
}

void fail_foreign(const char* op, const std::string& path, const char* what) {
  fail<IoError>(op, fmt::format("expected a file that can be read, got \"{}\" for {}", what, path));
}

}  // namespace gradus::detail

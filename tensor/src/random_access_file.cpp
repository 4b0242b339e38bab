#include "gradus/tensor/random_access_file.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gradus::detail {
namespace {

std::int64_t time_of_change(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

RandomAccessFile::RandomAccessFile(const char* op, const std::string& path)
    : path_(path), file_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat status{};
  std::string got;
  if (file_ < 0 || fstat(file_, &status) != 0)
    got = std::strerror(errno);
  else if (S_ISDIR(status.st_mode))
    got = std::strerror(EISDIR);
  else if (!S_ISREG(status.st_mode))
    got = "Not a regular file";
  if (!got.empty()) {
    if (file_ >= 0) close(file_);
    fail<IoError>(op, fmt::format("expected a file that can be read at any place, got \"{}\" for {}", got, path));
  }
  size_ = static_cast<std::size_t>(status.st_size);
  changed_ = time_of_change(status);
}

RandomAccessFile::~RandomAccessFile() { close(file_); }

bool RandomAccessFile::has_changed() const noexcept {
  struct stat status{};
  return fstat(file_, &status) != 0 || static_cast<std::size_t>(status.st_size) != size_ ||
         time_of_change(status) != changed_;
}

void RandomAccessFile::read(const char* op, std::size_t begin, std::size_t bytes, void* to) const {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t n = pread(file_, static_cast<char*>(to) + done, bytes - done, static_cast<off_t>(begin + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      fail<IoError>(op,
                    fmt::format("expected {} bytes, got {} at byte {} of {}",
                                size_,
                                n < 0 ? fmt::format("\"{}\"", std::strerror(errno)) : "the end of the file",
                                begin + done,
                                path_));
    done += static_cast<std::size_t>(n);
  }
}

void RandomAccessFile::expect(std::size_t begin, std::size_t bytes) const noexcept {
  posix_fadvise(file_, static_cast<off_t>(begin), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
}

}  // namespace gradus::detail

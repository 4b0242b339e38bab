#include "watch/json_lines.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace gradus::train {
namespace {

[[noreturn]] void refuse(const std::string& path, int code) {
  gradus::detail::fail<IoError>("babysitter",
                                fmt::format("expected a file that can be written, got '{}' ({})",
                                            path,
                                            std::error_code(code, std::generic_category()).message()));
}

}  // namespace

void JsonLines::open(const std::string& path, bool append) {
  close();
  path_ = path;
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (append ? 0 : O_TRUNC), 0666);
  if (file_ < 0) refuse(path, errno);
}

void JsonLines::write(std::string_view line) {
  if (!is_open()) return;
  const std::string text = std::string(line) + "\n";
  const off_t before = ::lseek(file_, 0, SEEK_END);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(file_, text.data() + done, text.size() - done);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      const int code = errno;
      // A pipe can't be cut; there the reader has what it has.
      [[maybe_unused]] const int cut = before < 0 ? 0 : ::ftruncate(file_, before);
      close();
      refuse(path_, code);
    }
  }
}

void JsonLines::close() noexcept {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

}  // namespace gradus::train

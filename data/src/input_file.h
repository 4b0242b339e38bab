#pragma once

#include "gradus/graph/arg.h"
#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"
#include "gradus/tensor/text.h"

#include <zlib.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gradus::data {

/// A file read from front to back, unpacked on the way if it is gzipped. All its errors are IoError
/// and name `op`, the path and the place.
class InputFile {
 public:
  InputFile(const char* op, const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Up to `most` of the bytes that follow, at least one; none at the end. Valid until the next
  /// call.
  std::span<const unsigned char> next(std::size_t most);
  /// Copies bytes and says how many; fewer than `bytes` only at the end.
  std::size_t read(void* to, std::size_t bytes);
  /// The next line without its end; false after the last. At most 16 MiB.
  bool read_line(std::string& line);

  /// How many bytes follow, or limit + 1 if there are more than `limit`. Reads them all, so that
  /// damage is found before memory is asked for, and returns to where it was.
  std::int64_t count_rest(std::int64_t limit);

  const char* op() const { return op_; }
  const std::string& path() const { return path_; }
  /// Whether it is gzipped.
  bool is_packed() const { return packed_; }
  /// Bytes handed out so far.
  std::int64_t position() const { return position_; }
  /// "message at byte N of PATH".
  [[noreturn]] void fail(const std::string& message, std::int64_t at) const;
  [[noreturn]] void fail(const std::string& message) const { fail(message, position_); }

 private:
  void refill();
  void unpack();
  std::size_t read_raw();
  [[noreturn]] void fail_packed(std::string_view got) const;

  const char* op_;
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  bool packed_ = false;
  z_stream stream_{};
  bool member_done_ = false;  // the gzip member at hand is complete
  std::int64_t raw_position_ = 0;
  std::int64_t position_ = 0;
  std::array<unsigned char, 1 << 16> raw_, unpacked_;  // the second for gzipped files only
  std::span<const unsigned char> ready_;               // bytes not handed out yet
};

/// What `f()` gives, in the name of the user's line: each reader's way through detail::at_boundary.
template <class F>
auto reading(const char* op, const std::string& path, CallSite site, F&& f) {
  const gradus::detail::SitePin pin(site);
  return gradus::detail::at_boundary(op, path, f);
}

using gradus::detail::in_quotes;
using gradus::detail::is_utf8;

}  // namespace gradus::data

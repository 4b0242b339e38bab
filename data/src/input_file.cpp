#include "input_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>

namespace gradus::data {

InputFile::InputFile(const char* op, const std::string& path)
    : op_(op), path_(path), file_(std::fopen(path.c_str(), "rb"), &std::fclose) {
  const auto fail_open = [&] {
    gradus::detail::fail<IoError>(
        op, fmt::format("expected a readable file, got \"{}\" for {}", std::strerror(errno), path));
  };
  if (file_ == nullptr) fail_open();
  std::setvbuf(file_.get(), nullptr, _IONBF, 0);
  const std::size_t n = std::fread(raw_.data(), 1, raw_.size(), file_.get());
  if (std::ferror(file_.get()) != 0) fail_open();
  raw_position_ = static_cast<std::int64_t>(n);
  packed_ = n >= 2 && raw_[0] == 0x1f && raw_[1] == 0x8b;
  if (!packed_) {
    ready_ = {raw_.data(), n};
    return;
  }
  if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  stream_.next_in = raw_.data();
  stream_.avail_in = static_cast<uInt>(n);
}

InputFile::~InputFile() {
  if (packed_) inflateEnd(&stream_);
}

void InputFile::fail(const std::string& message, std::int64_t at) const {
  gradus::detail::fail<IoError>(op_,
                                fmt::format("{} at byte {} of {}{}", message, at, path_, packed_ ? " (unpacked)" : ""));
}

void InputFile::fail_packed(std::string_view got) const {
  gradus::detail::fail<IoError>(op_,
                                fmt::format("expected a gzip file, got {} at byte {} of {}",
                                            got,
                                            raw_position_ - static_cast<std::int64_t>(stream_.avail_in),
                                            path_));
}

std::size_t InputFile::read_raw() {
  const std::size_t n = std::fread(raw_.data(), 1, raw_.size(), file_.get());
  if (std::ferror(file_.get()) != 0)
    gradus::detail::fail<IoError>(
        op_,
        fmt::format("expected more data, got \"{}\" at byte {} of {}", std::strerror(errno), raw_position_, path_));
  raw_position_ += static_cast<std::int64_t>(n);
  return n;
}

void InputFile::refill() {
  if (packed_) {
    unpack();
  } else {
    ready_ = {raw_.data(), read_raw()};
  }
}

void InputFile::unpack() {
  stream_.next_out = unpacked_.data();
  stream_.avail_out = static_cast<uInt>(unpacked_.size());
  while (stream_.avail_out == unpacked_.size()) {  // until there is something
    if (stream_.avail_in == 0) {
      stream_.next_in = raw_.data();
      stream_.avail_in = static_cast<uInt>(read_raw());
      if (stream_.avail_in == 0 && member_done_) break;
      if (stream_.avail_in == 0) fail_packed("its end too early");
    }
    if (member_done_) {  // a gzip file may have several members, but nothing else
      if (*stream_.next_in != 0x1f) fail_packed("more bytes after its end");
      inflateReset(&stream_);
      member_done_ = false;
    }
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_MEM_ERROR) throw std::bad_alloc();
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      fail_packed(fmt::format("damage ({})", stream_.msg != nullptr ? stream_.msg : "no reason given"));
    member_done_ = code == Z_STREAM_END;
  }
  ready_ = {unpacked_.data(), unpacked_.size() - stream_.avail_out};
}

std::span<const unsigned char> InputFile::next(std::size_t most) {
  if (ready_.empty()) refill();
  const auto part = ready_.first(std::min(most, ready_.size()));
  ready_ = ready_.subspan(part.size());
  position_ += static_cast<std::int64_t>(part.size());
  return part;
}

std::size_t InputFile::read(void* to, std::size_t bytes) {
  auto* out = static_cast<unsigned char*>(to);
  std::size_t done = 0;
  while (done < bytes) {
    const auto part = next(bytes - done);
    if (part.empty()) break;
    std::memcpy(out + done, part.data(), part.size());
    done += part.size();
  }
  return done;
}

bool InputFile::read_line(std::string& line) {
  constexpr std::size_t kLongest = std::size_t{1} << 24;
  line.clear();
  while (true) {
    if (ready_.empty()) refill();
    if (ready_.empty()) return !line.empty();
    const auto* const end = static_cast<const unsigned char*>(std::memchr(ready_.data(), '\n', ready_.size()));
    const auto part = next(end == nullptr ? ready_.size() : static_cast<std::size_t>(end - ready_.data()) + 1);
    line.append(reinterpret_cast<const char*>(part.data()), part.size());
    if (line.size() > kLongest) fail("expected lines of at most 16 MiB, got a longer one");
    if (end == nullptr) continue;
    line.pop_back();
    return true;
  }
}

std::int64_t InputFile::count_rest(std::int64_t limit) {
  const std::int64_t start = position_;
  constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  while (position_ - start <= limit && !next(kAny).empty()) {
  }
  const std::int64_t count = std::min(position_ - start, limit + 1);

  if (std::fseek(file_.get(), 0, SEEK_SET) != 0)
    gradus::detail::fail<IoError>(op_, fmt::format("expected a file that can be read twice, got {}", path_));
  raw_position_ = position_ = 0;
  ready_ = {};
  if (packed_) {
    inflateReset(&stream_);
    stream_.avail_in = 0;
    member_done_ = false;
  }
  while (position_ < start && !next(static_cast<std::size_t>(start - position_)).empty()) {
  }
  return count;
}

}  // namespace gradus::data

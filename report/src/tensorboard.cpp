#include "tensorboard.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <concepts>
#include <filesystem>
#include <numeric>
#include <span>
#include <system_error>
#include <utility>

namespace gradus::report {
namespace {

constexpr const char* kName = "report";

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = crc;
  }
  return table;
}();

std::uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8U; }

template <std::unsigned_integral T>
void put_little(std::string& out, T value) {
  for (std::size_t byte = 0; byte < sizeof(T); ++byte) out += static_cast<char>((value >> (8 * byte)) & 0xff);
}
void put_double(std::string& out, double value) { put_little(out, std::bit_cast<std::uint64_t>(value)); }

/// Seven bits a byte, the lowest first; the eighth says that more follow.
void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

/// How a field's value is laid out.
enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Numbers of fields in TensorFlow's event.proto and summary.proto.
namespace event {
constexpr unsigned kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5;
}
namespace summary {
constexpr unsigned kValue = 1, kTag = 1, kSimpleValue = 2, kHisto = 5;
}
namespace histo {
constexpr unsigned kMin = 1, kMax = 2, kNum = 3, kSum = 4, kSumSquares = 5, kBucketLimit = 6, kBucket = 7;
}

void put_key(std::string& out, unsigned field, Wire wire) {
  put_varint(out, (std::uint64_t{field} << 3) | static_cast<std::uint64_t>(wire));
}
void put_double(std::string& out, unsigned field, double value) {
  put_key(out, field, Wire::fixed64);
  put_double(out, value);
}
void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  put_key(out, field, Wire::bytes);
  put_varint(out, bytes.size());
  out += bytes;
}
void put_packed(std::string& out, unsigned field, std::span<const double> values) {
  put_key(out, field, Wire::bytes);
  put_varint(out, values.size_bytes());
  for (const double value : values) put_double(out, value);
}

void check(std::string_view tag, const Histogram& histogram) {
  const auto& [limits, counts, min, max, sum, sum_squares] = histogram;
  if (limits.empty() || limits.size() != counts.size())
    gradus::detail::fail<ArgumentError>(
        kName,
        fmt::format("expected as many limits as counts, at least one, got {} limits and {} counts for histogram '{}'",
                    limits.size(),
                    counts.size(),
                    tag));
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (std::isnan(limits[i]) || (i > 0 && limits[i] <= limits[i - 1]))
      gradus::detail::fail<ArgumentError>(
          kName, fmt::format("expected rising limits, got {} at {} for histogram '{}'", limits[i], i, tag));
    if (!std::isfinite(counts[i]) || counts[i] < 0)
      gradus::detail::fail<ArgumentError>(
          kName, fmt::format("expected counts from 0, got {} at {} for histogram '{}'", counts[i], i, tag));
  }
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

std::string event_file_name(std::int64_t seconds) { return fmt::format("events.out.tfevents.{:010}.gradus", seconds); }

EventWriter::EventWriter(std::string path, double started) : path_(std::move(path)) {
  errno = 0;
  out_.open(path_, std::ios::binary | std::ios::trunc);
  if (!out_) refuse(std::generic_category().message(errno));
  std::string data;
  put_double(data, event::kWallTime, started);
  put_bytes(data, event::kFileVersion, "brain.Event:2");
  write(data);
}

void EventWriter::add_scalar(std::string_view tag, std::int64_t step, double wall_time, double value) {
  std::string content;
  put_key(content, summary::kSimpleValue, Wire::fixed32);
  put_little(content, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  add(tag, step, wall_time, content);
}

void EventWriter::add_histogram(std::string_view tag, std::int64_t step, double wall_time, const Histogram& histogram) {
  check(tag, histogram);
  std::string data;
  put_double(data, histo::kMin, histogram.min);
  put_double(data, histo::kMax, histogram.max);
  put_double(data, histo::kNum, std::accumulate(histogram.counts.begin(), histogram.counts.end(), 0.0));
  put_double(data, histo::kSum, histogram.sum);
  put_double(data, histo::kSumSquares, histogram.sum_squares);
  put_packed(data, histo::kBucketLimit, histogram.limits);
  put_packed(data, histo::kBucket, histogram.counts);
  std::string content;
  put_bytes(content, summary::kHisto, data);
  add(tag, step, wall_time, content);
}

/// An event with one value: the tag and `content`, a field.
void EventWriter::add(std::string_view tag, std::int64_t step, double wall_time, std::string_view content) {
  if (tag.empty() || !gradus::detail::is_utf8(tag))
    gradus::detail::fail<ArgumentError>(kName, fmt::format("expected a tag in UTF-8 that is not empty, got '{}'", tag));
  std::string value, values, data;
  put_bytes(value, summary::kTag, tag);
  value += content;
  put_bytes(values, summary::kValue, value);
  put_double(data, event::kWallTime, wall_time);
  put_key(data, event::kStep, Wire::varint);
  put_varint(data, static_cast<std::uint64_t>(step));
  put_bytes(data, event::kSummary, values);
  write(data);
}

void EventWriter::write(std::string_view event) {
  if (!out_.is_open()) refuse("closed since it could not be written");
  std::string record;
  put_little(record, std::uint64_t{event.size()});
  put_little(record, masked_crc(record));
  record += event;
  put_little(record, masked_crc(event));
  errno = 0;
  out_.write(record.data(), static_cast<std::streamsize>(record.size())).flush();
  if (!out_) {
    const int code = errno;
    out_.close();
    std::error_code uncut;  // a pipe or a device can't be cut; there the reader has what it has
    std::filesystem::resize_file(path_, size_, uncut);
    refuse(std::generic_category().message(code));
  }
  size_ += record.size();
}

void EventWriter::refuse(std::string_view reason) const {
  gradus::detail::fail<IoError>(kName,
                                fmt::format("expected a file that can be written, got '{}' ({})", path_, reason));
}

}  // namespace gradus::report

#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::report {

/// CRC-32C: polynomial 0x1edc6f41 (Castagnoli), reflected, begun with and inverted by 0xffffffff.
///   source    RFC 3720, section 12.1
std::uint32_t crc32c(std::string_view bytes);

/// "events.out.tfevents.1700000000.gradus". TensorBoard reads files with "tfevents" in their names, in alphabetical
/// order; hence at least ten digits.
std::string event_file_name(std::int64_t seconds);

/// How values are distributed: counts[i] of them are from limits[i - 1] to below limits[i], counts[0] below limits[0].
struct Histogram {
  std::vector<double> limits{}, counts{};
  double min = 0, max = 0, sum = 0, sum_squares = 0;
};

/// Writes one event file of TensorBoard: TFRecords, each of them an Event in protobuf's wire format.
///   record    length n (8 bytes), masked CRC-32C of these 8 bytes, n bytes of data, masked CRC-32C of the data
///   order     little-endian
///   mask      (crc rotated right by 15) + 0xa282ead8
///   times     seconds since 1970
/// A record is handed to the system at once; one that it takes only in part is cut off again.
class EventWriter {
 public:
  /// Begins the file anew. TensorBoard counts relative times from `started`.
  ///   errors    IoError if the file can't be written
  EventWriter(std::string path, double started);

  /// One point of the curve `tag`; parts of a tag before "/" are its group.
  ///   errors    ArgumentError for a tag that is empty or not UTF-8; IoError if the file can't be written, or could
  ///             not at an earlier call
  void add_scalar(std::string_view tag, std::int64_t step, double wall_time, double value);

  /// One slice of the histogram `tag`.
  ///   errors    those of add_scalar; ArgumentError unless there are as many limits as counts, at least one, limits
  ///             rise and counts are finite and not negative
  void add_histogram(std::string_view tag, std::int64_t step, double wall_time, const Histogram& histogram);

 private:
  void add(std::string_view tag, std::int64_t step, double wall_time, std::string_view content);
  void write(std::string_view event);
  [[noreturn]] void refuse(std::string_view reason) const;

  std::string path_;
  std::ofstream out_;
  std::uintmax_t size_ = 0;  // bytes of whole records
};

}  // namespace gradus::report

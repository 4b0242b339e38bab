#pragma once

#include "gradus/train/rule.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus::report {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), of which "123456789" has 0xe3069283.
std::uint32_t crc32c(std::string_view bytes);

/// A record of a TFRecord file: length, its masked CRC, the bytes, their masked CRC; numbers little-endian.
std::string tf_record(std::string_view bytes);

/// The message tensorboard.Event with one scalar: wall_time = 1, step = 2, summary = 5.
std::string scalar_event(double seconds, std::int64_t step, std::string_view tag, float value);
/// With one histogram.
std::string histogram_event(double seconds, std::int64_t step, std::string_view tag, const train::Histogram& values);
/// The first of a file: file_version = 3, "brain.Event:2".
std::string first_event(double seconds);

}  // namespace gradus::report

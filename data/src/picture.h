#pragma once

#include "bytes.h"

#include <cstdint>
#include <vector>

namespace gradus::data {

/// Rows from the top, the channels of a pixel side by side, as a viewer shows them.
struct Picture {
  std::int64_t height = 0, width = 0;
  std::vector<unsigned char> pixels{};
};

/// Decodes a PNG or JPEG file to `channels` (1 or 3) of 8 bits. Grey of colours is ITU-R BT.601's luma
/// 0.299 R + 0.587 G + 0.114 B. Exif's orientation is followed; bytes behind the end count for nothing.
///   errors    IoError for damage
Picture decode_picture(const Bytes& in, std::int64_t channels);

}  // namespace gradus::data

#pragma once

#include "files.h"

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Zip files made and mended in memory.

namespace gradus::data {

/// A number, least significant byte first unless `big`.
inline std::string bytes_of(std::uint64_t value, int size, bool big = false) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * (big ? size - 1 - i : i)) & 0xff);
  return bytes;
}

/// A zip file with one member that is deflated.
inline std::string zipped(const std::string& name, const std::string& bytes, std::size_t size) {
  const std::string packed = deflated(bytes, -15);
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  const std::string common = bytes_of(20, 2) + bytes_of(0, 2) + bytes_of(8, 2) + bytes_of(0, 4) + bytes_of(crc, 4) +
                             bytes_of(packed.size(), 4) + bytes_of(size, 4) + bytes_of(name.size(), 2) + bytes_of(0, 2);
  const std::string local = "PK\x03\x04" + common + name + packed;
  const std::string entry = "PK\x01\x02" + bytes_of(20, 2) + common + std::string(14, '\0') + name;
  return local + entry + "PK\x05\x06" + bytes_of(0, 4) + bytes_of(1, 2) + bytes_of(1, 2) + bytes_of(entry.size(), 4) +
         bytes_of(local.size(), 4) + bytes_of(0, 2);
}

/// The number of `size` bytes at `at`, least significant first; 0 beyond the end.
inline std::size_t little_at(std::string_view bytes, std::size_t at, std::size_t size) {
  if (at > bytes.size() || size > bytes.size() - at) return 0;
  std::size_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

/// Puts the checksums of stored members right, so that what was changed in them is read.
inline void mend_zip(std::string& bytes) {
  for (std::size_t at = 0; (at = bytes.find("PK\x01\x02", at)) != std::string::npos; ++at) {
    const std::size_t size = little_at(bytes, at + 20, 4), local = little_at(bytes, at + 42, 4);
    const std::size_t begin = local + 30 + little_at(bytes, local + 26, 2) + little_at(bytes, local + 28, 2);
    if (little_at(bytes, at + 10, 2) != 0 || begin > bytes.size() || size > bytes.size() - begin ||
        bytes.size() - at < 46)
      continue;
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data() + begin), size);
    bytes.replace(at + 16, 4, bytes_of(crc, 4));
  }
}

}  // namespace gradus::data

#include "pictures.h"

#include "target.h"

#include "gradus/data/readers.h"

namespace gradus::fuzz {
namespace {

/// Puts the checksums of a PNG file's chunks right.
void mend_png(std::string& bytes) {
  for (std::size_t at = 8; at + 12 <= bytes.size();) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(bytes[at + i]);
    if (size > bytes.size() - at - 12) return;
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data() + at + 4), size + 4);
    bytes.replace(at + 8 + size, 4, data::big(static_cast<std::uint32_t>(crc)));
    at += 12 + size;
  }
}

void read_both(const std::string& path) {
  data::read_image(path, 1);
  data::read_image(path, 3);
}

std::string noise() { return data::random_bytes(24 * 16 * 4 * 2, 3); }

// A byte of deflate can be 1032 bytes, of 8 pixels each, of three floats each, besides their bytes.
const Registered kPng{{
    .name = "png",
    .file = "x.png",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      return {data::png(6, 8, 0, noise().substr(0, 48)),
              data::png(16, 24, 2, noise(), 16, data::chunk("eXIf", data::exif_block(6, true))),
              data::png(16, 24, 6, noise(), 8, data::chunk("gAMA", data::big(100000)))};
    },
    .read = read_both,
    .per_byte = 1032 * 8 * 20,
    .mend = mend_png,
    .words = {"IHDR", "IDAT", "PLTE", "tRNS", "eXIf", "IEND", "iCCP", "sRGB"},
}};

// A bit of a JPEG file can be a block of 64 pixels.
const Registered kJpeg{{
    .name = "jpeg",
    .file = "x.jpg",
    .seeds = [](const TempFolder&) -> std::vector<std::string> {
      const std::string exif = std::string("Exif\0\0", 6) + data::exif_block(6, true);
      return {data::jpeg(8, 8, 1, noise()),
              data::jpeg(16, 24, 3, noise(), {.quality = 50, .exif = exif}),
              data::jpeg(16, 8, 3, noise(), {.quality = 30, .progressive = true}),
              data::jpeg(8, 8, 4, noise(), {.quality = 50, .given = JCS_CMYK, .stored = JCS_YCCK})};
    },
    .read = read_both,
    .per_byte = 8 * 64 * 40,
    .words = {"\xff\xda", "\xff\xc4", "\xff\xc2", "\xff\xdd", "\xff\xe1", "Exif"},
}};

}  // namespace
}  // namespace gradus::fuzz

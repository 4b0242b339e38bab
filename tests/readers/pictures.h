#pragma once

#include "files.h"  // jpeglib.h needs what it includes

#include <jpeglib.h>
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

// Image files made in memory.

namespace gradus::data {

inline std::string big(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

/// A chunk of a PNG file.
inline std::string chunk(const std::string& type, const std::string& body) {
  const std::string both = type + body;
  return big(static_cast<std::uint32_t>(body.size())) + both +
         big(static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(both.data()), both.size())));
}

/// A PNG file: color type 0 is grey, 2 RGB, 6 RGB with alpha; `extra` are chunks before the pixels.
inline std::string png(std::uint32_t height,
                       std::uint32_t width,
                       int type,
                       const std::string& pixels,
                       int bits = 8,
                       const std::string& extra = "") {
  const std::size_t stride = width * (type == 0 ? 1U : type == 2 ? 3U : 4U) * static_cast<std::size_t>(bits / 8);
  std::string raw;
  for (std::size_t y = 0; (y + 1) * stride <= pixels.size(); ++y)
    raw += '\0' + pixels.substr(y * stride, stride);  // no filter
  std::string packed(compressBound(raw.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(raw.data()), raw.size());
  packed.resize(size);
  const std::string header =
      big(width) + big(height) + static_cast<char>(bits) + static_cast<char>(type) + std::string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + extra + chunk("IDAT", packed) + chunk("IEND", "");
}

struct JpegForm {
  int quality = 100;
  J_COLOR_SPACE given = JCS_UNKNOWN;   // of the pixels; unknown: grey or RGB
  J_COLOR_SPACE stored = JCS_UNKNOWN;  // unknown: what suits
  bool adobe = true;                   // with Adobe's marker where it belongs
  std::string exif = "";               // a block that goes before the pixels
  bool progressive = false;            // all blocks coarsely, then finer
  bool separate = false;               // each of three channels by itself
};

inline std::string jpeg(int height, int width, int channels, std::string pixels, const JpegForm& form = {}) {
  jpeg_compress_struct info;
  jpeg_error_mgr error;
  info.err = jpeg_std_error(&error);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_height = static_cast<JDIMENSION>(height);
  info.image_width = static_cast<JDIMENSION>(width);
  info.input_components = channels;
  info.in_color_space = form.given != JCS_UNKNOWN ? form.given : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  if (form.stored != JCS_UNKNOWN) jpeg_set_colorspace(&info, form.stored);
  jpeg_set_quality(&info, form.quality, TRUE);
  if (!form.adobe) info.write_Adobe_marker = FALSE;
  if (form.progressive) jpeg_simple_progression(&info);
  const jpeg_scan_info scans[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
  if (form.separate) {
    info.scan_info = scans;
    info.num_scans = 3;
  }
  jpeg_start_compress(&info, TRUE);
  if (!form.exif.empty())
    jpeg_write_marker(&info,
                      JPEG_APP0 + 1,
                      reinterpret_cast<const JOCTET*>(form.exif.data()),
                      static_cast<unsigned>(form.exif.size()));
  while (info.next_scanline < info.image_height) {
    auto* row =
        reinterpret_cast<unsigned char*>(pixels.data()) + info.next_scanline * static_cast<unsigned>(width * channels);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string bytes(reinterpret_cast<char*>(memory), size);
  jpeg_destroy_compress(&info);
  std::free(memory);
  return bytes;
}

/// Exif data from the byte order on: one tag, the orientation, in either byte order.
inline std::string exif_block(int orientation, bool big_endian) {
  const std::string value(1, static_cast<char>(orientation));
  using namespace std::string_literals;
  return big_endian ? "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + value + "\0\0\0\0\0\0"s
                    : "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"s + value + "\0\0\0\0\0\0\0"s;
}

}  // namespace gradus::data

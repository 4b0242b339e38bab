#include "picture.h"

#include <fmt/format.h>
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace gradus::data {
namespace {

/// What a decoder is asked for can't be more than `ratio` pixels for a byte of the file.
void check_size(const Bytes& in, std::uint64_t height, std::uint64_t width, std::uint64_t ratio, std::size_t at) {
  if (height == 0 || width == 0 || height * width / ratio > in.size())
    in.fail(fmt::format("expected a size that the file can hold, got {} x {}", width, height), at);
}

// ---- colours -------------------------------------------------------------------------------------

/// a b / 255, rounded.
unsigned scaled(unsigned a, unsigned b) { return (a * b + 127) / 255; }

/// In place, from red, green and blue to luma: weights in units of 1 / 65536, rounded to nearest.
void make_grey(std::vector<unsigned char>& pixels) {
  const std::size_t n = pixels.size() / 3;
  for (std::size_t i = 0; i < n; ++i) {
    const unsigned char* p = pixels.data() + 3 * i;
    pixels[i] = static_cast<unsigned char>((19595U * p[0] + 38470U * p[1] + 7471U * p[2] + 32768U) >> 16);
  }
  pixels.resize(n);
}

/// In place, from four inks to red, green and blue. Adobe's programs store 255 - ink.
void mix_inks(std::vector<unsigned char>& pixels, bool inverted) {
  const std::size_t n = pixels.size() / 4;
  const unsigned flip = inverted ? 0 : 255;
  for (std::size_t i = 0; i < n; ++i) {
    const unsigned light = pixels[4 * i + 3] ^ flip;
    for (std::size_t c = 0; c < 3; ++c)
      pixels[3 * i + c] = static_cast<unsigned char>(scaled(pixels[4 * i + c] ^ flip, light));
  }
  pixels.resize(3 * n);
}

// ---- Exif ----------------------------------------------------------------------------------------

/// A number of Exif's block, in either byte order; 0 beyond its end.
std::uint32_t exif_number(std::string_view block, std::size_t at, std::size_t bytes, bool big) {
  std::uint32_t value = 0;
  if (at > block.size() || bytes > block.size() - at) return 0;
  for (std::size_t i = 0; i < bytes; ++i)
    value = value << 8 | static_cast<unsigned char>(block[at + (big ? i : bytes - 1 - i)]);
  return value;
}

/// The tag Orientation, 1 to 8, of a block of Exif data from its byte order on; 1 if there is none.
int orientation_of(std::string_view block) {
  const bool big = block.starts_with("MM");
  if (!big && !block.starts_with("II")) return 1;
  const std::size_t list = exif_number(block, 4, 4, big);
  const std::uint32_t count = exif_number(block, list, 2, big);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = list + 2 + 12 * i;
    if (exif_number(block, entry, 2, big) != 0x0112) continue;
    const std::uint32_t value = exif_number(block, entry + 8, 2, big);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// The picture as it is to be seen. Orientations are numbered by where the stored first row and first
/// column belong: 1 top and left, 2 top and right, 3 bottom and right, 4 bottom and left, 5 to 8 the
/// same with rows and columns exchanged: left and top, right and top, right and bottom, left and bottom.
Picture upright(Picture picture, int orientation, std::int64_t channels) {
  if (orientation == 1) return picture;
  const bool exchanged = orientation > 4;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8,
             from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  Picture result{picture.height, picture.width, picture.pixels};
  if (exchanged) std::swap(result.height, result.width);
  unsigned char* to = result.pixels.data();
  for (std::int64_t i = 0; i < result.height; ++i)
    for (std::int64_t k = 0; k < result.width; ++k) {
      const std::int64_t y = from_bottom ? result.height - 1 - i : i, x = from_right ? result.width - 1 - k : k;
      const std::int64_t at = exchanged ? x * picture.width + y : y * picture.width + x;
      to = std::copy_n(picture.pixels.data() + at * channels, channels, to);
    }
  return result;
}

// ---- PNG -----------------------------------------------------------------------------------------

constexpr std::string_view kPng("\x89PNG\r\n\x1a\n", 8);

/// Follows the chunks to the end, so that the decoder is given no damaged file. The orientation.
int check_png(const Bytes& in) {
  int orientation = 1;
  for (std::size_t at = kPng.size(); true;) {
    const std::size_t size = in.big<std::uint32_t>(at);
    const std::string_view body = in.view(at + 4, size + 4, "a chunk of a PNG file");
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size());
    if (crc != in.big<std::uint32_t>(at + 8 + size))
      in.fail("expected the checksum of a chunk, got another", at + 8 + size);
    const std::string_view type = body.substr(0, 4);
    if (at == kPng.size()) {
      if (type != "IHDR" || size != 13) in.fail("expected the header of a PNG file, got " + in_quotes(type), at + 4);
      // Deflate makes at most 1032 bytes of one, and these at most 8 pixels each.
      check_size(in, in.big<std::uint32_t>(at + 12), in.big<std::uint32_t>(at + 8), 1032 * 8, at + 8);
    }
    if (type == "eXIf") orientation = orientation_of(body.substr(4));
    if (type == "IEND") return orientation;
    at += 12 + size;
  }
}

Picture decode_png(const Bytes& in, std::int64_t channels) {
  const int orientation = check_png(in);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const auto check = [&](int result) {
    if (result != 0 && (image.warning_or_error & PNG_IMAGE_ERROR) == 0) return;
    const std::string message = image.message;
    png_image_free(&image);
    in.fail(fmt::format("expected a PNG file, got \"{}\"", message), in.size());
  };
  check(png_image_begin_read_from_memory(&image, in.all().data(), in.size()));
  // The library makes grey by other weights (BT.709, in linear light), and takes 16 bits for linear light.
  const bool colours = (image.format & PNG_FORMAT_FLAG_COLOR) != 0;
  image.format = channels == 1 && !colours ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  Picture picture{image.height, image.width};
  picture.pixels.resize(PNG_IMAGE_SIZE(image));
  const png_color black{0, 0, 0};
  check(png_image_finish_read(&image, &black, picture.pixels.data(), 0, nullptr));
  if (channels == 1 && colours) make_grey(picture.pixels);
  return upright(std::move(picture), orientation, channels);
}

// ---- JPEG ----------------------------------------------------------------------------------------

struct JpegError {
  jpeg_error_mgr base;  // first, so that the library's pointer to it is one to this
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

/// What the header tells.
struct JpegHeader {
  std::int64_t height = 0, width = 0;
  int channels = 0;  // that it is decoded to
  bool adobe = false;
  int orientation = 1;
};

[[noreturn]] void leave_jpeg(j_common_ptr info) {
  auto* const error = reinterpret_cast<JpegError*>(info->err);
  (*info->err->format_message)(info, error->message);
  std::longjmp(error->jump, 1);
}
/// Warnings tell of damage that the library would paint over.
void note_jpeg(j_common_ptr info, int level) {
  if (level < 0) leave_jpeg(info);
}

/// A progressive file may go over all pixels once more with each few bytes: no picture does so often.
void limit_scans(j_common_ptr info) {
  constexpr int kMostScans = 100;  // those of programs have up to some 20
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMostScans) return;
  auto* const error = reinterpret_cast<JpegError*>(info->err);
  std::snprintf(error->message, sizeof error->message, "more than %d scans", kMostScans);
  std::longjmp(error->jump, 1);
}

int jpeg_orientation(const jpeg_decompress_struct& info) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  for (const auto* marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.starts_with(kExif)) return orientation_of(data.substr(kExif.size()));
  }
  return 1;
}

/// Fills `pixels`, if not null, else only the header. False: the message and position of what is wrong.
/// Has no local object with a destructor: errors jump over them.
bool run_jpeg(const Bytes& in,
              std::int64_t channels,
              JpegError& error,
              JpegHeader& header,
              unsigned char* pixels,
              std::size_t& position) {
  jpeg_decompress_struct info;
  jpeg_progress_mgr progress{};
  progress.progress_monitor = limit_scans;
  info.err = jpeg_std_error(&error.base);
  error.base.error_exit = leave_jpeg;
  error.base.emit_message = note_jpeg;
  jpeg_create_decompress(&info);
  if (setjmp(error.jump) != 0) {
    position = info.src == nullptr ? 0 : in.size() - std::min(in.size(), info.src->bytes_in_buffer);
    jpeg_destroy_decompress(&info);
    return false;
  }
  info.progress = &progress;
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(in.all().data()), in.size());
  jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&info, TRUE);
  const bool inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = inks ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  header.height = info.image_height;
  header.width = info.image_width;
  header.channels = inks ? 4 : static_cast<int>(channels);
  header.adobe = info.saw_Adobe_marker != 0;
  header.orientation = jpeg_orientation(info);
  position = in.size() - info.src->bytes_in_buffer;
  if (pixels != nullptr) {
    jpeg_start_decompress(&info);
    const std::size_t stride = info.output_width * static_cast<std::size_t>(info.output_components);
    while (info.output_scanline < info.output_height) {
      unsigned char* row = pixels + info.output_scanline * stride;
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
  }
  jpeg_destroy_decompress(&info);
  return true;
}

Picture decode_jpeg(const Bytes& in, std::int64_t channels) {
  JpegError error{};
  JpegHeader header;
  std::size_t position = 0;
  const auto check = [&](bool well) {
    if (!well) in.fail(fmt::format("expected a JPEG file, got \"{}\"", error.message), position);
  };
  check(run_jpeg(in, channels, error, header, nullptr, position));
  // Every block of 64 pixels takes at least a bit.
  check_size(in, static_cast<std::uint64_t>(header.height), static_cast<std::uint64_t>(header.width), 512, position);
  Picture picture{header.height, header.width};
  picture.pixels.resize(static_cast<std::size_t>(header.height * header.width * header.channels));
  check(run_jpeg(in, channels, error, header, picture.pixels.data(), position));
  if (header.channels == 4) {
    mix_inks(picture.pixels, header.adobe);
    if (channels == 1) make_grey(picture.pixels);
  }
  return upright(std::move(picture), header.orientation, channels);
}

}  // namespace

Picture decode_picture(const Bytes& in, std::int64_t channels) {
  if (in.all().starts_with(kPng)) return decode_png(in, channels);
  if (!in.all().starts_with("\xff\xd8\xff"))
    in.fail("expected a PNG or JPEG file, got " + in_quotes(in.all().substr(0, 8)), 0);
  return decode_jpeg(in, channels);
}

}  // namespace gradus::data

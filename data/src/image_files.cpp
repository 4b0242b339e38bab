#include "bytes.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

/// Rows from the top, the channels of a pixel side by side.
struct Picture {
  std::int64_t height = 0, width = 0;
  std::vector<unsigned char> pixels{};
};

/// What a decoder is asked for can't be more than `ratio` pixels for a byte of the file.
void check_size(const Bytes& in,
                std::uint64_t height,
                std::uint64_t width,
                std::uint64_t ratio,
                std::size_t at) {
  if (height == 0 || width == 0 || height * width / ratio > in.size())
    in.fail(fmt::format("expected a size that the file can hold, got {} x {}", width, height), at);
}

// ---- PNG -----------------------------------------------------------------------------------------

constexpr std::string_view kPng("\x89PNG\r\n\x1a\n", 8);

/// Follows the chunks to the end, so that the decoder is given no damaged file.
void check_png(const Bytes& in) {
  for (std::size_t at = kPng.size(); true;) {
    const std::size_t size = in.big<std::uint32_t>(at);
    const std::string_view body = in.view(at + 4, size + 4, "a chunk of a PNG file");
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size());
    if (crc != in.big<std::uint32_t>(at + 8 + size))
      in.fail("expected the checksum of a chunk, got another", at + 8 + size);
    const std::string_view type = body.substr(0, 4);
    if (at == kPng.size()) {
      if (type != "IHDR" || size != 13)
        in.fail("expected the header of a PNG file, got " + quote(type), at + 4);
      // Deflate makes at most 1032 bytes of one, and these at most 8 pixels each.
      check_size(
          in, in.big<std::uint32_t>(at + 12), in.big<std::uint32_t>(at + 8), 1032 * 8, at + 8);
    }
    at += 12 + size;
    if (type != "IEND") continue;
    if (at != in.size()) in.fail("expected the end of a PNG file, got more", at);
    return;
  }
}

Picture decode_png(const Bytes& in, std::int64_t channels) {
  check_png(in);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const auto check = [&](int result) {
    if (result != 0 && (image.warning_or_error & PNG_IMAGE_ERROR) == 0) return;
    const std::string message = image.message;
    png_image_free(&image);
    in.fail(fmt::format("expected a PNG file, got \"{}\"", message), in.size());
  };
  check(png_image_begin_read_from_memory(&image, in.all().data(), in.size()));
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Picture picture{image.height, image.width};
  picture.pixels.resize(PNG_IMAGE_SIZE(image));
  const png_color black{0, 0, 0};
  check(png_image_finish_read(&image, &black, picture.pixels.data(), 0, nullptr));
  return picture;
}

// ---- JPEG ----------------------------------------------------------------------------------------

struct JpegError {
  jpeg_error_mgr base;  // first, so that the library's pointer to it is one to this
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
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

/// Fills `pixels`, if not null, else only height and width. False: the message and position of what is
/// wrong. Has no local object with a destructor: errors jump over them.
bool run_jpeg(const Bytes& in,
              std::int64_t channels,
              JpegError& error,
              Picture& picture,
              unsigned char* pixels,
              std::size_t& position) {
  jpeg_decompress_struct info;
  info.err = jpeg_std_error(&error.base);
  error.base.error_exit = leave_jpeg;
  error.base.emit_message = note_jpeg;
  jpeg_create_decompress(&info);
  if (setjmp(error.jump) != 0) {
    position = info.src == nullptr ? 0 : in.size() - std::min(in.size(), info.src->bytes_in_buffer);
    jpeg_destroy_decompress(&info);
    return false;
  }
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(in.all().data()), in.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  picture.height = info.image_height;
  picture.width = info.image_width;
  position = in.size() - info.src->bytes_in_buffer;
  if (pixels != nullptr) {
    jpeg_start_decompress(&info);
    const std::size_t stride = info.output_width * static_cast<std::size_t>(info.output_components);
    while (info.output_scanline < info.output_height) {
      unsigned char* row = pixels + info.output_scanline * stride;
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    position = in.size() - info.src->bytes_in_buffer;
  }
  jpeg_destroy_decompress(&info);
  return true;
}

Picture decode_jpeg(const Bytes& in, std::int64_t channels) {
  JpegError error{};
  Picture picture;
  std::size_t position = 0;
  const auto check = [&](bool well) {
    if (!well) in.fail(fmt::format("expected a JPEG file, got \"{}\"", error.message), position);
  };
  check(run_jpeg(in, channels, error, picture, nullptr, position));
  // Every block of 64 pixels takes at least a bit.
  check_size(in,
             static_cast<std::uint64_t>(picture.height),
             static_cast<std::uint64_t>(picture.width),
             512,
             position);
  picture.pixels.resize(static_cast<std::size_t>(picture.height * picture.width * channels));
  check(run_jpeg(in, channels, error, picture, picture.pixels.data(), position));
  if (position != in.size()) in.fail("expected the end of a JPEG file, got more", position);
  return picture;
}

// ---- tensors -------------------------------------------------------------------------------------

Tensor read_pixels(const char* op, const std::string& path, std::int64_t channels) {
  const std::string bytes = read_all(op, path);
  const Bytes in(op, path, bytes);
  const bool png = in.all().starts_with(kPng);
  if (!png && !in.all().starts_with("\xff\xd8\xff"))
    in.fail("expected a PNG or JPEG file, got " + quote(in.all().substr(0, 8)), 0);
  const Picture picture = png ? decode_png(in, channels) : decode_jpeg(in, channels);
  Tensor x = empty({channels, picture.height, picture.width});
  auto* out = x.mutable_data<float>();
  const std::int64_t plane = picture.height * picture.width;
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t k = 0; k < plane; ++k)
      *out++ =
          static_cast<float>(picture.pixels[static_cast<std::size_t>(k * channels + c)]) / 255.0f;
  return x;
}

/// Resizes the middle axis of [before, n, after]: bilinear, and where it shrinks a mean over all that
/// falls on a pixel, weighted by a triangle.
std::vector<float> resize_axis(const std::vector<float>& x,
                               std::int64_t n,
                               std::int64_t size,
                               std::int64_t after) {
  const std::int64_t before = static_cast<std::int64_t>(x.size()) / (n * after);
  const double scale = static_cast<double>(n) / static_cast<double>(size),
               reach = std::max(scale, 1.0);
  std::vector<float> y(static_cast<std::size_t>(before * size * after));
  for (std::int64_t i = 0; i < size; ++i) {
    const double middle = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto first =
        std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(middle - reach)));
    const auto last =
        std::min<std::int64_t>(n - 1, static_cast<std::int64_t>(std::floor(middle + reach)));
    std::vector<double> weights;
    double total = 0;
    for (std::int64_t k = first; k <= last; ++k)
      total += weights.emplace_back(
          std::max(0.0, 1 - std::abs(static_cast<double>(k) - middle) / reach));
    for (std::int64_t b = 0; b < before; ++b)
      for (std::int64_t a = 0; a < after; ++a) {
        double sum = 0;
        for (std::int64_t k = first; k <= last; ++k)
          sum += weights[static_cast<std::size_t>(k - first)] *
                 static_cast<double>(x[static_cast<std::size_t>((b * n + k) * after + a)]);
        y[static_cast<std::size_t>((b * size + i) * after + a)] = static_cast<float>(sum / total);
      }
  }
  return y;
}

Tensor resize(const Tensor& x, std::int64_t height, std::int64_t width) {
  if (x.size(1) == height && x.size(2) == width) return x;
  const auto rows = resize_axis(x.to_vector<float>(), x.size(1), height, x.size(2));
  return from_vector(resize_axis(rows, x.size(2), width, 1), {x.size(0), height, width});
}

struct Listing {
  std::vector<std::string> paths, class_names;
  std::vector<std::int64_t> targets;
};

Listing list_images(const char* op, const std::string& folder) {
  namespace fs = std::filesystem;
  Listing listing;
  const auto entries = [&](const fs::path& path, bool folders) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error))
      if (at->is_directory() == folders) found.push_back(at->path());
    if (error)
      fail<IoError>(
          op,
          fmt::format(
              "expected a readable folder, got \"{}\" for {}", error.message(), path.string()));
    std::sort(found.begin(), found.end());
    return found;
  };
  for (const fs::path& path : entries(folder, true)) {
    const std::size_t before = listing.paths.size();
    for (const fs::path& file : entries(path, false)) {
      std::string ending = file.extension().string();
      std::transform(ending.begin(), ending.end(), ending.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      });
      if (ending != ".png" && ending != ".jpg" && ending != ".jpeg") continue;
      listing.paths.push_back(file.string());
      listing.targets.push_back(static_cast<std::int64_t>(listing.class_names.size()));
    }
    if (listing.paths.size() == before)
      fail<IoError>(op, fmt::format("expected PNG or JPEG files in {}, got none", path.string()));
    listing.class_names.push_back(path.filename().string());
  }
  if (listing.paths.empty())
    fail<IoError>(op, fmt::format("expected a folder for each class in {}, got none", folder));
  return listing;
}

void check(const char* op, std::int64_t channels, std::int64_t height = 0, std::int64_t width = 0) {
  if (channels != 1 && channels != 3)
    fail<ArgumentError>(op, fmt::format("expected 1 or 3 channels, got {}", channels));
  if (height < 0 || width < 0 || (height == 0) != (width == 0) || height > 65536 || width > 65536)
    fail<ArgumentError>(
        op,
        fmt::format("expected a height and width to resize to, or 0 for both, got {} and {}",
                    height,
                    width));
}

}  // namespace

Tensor read_image(const std::string& path, std::int64_t channels, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check("read_image", channels);
  return read_pixels("read_image", path, channels);
}

Source image_source(const std::string& folder, const ImageFolderOptions& options, CallSite site) {
  constexpr const char* op = "image_source";
  const gradus::detail::SitePin pin(site);
  check(op, options.channels, options.height, options.width);
  Listing listing = list_images(op, folder);
  Source source;
  source.size = static_cast<std::int64_t>(listing.paths.size());
  source.classes = static_cast<std::int64_t>(listing.class_names.size());
  source.targets = from_vector(listing.targets);
  source.class_names = listing.class_names;
  Shape expected;
  if (options.height == 0) expected = read_pixels(op, listing.paths[0], options.channels).shape();
  source.get = [listing = std::move(listing), options, expected](std::int64_t row) -> Example {
    const auto i = static_cast<std::size_t>(row);
    Tensor x = read_pixels(op, listing.paths[i], options.channels);
    if (options.height > 0)
      x = resize(x, options.height, options.width);
    else if (x.shape() != expected)
      fail<IoError>(op,
                    fmt::format("expected an image of shape {} like {}, got {} in {}",
                                to_string(expected),
                                listing.paths[0],
                                to_string(x.shape()),
                                listing.paths[i]));
    return {std::move(x), scalar(static_cast<double>(listing.targets[i]), int64)};
  };
  return source;
}

Dataset image_folder(const std::string& folder, const ImageFolderOptions& options, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const Source source = image_source(folder, options, site);
  std::vector<Example> rows(static_cast<std::size_t>(source.size));
  gradus::detail::parallel_for(source.size, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) rows[static_cast<std::size_t>(i)] = source.get(i);
  });
  return {stack_examples(rows).inputs, source.targets, source.class_names, {}};
}

}  // namespace gradus::data

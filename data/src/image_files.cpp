#include "bytes.h"
#include "picture.h"

#include "gradus/data/readers.h"
#include "gradus/graph/arg.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

Tensor read_pixels(const char* op, const std::string& path, std::int64_t channels) {
  const Picture picture = gradus::detail::at_boundary(op, path, [&] {
    const std::string bytes = read_all(op, path);
    return decode_picture(Bytes(op, path, bytes), channels);
  });
  Tensor x = empty({channels, picture.height, picture.width});
  auto* out = x.mutable_data<float>();
  const std::int64_t plane = picture.height * picture.width;
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t k = 0; k < plane; ++k)
      *out++ = static_cast<float>(picture.pixels[static_cast<std::size_t>(k * channels + c)]) / 255.0f;
  return x;
}

/// Resizes the middle axis of [before, n, after]: bilinear, and where it shrinks a mean over all that
/// falls on a pixel, weighted by a triangle.
std::vector<float> resize_axis(const std::vector<float>& x, std::int64_t n, std::int64_t size, std::int64_t after) {
  const std::int64_t before = static_cast<std::int64_t>(x.size()) / (n * after);
  const double scale = static_cast<double>(n) / static_cast<double>(size), reach = std::max(scale, 1.0);
  std::vector<float> y(static_cast<std::size_t>(before * size * after));
  for (std::int64_t i = 0; i < size; ++i) {
    const double middle = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(middle - reach)));
    const auto last = std::min<std::int64_t>(n - 1, static_cast<std::int64_t>(std::floor(middle + reach)));
    std::vector<double> weights;
    double total = 0;
    for (std::int64_t k = first; k <= last; ++k)
      total += weights.emplace_back(std::max(0.0, 1 - std::abs(static_cast<double>(k) - middle) / reach));
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
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      std::error_code unknown;  // of a link to nothing: as a file, reading tells
      const bool hidden = at->path().filename().string().starts_with('.');
      if (!hidden && at->is_directory(unknown) == folders) found.push_back(at->path());
    }
    if (error)
      fail<IoError>(op, fmt::format("expected a readable folder, got \"{}\" for {}", error.message(), path.string()));
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
    std::string name = path.filename().string();
    if (!is_utf8(name))
      fail<IoError>(op, fmt::format("expected names of folders in UTF-8, got {} in {}", in_quotes(name), folder));
    listing.class_names.push_back(std::move(name));
  }
  if (listing.paths.empty()) fail<IoError>(op, fmt::format("expected a folder for each class in {}, got none", folder));
  return listing;
}

void check(const char* op, std::int64_t channels, std::int64_t height = 0, std::int64_t width = 0) {
  if (channels != 1 && channels != 3)
    fail<ArgumentError>(op, fmt::format("expected 1 or 3 channels, got {}", channels));
  if (height < 0 || width < 0 || (height == 0) != (width == 0) || height > 65536 || width > 65536)
    fail<ArgumentError>(
        op, fmt::format("expected a height and width to resize to, or 0 for both, got {} and {}", height, width));
}

}  // namespace

Tensor read_image(const std::string& path, std::int64_t channels, CallSite site) {
  return reading("read_image", path, site, [&] {
    check("read_image", channels);
    return read_pixels("read_image", path, channels);
  });
}

Source image_source(const std::string& folder, const ImageFolderOptions& options, CallSite site) {
  static constexpr const char* op = "image_source";
  return reading(op, folder, site, [&] {
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
  });
}

Dataset image_folder(const std::string& folder, const ImageFolderOptions& options, CallSite site) {
  return reading("image_folder", folder, site, [&] {
    const Source source = image_source(folder, options, site);
    std::vector<Example> rows(static_cast<std::size_t>(source.size));
    gradus::detail::parallel_for(source.size, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) rows[static_cast<std::size_t>(i)] = source.get(i);
    });
    return Dataset{stack_examples(rows).inputs, source.targets, source.class_names, {}};
  });
}

}  // namespace gradus::data

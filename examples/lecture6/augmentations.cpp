#include "augmentations.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

using namespace gradus;

namespace lecture6::augmentations {
namespace {

/// Pictures [N, 3, H, W] of values from 0 to 1 side by side, each pixel as 2 x 2. Values beyond are cut.
void write_png(const std::string& path, const Tensor& pictures) {
  const std::int64_t scale = 2, height = pictures.size(2), width = pictures.size(3) * pictures.size(0);
  // [H, N, W, 3], each pixel repeated
  const Tensor rows = reshape(permute(pictures, {2, 0, 3, 1}), {height, 1, width, 1, 3});
  const std::vector<double> values = broadcast_to(rows, {height, scale, width, scale, 3}).to_vector();
  std::vector<png_byte> bytes;
  for (const double v : values) bytes.push_back(static_cast<png_byte>(std::lround(255 * std::clamp(v, 0.0, 1.0))));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.format = PNG_FORMAT_RGB;
  image.width = static_cast<png_uint_32>(scale * width), image.height = static_cast<png_uint_32>(scale * height);
  if (png_image_write_to_file(&image, path.c_str(), 0, bytes.data(), 0, nullptr) == 0)
    throw std::runtime_error(path + ": can't be written: " + image.message);
}

}  // namespace

data::Batch pictures(std::int64_t count) {
  Generator generator(3);
  const data::Dataset drawn = data::drawn_digits({.count = count, .size = 32, .noise = 0}, generator);
  const auto colour = [](double r, double g, double b) { return reshape(tensor({r, g, b}), {1, 3, 1, 1}); };
  const Tensor ink = drawn.inputs;
  return {ink * colour(0.95, 0.8, 0.3) + (1 - ink) * colour(0.15, 0.3, 0.55), drawn.targets};
}

std::vector<Case> run(std::int64_t count) {
  const data::Batch before = pictures(count);
  std::vector<Case> result;
  for (const char* word : {"flip 1",
                           "vflip 1",
                           "crop 4",
                           "resized_crop 0.3",
                           "rotate 30",
                           "color 0.5",
                           "lighting 0.3",
                           "erase 1",
                           "mixup 1"}) {
    const data::Batch after = data::augmentation(word)(before, Generator(5), 10);
    result.push_back({word, before, after, mean(abs(after.inputs - before.inputs)).item()});
  }
  return result;
}

void show(const std::vector<Case>& result, const std::string& folder) {
  write_png(folder + "/augment_none.png", result.at(0).before.inputs);
  fmt::print("augmentation      mean change of a pixel\n");
  for (const Case& c : result) {
    fmt::print("{:<16}  {:22.3f}\n", c.name, c.change);
    write_png(folder + "/augment_" + c.name.substr(0, c.name.find(' ')) + ".png", c.after.inputs);
  }
}

}  // namespace lecture6::augmentations

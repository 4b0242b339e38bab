#include "gradus/data/generated.h"
#include "gradus/graph/arg.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

struct Point {
  double x, y;
};
using Stroke = std::vector<Point>;

/// Part of an ellipse; angles in degrees, clockwise from the right since y points down.
Stroke arc(Point centre, Point radius, double from, double to) {
  Stroke stroke;
  const int steps = static_cast<int>(std::ceil(std::abs(to - from) / 20));
  for (int i = 0; i <= steps; ++i) {
    const double t = (from + (to - from) * i / steps) * std::numbers::pi / 180;
    stroke.push_back({centre.x + radius.x * std::cos(t), centre.y + radius.y * std::sin(t)});
  }
  return stroke;
}

/// The strokes of each digit in the unit square.
std::array<std::vector<Stroke>, 10> make_glyphs() {
  Stroke two = arc({0.5, 0.33}, {0.26, 0.24}, -170, 35);
  two.insert(two.end(), {{0.24, 0.9}, {0.78, 0.9}});
  Stroke five = {{0.74, 0.1}, {0.32, 0.1}, {0.3, 0.46}};
  const Stroke bowl = arc({0.48, 0.65}, {0.27, 0.25}, -130, 140);
  five.insert(five.end(), bowl.begin(), bowl.end());
  return {{
      {arc({0.5, 0.5}, {0.28, 0.41}, 0, 360)},
      {{{0.36, 0.27}, {0.54, 0.1}, {0.54, 0.9}}},
      {two},
      {arc({0.47, 0.3}, {0.25, 0.2}, -150, 90), arc({0.47, 0.7}, {0.28, 0.2}, -90, 150)},
      {{{0.64, 0.9}, {0.64, 0.1}, {0.22, 0.65}, {0.82, 0.65}}},
      {five},
      {arc({0.5, 0.67}, {0.25, 0.23}, 0, 360), arc({0.72, 0.67}, {0.47, 0.57}, 180, 265)},
      {{{0.22, 0.1}, {0.78, 0.1}, {0.42, 0.9}}},
      {arc({0.5, 0.29}, {0.22, 0.19}, 0, 360), arc({0.5, 0.69}, {0.27, 0.21}, 0, 360)},
      {arc({0.5, 0.33}, {0.25, 0.23}, 0, 360), arc({0.28, 0.33}, {0.47, 0.57}, 0, 85)},
  }};
}

/// A map of the unit square onto the picture, in pixels.
struct Affine {
  double xx, xy, yx, yy, x0, y0;
  Point operator()(Point p) const {
    return {xx * (p.x - 0.5) + xy * (p.y - 0.5) + x0, yx * (p.x - 0.5) + yy * (p.y - 0.5) + y0};
  }
};

Affine random_map(double size, Generator& generator) {
  const auto between = [&](double low, double high) { return low + (high - low) * generator.uniform(); };
  const double turn = between(-0.25, 0.25), shear = between(-0.2, 0.2);
  const double width = size * between(0.6, 0.85), height = size * between(0.7, 0.9);
  const double c = std::cos(turn), s = std::sin(turn);
  // Scale, then shear to the side, then turn.
  return {c * width,
          (c * shear - s) * height,
          s * width,
          (s * shear + c) * height,
          size * (0.5 + between(-0.08, 0.08)),
          size * (0.5 + between(-0.06, 0.06))};
}

double distance_to_segment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  const double t = length2 == 0 ? 0 : std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2, 0.0, 1.0);
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/// Draws from a to b with a round pen; a pixel at its rim is covered in part.
void draw_segment(float* picture, std::int64_t size, Point a, Point b, double radius) {
  const double reach = radius + 0.5;
  const auto pixels = [&](double from, double to) {
    const auto last = static_cast<double>(size - 1);
    return std::array{static_cast<std::int64_t>(std::clamp(std::floor(from - reach), 0.0, last)),
                      static_cast<std::int64_t>(std::clamp(std::ceil(to + reach), 0.0, last))};
  };
  const auto [left, right] = pixels(std::min(a.x, b.x), std::max(a.x, b.x));
  const auto [top, bottom] = pixels(std::min(a.y, b.y), std::max(a.y, b.y));
  for (std::int64_t y = top; y <= bottom; ++y) {
    for (std::int64_t x = left; x <= right; ++x) {
      const Point centre{static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5};
      const double cover = std::clamp(reach - distance_to_segment(centre, a, b), 0.0, 1.0);
      float& pixel = picture[y * size + x];
      pixel = std::max(pixel, static_cast<float>(cover));
    }
  }
}

}  // namespace

Dataset drawn_digits(const DrawnDigitsOptions& options, Generator& generator, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const std::int64_t n = options.count, size = options.size;
  if (n < 0) fail<ArgumentError>("drawn_digits", fmt::format("expected a count >= 0, got {}", n));
  if (size < 8 || size > 256)
    fail<ArgumentError>("drawn_digits", fmt::format("expected a size of 8 to 256, got {}", size));
  if (!(options.noise >= 0 && std::isfinite(options.noise)))
    fail<ArgumentError>("drawn_digits", fmt::format("expected noise >= 0, got {}", options.noise));

  const auto glyphs = make_glyphs();
  // Each picture has a stream of its own, so it does not matter which thread draws it.
  const Generator streams(generator.next());
  Dataset result{normal({n, 1, size, size}, 0, options.noise, float32, generator), empty({n}, int64), {}, {}};
  auto* const pixels = result.inputs.mutable_data<float>();
  auto* const label = result.targets.mutable_data<std::int64_t>();
  gradus::detail::parallel_for(n, 64, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> picture(static_cast<std::size_t>(size * size));
    for (std::int64_t i = begin; i < end; ++i) {
      label[i] = i % 10;
      Generator own = streams.split(static_cast<std::uint64_t>(i));
      const Affine map = random_map(static_cast<double>(size), own);
      const double radius = static_cast<double>(size) * (0.04 + 0.04 * own.uniform());
      std::fill(picture.begin(), picture.end(), 0.0f);
      for (const Stroke& stroke : glyphs[static_cast<std::size_t>(label[i])])
        for (std::size_t k = 1; k < stroke.size(); ++k)
          draw_segment(picture.data(), size, map(stroke[k - 1]), map(stroke[k]), radius);
      float* const out = pixels + i * size * size;
      for (std::size_t k = 0; k < picture.size(); ++k) out[k] = std::clamp(out[k] + picture[k], 0.0f, 1.0f);
    }
  });
  for (int digit = 0; digit < 10; ++digit) result.class_names.push_back(std::to_string(digit));
  return result;
}

}  // namespace gradus::data

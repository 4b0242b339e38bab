#include "augment/each_image.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <type_traits>

namespace gradus::data {
namespace {

/// A plane between its pixels; outside it is 0, or its edge goes on.
template <class T>
double bilinear(const T* plane, Size s, double y, double x, bool extend) {
  if (extend) {
    y = std::clamp(y, 0.0, static_cast<double>(s.h - 1));
    x = std::clamp(x, 0.0, static_cast<double>(s.w - 1));
  }
  const double top = std::floor(y), left = std::floor(x);
  const auto at = [&](double r, double c) {
    if (r < 0 || c < 0 || r >= static_cast<double>(s.h) || c >= static_cast<double>(s.w)) return 0.0;
    return static_cast<double>(plane[static_cast<std::int64_t>(r) * s.w + static_cast<std::int64_t>(c)]);
  };
  const double fy = y - top, fx = x - left;
  double value = (1 - fy) * (1 - fx) * at(top, left);
  if (fx > 0) value += (1 - fy) * fx * at(top, left + 1);
  if (fy > 0) value += fy * (1 - fx) * at(top + 1, left);
  if (fx > 0 && fy > 0) value += fy * fx * at(top + 1, left + 1);
  return value;
}

struct Window {
  std::int64_t top, left, h, w;
};
/// A window of random area and of a shape with log-uniform ratio, if one is found that fits.
std::optional<Window> draw_window(Generator& g, Size s, double least, double most, double ratio) {
  for (int tries = 0; tries < 10; ++tries) {
    const double area = between(g, least, most) * static_cast<double>(s.plane());
    const double shape = std::exp(between(g, -std::log(ratio), std::log(ratio)));
    const std::int64_t h = std::llround(std::sqrt(area / shape)), w = std::llround(std::sqrt(area * shape));
    if (h >= 1 && w >= 1 && h <= s.h && w <= s.w) return Window{g.below(s.h - h + 1), g.below(s.w - w + 1), h, w};
  }
  return {};
}

void check_window(const char* op, double least, double most, double ratio, CallSite site) {
  if (!(least > 0 && least <= most && most <= 1))
    fail<ArgumentError>(
        op, fmt::format("expected parts with 0 < least <= most <= 1, got {} and {}", least, most), site);
  if (!(ratio >= 1) || !std::isfinite(ratio))
    fail<ArgumentError>(op, fmt::format("expected a ratio >= 1, got {}", ratio), site);
}

Augmentation mirror(const char* op, double p, bool vertical, CallSite site) {
  check_probability(op, p, site);
  return each_image(op, 0, [=](const auto* in, auto* out, Size s, Size, Generator& g) {
    if (g.uniform() >= p) {
      std::copy_n(in, s.numel(), out);
      return;
    }
    for (std::int64_t row = 0; row < s.c * s.h; ++row) {
      const std::int64_t c = row / s.h, y = row % s.h;
      const auto* const from = in + (c * s.h + (vertical ? s.h - 1 - y : y)) * s.w;
      if (vertical)
        std::copy_n(from, s.w, out + row * s.w);
      else
        std::reverse_copy(from, from + s.w, out + row * s.w);
    }
  });
}

}  // namespace

Augmentation horizontal_flip(double p, CallSite site) { return mirror("horizontal_flip", p, false, site); }
Augmentation vertical_flip(double p, CallSite site) { return mirror("vertical_flip", p, true, site); }

Augmentation random_crop(const RandomCropOptions& options, CallSite site) {
  constexpr const char* op = "random_crop";
  const std::int64_t padding = options.padding;
  if (padding < 0 || options.size < 0)
    fail<ArgumentError>(op, fmt::format("expected padding and size >= 0, got {} and {}", padding, options.size), site);
  return each_image(op, options.size, [=](const auto* in, auto* out, Size s, Size o, Generator& g) {
    const std::int64_t room_y = s.h + 2 * padding - o.h, room_x = s.w + 2 * padding - o.w;
    if (room_y < 0 || room_x < 0)
      fail<ShapeError>(op,
                       fmt::format("expected images of at least {} x {} with {} pixels of padding, got {} x {}",
                                   o.h,
                                   o.w,
                                   padding,
                                   s.h,
                                   s.w));
    const std::int64_t top = g.below(room_y + 1) - padding, left = g.below(room_x + 1) - padding;
    // Of a row of the result, columns from first to last are in the image.
    const std::int64_t first = std::clamp<std::int64_t>(-left, 0, o.w),
                       last = std::clamp<std::int64_t>(s.w - left, first, o.w);
    for (std::int64_t row = 0; row < o.c * o.h; ++row, out += o.w) {
      const std::int64_t y = row % o.h + top;
      if (y < 0 || y >= s.h) {
        std::fill_n(out, o.w, 0);
        continue;
      }
      const auto* const from = in + (row / o.h * s.h + y) * s.w + left;
      std::fill(out, out + first, 0);
      std::copy(from + first, from + last, out + first);
      std::fill(out + last, out + o.w, 0);
    }
  });
}

Augmentation random_resized_crop(const ResizedCropOptions& options, CallSite site) {
  constexpr const char* op = "random_resized_crop";
  check_window(op, options.least, options.most, options.ratio, site);
  if (options.size < 0) fail<ArgumentError>(op, fmt::format("expected a size >= 0, got {}", options.size), site);
  return each_image(op, options.size, [=](const auto* in, auto* out, Size s, Size o, Generator& g) {
    Window w{0, 0, s.h, s.w};
    if (const auto found = draw_window(g, s, options.least, options.most, options.ratio)) w = *found;
    const double scale_y = static_cast<double>(w.h) / static_cast<double>(o.h),
                 scale_x = static_cast<double>(w.w) / static_cast<double>(o.w);
    // Only the window is seen, its edge going on beyond it.
    const auto place = [](double i, double scale, std::int64_t start, std::int64_t size) {
      return static_cast<double>(start) + std::clamp((i + 0.5) * scale - 0.5, 0.0, static_cast<double>(size - 1));
    };
    for (std::int64_t c = 0; c < o.c; ++c)
      for (std::int64_t y = 0; y < o.h; ++y)
        for (std::int64_t x = 0; x < o.w; ++x)
          *out++ = static_cast<std::remove_reference_t<decltype(*out)>>(
              bilinear(in + c * s.plane(),
                       s,
                       place(static_cast<double>(y), scale_y, w.top, w.h),
                       place(static_cast<double>(x), scale_x, w.left, w.w),
                       true));
  });
}

Augmentation random_rotation(double degrees, CallSite site) {
  constexpr const char* op = "random_rotation";
  if (!(degrees >= 0 && degrees <= 180))
    fail<ArgumentError>(op, fmt::format("expected an angle in [0, 180], got {}", degrees), site);
  return each_image(op, 0, [=](const auto* in, auto* out, Size s, Size, Generator& g) {
    const double angle = between(g, -degrees, degrees) * std::numbers::pi / 180;
    const double cos = std::cos(angle), sin = std::sin(angle);
    const double my = static_cast<double>(s.h - 1) / 2, mx = static_cast<double>(s.w - 1) / 2;
    for (std::int64_t c = 0; c < s.c; ++c)
      for (std::int64_t y = 0; y < s.h; ++y)
        for (std::int64_t x = 0; x < s.w; ++x) {
          const double dy = static_cast<double>(y) - my, dx = static_cast<double>(x) - mx;
          *out++ = static_cast<std::remove_reference_t<decltype(*out)>>(
              bilinear(in + c * s.plane(), s, my + sin * dx + cos * dy, mx + cos * dx - sin * dy, false));
        }
  });
}

Augmentation random_erasing(const RandomErasingOptions& options, CallSite site) {
  constexpr const char* op = "random_erasing";
  check_probability(op, options.p, site);
  check_window(op, options.least, options.most, options.ratio, site);
  return each_image(op, 0, [=](const auto* in, auto* out, Size s, Size, Generator& g) {
    std::copy_n(in, s.numel(), out);
    if (g.uniform() >= options.p) return;
    const auto w = draw_window(g, s, options.least, options.most, options.ratio);
    if (!w) return;
    for (std::int64_t c = 0; c < s.c; ++c)
      for (std::int64_t y = w->top; y < w->top + w->h; ++y)
        std::fill_n(out + (c * s.h + y) * s.w + w->left,
                    w->w,
                    static_cast<std::remove_reference_t<decltype(*out)>>(options.value));
  });
}

}  // namespace gradus::data

#include "gradus/data/augment.h"

#include "gradus/graph/arg.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/decompose.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <exception>
#include <numbers>
#include <string>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;
using Generators = std::span<Generator>;

void check_probability(const char* op, double p, CallSite site) {
  if (!(p >= 0 && p <= 1))
    fail<ArgumentError>(op, fmt::format("expected a probability in [0, 1], got {}", p), site);
}

void check_images(const char* op, const Tensor& x, bool colors = false) {
  if (!is_floating(x.dtype()))
    fail<DTypeError>(op, fmt::format("expected float32 or float64, got {}", to_string(x.dtype())));
  if (x.rank() != 4 || (colors && x.size(1) != 3))
    fail<ShapeError>(
        op,
        fmt::format(
            "expected images [N, {}, H, W], got {}", colors ? "3" : "C", to_string(x.shape())));
}

/// A stack of planes [C, H, W].
struct Size {
  std::int64_t c, h, w;
  std::int64_t plane() const { return h * w; }
  std::int64_t numel() const { return c * h * w; }
};

/// New images of `size` (0: their own) each made by `f(in, out, size in, size out, generator)`.
template <class F>
Augmentation each_image(const char* op, std::int64_t size, F f, bool colors = false) {
  return [=](Batch batch, Generators generators) {
    check_images(op, batch.inputs, colors);
    const Tensor x = contiguous(batch.inputs);
    const Size in{x.size(1), x.size(2), x.size(3)};
    const Size out{in.c, size > 0 ? size : in.h, size > 0 ? size : in.w};
    Tensor y = empty({x.size(0), out.c, out.h, out.w}, x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      const T* const from = x.data<T>();
      T* const to = y.mutable_data<T>();
      const std::int64_t grain =
          (std::int64_t{1} << 15) / std::max<std::int64_t>(out.numel(), 1) + 1;
      gradus::detail::parallel_for(x.size(0), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          f(from + i * in.numel(),
            to + i * out.numel(),
            in,
            out,
            generators[static_cast<std::size_t>(i)]);
      });
    });
    batch.inputs = std::move(y);
    return batch;
  };
}

double between(Generator& g, double low, double high) { return low + (high - low) * g.uniform(); }

/// By Box & Muller 1958.
double draw_normal(Generator& g) {
  const double u = g.uniform(), v = g.uniform();
  return std::sqrt(-2 * std::log1p(-u)) * std::cos(2 * std::numbers::pi * v);
}

/// Gamma(a, 1) by Marsaglia & Tsang 2000, "A simple method for generating gamma variables".
double draw_gamma(Generator& g, double a) {
  if (a < 1) return draw_gamma(g, a + 1) * std::pow(1 - g.uniform(), 1 / a);
  const double d = a - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = draw_normal(g), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log1p(-g.uniform()) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

double draw_beta(Generator& g, double a) {
  const double x = draw_gamma(g, a), y = draw_gamma(g, a);
  return x + y > 0 ? x / (x + y) : g.uniform() < 0.5 ? 0 : 1;  // both round to 0 for a tiny a
}

/// A plane between its pixels; outside it is 0, or its edge goes on.
template <class T>
double bilinear(const T* plane, Size s, double y, double x, bool extend) {
  if (extend) {
    y = std::clamp(y, 0.0, static_cast<double>(s.h - 1));
    x = std::clamp(x, 0.0, static_cast<double>(s.w - 1));
  }
  const double top = std::floor(y), left = std::floor(x);
  const auto at = [&](double r, double c) {
    if (r < 0 || c < 0 || r >= static_cast<double>(s.h) || c >= static_cast<double>(s.w))
      return 0.0;
    return static_cast<double>(
        plane[static_cast<std::int64_t>(r) * s.w + static_cast<std::int64_t>(c)]);
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
    const std::int64_t h = std::llround(std::sqrt(area / shape)),
                       w = std::llround(std::sqrt(area * shape));
    if (h >= 1 && w >= 1 && h <= s.h && w <= s.w)
      return Window{g.below(s.h - h + 1), g.below(s.w - w + 1), h, w};
  }
  return {};
}

void check_window(const char* op, double least, double most, double ratio, CallSite site) {
  if (!(least > 0 && least <= most && most <= 1))
    fail<ArgumentError>(
        op,
        fmt::format("expected parts with 0 < least <= most <= 1, got {} and {}", least, most),
        site);
  if (!(ratio >= 1) || !std::isfinite(ratio))
    fail<ArgumentError>(op, fmt::format("expected a ratio of 1 or more, got {}", ratio), site);
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

/// Hue in turns, saturation and value of a colour (Smith 1978), changed, and back.
void change_color(double& r, double& g, double& b, double saturation, double turn) {
  const double value = std::max({r, g, b}), chroma = value - std::min({r, g, b});
  if (chroma <= 0) return;
  double hue = value == r   ? (g - b) / chroma
               : value == g ? 2 + (b - r) / chroma
                            : 4 + (r - g) / chroma;
  hue += 6 * turn;
  const double s = std::min(chroma / value * saturation, 1.0);
  const auto channel = [&](double n) {
    const double k = n + hue - 6 * std::floor((n + hue) / 6);
    return value - value * s * std::max(0.0, std::min({k, 4 - k, 1.0}));
  };
  r = channel(5);
  g = channel(3);
  b = channel(1);
}

struct Axes3 {
  std::array<double, 3> values;
  std::array<double, 9> vectors;  // one a column
};

/// Of the covariance of the colours.
Axes3 measure_colors(const Tensor& images) {
  check_images("lighting", images, true);
  const Tensor x = contiguous(images);
  const std::int64_t plane = x.size(2) * x.size(3), n = x.size(0);
  if (n * plane == 0)
    fail<ArgumentError>("lighting", "expected images to measure, got " + to_string(x.shape()));
  Tensor covariance = zeros({3, 3}, float64);
  auto* const cov = covariance.mutable_data<double>();
  dispatch_floating(x.dtype(), [&]<class T>() {
    std::array<double, 3> mean{};
    const auto pixel = [&](std::int64_t i, std::int64_t k, int c) {
      return static_cast<double>(x.data<T>()[(i * 3 + c) * plane + k]);
    };
    const auto count = static_cast<double>(n * plane);
    for (int c = 0; c < 3; ++c) {
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t k = 0; k < plane; ++k)
          mean[static_cast<std::size_t>(c)] += pixel(i, k, c);
      mean[static_cast<std::size_t>(c)] /= count;
    }
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b <= a; ++b) {
        double sum = 0;
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t k = 0; k < plane; ++k)
            sum += (pixel(i, k, a) - mean[static_cast<std::size_t>(a)]) *
                   (pixel(i, k, b) - mean[static_cast<std::size_t>(b)]);
        cov[3 * a + b] = cov[3 * b + a] = sum / count;
      }
  });
  if (!std::isfinite(cov[0] + cov[4] + cov[8]))
    fail<ArgumentError>("lighting", "expected finite values, got others");
  const NoGrad off;
  const auto [values, vectors] = eigh(covariance);
  Axes3 axes{};
  std::copy_n(values.to_vector().begin(), 3, axes.values.begin());
  std::copy_n(vectors.to_vector().begin(), 9, axes.vectors.begin());
  return axes;
}

}  // namespace

Augmentation::Augmentation(std::initializer_list<Augmentation> list) {
  std::vector<Function> steps;
  for (const Augmentation& step : list)
    if (step) steps.push_back(step.call_);
  if (steps.empty()) return;
  call_ = [steps = std::move(steps)](Batch batch, Generators generators, std::int64_t classes) {
    for (const Function& step : steps) batch = step(std::move(batch), generators, classes);
    return batch;
  };
}

Batch Augmentation::operator()(const Batch& batch,
                               Generators generators,
                               std::int64_t classes,
                               CallSite site) const {
  const gradus::detail::SitePin pin(site);
  const std::int64_t n = batch.inputs.rank() == 0 ? 0 : batch.inputs.size(0);
  if (static_cast<std::int64_t>(generators.size()) != n)
    fail<ArgumentError>(
        "augmentation",
        fmt::format("expected a generator for each of {} rows, got {}", n, generators.size()));
  return call_ ? call_(batch, generators, classes) : batch;
}

Batch Augmentation::operator()(const Batch& batch,
                               const Generator& generator,
                               std::int64_t classes,
                               CallSite site) const {
  std::vector<Generator> generators;
  const std::int64_t n = batch.inputs.rank() == 0 ? 0 : batch.inputs.size(0);
  for (std::int64_t i = 0; i < n; ++i)
    generators.push_back(generator.split(static_cast<std::uint64_t>(i)));
  return (*this)(batch, generators, classes, site);
}

Augmentation horizontal_flip(double p, CallSite site) {
  return mirror("horizontal_flip", p, false, site);
}
Augmentation vertical_flip(double p, CallSite site) {
  return mirror("vertical_flip", p, true, site);
}

Augmentation random_crop(const RandomCropOptions& options, CallSite site) {
  constexpr const char* op = "random_crop";
  const std::int64_t padding = options.padding;
  if (padding < 0 || options.size < 0)
    fail<ArgumentError>(
        op,
        fmt::format("expected padding and size of 0 or more, got {} and {}", padding, options.size),
        site);
  return each_image(op, options.size, [=](const auto* in, auto* out, Size s, Size o, Generator& g) {
    const std::int64_t room_y = s.h + 2 * padding - o.h, room_x = s.w + 2 * padding - o.w;
    if (room_y < 0 || room_x < 0)
      fail<ShapeError>(
          op,
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
  if (options.size < 0)
    fail<ArgumentError>(
        op, fmt::format("expected a size of 0 or more, got {}", options.size), site);
  return each_image(op, options.size, [=](const auto* in, auto* out, Size s, Size o, Generator& g) {
    Window w{0, 0, s.h, s.w};
    if (const auto found = draw_window(g, s, options.least, options.most, options.ratio))
      w = *found;
    const double scale_y = static_cast<double>(w.h) / static_cast<double>(o.h),
                 scale_x = static_cast<double>(w.w) / static_cast<double>(o.w);
    // Only the window is seen, its edge going on beyond it.
    const auto place = [](double i, double scale, std::int64_t start, std::int64_t size) {
      return static_cast<double>(start) +
             std::clamp((i + 0.5) * scale - 0.5, 0.0, static_cast<double>(size - 1));
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
          *out++ = static_cast<std::remove_reference_t<decltype(*out)>>(bilinear(
              in + c * s.plane(), s, my + sin * dx + cos * dy, mx + cos * dx - sin * dy, false));
        }
  });
}

Augmentation color_jitter(const ColorJitterOptions& options, CallSite site) {
  constexpr const char* op = "color_jitter";
  constexpr float kRounding = 1e-5F;  // of a step before, as one that interpolates
  for (const double strength : {options.brightness, options.contrast, options.saturation})
    if (!(strength >= 0 && strength <= 1))
      fail<ArgumentError>(op, fmt::format("expected strengths in [0, 1], got {}", strength), site);
  if (!(options.hue >= 0 && options.hue <= 0.5))
    fail<ArgumentError>(op, fmt::format("expected a hue in [0, 0.5], got {}", options.hue), site);
  return each_image(op, 0, [=](const auto* in, auto* out, Size s, Size, Generator& g) {
    using T = std::remove_reference_t<decltype(*out)>;
    if (s.c != 1 && s.c != 3)
      fail<ShapeError>(op, fmt::format("expected 3 channels or 1, got {}", s.c));
    for (std::int64_t k = 0; k < s.numel(); ++k)
      if (!(in[k] >= -kRounding && in[k] <= 1 + kRounding))
        fail<ArgumentError>(
            op, fmt::format("expected values in [0, 1], got {}; bytes are divided by 255", in[k]));
    const double brightness = 1 + between(g, -options.brightness, options.brightness);
    const double contrast = 1 + between(g, -options.contrast, options.contrast);
    const double saturation = 1 + between(g, -options.saturation, options.saturation);
    const double turn = between(g, -options.hue, options.hue);
    const std::int64_t n = s.plane();
    const std::array<double, 3> weights =
        s.c == 1 ? std::array{1.0, 0.0, 0.0} : std::array{0.299, 0.587, 0.114};  // ITU-R BT.601
    double grey = 0;
    for (std::int64_t k = 0; k < s.numel(); ++k)
      grey += weights[static_cast<std::size_t>(k / n)] *
              std::min(static_cast<double>(in[k]) * brightness, 1.0);
    grey /= static_cast<double>(std::max<std::int64_t>(n, 1));
    for (std::int64_t k = 0; k < n; ++k) {
      std::array<double, 3> v{};
      for (std::int64_t c = 0; c < s.c; ++c) {
        const double bright = std::min(static_cast<double>(in[c * n + k]) * brightness, 1.0);
        v[static_cast<std::size_t>(c)] = std::clamp(grey + (bright - grey) * contrast, 0.0, 1.0);
      }
      if (s.c == 3) change_color(v[0], v[1], v[2], saturation, turn);
      for (std::int64_t c = 0; c < s.c; ++c)
        out[c * n + k] = static_cast<T>(v[static_cast<std::size_t>(c)]);
    }
  });
}

Augmentation lighting(const LightingOptions& options, CallSite site) {
  constexpr const char* op = "lighting";
  const gradus::detail::SitePin pin(site);
  const double std = options.std;
  if (!(std >= 0) || !std::isfinite(std))
    fail<ArgumentError>(op, fmt::format("expected a finite std of 0 or more, got {}", std));
  Axes3 axes{{0.2175, 0.0188, 0.0045},
             {-0.5675, 0.7192, 0.4009, -0.5808, -0.0045, -0.8140, -0.5836, -0.6948, 0.4203}};
  if (options.images.defined()) axes = measure_colors(options.images);
  return each_image(
      op,
      0,
      [=](const auto* in, auto* out, Size s, Size, Generator& g) {
        std::array<double, 3> shift{};
        for (std::size_t k = 0; k < 3; ++k) {
          const double a = std * draw_normal(g) * axes.values[k];
          for (std::size_t c = 0; c < 3; ++c) shift[c] += axes.vectors[3 * c + k] * a;
        }
        using T = std::remove_reference_t<decltype(*out)>;
        for (std::size_t c = 0; c < 3; ++c, in += s.plane(), out += s.plane())
          std::transform(
              in, in + s.plane(), out, [add = static_cast<T>(shift[c])](T v) { return v + add; });
      },
      true);
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

Augmentation mixup(double alpha, CallSite site) {
  constexpr const char* op = "mixup";
  if (!(alpha > 0) || !std::isfinite(alpha))
    fail<ArgumentError>(op, fmt::format("expected a finite alpha above 0, got {}", alpha), site);
  return Augmentation([=](Batch batch, Generators generators, std::int64_t classes) {
    Tensor t = batch.targets;
    if (!is_floating(batch.inputs.dtype()))
      fail<DTypeError>(
          op, fmt::format("expected float32 or float64, got {}", to_string(batch.inputs.dtype())));
    if (t.defined() && !is_floating(t.dtype())) {
      if (t.dtype() != int64 || t.rank() != 1)
        fail<ShapeError>(op, "expected classes int64 [N], got " + to_string(t.shape()));
      if (classes < 1) fail<ArgumentError>(op, "expected the number of classes, got none");
      Tensor hot = zeros({t.size(0), classes});
      const Tensor labels = contiguous(t);
      for (std::int64_t i = 0; i < labels.numel(); ++i) {
        const std::int64_t k = labels.data<std::int64_t>()[i];
        if (k < 0 || k >= classes)
          fail<IndexError>(op, fmt::format("expected a class of 0 … {}, got {}", classes - 1, k));
        hot.mutable_data<float>()[i * classes + k] = 1;
      }
      t = hot;
    }
    const auto n = static_cast<std::int64_t>(generators.size());
    std::vector<double> part(generators.size());
    std::vector<std::int64_t> other(generators.size());
    for (std::size_t i = 0; i < generators.size(); ++i) {
      other[i] = generators[i].below(n);
      part[i] = draw_beta(generators[i], alpha);
    }
    const auto mix = [&](const Tensor& source) {
      const Tensor x = contiguous(source);
      Tensor y = empty(x.shape(), x.dtype());
      const std::int64_t size = n == 0 ? 0 : x.numel() / n;
      dispatch_floating(x.dtype(), [&]<class T>() {
        const T* const from = x.data<T>();
        T* const to = y.mutable_data<T>();
        for (std::int64_t i = 0; i < n; ++i) {
          const double l = part[static_cast<std::size_t>(i)];
          const std::int64_t j = other[static_cast<std::size_t>(i)];
          for (std::int64_t k = 0; k < size; ++k)
            to[i * size + k] = static_cast<T>(l * static_cast<double>(from[i * size + k]) +
                                              (1 - l) * static_cast<double>(from[j * size + k]));
        }
      });
      return y;
    };
    batch.inputs = mix(batch.inputs);
    if (t.defined()) batch.targets = mix(t);
    return batch;
  });
}

namespace {

struct Word {
  std::string_view name, number;
  double otherwise;
  Augmentation (*make)(double number, CallSite site);
};

constexpr Word kWords[] = {
    {"flip", "P", 0.5, horizontal_flip},
    {"vflip", "P", 0.5, vertical_flip},
    {"crop",
     "PADDING",
     4,
     [](double n, CallSite site) {
       return random_crop({.padding = static_cast<std::int64_t>(n)}, site);
     }},
    {"resized_crop",
     "LEAST",
     0.08,
     [](double n, CallSite site) { return random_resized_crop({.least = n}, site); }},
    {"rotate", "DEGREES", 15, random_rotation},
    {"color",
     "STRENGTH",
     0.4,
     [](double n, CallSite site) {
       return color_jitter({.brightness = n, .contrast = n, .saturation = n, .hue = n / 4}, site);
     }},
    {"lighting", "STD", 0.1, [](double n, CallSite site) { return lighting({.std = n}, site); }},
    {"erase", "P", 0.5, [](double n, CallSite site) { return random_erasing({.p = n}, site); }},
    {"mixup", "ALPHA", 0.2, mixup},
};

}  // namespace

Augmentation augmentation(const std::string& text, CallSite site) {
  const auto refuse = [&](const std::string& what, std::size_t at) {
    fail<ArgumentError>(
        "augmentation", fmt::format("{} at position {} of '{}'", what, at + 1, text), site);
  };
  Augmentation result;
  std::size_t at = 0;
  while (true) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    std::vector<std::pair<std::string, std::size_t>> parts;  // and where they stand
    for (std::size_t i = at; i < end;) {
      const std::size_t stop = std::min({text.find_first_of(" \t", i), end});
      if (stop > i) parts.emplace_back(text.substr(i, stop - i), i);
      i = stop + 1;
    }
    if (parts.empty()) {
      if (at == 0 && end == text.size()) return result;  // no words at all
      refuse("expected a word, got none", at);
    }
    const auto& [name, place] = parts[0];
    const auto* const word = std::find_if(std::begin(kWords),
                                          std::end(kWords),
                                          [&, &n = name](const Word& w) { return w.name == n; });
    if (word == std::end(kWords)) {
      std::string known;
      for (const Word& w : kWords) known += fmt::format("{}{}", known.empty() ? "" : ", ", w.name);
      refuse(fmt::format("expected one of {}, got '{}'", known, name), place);
    }
    double number = word->otherwise;
    if (parts.size() > 1) {
      std::size_t used = 0;
      try {
        number = std::stod(parts[1].first, &used);
      } catch (const std::exception&) {
      }
      const bool whole = word->name != "crop" || (number == std::floor(number) && number < 1e6);
      if (parts.size() > 2 || used != parts[1].first.size() || !whole)
        refuse(fmt::format("expected '{} [{}]', got '{}'",
                           word->name,
                           word->number,
                           text.substr(place, end - place)),
               parts[std::min<std::size_t>(parts.size() - 1, 2)].second);
    }
    try {
      result = Augmentation{std::move(result), word->make(number, site)};
    } catch (const ArgumentError& error) {
      refuse(error.message(), place);
    }
    if (end == text.size()) return result;
    at = end + 1;
  }
}

}  // namespace gradus::data

#include "augment/each_image.h"

#include "gradus/graph/arg.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/decompose.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradus::data {
namespace {

/// Hue in turns, saturation and value of a colour (Smith 1978), changed, and back.
void change_color(double& r, double& g, double& b, double saturation, double turn) {
  const double value = std::max({r, g, b}), chroma = value - std::min({r, g, b});
  if (chroma <= 0) return;
  double hue = value == r ? (g - b) / chroma : value == g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
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
  if (n * plane == 0) fail<ArgumentError>("lighting", "expected images to measure, got " + to_string(x.shape()));
  Tensor covariance = zeros({3, 3}, float64);
  const auto cov = [values = covariance.mutable_data<double>()](int a, int b) -> double& { return values[3 * a + b]; };
  dispatch_floating(x.dtype(), [&]<class T>() {
    std::array<double, 3> mean{};
    const auto pixel = [&](std::int64_t i, std::int64_t k, int c) {
      return static_cast<double>(x.data<T>()[(i * 3 + c) * plane + k]);
    };
    const auto count = static_cast<double>(n * plane);
    for (int c = 0; c < 3; ++c) {
      for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t k = 0; k < plane; ++k) mean[static_cast<std::size_t>(c)] += pixel(i, k, c);
      mean[static_cast<std::size_t>(c)] /= count;
    }
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b <= a; ++b) {
        double sum = 0;
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t k = 0; k < plane; ++k)
            sum += (pixel(i, k, a) - mean[static_cast<std::size_t>(a)]) *
                   (pixel(i, k, b) - mean[static_cast<std::size_t>(b)]);
        cov(a, b) = cov(b, a) = sum / count;
      }
  });
  if (!std::isfinite(cov(0, 0) + cov(1, 1) + cov(2, 2)))
    fail<ArgumentError>("lighting", "expected finite values, got others");
  const NoGrad off;
  const auto [values, vectors] = eigh(covariance);
  Axes3 axes{};
  std::copy_n(values.to_vector().begin(), 3, axes.values.begin());
  std::copy_n(vectors.to_vector().begin(), 9, axes.vectors.begin());
  return axes;
}

}  // namespace

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
    if (s.c != 1 && s.c != 3) fail<ShapeError>(op, fmt::format("expected 3 channels or 1, got {}", s.c));
    for (std::int64_t k = 0; k < s.numel(); ++k)
      if (!(in[k] >= -kRounding && in[k] <= 1 + kRounding))
        fail<ArgumentError>(op, fmt::format("expected values in [0, 1], got {}; bytes are divided by 255", in[k]));
    const double brightness = 1 + between(g, -options.brightness, options.brightness);
    const double contrast = 1 + between(g, -options.contrast, options.contrast);
    const double saturation = 1 + between(g, -options.saturation, options.saturation);
    const double turn = between(g, -options.hue, options.hue);
    const std::int64_t n = s.plane();
    const std::array<double, 3> weights =
        s.c == 1 ? std::array{1.0, 0.0, 0.0} : std::array{0.299, 0.587, 0.114};  // ITU-R BT.601
    double grey = 0;
    for (std::int64_t k = 0; k < s.numel(); ++k)
      grey += weights[static_cast<std::size_t>(k / n)] * std::min(static_cast<double>(in[k]) * brightness, 1.0);
    grey /= static_cast<double>(std::max<std::int64_t>(n, 1));
    for (std::int64_t k = 0; k < n; ++k) {
      std::array<double, 3> v{};
      for (std::int64_t c = 0; c < s.c; ++c) {
        const double bright = std::min(static_cast<double>(in[c * n + k]) * brightness, 1.0);
        v[static_cast<std::size_t>(c)] = std::clamp(grey + (bright - grey) * contrast, 0.0, 1.0);
      }
      if (s.c == 3) change_color(v[0], v[1], v[2], saturation, turn);
      for (std::int64_t c = 0; c < s.c; ++c) out[c * n + k] = static_cast<T>(v[static_cast<std::size_t>(c)]);
    }
  });
}

Augmentation lighting(const LightingOptions& options, CallSite site) {
  constexpr const char* op = "lighting";
  const gradus::detail::SitePin pin(site);
  const double std = options.std;
  if (!(std >= 0) || !std::isfinite(std))
    fail<ArgumentError>(op, fmt::format("expected a finite std >= 0, got {}", std));
  Axes3 axes{{0.2175, 0.0188, 0.0045}, {-0.5675, 0.7192, 0.4009, -0.5808, -0.0045, -0.8140, -0.5836, -0.6948, 0.4203}};
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
          std::transform(in, in + s.plane(), out, [add = static_cast<T>(shift[c])](T v) { return v + add; });
      },
      true);
}

}  // namespace gradus::data

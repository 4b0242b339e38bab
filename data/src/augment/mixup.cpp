#include "augment/each_image.h"

#include <cmath>
#include <vector>

namespace gradus::data {
namespace {

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

}  // namespace

Augmentation mixup(double alpha, CallSite site) {
  constexpr const char* op = "mixup";
  if (!(alpha > 0) || !std::isfinite(alpha))
    fail<ArgumentError>(op, fmt::format("expected a finite alpha above 0, got {}", alpha), site);
  return Augmentation([=](Batch batch, Generators generators, std::int64_t classes) {
    Tensor t = batch.targets;
    if (!is_floating(batch.inputs.dtype()))
      fail<DTypeError>(op, fmt::format("expected float32 or float64, got {}", to_string(batch.inputs.dtype())));
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

}  // namespace gradus::data

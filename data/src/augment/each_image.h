#pragma once

#include "gradus/data/augment.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <string>
#include <utility>

/// What augmentations are made of.
namespace gradus::data {

using Generators = std::span<Generator>;

inline void check_probability(const char* op, double p, CallSite site) {
  if (!(p >= 0 && p <= 1)) fail<ArgumentError>(op, fmt::format("expected a probability in [0, 1], got {}", p), site);
}

inline void check_images(const char* op, const Tensor& x, bool colors = false) {
  if (!is_floating(x.dtype()))
    fail<DTypeError>(op, fmt::format("expected float32 or float64, got {}", to_string(x.dtype())));
  if (x.rank() != 4 || (colors && x.size(1) != 3))
    fail<ShapeError>(op,
                     fmt::format("expected images [N, {}, H, W], got {}", colors ? "3" : "C", to_string(x.shape())));
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
      const std::int64_t grain = (std::int64_t{1} << 15) / std::max<std::int64_t>(out.numel(), 1) + 1;
      gradus::detail::parallel_for(x.size(0), grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          f(from + i * in.numel(), to + i * out.numel(), in, out, generators[static_cast<std::size_t>(i)]);
      });
    });
    batch.inputs = std::move(y);
    return batch;
  };
}

inline double between(Generator& g, double low, double high) { return low + (high - low) * g.uniform(); }

/// By Box & Muller 1958.
inline double draw_normal(Generator& g) {
  const double u = g.uniform(), v = g.uniform();
  return std::sqrt(-2 * std::log1p(-u)) * std::cos(2 * std::numbers::pi * v);
}

}  // namespace gradus::data

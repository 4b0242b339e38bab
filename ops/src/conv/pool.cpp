#include "gradus/ops/pool.h"

#include "conv/pool_windows.h"

#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"

#include <type_traits>

namespace gradus {
namespace detail {
namespace {

// ---- mean ----------------------------------------------------------------------------------------

struct AvgPool;

/// The adjoint of the mean: each cotangent is spread over its window. `size` is that of the image.
struct AvgPoolGrad : PoolGeometry {
  static constexpr OpInfo info{.name = "avg_pool_grad", .linearity = Linearity::linear};
  Shape size;

  Tensor forward(const Tensor& cotangent) const {
    check_rank(info.name, cotangent, size.rank() + 2);
    const Tensor g = dense(cotangent);
    const Shape shape = with_spatial(g.size(0), g.size(1), size);
    check_shape(info.name, g, result(shape));
    Tensor x = empty(shape, g.dtype());
    dispatch_floating(g.dtype(), [&]<class T>() {
      avg_pool_gradient(windows(shape), shape[0] * shape[1], g.data<T>(), x.mutable_data<T>());
    });
    return x;
  }
  Cotangents vjp(const Pullback& p) const;
};

struct AvgPool : PoolGeometry {
  static constexpr OpInfo info{.name = "avg_pool", .linearity = Linearity::linear};

  Tensor forward(const Tensor& x) const {
    const Tensor images = dense(x);
    Tensor y = empty(result(x.shape()), x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::avg_pool(windows(x.shape()), x.size(0) * x.size(1), images.data<T>(), y.mutable_data<T>());
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const { return {apply(AvgPoolGrad{*this, spatial_part(p.shape(0))}, p.g)}; }
};

Cotangents AvgPoolGrad::vjp(const Pullback& p) const { return {apply(AvgPool{*this}, p.g)}; }

// ---- maximum -------------------------------------------------------------------------------------

/// Cotangents [N, C, *] put where the largest stood, the places being counted in an image of `size`.
struct MaxPoolGrad : Op {
  static constexpr OpInfo info{
      .name = "max_pool_grad", .arity = 2, .saves = Saves::input1, .linearity = Linearity::linear};
  Shape size;
  template <class V>
  void visit(V&& v) const {
    v("size", size);
  }

  Tensor forward(const Tensor& cotangent, const Tensor& indices) const {
    check_rank(info.name, cotangent, size.rank() + 2);
    check_shape(info.name, indices, cotangent.shape());
    const Tensor g = dense(cotangent), places = dense(indices);
    Tensor x = zeros(with_spatial(g.size(0), g.size(1), size), g.dtype());
    if (g.numel() == 0) return x;
    const std::int64_t planes = g.size(0) * g.size(1), room = size.numel();
    const bool inside = dispatch_floating(g.dtype(), [&]<class T>() {
      return max_pool_gradient(
          planes, g.numel() / planes, room, g.data<T>(), places.data<std::int64_t>(), x.mutable_data<T>());
    });
    if (!inside) fail<IndexError>(info.name, fmt::format("expected places in an image {}", to_string(size)));
    return x;
  }
  Cotangents vjp(const Pullback& p) const {
    if (!p.needs(0)) return {Tensor(), Tensor()};
    const Tensor places = p.in(1);
    const Tensor taken = gather(flatten(p.g, 2), 2, flatten(places, 2));
    return {reshape(taken, places.shape()), Tensor()};
  }
};

/// Results: the largest, and their places.
struct MaxPool : PoolGeometry {
  static constexpr OpInfo info{.name = "max_pool", .saves = Saves::extras};

  Tensors forward(const Tensor& x) const {
    const Tensor images = dense(x);
    const Shape shape = result(x.shape());
    Tensor y = empty(shape, x.dtype()), places = empty(shape, int64);
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::max_pool(windows(x.shape()),
                        x.size(0) * x.size(1),
                        images.data<T>(),
                        y.mutable_data<T>(),
                        places.mutable_data<std::int64_t>());
    });
    return {y, places};
  }
  Cotangents vjp(const Pullback& p) const { return {apply(MaxPoolGrad{{}, spatial_part(p.shape(0))}, p.g, p.out(1))}; }
};

// ---- calls ---------------------------------------------------------------------------------------

/// The options in axes, checked against x.
template <class O>
O regular(const char* op,
          const Tensor& x,
          const PerAxis& kernel,
          const PerAxis& stride,
          const PerAxis& padding,
          const PerAxis& dilation,
          bool ceil_mode,
          int spatial,
          CallSite site) {
  O pool;
  if (kernel.count() == 0) fail<ArgumentError>(op, "expected the kernel's sizes, got none", site);
  pool.kernel = per_axis(op, "kernel", kernel, spatial, 1, site);
  pool.stride = stride.count() == 0 ? pool.kernel : per_axis(op, "stride", stride, spatial, 1, site);
  pool.padding = per_axis(op, "padding", padding, spatial, 0, site);
  pool.dilation = per_axis(op, "dilation", dilation, spatial, 1, site);
  pool.ceil_mode = ceil_mode;
  for (int d = 0; d < spatial; ++d) {
    if (2 * pool.padding[d] > pool.kernel[d])
      fail<ArgumentError>(op,
                          fmt::format("expected a padding of at most half the kernel {}, got {}",
                                      to_string(pool.kernel),
                                      to_string(pool.padding)),
                          site);
    check_reach(op, x.shape(), d, 2 * pool.padding[d], pool.dilation[d] * (pool.kernel[d] - 1) + 1, site);
  }
  return pool;
}

constexpr const char* kMaxNames[] = {"max_pool1d", "max_pool2d", "max_pool3d"};
constexpr const char* kAvgNames[] = {"avg_pool1d", "avg_pool2d", "avg_pool3d"};
constexpr const char* kAdaptiveMax[] = {"adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"};
constexpr const char* kAdaptiveAvg[] = {"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"};

Pooled max_pool(Arg x, const PerAxis& kernel, const MaxPoolOptions& o, int spatial) {
  const char* name = kMaxNames[spatial - 1];
  check_floating(name, x);
  const Tensor batch = with_batch_axis(name, x, spatial);
  const auto pool =
      regular<MaxPool>(name, batch, kernel, o.stride, o.padding, o.dilation, o.ceil_mode, spatial, x.site);
  const Tensors r = apply(pool, Arg(batch, x.site));
  const bool added = x->rank() == spatial + 1;
  return {without_batch_axis(r[0], added), without_batch_axis(r[1], added)};
}

Tensor avg_pool(Arg x, const PerAxis& kernel, const AvgPoolOptions& o, int spatial) {
  const char* name = kAvgNames[spatial - 1];
  check_floating(name, x);
  const Tensor batch = with_batch_axis(name, x, spatial);
  auto pool = regular<AvgPool>(name, batch, kernel, o.stride, o.padding, 1, o.ceil_mode, spatial, x.site);
  pool.include_padding = o.count_include_pad;
  if (o.divisor && *o.divisor < 1)
    fail<ArgumentError>(name, fmt::format("expected a divisor >= 1, got {}", *o.divisor), x.site);
  pool.divisor = o.divisor.value_or(0);
  return without_batch_axis(apply(pool, Arg(batch, x.site)), x->rank() == spatial + 1);
}

template <class O>
Tensor adaptive_pool(const char* const* names, Arg x, const PerAxis& size, int spatial) {
  const char* name = names[spatial - 1];
  check_floating(name, x);
  const Tensor batch = with_batch_axis(name, x, spatial);
  for (int d = 0; d < spatial; ++d)
    if (batch.size(2 + d) == 0)
      fail<ShapeError>(name, fmt::format("expected spatial axes with elements, got {}", to_string(x->shape())), x.site);
  O pool;
  if (size.count() == 0) fail<ArgumentError>(name, "expected the result's sizes, got none", x.site);
  pool.adaptive = per_axis(name, "size", size, spatial, 1, x.site);
  const bool added = x->rank() == spatial + 1;
  if constexpr (std::is_same_v<O, MaxPool>)
    return without_batch_axis(apply(pool, Arg(batch, x.site))[0], added);
  else
    return without_batch_axis(apply(pool, Arg(batch, x.site)), added);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor max_pool1d(Arg x, const PerAxis& kernel, const MaxPoolOptions& o) { return max_pool(x, kernel, o, 1).values; }
Tensor max_pool2d(Arg x, const PerAxis& kernel, const MaxPoolOptions& o) { return max_pool(x, kernel, o, 2).values; }
Tensor max_pool3d(Arg x, const PerAxis& kernel, const MaxPoolOptions& o) { return max_pool(x, kernel, o, 3).values; }
Pooled max_pool1d_with_index(Arg x, const PerAxis& kernel, const MaxPoolOptions& o) {
  return max_pool(x, kernel, o, 1);
}
Pooled max_pool2d_with_index(Arg x, const PerAxis& kernel, const MaxPoolOptions& o) {
  return max_pool(x, kernel, o, 2);
}
Pooled max_pool3d_with_index(Arg x, const PerAxis& kernel, const MaxPoolOptions& o) {
  return max_pool(x, kernel, o, 3);
}
Tensor avg_pool1d(Arg x, const PerAxis& kernel, const AvgPoolOptions& o) { return avg_pool(x, kernel, o, 1); }
Tensor avg_pool2d(Arg x, const PerAxis& kernel, const AvgPoolOptions& o) { return avg_pool(x, kernel, o, 2); }
Tensor avg_pool3d(Arg x, const PerAxis& kernel, const AvgPoolOptions& o) { return avg_pool(x, kernel, o, 3); }
Tensor adaptive_avg_pool1d(Arg x, const PerAxis& size) { return adaptive_pool<AvgPool>(kAdaptiveAvg, x, size, 1); }
Tensor adaptive_avg_pool2d(Arg x, const PerAxis& size) { return adaptive_pool<AvgPool>(kAdaptiveAvg, x, size, 2); }
Tensor adaptive_avg_pool3d(Arg x, const PerAxis& size) { return adaptive_pool<AvgPool>(kAdaptiveAvg, x, size, 3); }
Tensor adaptive_max_pool1d(Arg x, const PerAxis& size) { return adaptive_pool<MaxPool>(kAdaptiveMax, x, size, 1); }
Tensor adaptive_max_pool2d(Arg x, const PerAxis& size) { return adaptive_pool<MaxPool>(kAdaptiveMax, x, size, 2); }
Tensor adaptive_max_pool3d(Arg x, const PerAxis& size) { return adaptive_pool<MaxPool>(kAdaptiveMax, x, size, 3); }

namespace detail {

std::vector<OpEntry> pool_examples();  // in examples/pool.cpp

std::span<const OpEntry> pool_ops() {
  using In = std::span<const Tensor>;
  static const auto table = typed<MaxPool, AvgPool>(
      pool_examples(),
      {{"max_pool_grad",
        &op_class<MaxPoolGrad>,
        {"g where the greatest stood", "its cotangent there"},
        [] {
          const Shape shape{2, 1, 2, 2};
          return std::vector<Example>{{"", {{shape}, {shape, domain(0, 12), Sample::Kind::index}}, [](In in) {
                                         return apply(MaxPoolGrad{{}, {3, 4}}, in[0], in[1]);
                                       }}};
        }},
       {"avg_pool_grad",
        &op_class<AvgPoolGrad>,
        {"g / n for each of a window", "the mean of its cotangent over the window"},
        [] {
          return std::vector<Example>{{"", {{{2, 1, 2, 3}}}, [](In in) {
                                         AvgPoolGrad op;
                                         op.adaptive = {2, 3};
                                         op.size = {5, 4};
                                         return apply(op, in[0]);
                                       }}};
        }}});
  return table;
}

}  // namespace detail
}  // namespace gradus

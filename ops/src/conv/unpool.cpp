// The way back from a max pool, and pools that are norms.

#include "conv/spatial.h"
#include "index/places.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/shape.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace gradus {
namespace detail {
namespace {

constexpr const char* kUnpoolNames[] = {"max_unpool1d", "max_unpool2d", "max_unpool3d"};
constexpr const char* kLpNames[] = {"lp_pool1d", "lp_pool2d", "lp_pool3d"};

/// The kernel and, if nothing is said, the stride like it.
std::pair<Shape, Shape> windows_of(
    const char* name, const PerAxis& kernel, const PerAxis& stride, int spatial, CallSite site) {
  if (kernel.count() == 0) fail<ArgumentError>(name, "expected the kernel's sizes, got none", site);
  const Shape sizes = per_axis(name, "kernel", kernel, spatial, 1, site);
  return {sizes, stride.count() == 0 ? sizes : per_axis(name, "stride", stride, spatial, 1, site)};
}

/// The spatial sizes of what was pooled.
Shape size_before(const char* name, Arg x, const Shape& pooled, const PerAxis& kernel, const MaxUnpoolOptions& o) {
  const int spatial = pooled.rank();
  const auto [sizes, stride] = windows_of(name, kernel, o.stride, spatial, x.site);
  const Shape padding = per_axis(name, "padding", o.padding, spatial, 0, x.site);
  Shape size;
  for (int d = 0; d < spatial; ++d) size.push_back((pooled[d] - 1) * stride[d] - 2 * padding[d] + sizes[d]);
  Shape wanted = size;
  if (o.size.count() > 0) wanted = per_axis(name, "size", o.size, spatial, 1, x.site);
  for (int d = 0; d < spatial; ++d)
    if (wanted[d] < 1 || std::abs(wanted[d] - size[d]) >= stride[d])
      fail<ArgumentError>(name,
                          fmt::format("expected a result with elements, less than a stride {} from size {}, got {}",
                                      to_string(stride),
                                      to_string(size),
                                      to_string(wanted)),
                          x.site);
  return wanted;
}

Tensor max_unpool(Arg x, const Tensor& indices, const PerAxis& kernel, const MaxUnpoolOptions& o, int spatial) {
  const char* name = kUnpoolNames[spatial - 1];
  check_floating(name, x);
  if (indices.dtype() != int64)
    fail<DTypeError>(name, fmt::format("expected int64 indices, got {}", to_string(indices.dtype())), x.site);
  const Tensor batch = with_batch_axis(name, x, spatial);
  if (indices.shape() != x->shape())
    fail<ShapeError>(
        name,
        fmt::format("expected indices {} like the input, got {}", to_string(x->shape()), to_string(indices.shape())),
        x.site);
  const Shape size = size_before(name, x, spatial_part(batch.shape()), kernel, o);
  const std::int64_t room = size.numel();
  const SitePin pin(x.site);
  const Tensor inside = places(name, indices, 0, room);
  const std::int64_t n = batch.size(0), c = batch.size(1);
  const Shape planes{n, c, spatial_part(batch.shape()).numel()};
  const Tensor flat = scatter(zeros({n, c, room}, x->dtype()), 2, reshape(inside, planes), reshape(batch, planes));
  return without_batch_axis(reshape(flat, with_spatial(n, c, size)), x->rank() == spatial + 1);
}

/// f(x), and 0 where x is 0, which takes no gradient.
template <class F>
Tensor unless_zero(const Tensor& x, F f) {
  const Tensor none = equal_to(x, 0.0);
  return where(none, 0.0, f(where(none, 1.0, x)));
}

/// x without what is in no window along an axis, so that nothing flows there (0 times an infinite slope is NaN);
/// `stride` becomes that of the rest.
Tensor only_pooled(const Tensor& x, int axis, std::int64_t size, std::int64_t& stride, bool ceil_mode) {
  const std::int64_t n = x.size(axis);
  std::vector<std::int64_t> places;
  for (std::int64_t start = 0; start < n && (ceil_mode || start + size <= n); start += stride)
    for (std::int64_t i = start; i < std::min(start + size, n); ++i)
      if (places.empty() || i > places.back()) places.push_back(i);
  if (static_cast<std::int64_t>(places.size()) == n) return x;
  stride = std::min(stride, size);
  return index_select(x, axis, from_vector(places));
}

Tensor lp_pool(Arg x, double p, const PerAxis& kernel, const LpPoolOptions& o, int spatial) {
  const char* name = kLpNames[spatial - 1];
  check_floating(name, x);
  if (!(p > 0 && std::isfinite(p)))
    fail<ArgumentError>(name, fmt::format("expected a finite p > 0, got {}", p), x.site);
  Tensor batch = with_batch_axis(name, x, spatial);
  auto [sizes, stride] = windows_of(name, kernel, o.stride, spatial, x.site);
  for (int d = 0; d < spatial; ++d) check_reach(name, batch.shape(), d, 0, sizes[d], x.site);
  const SitePin pin(x.site);
  for (int d = 0; d < spatial; ++d) batch = only_pooled(batch, 2 + d, sizes[d], stride[d], o.ceil_mode);
  // In float64 the powers of every float32 have room.
  const Tensor size = abs(to(batch, float64));
  const Tensor powers = p == 1 ? size : unless_zero(size, [=](const Tensor& v) { return pow(v, p); });
  const AvgPoolOptions options{.stride = PerAxis(stride), .ceil_mode = o.ceil_mode};
  const PerAxis k(sizes);
  const Tensor means = spatial == 1   ? avg_pool1d(powers, k, options)
                       : spatial == 2 ? avg_pool2d(powers, k, options)
                                      : avg_pool3d(powers, k, options);
  const Tensor sums = mul(means, static_cast<double>(sizes.numel()));
  const Tensor y = p == 1 ? sums : unless_zero(sums, [=](const Tensor& v) { return pow(v, 1 / p); });
  return without_batch_axis(to(y, x->dtype()), x->rank() == spatial + 1);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor max_unpool1d(Arg x, const Tensor& indices, const PerAxis& kernel, const MaxUnpoolOptions& o) {
  return max_unpool(x, indices, kernel, o, 1);
}
Tensor max_unpool2d(Arg x, const Tensor& indices, const PerAxis& kernel, const MaxUnpoolOptions& o) {
  return max_unpool(x, indices, kernel, o, 2);
}
Tensor max_unpool3d(Arg x, const Tensor& indices, const PerAxis& kernel, const MaxUnpoolOptions& o) {
  return max_unpool(x, indices, kernel, o, 3);
}
Tensor lp_pool1d(Arg x, double p, const PerAxis& kernel, const LpPoolOptions& o) { return lp_pool(x, p, kernel, o, 1); }
Tensor lp_pool2d(Arg x, double p, const PerAxis& kernel, const LpPoolOptions& o) { return lp_pool(x, p, kernel, o, 2); }
Tensor lp_pool3d(Arg x, double p, const PerAxis& kernel, const LpPoolOptions& o) { return lp_pool(x, p, kernel, o, 3); }

}  // namespace gradus

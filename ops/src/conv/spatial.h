#pragma once

// What convolutions and pools share: their options, axis by axis.

#include "gradus/graph/arg.h"
#include "gradus/kernels/triple.h"
#include "gradus/ops/spatial.h"

namespace gradus::detail {

using kernels::Triple;
using kernels::volume;

/// The values for each of the spatial axes; ArgumentError for a wrong number of them or one below `least`.
Shape per_axis(const char* op, const char* what, const PerAxis& values, int spatial, std::int64_t least, CallSite site);

/// ShapeError unless `kernel` elements fit into spatial axis `axis` of x [N, C, *] with its padding.
void check_reach(const char* op, const Shape& x, int axis, std::int64_t padding, std::int64_t kernel, CallSite site);

/// x [N, C, *], made of [C, *] if need be; ShapeError for another rank.
Tensor with_batch_axis(const char* op, Arg x, int spatial);
Tensor without_batch_axis(const Tensor& y, bool added);

/// The sizes behind the first two.
inline Shape spatial_part(const Shape& shape) {
  Shape rest;
  for (int d = 2; d < shape.rank(); ++d) rest.push_back(shape[d]);
  return rest;
}
/// The first two, and those behind them.
inline Shape with_spatial(std::int64_t first, std::int64_t second, const Shape& rest) {
  Shape shape{first, second};
  for (const std::int64_t n : rest) shape.push_back(n);
  return shape;
}

/// The values from axis `from` on as three, filled up in front.
inline Triple last_three(const Shape& shape, int from = 0, std::int64_t filling = 1) {
  Triple result{filling, filling, filling};
  const int n = shape.rank() - from;
  for (int d = 0; d < n; ++d) result[static_cast<std::size_t>(3 - n + d)] = shape[from + d];
  return result;
}

}  // namespace gradus::detail

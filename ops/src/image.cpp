#include "gradus/ops/image.h"

#include "kernels.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"

#include <cmath>

namespace gradus {
namespace detail {
namespace {

/// Axis `axis` made `size` elements long.
Tensor resize_axis(const Tensor& x, int axis, std::int64_t size, const InterpolateOptions& o) {
  const std::int64_t n = x.size(axis);
  if (size == n) return x;
  std::vector<std::int64_t> low, high;
  std::vector<double> weights;
  for (std::int64_t i = 0; i < size; ++i) {
    if (o.mode == Interpolation::nearest) {
      low.push_back(i * n / size);
      continue;
    }
    const double step = static_cast<double>(i), from = static_cast<double>(n),
                 to = static_cast<double>(size);
    const double at = o.align_corners ? (size > 1 ? step * (from - 1) / (to - 1) : 0)
                                      : std::max(0.0, (step + 0.5) * from / to - 0.5);
    const auto whole = std::min(static_cast<std::int64_t>(at), n - 1);
    low.push_back(whole);
    high.push_back(std::min(whole + 1, n - 1));
    weights.push_back(at - static_cast<double>(whole));
  }
  const Tensor first = index_select(x, axis, from_vector(low));
  if (o.mode == Interpolation::nearest) return first;
  Shape shape;
  for (int d = axis; d < x.rank(); ++d) shape.push_back(d == axis ? size : 1);
  const Tensor w = to(reshape(from_vector(weights), shape), x.dtype());
  return add(mul(first, sub(1, w)), mul(index_select(x, axis, from_vector(high)), w));
}

void check_images(const char* op, Arg x, std::int64_t r) {
  if (x->rank() != 4)
    fail<ShapeError>(
        op, fmt::format("expected images [N, C, H, W], got {}", to_string(x->shape())), x.site);
  if (r < 1) fail<ArgumentError>(op, fmt::format("expected r >= 1, got {}", r), x.site);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor interpolate(Arg x, const Shape& size, const InterpolateOptions& options) {
  check_floating("interpolate", x);
  if (x->rank() < 3 || x->rank() > 5 || size.rank() != x->rank() - 2)
    fail<ShapeError>("interpolate",
                     fmt::format("expected an input [N, C, *] and a size for each of its 1 to 3 "
                                 "spatial axes, got {} and {}",
                                 to_string(x->shape()),
                                 to_string(size)),
                     x.site);
  if (options.align_corners && options.mode == Interpolation::nearest)
    fail<ArgumentError>(
        "interpolate", "expected align_corners with linear only, got nearest", x.site);
  const SitePin pin(x.site);
  Tensor y = x;
  for (int d = 0; d < size.rank(); ++d) {
    if (size[d] < 1)
      fail<ArgumentError>(
          "interpolate", fmt::format("expected sizes >= 1, got {}", to_string(size)), x.site);
    if (x->size(2 + d) == 0)
      fail<ShapeError>("interpolate",
                       fmt::format("expected images with elements, got {}", to_string(x->shape())),
                       x.site);
    y = resize_axis(y, 2 + d, size[d], options);
  }
  return y;
}

Tensor pixel_shuffle(Arg x, std::int64_t r) {
  check_images("pixel_shuffle", x, r);
  const std::int64_t n = x->size(0), c = x->size(1), h = x->size(2), w = x->size(3);
  if (c % (r * r) != 0)
    fail<ShapeError>(
        "pixel_shuffle",
        fmt::format("expected a multiple of {} channels, got {}", r * r, to_string(x->shape())),
        x.site);
  const SitePin pin(x.site);
  const Tensor parts = reshape(x, {n, c / (r * r), r, r, h, w});
  return reshape(permute(parts, {0, 1, 4, 2, 5, 3}), {n, c / (r * r), h * r, w * r});
}

Tensor pixel_unshuffle(Arg x, std::int64_t r) {
  check_images("pixel_unshuffle", x, r);
  const std::int64_t n = x->size(0), c = x->size(1), h = x->size(2), w = x->size(3);
  if (h % r != 0 || w % r != 0)
    fail<ShapeError>(
        "pixel_unshuffle",
        fmt::format(
            "expected height and width to be multiples of {}, got {}", r, to_string(x->shape())),
        x.site);
  const SitePin pin(x.site);
  const Tensor parts = reshape(x, {n, c, h / r, r, w / r, r});
  return reshape(permute(parts, {0, 1, 3, 5, 2, 4}), {n, c * r * r, h / r, w / r});
}

namespace detail {

std::span<const OpEntry> image_ops() {
  using Inputs = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {"interpolate",
       nullptr,
       [] {
         const auto to = [](const Shape& size, const InterpolateOptions& o) {
           return [=](Inputs in) { return interpolate(in[0], size, o); };
         };
         constexpr auto linear = Interpolation::linear;
         return Examples{{"nearest", {{{1, 2, 2, 3}}}, to({4, 2}, {})},
                         {"linear", {{{1, 2, 2, 3}}}, to({3, 5}, {.mode = linear})},
                         {"linear, corners",
                          {{{1, 2, 2, 3}}},
                          to({3, 2}, {.mode = linear, .align_corners = true})},
                         {"one axis", {{{1, 2, 3}}}, to({5}, {.mode = linear})}};
       }},
      {"pixel_shuffle",
       nullptr,
       [] {
         return Examples{{"", {{{2, 4, 2, 3}}}, [](Inputs in) { return pixel_shuffle(in[0], 2); }}};
       }},
      {"pixel_unshuffle",
       nullptr,
       [] {
         return Examples{
             {"", {{{2, 1, 2, 4}}}, [](Inputs in) { return pixel_unshuffle(in[0], 2); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "gradus/ops/grid.h"

#include "conv/cubic.h"
#include "conv/spatial.h"
#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace detail {
namespace {

/// Places between 0 and n - 1 along an axis for those between -1 and 1.
Tensor unnormalized(const Tensor& u, std::int64_t n, bool align_corners) {
  const double size = static_cast<double>(n);
  return align_corners ? mul(add(u, 1), (size - 1) / 2) : sub(mul(add(u, 1), size / 2), 0.5);
}

/// Places held between the outer elements; what is held takes no gradient.
Tensor held(const Tensor& at, std::int64_t n) {
  const double last = static_cast<double>(n - 1);
  return where(less_equal(at, 0), 0.0, where(greater_equal(at, last), last, at));
}

/// Places mirrored at both ends as often as it takes, then held.
Tensor mirrored(const Tensor& at, std::int64_t n, bool align_corners) {
  const double low = align_corners ? 0 : -0.5, span = static_cast<double>(align_corners ? n - 1 : n);
  if (span == 0) return mul(at, 0.0);
  const Tensor turn = fmod(abs(sub(at, low)), 2 * span);  // there and back
  return held(add(sub(span, abs(sub(turn, span))), low), n);
}

Tensor padded(const Tensor& at, std::int64_t n, const GridSampleOptions& o) {
  if (o.padding == GridPadding::border) return held(at, n);
  if (o.padding == GridPadding::reflection) return mirrored(at, n, o.align_corners);
  return at;
}

/// Elements of one axis that take part in each result.
struct Tap {
  Tensor index, weight;
};

/// What stands at whole places: beyond the edges nothing, which has the index `none`.
Tap tap(const Tensor& at, const Tensor& weight, std::int64_t n, double none) {
  const double last = static_cast<double>(n - 1);
  const Tensor inside = logical_and(greater_equal(at, 0), less_equal(at, last));
  const Tensor outside = logical_or(less(at, 0), greater(at, last));  // which NaN is not, either
  return {where(outside, none, to(where(inside, at, 0.0), int64)), where(outside, 0.0, weight)};
}

std::vector<Tap> taps_of(const Tensor& u, std::int64_t n, double none, const GridSampleOptions& o) {
  const Tensor free = unnormalized(u, n, o.align_corners);
  if (o.mode == GridMode::nearest) {
    const Tensor at = round(detach(padded(free, n, o)));
    return {tap(at, where(equal_to(at, at), 1.0, at), n, none)};
  }
  const bool cubic = o.mode == GridMode::cubic;
  // Far beyond an edge all four neighbours are alike.
  const Tensor at = !cubic                                 ? padded(free, n, o)
                    : o.padding == GridPadding::reflection ? free
                                                           : clamp(free, -3, static_cast<double>(n + 2));
  const Tensor low = floor(detach(at)), f = sub(at, low);
  if (!cubic) return {tap(low, sub(1, f), n, none), tap(add(low, 1), f, n, none)};
  std::vector<Tap> taps;
  for (int k = -1; k <= 2; ++k) {
    const Tensor d = k <= 0 ? sub(f, k) : sub(k, f);
    const Tensor weight = k == 0 || k == 1 ? cubic_near<Tensor>(d) : cubic_far<Tensor>(d);
    taps.push_back(tap(padded(add(low, k), n, o), weight, n, none));
  }
  return taps;
}

void check_grid(Arg x, const Tensor& grid, const GridSampleOptions& o) {
  constexpr auto name = "grid_sample";
  check_floating(name, x);
  check_same_dtype(name, x, grid);
  const int spatial = x->rank() - 2;
  const bool fits = (spatial == 2 || spatial == 3) && grid.rank() == x->rank() && grid.size(0) == x->size(0) &&
                    grid.size(-1) == spatial && spatial_part(x->shape()).numel() > 0;
  if (!fits)
    fail<ShapeError>(name,
                     fmt::format("expected images [N, C, H, W] with elements and a grid [N, *, *, 2],"
                                 " or [N, C, D, H, W] and [N, *, *, *, 3], got {} and {}",
                                 to_string(x->shape()),
                                 to_string(grid.shape())),
                     x.site);
  if (o.mode == GridMode::cubic && spatial == 3)
    fail<ArgumentError>(name, "expected cubic for two spatial axes, got three", x.site);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor grid_sample(Arg x, const Tensor& grid, const GridSampleOptions& options) {
  check_grid(x, grid, options);
  const SitePin pin(x.site);
  const int spatial = x->rank() - 2;
  const std::int64_t n = x->size(0), channels = x->size(1);
  const Shape sizes = spatial_part(x->shape());
  // A row for each element of an image, and one for each place.
  Shape last{0}, first{0, spatial + 1}, result{n};
  for (int d = 0; d < spatial; ++d) {
    last.push_back(2 + d);
    first.push_back(1 + d);
    result.push_back(grid.size(1 + d));
  }
  last.push_back(1);
  // One more, of zeros: what is read in place of nothing must not be NaN.
  const std::int64_t none = n * sizes.numel();
  const Tensor rows = concat({reshape(permute(x, last), {none, channels}), zeros({1, channels}, x->dtype())}, 0);
  const std::int64_t places = result.numel();
  result.push_back(channels);

  std::vector<std::int64_t> image;
  for (std::int64_t i = 0; i < places; ++i) image.push_back(i / (places / n) * sizes.numel());
  std::vector<Tap> all{{from_vector(image), Tensor()}};
  std::int64_t stride = sizes.numel();
  for (int d = 0; d < spatial; ++d) {
    stride /= sizes[d];
    const Tensor u = reshape(select(grid, -1, spatial - 1 - d), {places});
    std::vector<Tap> joined;
    for (const Tap& t : taps_of(u, sizes[d], static_cast<double>(none), options))
      for (const Tap& before : all)
        joined.push_back({add(before.index, mul(t.index, static_cast<double>(stride))),
                          before.weight.defined() ? mul(before.weight, t.weight) : t.weight});
    all = std::move(joined);
  }
  Tensor y;
  for (const Tap& t : all) {
    const Tensor index = clamp(t.index, {}, static_cast<double>(none));
    const Tensor part = mul(index_select(rows, 0, index), unsqueeze(t.weight, 1));
    y = y.defined() ? add(y, part) : part;
  }
  return permute(reshape(y, result), first);
}

Tensor affine_grid(Arg theta, const Shape& size, bool align_corners) {
  constexpr auto name = "affine_grid";
  check_floating(name, theta);
  const int spatial = size.rank() - 2;
  if ((spatial != 2 && spatial != 3) || theta->shape() != Shape{size[0], spatial, spatial + 1})
    fail<ShapeError>(name,
                     fmt::format("expected theta [N, 2, 3] and a size [N, C, H, W], or [N, 3, 4] and "
                                 "[N, C, D, H, W], got {} and {}",
                                 to_string(theta->shape()),
                                 to_string(size)),
                     theta.site);
  for (int d = 1; d < size.rank(); ++d)
    if (size[d] < 1) fail<ArgumentError>(name, fmt::format("expected sizes >= 1, got {}", to_string(size)), theta.site);
  const SitePin pin(theta.site);
  const Shape sizes = spatial_part(size);
  std::vector<double> points;  // (u, v, 1) or (u, v, w, 1), u along the last axis
  for (std::int64_t i = 0; i < sizes.numel(); ++i) {
    std::int64_t rest = i;
    for (int d = spatial - 1; d >= 0; --d) {
      const double n = static_cast<double>(sizes[d]), at = static_cast<double>(rest % sizes[d]);
      points.push_back(!align_corners ? (2 * at + 1) / n - 1 : n > 1 ? 2 * at / (n - 1) - 1 : 0);
      rest /= sizes[d];
    }
    points.push_back(1);
  }
  const Tensor base = cast(from_vector(points, {sizes.numel(), spatial + 1}), theta->dtype());
  Shape result{size[0]};
  for (std::int64_t s : sizes) result.push_back(s);
  result.push_back(spatial);
  return reshape(matmul(base, transpose(theta)), result);
}

namespace detail {

std::span<const OpEntry> grid_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {"grid_sample",
       nullptr,
       {"weighted neighbours of the places in a grid", "g by weight; of the grid: that of the weights"},
       [] {
         const auto call = [](GridMode mode, GridPadding padding, bool align_corners) {
           return [=](In in) {
             return grid_sample(in[0], in[1], {.mode = mode, .padding = padding, .align_corners = align_corners});
           };
         };
         using enum GridPadding;
         const Sample image{{2, 2, 3, 4}}, grid{{2, 2, 3, 2}, domain(-1.6, 1.6)};
         Sample fixed = grid;
         fixed.kind = Sample::Kind::constant;
         return Examples{{"zeros", {image, grid}, call(GridMode::linear, zeros, false)},
                         {"border", {image, grid}, call(GridMode::linear, border, true)},
                         {"reflection", {image, grid}, call(GridMode::linear, reflection, false)},
                         {"cubic", {image, grid}, call(GridMode::cubic, zeros, true)},
                         {"cubic, reflection", {image, grid}, call(GridMode::cubic, reflection, true)},
                         {"nearest", {image, fixed}, call(GridMode::nearest, border, false)},
                         {"volumes",
                          {{{1, 2, 2, 3, 2}}, {{1, 1, 2, 2, 3}, domain(-1.3, 1.3)}},
                          call(GridMode::linear, zeros, true)},
                         {"no places", {image, {{2, 0, 3, 2}}}, call(GridMode::linear, zeros, false)}};
       }},
      {"affine_grid",
       nullptr,
       {"θ (u, v, 1) for each place (u, v)", "Σ g (u, v, 1)ᵀ"},
       [] {
         return Examples{
             {"", {{{2, 2, 3}}}, [](In in) { return affine_grid(in[0], {2, 1, 2, 3}); }},
             {"corners, volumes", {{{1, 3, 4}}}, [](In in) { return affine_grid(in[0], {1, 2, 2, 1, 3}, true); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "gradus/ops/image.h"

#include "conv/cubic.h"
#include "family.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/pool.h"
#include "gradus/ops/shape.h"

#include <algorithm>
#include <cmath>

namespace gradus {
namespace detail {
namespace {

/// Where the elements of a resized axis are read: element i at i from / to of the old one's steps.
struct Step {
  double from, to;
};

/// One of the old elements that make each new one, and its weight.
struct Neighbour {
  std::vector<std::int64_t> place;
  std::vector<double> weight;
};

/// Where one of the last neighbours alone counts, all are that one, in shares whose sum is exact: what has no part in a
/// result may be NaN.
void share_single(std::vector<Neighbour>& all) {
  const auto counts = [](const Neighbour& part) { return part.weight.back() != 0; };
  const auto single = std::find_if(all.begin(), all.end(), counts);
  if (all.size() == 1 || single == all.end() || std::count_if(all.begin(), all.end(), counts) > 1) return;
  const std::int64_t place = single->place.back();
  const double weight = single->weight.back();
  for (std::size_t k = 0; k < all.size(); ++k) {
    all[k].place.back() = place;
    all[k].weight.back() =
        std::ldexp(weight, static_cast<int>(std::max<std::size_t>(k, 1)) - static_cast<int>(all.size()));
  }
}

std::vector<Neighbour> neighbours(std::int64_t n, std::int64_t size, const Step& s, const InterpolateOptions& o) {
  const bool cubic = o.mode == Interpolation::cubic, linear = o.mode == Interpolation::linear;
  std::vector<Neighbour> all(cubic ? 4 : linear ? 2 : 1);
  for (std::int64_t i = 0; i < size; ++i) {
    const double step = static_cast<double>(i), centre = (step + 0.5) * s.from / s.to;
    double at = o.mode == Interpolation::nearest ? step * s.from / s.to : centre;
    if (linear || cubic) at -= 0.5;
    if (linear) at = std::max(at, 0.0);
    if (o.align_corners) at = size > 1 ? step * static_cast<double>(n - 1) / static_cast<double>(size - 1) : 0;
    const double low = std::floor(at), f = at - low;
    const auto put = [&](std::size_t k, std::int64_t offset, double weight) {
      const std::int64_t place = static_cast<std::int64_t>(low) + offset;
      all[k].place.push_back(std::clamp<std::int64_t>(place, 0, n - 1));
      all[k].weight.push_back(weight);
    };
    if (cubic) {
      put(0, -1, cubic_far(1 + f));
      put(1, 0, cubic_near(f));
      put(2, 1, cubic_near(1 - f));
      put(3, 2, cubic_far(2 - f));
    } else {
      put(0, 0, linear ? 1 - f : 1);
      if (linear) put(1, 1, f);
    }
    share_single(all);
  }
  return all;
}

/// Axis `axis` made `size` elements long.
Tensor resize_axis(const Tensor& x, int axis, std::int64_t size, const Step& s, const InterpolateOptions& o) {
  if (size == x.size(axis) && (s.from == s.to || o.align_corners)) return x;
  Shape shape;
  for (int d = axis; d < x.rank(); ++d) shape.push_back(d == axis ? size : 1);
  Tensor y;
  for (const Neighbour& part : neighbours(x.size(axis), size, s, o)) {
    const Tensor taken = index_select(x, axis, from_vector(part.place));
    if (o.mode == Interpolation::nearest || o.mode == Interpolation::nearest_exact) return taken;
    const Tensor weighted = mul(taken, cast(from_vector(part.weight, shape), x.dtype()));
    y = y.defined() ? add(y, weighted) : weighted;
  }
  return y;
}

Tensor resized(Arg x, const Shape& size, const std::vector<Step>& steps, const InterpolateOptions& o) {
  const bool weighted = o.mode == Interpolation::linear || o.mode == Interpolation::cubic;
  if (o.align_corners && !weighted)
    fail<ArgumentError>("interpolate", "expected align_corners with linear or cubic only, got another", x.site);
  for (int d = 0; d < size.rank(); ++d) {
    if (size[d] < 1)
      fail<ArgumentError>("interpolate", fmt::format("expected sizes >= 1, got {}", to_string(size)), x.site);
    if (x->size(2 + d) == 0)
      fail<ShapeError>(
          "interpolate", fmt::format("expected images with elements, got {}", to_string(x->shape())), x.site);
  }
  const SitePin pin(x.site);
  if (o.mode == Interpolation::area)
    return size.rank() == 1   ? adaptive_avg_pool1d(x, PerAxis(size))
           : size.rank() == 2 ? adaptive_avg_pool2d(x, PerAxis(size))
                              : adaptive_avg_pool3d(x, PerAxis(size));
  Tensor y = x;
  for (int d = 0; d < size.rank(); ++d) y = resize_axis(y, 2 + d, size[d], steps[static_cast<std::size_t>(d)], o);
  return y;
}

/// Size and steps of images that grow by the given factors.
Shape scaled(Arg x, const std::vector<double>& scale, std::vector<Step>& steps) {
  const auto axes = static_cast<std::size_t>(x->rank() - 2);
  if (scale.size() != 1 && scale.size() != axes)
    fail<ArgumentError>(
        "interpolate", fmt::format("expected a scale for one or {} axes, got {} numbers", axes, scale.size()), x.site);
  Shape size;
  for (std::size_t d = 0; d < axes; ++d) {
    const double s = scale[scale.size() == 1 ? 0 : d];
    const double n = std::floor(static_cast<double>(x->size(2 + static_cast<int>(d))) * s);
    if (!(s > 0 && std::isfinite(s) && n < 0x1p53))
      fail<ArgumentError>("interpolate", fmt::format("expected finite scales above 0, got {}", s), x.site);
    size.push_back(static_cast<std::int64_t>(n));
    steps.push_back({1, s});
  }
  return size;
}

void check_images(const char* op, Arg x, std::int64_t r) {
  if (x->rank() != 4)
    fail<ShapeError>(op, fmt::format("expected images [N, C, H, W], got {}", to_string(x->shape())), x.site);
  if (r < 1) fail<ArgumentError>(op, fmt::format("expected r >= 1, got {}", r), x.site);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor interpolate(Arg x, const Shape& size, const InterpolateOptions& options) {
  check_floating("interpolate", x);
  const bool by_scale = !options.scale.empty();
  if (x->rank() < 3 || x->rank() > 5 || (!by_scale && size.rank() != x->rank() - 2))
    fail<ShapeError>("interpolate",
                     fmt::format("expected an input [N, C, *] and a size for each of its 1 to 3 "
                                 "spatial axes, got {} and {}",
                                 to_string(x->shape()),
                                 by_scale ? "a scale" : to_string(size)),
                     x.site);
  if (by_scale && !size.empty()) fail<ArgumentError>("interpolate", "expected a size or a scale, got both", x.site);
  std::vector<Step> steps;
  if (by_scale) return resized(x, scaled(x, options.scale, steps), steps, options);
  for (int d = 0; d < size.rank(); ++d)
    steps.push_back({static_cast<double>(x->size(2 + d)), static_cast<double>(size[d])});
  return resized(x, size, steps, options);
}

Tensor pixel_shuffle(Arg x, std::int64_t r) {
  check_images("pixel_shuffle", x, r);
  const std::int64_t n = x->size(0), c = x->size(1), h = x->size(2), w = x->size(3);
  if (c % (r * r) != 0)
    fail<ShapeError>("pixel_shuffle",
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
    fail<ShapeError>("pixel_unshuffle",
                     fmt::format("expected height and width to be multiples of {}, got {}", r, to_string(x->shape())),
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
       {"weighted neighbours (nearest, linear, cubic, area)", "g, added to the neighbours by weight"},
       [] {
         const auto to = [](const Shape& size, const InterpolateOptions& o) {
           return [=](Inputs in) { return interpolate(in[0], size, o); };
         };
         constexpr auto linear = Interpolation::linear, cubic = Interpolation::cubic;
         return Examples{{"nearest", {{{1, 2, 2, 3}}}, to({4, 2}, {})},
                         {"linear", {{{1, 2, 2, 3}}}, to({3, 5}, {.mode = linear})},
                         {"linear, corners", {{{1, 2, 2, 3}}}, to({3, 2}, {.mode = linear, .align_corners = true})},
                         {"one axis", {{{1, 2, 3}}}, to({5}, {.mode = linear})},
                         {"cubic", {{{1, 2, 3, 4}}}, to({5, 3}, {.mode = cubic})},
                         {"cubic, corners", {{{1, 1, 3, 2}}}, to({4, 5}, {.mode = cubic, .align_corners = true})},
                         {"nearest_exact", {{{1, 2, 2, 3}}}, to({3, 5}, {.mode = Interpolation::nearest_exact})},
                         {"area", {{{1, 2, 5, 3}}}, to({2, 2}, {.mode = Interpolation::area})},
                         {"volumes", {{{1, 1, 2, 3, 2}}}, to({3, 2, 3}, {.mode = linear})},
                         {"scale", {{{1, 2, 3, 4}}}, [](Inputs in) {
                            return interpolate(in[0], {}, {.mode = linear, .scale = {1.7, 0.6}});
                          }}};
       }},
      {"pixel_shuffle",
       nullptr,
       {"channels as finer pixels", "pixel_unshuffle(g)"},
       [] { return Examples{{"", {{{2, 4, 2, 3}}}, [](Inputs in) { return pixel_shuffle(in[0], 2); }}}; }},
      {"pixel_unshuffle",
       nullptr,
       {"finer pixels as channels", "pixel_shuffle(g)"},
       [] { return Examples{{"", {{{2, 1, 2, 4}}}, [](Inputs in) { return pixel_unshuffle(in[0], 2); }}}; }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// How interpolate makes new elements, each axis by itself: the nearest one, counted from the edge or, with
/// nearest_exact, from the centre; weighted neighbours, two with linear and four with cubic; or, with area, the mean of
/// the elements that the new one covers (adaptive_avg_pool).
enum class Interpolation : std::uint8_t { nearest, linear, cubic, nearest_exact, area };

struct InterpolateOptions {
  Interpolation mode = Interpolation::nearest;
  /// Corners stay where they are; otherwise elements are areas whose outer edges meet.
  bool align_corners = false;
  /// Instead of a size: how many times as large each spatial axis becomes, or one number for all. The size is then
  /// floor(n scale), and elements are read at steps of 1 / scale.
  std::vector<double> scale{};
};

/// Images in another size: interpolate(x, {32, 32}), or interpolate(x, {}, {.scale = {1.5}}).
///   value     element i along an axis of n made o is read at floor(i s) with s = n / o; nearest_exact at
///             floor((i + 1/2) s); linear and cubic at (i + 1/2) s - 1/2, or i (n - 1) / (o - 1) with align_corners.
///             Linear weights of neighbours at distance d are 1 - d, cubic ones (a + 2) d^3 - (a + 3) d^2 + 1 for
///             d <= 1 and a (d^3 - 5 d^2 + 8 d - 4) beyond, a = -0.75; beyond an edge stands the element at it
///   shapes    x [N, C, *] with 1 to 3 spatial axes; y [N, C, *size]
///   errors    ShapeError for another rank, another number of sizes, or an empty image; ArgumentError for a size
///             below 1, a size beside a scale, a scale that is not finite and above 0, or align_corners
///             without linear or cubic; DTypeError unless x is floating
///   source    Keys 1981, "Cubic convolution interpolation for digital image processing", for the cubic weights
Tensor interpolate(Arg x, const Shape& size, const InterpolateOptions& = {});
/// Channels as finer images: [N, C r^2, H, W] becomes [N, C, r H, r W].
///   errors    ShapeError for another rank or a number of channels that r^2 doesn't divide; ArgumentError if r < 1
///   source    Shi et al. 2016, arXiv:1609.05158
Tensor pixel_shuffle(Arg x, std::int64_t r);
/// The inverse: [N, C, r H, r W] becomes [N, C r^2, H, W].
Tensor pixel_unshuffle(Arg x, std::int64_t r);

}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// How interpolate makes new elements: the nearest one, or a mean weighted by distance along each axis.
enum class Interpolation : std::uint8_t { nearest, linear };

struct InterpolateOptions {
  Interpolation mode = Interpolation::nearest;
  /// Corners stay where they are; otherwise elements are areas whose outer edges meet.
  bool align_corners = false;
};

/// Images in another size.
///   value     element i along an axis of n made o is read at floor(i n / o); linear at (i + 1/2) n / o - 1/2, or
///             i (n - 1) / (o - 1) with align_corners, between its two neighbours
///   shapes    x [N, C, *] with 1 to 3 spatial axes; y [N, C, *size]
///   errors    ShapeError for another rank, another number of sizes, or an empty image; ArgumentError for a size
///             below 1, or align_corners without linear; DTypeError unless x is floating
Tensor interpolate(Arg x, const Shape& size, const InterpolateOptions& = {});

/// Channels as finer images: [N, C r^2, H, W] becomes [N, C, r H, r W].
///   errors    ShapeError for another rank or a number of channels that r^2 doesn't divide; ArgumentError if r < 1
///   source    Shi et al. 2016, arXiv:1609.05158
Tensor pixel_shuffle(Arg x, std::int64_t r);
/// The inverse: [N, C, r H, r W] becomes [N, C r^2, H, W].
Tensor pixel_unshuffle(Arg x, std::int64_t r);

}  // namespace gradus
GRADUS_EXPORT_END

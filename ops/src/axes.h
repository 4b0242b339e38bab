#pragma once

// Sets of axes as bit masks, for the families that move or reduce elements.

#include "family.h"

#include <bit>

namespace gradus::detail {

/// One bit an axis. IndexError if one is out of range or named twice.
inline std::uint32_t axis_mask(const char* op, Arg x, const Shape& axes) {
  std::uint32_t mask = 0;
  for (std::int64_t axis : axes) {
    const std::uint32_t bit = 1U << check_axis(op, x, axis, x->rank());
    if ((mask & bit) != 0) fail<IndexError>(op, "expected each axis once, got " + to_string(axes), x.site);
    mask |= bit;
  }
  return mask;
}

/// The axes of a mask in ascending order.
inline Shape axes_of(std::uint32_t mask) {
  Shape axes;
  for (; mask != 0; mask &= mask - 1) axes.push_back(std::countr_zero(mask));
  return axes;
}

/// ShapeError if there is no room for one more dimension.
inline void check_room(const char* op, const Shape& shape, CallSite site) {
  if (shape.rank() == kMaxRank)
    fail<ShapeError>(op, fmt::format("expected at most {} dimensions, got {}", kMaxRank - 1, to_string(shape)), site);
}

}  // namespace gradus::detail

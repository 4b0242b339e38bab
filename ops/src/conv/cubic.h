#pragma once

// Weights of cubic convolution, of numbers or tensors (Keys 1981, equation 15, with a = -0.75).

namespace gradus::detail {

inline constexpr double kCubic = -0.75;

/// Of a neighbour at a distance d of at most 1.
template <class N>
N cubic_near(const N& d) {
  return ((kCubic + 2) * d - (kCubic + 3)) * d * d + 1.0;
}
/// Of one at a distance between 1 and 2.
template <class N>
N cubic_far(const N& d) {
  return ((kCubic * d - 5 * kCubic) * d + 8 * kCubic) * d - 4 * kCubic;
}

}  // namespace gradus::detail

#pragma once

#include "gradus/data/dataset.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::data {

struct SpiralOptions {
  std::int64_t classes = 3;
  std::int64_t points = 100;  // of each class
  double noise = 0.2;         // standard deviation of the angle
};

/// Interleaved spiral arms in the plane, class after class.
///   value     (r sin t, r cos t), r from 0 to 1, t from 4 j to 4 j + 4 plus noise, for class j
///   shapes    inputs [classes * points, 2]
///   errors    ArgumentError if a count is less than 1 or the noise negative
///   source    CS231n, "Putting it together: minimal neural network case study"
Dataset spiral(const SpiralOptions& options = {},
               Generator& generator = default_generator(),
               CallSite site = CallSite::here());

struct MoonsOptions {
  std::int64_t points = 100;  // of each class
  double noise = 0.1;         // standard deviation of each coordinate
};

/// Two interleaved half circles in the plane, class after class.
///   value     (cos t, sin t) and (1 - cos t, 1/2 - sin t), t from 0 to pi, plus noise
///   shapes    inputs [2 * points, 2]
///   errors    ArgumentError if `points` is less than 1 or the noise negative
Dataset two_moons(const MoonsOptions& options = {},
                  Generator& generator = default_generator(),
                  CallSite site = CallSite::here());

struct DrawnDigitsOptions {
  std::int64_t count = 6000;
  std::int64_t size = 16;  // width and height in pixels
  double noise = 0.1;      // standard deviation of each pixel before clamping to [0, 1]
};

/// Pictures of the digits 0 … 9 drawn with an anti-aliased pen, each turned, sheared, scaled, moved
/// and of its own thickness; row i shows i mod 10.
///   shapes    inputs [count, 1, size, size], values in [0, 1]
///   errors    ArgumentError if the count or noise is negative or the size not in 8 … 256
Dataset drawn_digits(const DrawnDigitsOptions& options = {},
                     Generator& generator = default_generator(),
                     CallSite site = CallSite::here());

}  // namespace gradus::data
GRADUS_EXPORT_END

#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>
#include <optional>

GRADUS_EXPORT_BEGIN
namespace gradus {

struct RotaryOptions {
  double base = 10000;
  /// Pairs are neighbours (2i, 2i + 1), as in the paper; otherwise (i, i + D / 2), as in GPT-NeoX and LLaMA.
  bool interleaved = false;
  Tensor positions{};                 // int64 [T] or [*, T]; 0 … T - 1 if nothing is said
  std::optional<std::int64_t> dim{};  // only the first so many features are turned
};

/// Rotary position embedding (RoPE): pairs of features turned by angles that grow with the position, so that products
/// of queries and keys depend on the distance of their positions.
///   value     pair i at position t is turned by t base^(-2i/D): (a cos - b sin, a sin + b cos)
///   shapes    x [*, T, D], y like x; positions broadcast to [*, T]
///   errors    ShapeError for a rank below 2, an odd D, or positions that don't fit; DTypeError unless x is floating
///             and positions are int64; ArgumentError unless base > 0 and dim is even and at most D
///   source    Su et al. 2021, arXiv:2104.09864, equation 15
Tensor rotary_embedding(Arg x, const RotaryOptions& = {});

}  // namespace gradus
GRADUS_EXPORT_END

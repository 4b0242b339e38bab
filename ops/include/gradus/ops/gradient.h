#pragma once

#include "gradus/graph/arg.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

// Functions that give x itself and change only what flows back through it. Here g is the cotangent of the result.
//   errors    DTypeError unless x is float32 or float64

/// x, with nothing flowing back: as `detach`, but seen as an op.
Tensor stop_gradient(Arg x);
/// x, with factor * g flowing back; -1 reverses it (Ganin & Lempitsky 2015). ArgumentError if factor is not
/// finite.
Tensor scale_gradient(Arg x, double factor);
/// x, with each element of g limited to [low, high]. ArgumentError if low > high or one is NaN.
Tensor clip_gradient(Arg x, double low, double high);
/// x, with g times min(1, max_norm / |g|) flowing back, where |g| is the Euclidean norm of all its elements
/// (Pascanu et al. 2013). ArgumentError unless max_norm > 0.
Tensor clip_gradient_norm(Arg x, double max_norm);

}  // namespace gradus
GRADUS_EXPORT_END

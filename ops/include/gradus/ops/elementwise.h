#pragma once

#include "gradus/graph/arg.h"

#include <optional>

namespace gradus {

// Functions of each element. NaN gives NaN.
//   errors    DTypeError unless x is float32 or float64; abs, sign, square and clamp take int64 too
//   accuracy  in units in the last place, for float32 and float64: sqrt 0.5, exp 1, log 1.5, square 0.5,
//             reciprocal 0.5, sin and cos 1, rsqrt 1.5, expm1, log1p and softplus 2.5, sigmoid 3, tanh 3,
//             erf 6 and 1

/// e^x
Tensor exp(Arg x);
/// e^x - 1, accurate near 0.
Tensor expm1(Arg x);
/// The natural logarithm; -inf at 0, where the gradient is infinite, and NaN below.
Tensor log(Arg x);
/// log(1 + x), accurate near 0.
Tensor log1p(Arg x);
/// The square root; the gradient is infinite at 0.
Tensor sqrt(Arg x);
/// 1 / sqrt(x)
Tensor rsqrt(Arg x);
/// x^2
Tensor square(Arg x);
/// 1 / x
Tensor reciprocal(Arg x);

/// |x|; the gradient at 0 is 0.
Tensor abs(Arg x);
/// -1, 0 or 1; the gradient is 0.
Tensor sign(Arg x);
/// x, or the bound it lies beyond.
///   gradient  1 from bound to bound, the bounds included, else 0
///   errors    ArgumentError without a bound, or if min > max; DTypeError for a bound with a fraction
///             beside an int64 tensor
Tensor clamp(Arg x, std::optional<double> min, std::optional<double> max = {});

Tensor sin(Arg x);
Tensor cos(Arg x);
/// The hyperbolic tangent.
Tensor tanh(Arg x);
/// 1 / (1 + e^-x)
Tensor sigmoid(Arg x);
/// A smooth relu: log(1 + e^(beta x)) / beta, and x itself where beta x > threshold.
///   errors    ArgumentError unless beta > 0
Tensor softplus(Arg x, double beta = 1, double threshold = 20);
/// The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.
Tensor erf(Arg x);

}  // namespace gradus

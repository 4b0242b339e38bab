#pragma once

#include "gradus/graph/arg.h"

#include <optional>

GRADUS_EXPORT_BEGIN
namespace gradus {

// Functions of each element. NaN gives NaN.
//   errors    DTypeError unless x is float32 or float64; abs, sign, square and clamp take int64 too
//   accuracy  in units in the last place, for float32 and float64: sqrt 0.5, exp 1, log 1.5, square 0.5,
//             reciprocal 0.5, exp2 1, sin and cos 1.5 and 1, rsqrt and erf 1.5, log2 and log10 2, expm1, log1p and
//             softplus 2.5, erfc 1 and 4, 3 at most what else is here of angles, hyperbolas and exponentials

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
///   errors    ArgumentError without a bound, for one that is NaN, or if min > max; DTypeError for a bound with
///             a fraction beside an int64 tensor
Tensor clamp(Arg x, std::optional<double> min, std::optional<double> max = {});

/// The sine of x in radians.
Tensor sin(Arg x);
/// The cosine of x in radians.
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
/// 1 - erf(x), accurate for large x.
Tensor erfc(Arg x);
/// The inverse of erf: infinite at -1 and 1, NaN beyond. Within 3 units in the last place.
Tensor erfinv(Arg x);
/// log(x / (1 - x)), the inverse of sigmoid: infinite at 0 and 1, NaN beyond. Within 3 units in the last place.
/// With `eps`, x is first brought into eps … 1 - eps.
///   errors    ArgumentError unless 0 <= eps <= 1/2
Tensor logit(Arg x, std::optional<double> eps = {});

/// log |gamma(x)|: infinite at 0, -1, -2, … Within 1 unit in the last place for float32, 5 for float64.
Tensor lgamma(Arg x);
/// The derivative of lgamma; at 0 infinite of the sign other than that of the zero, at -1, -2, … NaN.
///   accuracy  1 unit in the last place for float32, 8 for float64 (away from its zeros below 0)
///   source    Abramowitz & Stegun 1964, 6.3.5, 6.3.7, 6.3.18
Tensor digamma(Arg x);
/// The n-th derivative of digamma, which is the one for n = 0.
///   accuracy  1 unit in the last place for float32, 16 for float64 (x > 0, n <= 4)
///   errors    ArgumentError unless 0 <= n <= 100
///   source    Abramowitz & Stegun 1964, 6.4.7, 6.4.10; Hurwitz's zeta function by 23.1.30
Tensor polygamma(int n, Arg x);

/// 2^x
Tensor exp2(Arg x);
/// The logarithm of base 2; at 0 and below like log.
Tensor log2(Arg x);
/// The logarithm of base 10; at 0 and below like log.
Tensor log10(Arg x);

/// The tangent of x in radians.
Tensor tan(Arg x);
/// The inverse of sin, in radians; NaN outside of -1..1, with infinite gradients at its ends.
Tensor asin(Arg x);
/// The inverse of cos, in radians; NaN outside of -1..1, with infinite gradients at its ends.
Tensor acos(Arg x);
/// The inverse of tan, in radians.
Tensor atan(Arg x);
/// The hyperbolic sine.
Tensor sinh(Arg x);
/// The hyperbolic cosine.
Tensor cosh(Arg x);
/// The inverse of sinh.
Tensor asinh(Arg x);
/// The inverse of cosh; NaN below 1.
Tensor acosh(Arg x);
/// The inverse of tanh; NaN beyond -1..1.
Tensor atanh(Arg x);

// Rounding to whole numbers; takes int64 too. The gradient is 0, that of frac is 1.
/// Down.
Tensor floor(Arg x);
/// Up.
Tensor ceil(Arg x);
/// To the nearest, halves to the even one (IEEE 754).
Tensor round(Arg x);
/// Towards 0.
Tensor trunc(Arg x);
/// x - trunc(x)
Tensor frac(Arg x);

// Functions of two tensors, with promotion and broadcasting.
//   errors    ShapeError if the shapes don't broadcast; DTypeError unless both are floating (fmod and
//             remainder take int64 too, with ArgumentError for a divisor of 0)

/// The angle of the point (x, y), from -pi to pi; the gradient at (0, 0) is 0.
Tensor atan2(Arg y, const Tensor& x);
/// sqrt(a^2 + b^2) without overflow; the gradient at (0, 0) is 0.
Tensor hypot(Arg a, const Tensor& b);
/// log(e^a + e^b) without overflow; the gradient where both are -inf is 0.
Tensor logaddexp(Arg a, const Tensor& b);
/// a log(b), and 0 where a is 0 and b is not NaN.
///   gradient  log(b) and a / b; 0 where a is 0 and b at or below 0
Tensor xlogy(Arg a, const Tensor& b);
/// What is left of a / b truncated: of the sign of a.
///   gradient  of b: minus the whole number of times that b was taken off
Tensor fmod(Arg a, const Tensor& b);
Tensor fmod(Arg a, double b);
/// What is left of a / b rounded down: of the sign of b.
///   gradient  as of fmod
Tensor remainder(Arg a, const Tensor& b);
Tensor remainder(Arg a, double b);

/// a + w (b - a): a at w = 0 and b at w = 1, exactly, whatever the other end is.
Tensor lerp(Arg a, const Tensor& b, double w);
Tensor lerp(Arg a, const Tensor& b, const Tensor& w);
/// x + value a b
Tensor addcmul(Arg x, const Tensor& a, const Tensor& b, double value = 1);
/// x + value a / b
Tensor addcdiv(Arg x, const Tensor& a, const Tensor& b, double value = 1);

/// x with other numbers for NaN and the infinities: for these the largest ones if nothing is said.
///   gradient  1 where x is finite, else 0
Tensor nan_to_num(Arg x, double nan = 0, std::optional<double> posinf = {}, std::optional<double> neginf = {});

}  // namespace gradus
GRADUS_EXPORT_END

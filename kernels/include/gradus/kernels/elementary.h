#pragma once

// Elementary functions without branches or calls, of one float or double, so that the compiler vectorises loops over
// them, or of a Vector of them: the same operations, hence the same bits. Right everywhere: zeros of either sign,
// infinities, NaN, results that overflow or are subnormal. Each takes every x and says by how many units in the last
// place (ulp) it is off at most, for float and double.

#include "gradus/tensor/export.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels::elementary {

template <class T>
struct Format;

template <>
struct Format<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa = 23;
  static constexpr float round = 0x1.8p23f;              // (x + round) - round is x as a whole number
  static constexpr float ln2_hi = 0x1.62e4p-1f;          // ln 2 in two parts; a whole number of exponent
  static constexpr float ln2_lo = 0x1.7f7d1cp-20f;       // size times the first is exact
  static constexpr float exp_low = -104, exp_high = 89;  // exp is 0 and infinite from here on
};

template <>
struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr double round = 0x1.8p52;
  static constexpr double ln2_hi = 0x1.62e42fefa4p-1;
  static constexpr double ln2_lo = -0x1.8432a1b0e2634p-43;
  static constexpr double exp_low = -746, exp_high = 710;
};

/// As many T as a register of this processor holds.
template <class T>
struct VectorOf {
#if defined(__AVX512F__)
  static constexpr int bytes = 64;
#elif defined(__AVX__)
  static constexpr int bytes = 32;
#else
  static constexpr int bytes = 16;
#endif
  typedef T type __attribute__((vector_size(bytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

/// Of a number or Vector: its elements' type, and the same size of their bits.
template <class V>
struct Of {
  using Scalar = std::remove_cvref_t<decltype(std::declval<V&>()[0])>;
  typedef typename Format<Scalar>::Bits Bits __attribute__((vector_size(sizeof(V))));
};
template <>
struct Of<float> {
  using Scalar = float;
  using Bits = std::uint32_t;
};
template <>
struct Of<double> {
  using Scalar = double;
  using Bits = std::uint64_t;
};
template <class V>
using Scalar = typename Of<V>::Scalar;
template <class V>
using Bits = typename Of<V>::Bits;

#define GRADUS_ELEMENTARY \
  template <class V>      \
  [[gnu::always_inline]] inline

GRADUS_ELEMENTARY V constant(Scalar<V> c) {
  if constexpr (std::is_floating_point_v<V>)
    return c;
  else
    return c - V{};
}

GRADUS_ELEMENTARY Bits<V> bits(V x) { return std::bit_cast<Bits<V>>(x); }
GRADUS_ELEMENTARY V from_bits(Bits<V> b) { return std::bit_cast<V>(b); }

/// The bit of the sign.
template <class T>
inline constexpr typename Format<T>::Bits kSign = typename Format<T>::Bits(1) << (8 * sizeof(T) - 1);

GRADUS_ELEMENTARY V magnitude(V x) { return from_bits<V>(bits(x) & ~kSign<Scalar<V>>); }
GRADUS_ELEMENTARY V with_sign_of(V x, V sign) {
  return from_bits<V>((bits(x) & ~kSign<Scalar<V>>) | (bits(sign) & kSign<Scalar<V>>));
}

/// c0 + c1 x + c2 x^2 + …
template <class V, class... C>
[[gnu::always_inline]] inline V polynomial(V x, Scalar<V> c0, C... rest) {
  if constexpr (sizeof...(rest) == 0)
    return constant<V>(c0);
  else
    return c0 + x * polynomial(x, static_cast<Scalar<V>>(rest)...);
}

/// x within low … high; NaN stays.
GRADUS_ELEMENTARY V within(V x, Scalar<V> low, Scalar<V> high) {
  const V l = constant<V>(low), h = constant<V>(high), above = x > h ? h : x;
  return x < l ? l : above;
}

/// The largest numbers in place of infinite ones: the product with a factor that vanishes is then 0.
GRADUS_ELEMENTARY V finite(V x) {
  constexpr Scalar<V> most = std::numeric_limits<Scalar<V>>::max();
  return within(x, -most, most);
}

GRADUS_ELEMENTARY V round_to_whole(V x) { return (x + Format<Scalar<V>>::round) - Format<Scalar<V>>::round; }

/// 2^k for a whole k within the normal exponents.
GRADUS_ELEMENTARY V power_of_two(V k) {
  using F = Format<Scalar<V>>;
  return from_bits<V>((bits(k + F::round) << F::mantissa) + bits(Scalar<V>(1)));
}

/// x + rest = k ln 2 + r with |r| <= ln 2 / 2, and a little more where rest, which is small, is not 0; and e^r - 1 by
/// Taylor's series.
template <class V>
struct Reduced {
  V k, expm1_r;
};
GRADUS_ELEMENTARY Reduced<V> reduced(V x, V rest = constant<V>(Scalar<V>(-0.0))) {
  using F = Format<Scalar<V>>;
  const V k = round_to_whole(x * Scalar<V>(1.4426950408889634));
  const V r = ((x - k * F::ln2_hi) - k * F::ln2_lo) + rest;
  if constexpr (std::is_same_v<Scalar<V>, float>)
    return {k, r + r * r * polynomial(r, 1.f / 2, 1.f / 6, 1.f / 24, 1.f / 120, 1.f / 720, 1.f / 5040)};
  else
    return {k,
            r + r * r *
                    polynomial(r,
                               1. / 2,
                               1. / 6,
                               1. / 24,
                               1. / 120,
                               1. / 720,
                               1. / 5040,
                               1. / 40320,
                               1. / 362880,
                               1. / 3628800,
                               1. / 39916800,
                               1. / 479001600,
                               1. / 6227020800)};
}

GRADUS_ELEMENTARY V exp(Reduced<V> x) {
  const V half = round_to_whole(x.k * Scalar<V>(0.5));
  return (1 + x.expm1_r) * power_of_two(half) * power_of_two(x.k - half);
}

/// e^x, to 1.01 ulp; 0 from exp_low down, infinite from exp_high up.
GRADUS_ELEMENTARY V exp(V x) {
  using F = Format<Scalar<V>>;
  return exp<V>(reduced(within(x, F::exp_low, F::exp_high)));
}

/// e^(scale x^2) for a scale of -1 or -1/2 and |x| up to 40, to 2 ulp. The square is taken in two parts: that of x
/// without the lower half of its bits, which is exact, and the rest.
GRADUS_ELEMENTARY V exp_of_square(V x, Scalar<V> scale) {
  using B = typename Format<Scalar<V>>::Bits;
  const V high = from_bits<V>(bits(x) & ~((B(1) << (Format<Scalar<V>>::mantissa + 2) / 2) - 1));
  return exp<V>(reduced(scale * (high * high), scale * ((x - high) * (x + high))));
}

/// e^x - 1, to 2.5 ulp.
GRADUS_ELEMENTARY V expm1(V x) {
  using S = Scalar<V>;
  const Reduced<V> y = reduced(within(x, S(-40), Format<S>::exp_high));
  const V s = power_of_two(y.k - 1);  // 2^k may be infinite where the result is not
  const V result = 2 * (s * y.expm1_r + (s - S(0.5)));
  return magnitude(x) < std::numeric_limits<S>::epsilon() / 4 ? x : result;
}

/// log(1 + f) for 1 + f within [sqrt(1/2), sqrt(2)], by the series of 2 atanh(s), s = f / (2 + f).
GRADUS_ELEMENTARY V log1p_series(V f) {
  const V s = f / (2 + f), z = s * s;
  V rest;
  if constexpr (std::is_same_v<Scalar<V>, float>)
    rest = z * polynomial(z, 2.f / 3, 2.f / 5, 2.f / 7, 2.f / 9);
  else
    rest = z * polynomial(z, 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17, 2. / 19, 2. / 21);
  return f - s * (f - rest);
}

/// ln x, to 1.5 ulp; -infinity at 0, NaN below.
GRADUS_ELEMENTARY V log(V x) {
  using S = Scalar<V>;
  using F = Format<S>;
  using B = typename F::Bits;
  constexpr S infinity = std::numeric_limits<S>::infinity();
  constexpr B one = std::bit_cast<B>(S(1)), root_half = std::bit_cast<B>(S(0.70710678118654752));
  constexpr S lift = S(B(1) << F::mantissa);
  const V zero = constant<V>(0);
  // x = 2^e m with m in [sqrt(1/2), sqrt(2)); subnormal numbers are made normal first.
  const auto tiny = x < std::numeric_limits<S>::min();
  const V lifted = x * lift, normal = tiny ? lifted : x;
  const Bits<V> u = bits(normal) + (one - root_half);
  const V biased = from_bits<V>((u >> F::mantissa) | bits(lift)) - lift;
  const V below = constant<V>(S(F::mantissa)), down = tiny ? below : zero;
  const V e = biased - S(one >> F::mantissa) - down;
  const V m = from_bits<V>((u & ((B(1) << F::mantissa) - 1)) + root_half);
  const V y = e * F::ln2_hi + (log1p_series(m - 1) + e * F::ln2_lo);
  const V low = constant<V>(-infinity), none = constant<V>(std::numeric_limits<S>::quiet_NaN());
  const V above = x < infinity ? y : x;
  const V at_zero = x == 0 ? low : above;
  return x < 0 ? none : at_zero;
}

/// log(1 + x), to 2.5 ulp; -infinity at -1, NaN below.
GRADUS_ELEMENTARY V log1p(V x) {
  using S = Scalar<V>;
  const V u = 1 + x, zero = constant<V>(0);
  // What rounding took from 1 + x.
  const V lost_of_x = x - (u - 1), lost_of_one = 1 - (u - x), lost = x < 1 ? lost_of_x : lost_of_one;
  const auto finite = (u > 0) & (x < std::numeric_limits<S>::infinity());
  const V part = lost / u, correction = finite ? part : zero, result = log(u) + correction;
  return magnitude(x) < std::numeric_limits<S>::epsilon() / 4 ? x : result;
}

/// tanh x, to 3 ulp.
GRADUS_ELEMENTARY V tanh(V x) {
  const V t = expm1(-2 * magnitude(x));
  return with_sign_of(-t / (2 + t), x);
}

/// 1 / (1 + e^-x), to 3 ulp.
GRADUS_ELEMENTARY V sigmoid(V x) {
  const V e = exp(-magnitude(x)), one = constant<V>(1), above = x < 0 ? e : one;
  return above / (1 + e);
}

/// log(1 + e^x), to 2.5 ulp.
GRADUS_ELEMENTARY V softplus(V x) {
  using S = Scalar<V>;
  const V e = exp(-magnitude(x)), zero = constant<V>(0), ln2 = constant<V>(S(0.69314718055994531));
  // 1 + e is 1 + f, or 2 (1 + f) where that is nearer to 1.
  const auto halve = e > S(0.41421356);
  const V half = (e - 1) * S(0.5), f = halve ? half : e, base = halve ? ln2 : zero;
  const V positive = x > 0 ? x : zero;
  return positive + (base + log1p_series(f));
}

/// e^(z^2) (1 - erf z) for z >= 0, to 3 ulp, as (1 + w p(w - 1)) / (1 + 2 z) with w = 2 z / (z + c) (the variable of
/// Shepherd & Laframboise 1981) and a polynomial p, interpolated at Chebyshev's nodes, to 6e-9 up to z = 10.7 for float
/// and to 4e-17 up to 27.7 for double.
GRADUS_ELEMENTARY V erfcx(V z) {
  V w, p;
  if constexpr (std::is_same_v<Scalar<V>, float>) {
    w = 2 * z / (z + 3);
    p = polynomial(w - 1,
                   0.253008055f,
                   -0.388629184f,
                   0.341067137f,
                   -0.211420702f,
                   0.092144987f,
                   -0.0238530698f,
                   7.51622225e-5f,
                   0.00251835112f,
                   -0.000535798679f,
                   -0.000287104585f);
  } else {
    w = 2 * z / (z + 3.75);
    p = polynomial(w - 1,
                   0.23751263083782762,
                   -0.37775322942337448,
                   0.38133864490882759,
                   -0.299061906418701,
                   0.19025797627754238,
                   -0.097953655116266745,
                   0.039260256514732942,
                   -0.010897979114380148,
                   0.0011513996769682055,
                   0.00060422637863309743,
                   -0.00031051340101630661,
                   2.0358032434789603e-05,
                   3.1293350694304848e-05,
                   -8.9040878991054514e-06,
                   -2.5442595476095022e-06,
                   1.5584948673498949e-06,
                   1.9621505650697975e-07,
                   -2.3536440320058201e-07,
                   -2.0809037625772266e-08,
                   2.9000461858867345e-08,
                   3.3550673363031342e-09,
                   -1.4101710388881779e-09);
  }
  return (1 + w * p) / (1 + 2 * z);
}

/// The standard normal distribution function, to 5 ulp, and its density, to 2.5.
template <class V>
struct Normal {
  V cdf, density;
};
GRADUS_ELEMENTARY Normal<V> normal(V x) {
  using S = Scalar<V>;
  const V z = within(magnitude(x), S(0), std::is_same_v<S, float> ? S(15) : S(39));  // the tail is 0 from there on
  const V e = exp_of_square(z, S(-0.5)), tail = S(0.5) * e * erfcx<V>(z * S(0.70710678118654752)), rest = 1 - tail;
  return {x > 0 ? rest : tail, e * S(0.39894228040143268)};
}

/// 1 - erf(x) to a relative error of 1e-8, as float needs it, for every x. With t = 1 / (1 + z / 2) and z >= 0,
/// ln(erfc(z) / t) + z^2 is a polynomial of t to 7e-9 (interpolated at Chebyshev's nodes).
[[gnu::always_inline]] inline double erfc_for_float(double x) {
  const double z = std::fabs(x), t = 1 / (1 + 0.5 * z);
  const double p = polynomial(t,
                              -1.2655121170707261,
                              0.99999783435681012,
                              0.37512063167248895,
                              0.080707503058182515,
                              -0.056477434272736343,
                              -0.33794924919783831,
                              0.71259183279955156,
                              -2.1227180445386406,
                              3.8225773902430331,
                              -3.6969152558712112,
                              1.9822865480879337,
                              -0.55679548566921634,
                              0.06308584359433057);
  const double tail = t * exp(p - z * z);
  return x < 0 ? 2 - tail : tail;
}

/// erf x of floats, to 1.5 ulp. Below 1, erf(x) / x - 1 is a polynomial of x^2 to 2e-9; beyond, ln(erfc(x)) is one of
/// x, so that erf is right to 2e-9; beyond 4 it is 1 (least squares at Chebyshev's nodes).
template <class V>
  requires std::is_same_v<Scalar<V>, float>
[[gnu::always_inline]] inline V erf(V x) {
  const V z = magnitude(x), s = z * z;
  const V near = z + z * polynomial(s,
                                    0.128379166f,
                                    -0.37612626f,
                                    0.112835974f,
                                    -0.0268543288f,
                                    0.00518931216f,
                                    -0.000801885501f,
                                    7.88249745e-05f);
  const V four = constant<V>(4), inside = z < 4 ? z : four;
  const Reduced<V> tail = reduced(polynomial(inside,
                                             -8.79337022e-05f,
                                             -1.12838328f,
                                             -0.635378897f,
                                             -0.10631308f,
                                             0.0240125898f,
                                             -0.00380951841f,
                                             0.000371037371f,
                                             -1.64859266e-05f));
  const V far = 1 - (1 + tail.expm1_r) * power_of_two(tail.k);
  const V number = z == z ? far : z, size = z < 1 ? near : number;
  return with_sign_of(size, x);
}

#undef GRADUS_ELEMENTARY

}  // namespace gradus::kernels::elementary
GRADUS_EXPORT_END

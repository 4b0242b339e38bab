#pragma once

// Elementary functions of one number without branches or calls, so that the compiler vectorises loops over
// them. Right everywhere: zeros of either sign, infinities, NaN, results that overflow or are subnormal.

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
  static constexpr float round = 0x1.8p23f;         // (x + round) - round is x as a whole number
  static constexpr float ln2_hi = 0x1.62e4p-1f;     // ln 2 in two parts; a whole number of exponent
  static constexpr float ln2_lo = 0x1.7f7d1cp-20f;  // size times the first is exact
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

template <class T>
using Bits = typename Format<T>::Bits;

template <class T>
[[gnu::always_inline]] inline Bits<T> bits(T x) {
  return std::bit_cast<Bits<T>>(x);
}

/// c0 + c1 x + c2 x^2 + …
template <class T, class... C>
[[gnu::always_inline]] inline T polynomial(T x, T c0, C... rest) {
  if constexpr (sizeof...(rest) == 0)
    return c0;
  else
    return c0 + x * polynomial(x, static_cast<T>(rest)...);
}

/// The largest numbers in place of infinite ones: the product with a factor that vanishes is then 0.
template <class T>
[[gnu::always_inline]] inline T finite(T x) {
  constexpr T most = std::numeric_limits<T>::max();
  return x < -most ? -most : x > most ? most : x;
}

template <class T>
[[gnu::always_inline]] inline T round_to_whole(T x) {
  return (x + Format<T>::round) - Format<T>::round;
}

/// 2^k for a whole k within the normal exponents.
template <class T>
[[gnu::always_inline]] inline T power_of_two(T k) {
  return std::bit_cast<T>((bits(k + Format<T>::round) << Format<T>::mantissa) + bits(T(1)));
}

/// x = k ln 2 + r with |r| <= ln 2 / 2, and e^r - 1 by Taylor's series.
template <class T>
struct Reduced {
  T k, expm1_r;
  [[gnu::always_inline]] explicit Reduced(T x) : k(round_to_whole(x * T(1.4426950408889634))) {
    const T r = (x - k * Format<T>::ln2_hi) - k * Format<T>::ln2_lo;
    if constexpr (std::is_same_v<T, float>)
      expm1_r =
          r + r * r * polynomial(r, 1.f / 2, 1.f / 6, 1.f / 24, 1.f / 120, 1.f / 720, 1.f / 5040);
    else
      expm1_r = r + r * r *
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
                                   1. / 6227020800);
  }
};

template <class T>
[[gnu::always_inline]] inline T exp(T x) {
  const T low = Format<T>::exp_low, high = Format<T>::exp_high;
  const Reduced<T> y(x < low ? low : x > high ? high : x);
  const T half = round_to_whole(y.k * T(0.5));
  return (1 + y.expm1_r) * power_of_two(half) * power_of_two(y.k - half);
}

template <class T>
[[gnu::always_inline]] inline T expm1(T x) {
  const T low = -40, high = Format<T>::exp_high;
  const Reduced<T> y(x < low ? low : x > high ? high : x);
  const T s = power_of_two(y.k - 1);  // 2^k may be infinite where the result is not
  const T result = 2 * (s * y.expm1_r + (s - T(0.5)));
  return std::fabs(x) < std::numeric_limits<T>::epsilon() / 4 ? x : result;
}

/// log(1 + f) for 1 + f within [sqrt(1/2), sqrt(2)], by the series of 2 atanh(s), s = f / (2 + f).
template <class T>
[[gnu::always_inline]] inline T log1p_series(T f) {
  const T s = f / (2 + f), z = s * s;
  T rest;
  if constexpr (std::is_same_v<T, float>)
    rest = z * polynomial(z, 2.f / 3, 2.f / 5, 2.f / 7, 2.f / 9);
  else
    rest = z * polynomial(z,
                          2. / 3,
                          2. / 5,
                          2. / 7,
                          2. / 9,
                          2. / 11,
                          2. / 13,
                          2. / 15,
                          2. / 17,
                          2. / 19,
                          2. / 21);
  return f - s * (f - rest);
}

template <class T>
[[gnu::always_inline]] inline T log(T x) {
  using F = Format<T>;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  constexpr Bits<T> one = std::bit_cast<Bits<T>>(T(1));
  constexpr Bits<T> root_half = std::bit_cast<Bits<T>>(T(0.70710678118654752));
  constexpr T lift = T(Bits<T>(1) << F::mantissa);
  // x = 2^e m with m in [sqrt(1/2), sqrt(2)); subnormal numbers are made normal first.
  const bool tiny = x < std::numeric_limits<T>::min();
  const Bits<T> u = bits(tiny ? x * lift : x) + (one - root_half);
  const T biased = std::bit_cast<T>((u >> F::mantissa) | bits(lift)) - lift;
  const T e = biased - T(one >> F::mantissa) - (tiny ? T(F::mantissa) : T(0));
  const T m = std::bit_cast<T>((u & ((Bits<T>(1) << F::mantissa) - 1)) + root_half);
  const T y = e * F::ln2_hi + (log1p_series(m - 1) + e * F::ln2_lo);
  const T above = x < infinity ? y : x;
  const T at_zero = x == 0 ? -infinity : above;
  return x < 0 ? std::numeric_limits<T>::quiet_NaN() : at_zero;
}

template <class T>
[[gnu::always_inline]] inline T log1p(T x) {
  const T u = 1 + x;
  // What rounding took from 1 + x.
  const T lost = x < 1 ? x - (u - 1) : 1 - (u - x);
  const bool finite = (u > 0) & (x < std::numeric_limits<T>::infinity());
  const T result = log(u) + (finite ? lost / u : T(0));
  return std::fabs(x) < std::numeric_limits<T>::epsilon() / 4 ? x : result;
}

template <class T>
[[gnu::always_inline]] inline T tanh(T x) {
  const T t = expm1(-2 * std::fabs(x));
  return std::copysign(-t / (2 + t), x);
}

template <class T>
[[gnu::always_inline]] inline T sigmoid(T x) {
  const T e = exp(-std::fabs(x));
  return (x < 0 ? e : T(1)) / (1 + e);
}

/// log(1 + e^x)
template <class T>
[[gnu::always_inline]] inline T softplus(T x) {
  const T e = exp(-std::fabs(x));
  // 1 + e is 1 + f, or 2 (1 + f) where that is nearer to 1.
  const bool halve = e > T(0.41421356);
  const T f = halve ? (e - 1) * T(0.5) : e;
  return (x > 0 ? x : T(0)) + ((halve ? T(0.69314718055994531) : T(0)) + log1p_series(f));
}

/// 1 - erf(x) to a relative error of 1e-8, as float needs it. With t = 1 / (1 + z / 2) and z >= 0,
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

/// Below 1, erf(x) / x - 1 is a polynomial of x^2 to 2e-9; beyond, ln(erfc(x)) is one of x, so that erf is right
/// to 2e-9; beyond 4 it is 1 (least squares at Chebyshev's nodes).
[[gnu::always_inline]] inline float erf(float x) {
  const float z = std::fabs(x), s = z * z;
  const float near = z + z * polynomial(s,
                                        0.128379166f,
                                        -0.37612626f,
                                        0.112835974f,
                                        -0.0268543288f,
                                        0.00518931216f,
                                        -0.000801885501f,
                                        7.88249745e-05f);
  const float within = z < 4 ? z : 4;
  const Reduced<float> tail(polynomial(within,
                                       -8.79337022e-05f,
                                       -1.12838328f,
                                       -0.635378897f,
                                       -0.10631308f,
                                       0.0240125898f,
                                       -0.00380951841f,
                                       0.000371037371f,
                                       -1.64859266e-05f));
  const float far = 1 - (1 + tail.expm1_r) * power_of_two(tail.k);
  return std::copysign(z < 1 ? near : z == z ? far : z, x);
}

}  // namespace gradus::kernels::elementary
GRADUS_EXPORT_END

#pragma once

// Trigonometric functions in the manner of elementary.h; those of angles also of rows of numbers of any size.

#include "gradus/kernels/elementary.h"
#include "gradus/tensor/export.h"

#include <cstdint>
#include <limits>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {
namespace elementary {

/// How far from 0 the functions of this header are right, |x| <= kNear; beyond, and of NaN, they give any number.
template <class T>
inline constexpr T kNear = std::is_same_v<T, float> ? T(65536) : T(25000);

/// x >= 0 as k pi/2 + r + rest with |r| up to pi/4 and little more. pi/2 in parts with so few bits that their products
/// with k are exact (Cody & Waite 1980); the last is not, nor need it be.
template <class V>
struct Turned {
  Bits<V> k;  // in the lower bits
  V r, rest;
};
GRADUS_ELEMENTARY Turned<V> turned(V x) {
  using S = Scalar<V>;
  const V lifted = x * S(0.63661977236758134) + Format<S>::round, k = lifted - Format<S>::round;
  if constexpr (std::is_same_v<S, float>) {
    const auto part = [](auto u, auto n) { return (u - n * 0x1.921fb54p+0) - n * 0x1.10b4611a62633p-30; };
    return {bits(lifted), in_doubles(part, x, k), constant<V>(0)};
  } else {
    const V high = x - k * 0x1.921fb5444p+0, middle = k * 0x1.68c234c4c4p-39, r1 = high - middle;
    const V low = k * 0x1.3145c06e0e689p-78 - ((high - r1) - middle), r = r1 - low;
    return {bits(lifted), r, (r1 - r) - low};
  }
}

/// Sine and cosine of one argument.
template <class V>
struct SinCos {
  V sin, cos;
};
/// Both of r + rest, by polynomials of r^2, interpolated at Chebyshev's nodes: of (r - sin r) / r^3, to 2e-8 of sin r
/// for float and to 2e-17 for double, and of (cos r - 1 + r^2/2) / r^4, to 1e-9 and to 6e-19.
GRADUS_ELEMENTARY SinCos<V> sin_cos_series(V r, V rest) {
  using S = Scalar<V>;
  const V z = r * r, half = S(0.5) * z, w = 1 - half;
  if constexpr (std::is_same_v<S, float>) {
    const V s = polynomial(z, 0.166666642f, -0.0083327461f, 0.000195873989f);
    const V c = polynomial(z, 0.0416666642f, -0.00138883013f, 2.45474494e-05f);
    return {r - r * z * s, w + (((1 - w) - half) + z * z * c)};
  } else {
    const V s = polynomial(z,
                           0.16666666666666666,
                           -0.008333333333330925,
                           0.0001984126983672327,
                           -2.7557316084256553e-06,
                           2.5051128035576778e-08,
                           -1.5917855108513334e-10);
    const V c = polynomial(z,
                           0.041666666666666664,
                           -0.0013888888888887382,
                           2.4801587298743602e-05,
                           -2.755731726028422e-07,
                           2.0876143885273595e-09,
                           -1.1382460896777354e-11);
    return {r - (r * z * s - product(w, rest)), w + (((1 - w) - half) + (z * z * c - product(r, rest)))};
  }
}

/// a where the bits of mask are set, else b.
template <class V>
[[gnu::always_inline]] inline V select(Bits<V> mask, V a, V b) {
  return from_bits<V>((bits(a) & mask) | (bits(b) & ~mask));
}

/// sin x and cos x, to 1 ulp (float 1.5).
GRADUS_ELEMENTARY SinCos<V> sin_cos(V x) {
  constexpr int top = 8 * sizeof(Scalar<V>) - 2;  // the place under the sign
  const Turned<V> t = turned(magnitude(x));
  const SinCos<V> y = sin_cos_series(t.r, t.rest);
  const Bits<V> odd = 0 - (t.k & 1);
  const Bits<V> sign = ((t.k & 2) << top) ^ (bits(x) & kSign<Scalar<V>>), sign_of_cos = ((t.k + 1) & 2) << top;
  return {from_bits<V>(bits(select<V>(odd, y.cos, y.sin)) ^ sign),
          from_bits<V>(bits(select<V>(odd, y.sin, y.cos)) ^ sign_of_cos)};
}

GRADUS_ELEMENTARY V sin(V x) { return sin_cos(x).sin; }
GRADUS_ELEMENTARY V cos(V x) { return sin_cos(x).cos; }

/// tan x, to 2.5 ulp (float 3).
GRADUS_ELEMENTARY V tan(V x) {
  const SinCos<V> y = sin_cos(x);
  return y.sin / y.cos;
}

/// What is missing from pi as a T.
template <class T>
inline constexpr T kRestOfPi = std::is_same_v<T, float> ? T(-0x1.777a5cf72cecep-24) : T(0x1.1a62633145c07p-53);

/// (1 - arctan(t) / t) / t^2 for |t| up to sqrt(2) - 1 and z = t^2: a polynomial of z, interpolated at Chebyshev's
/// nodes, to 3e-9 for float and to 5e-18 for double.
GRADUS_ELEMENTARY V atan_series(V z) {
  if constexpr (std::is_same_v<Scalar<V>, float>)
    return polynomial(z, 0.333333313f, -0.199995399f, 0.142639562f, -0.107437313f, 0.0645192638f);
  else
    return polynomial(z,
                      0.3333333333333333,
                      -0.1999999999999552,
                      0.14285714284666534,
                      -0.11111111015255701,
                      0.0909090457809704,
                      -0.07692183190202043,
                      0.06664511438591643,
                      -0.05858148836440617,
                      0.050854493383409805,
                      -0.03923164675132557,
                      0.019176872981101354);
}

/// arctan x, to 2 ulp, as that of t = x, (x - 1) / (x + 1) or -1 / x, and 0, pi/4 or pi/2.
GRADUS_ELEMENTARY V atan(V x) {
  using S = Scalar<V>;
  const V size = magnitude(x), zero = constant<V>(0), one = constant<V>(1), two = constant<V>(2), minus = -one;
  const V less = size - 1, more = size + 1;
  const auto large = size > S(2.41421356), beyond = size > S(0.41421356);
  const V top = beyond ? less : size, bottom = beyond ? more : one, quarter = beyond ? one : zero;
  const V above = large ? minus : top, below = large ? size : bottom, quarters = large ? two : quarter;
  const V t = above / below, z = t * t, rest = product<V>(quarters, constant<V>(kRestOfPi<S> / 4));
  const V y = t - (t * z * atan_series(z) - rest);
  return with_sign_of<V>(quarters * S(0.78539816339744831) + y, x);
}

/// arcsin(v) / v - 1 for |v| up to 1/2 and z = v^2: z times a polynomial of z, interpolated at Chebyshev's nodes, to
/// 1e-9 for float and to 4e-18 for double.
GRADUS_ELEMENTARY V asin_series(V z) {
  if constexpr (std::is_same_v<Scalar<V>, float>)
    return z * polynomial(z, 0.166666657f, 0.0750009418f, 0.0445994027f, 0.0311006624f, 0.0171492379f, 0.0336908475f);
  else
    return z * polynomial(z,
                          0.16666666666666669,
                          0.07499999999998433,
                          0.04464285714635543,
                          0.030381944138531247,
                          0.02237217294214989,
                          0.017352392720869973,
                          0.013971212973552933,
                          0.011479177415184906,
                          0.01032281435018578,
                          0.005457506718640358,
                          0.01740087944269402,
                          -0.014851887071247204,
                          0.028757851367421566);
}

/// arcsin v for v = |x| up to 1/2, for v = √((1 - |x|) / 2) beyond; it is then half the arccos of |x|.
GRADUS_ELEMENTARY V small_arc(V x) {
  using S = Scalar<V>;
  const V size = magnitude(x), half = S(0.5) * (1 - size), square = x * x, z = size > S(0.5) ? half : square;
  const V root = elementary::sqrt(z), v = size > S(0.5) ? root : size;
  return v + v * asin_series(z);
}

/// arcsin x, to 2.5 ulp; NaN beyond 1.
GRADUS_ELEMENTARY V asin(V x) {
  using S = Scalar<V>;
  const V near = small_arc(x), far = S(1.57079632679489662) - (2 * near - kRestOfPi<S> / 2);
  const V size = magnitude(x) > S(0.5) ? far : near;
  return with_sign_of(size, x);
}

/// arccos x, to 1.5 ulp; NaN beyond 1.
GRADUS_ELEMENTARY V acos(V x) {
  using S = Scalar<V>;
  const V arc = small_arc(x), near = S(1.57079632679489662) - (with_sign_of(arc, x) - kRestOfPi<S> / 2);
  const V twice = 2 * arc, rest = S(3.14159265358979324) - (twice - kRestOfPi<S>), far = x < 0 ? rest : twice;
  return magnitude(x) > S(0.5) ? far : near;
}

}  // namespace elementary

/// out[i] = sin x[i] for every x: as above, and by the C library beyond kNear.
template <class T>
void sin_row(T* out, const T* x, std::int64_t n);
/// out[i] = cos x[i], likewise.
template <class T>
void cos_row(T* out, const T* x, std::int64_t n);
/// out[i] = tan x[i], likewise.
template <class T>
void tan_row(T* out, const T* x, std::int64_t n);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

#pragma once

// Elementary functions without branches or calls, of one float or double, so that the compiler vectorises loops over
// them, or of a Vector of them: the same operations, hence the same bits. Right everywhere: zeros of either sign,
// infinities, NaN, results that overflow or are subnormal. Each takes every x and says by how many units in the last
// place (ulp) it is off at most, for float and double.

#include "gradus/tensor/export.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
  static constexpr float lift = 0x1p64f;                 // times 2^k it is normal for k = -163 … 0
};

template <>
struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr double round = 0x1.8p52;
  static constexpr double ln2_hi = 0x1.62e42fefa4p-1;
  static constexpr double ln2_lo = -0x1.8432a1b0e2634p-43;
  static constexpr double exp_low = -746, exp_high = 710;
  static constexpr double lift = 0x1p1000;  // for k = -1131 … 0
};

// The width of a register of the processor that is compiled for, and the name of an inline namespace for what is made
// of registers: a program and a library that are compiled for unlike processors have unlike types.
#if defined(__AVX512F__)
#define GRADUS_REGISTER_BYTES 64
#define GRADUS_REGISTERS registers_of_64
#elif defined(__AVX__)
#define GRADUS_REGISTER_BYTES 32
#define GRADUS_REGISTERS registers_of_32
#else
#define GRADUS_REGISTER_BYTES 16
#define GRADUS_REGISTERS registers_of_16
#endif

/// As many T as a register holds.
template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(GRADUS_REGISTER_BYTES)));
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

// (The headers made in this manner use it too.)
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

/// a b, rounded. The sum of it and of another product has the same bits however the compiler fuses the two.
GRADUS_ELEMENTARY V product(V a, V b) { return a * b + 0; }

/// N bytes of T.
template <class T, std::size_t N>
struct Bytes {
  typedef T type __attribute__((vector_size(N)));
};

/// f of floats as doubles, rounded to float; registers in two halves.
template <class F, class V, class... X>
[[gnu::always_inline]] inline V in_doubles(F f, V x, X... more) {
  if constexpr (std::is_same_v<V, float>) {
    return static_cast<float>(f(static_cast<double>(x), static_cast<double>(more)...));
  } else {
    using Doubles = typename Bytes<double, sizeof(V)>::type;
    using Half = typename Bytes<float, sizeof(V) / 2>::type;
    Half halves[2];
    const auto part = [](const V& v, int i) {
      Half half;
      std::memcpy(&half, reinterpret_cast<const char*>(&v) + i * static_cast<int>(sizeof half), sizeof half);
      return __builtin_convertvector(half, Doubles);
    };
    for (int i = 0; i < 2; ++i) halves[i] = __builtin_convertvector(f(part(x, i), part(more, i)...), Half);
    std::memcpy(&x, halves, sizeof x);
    return x;
  }
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

/// 2^k, or power 2^k for another power of two, for a whole k that leads to a normal exponent.
GRADUS_ELEMENTARY V power_of_two(V k, Scalar<V> power = 1) {
  using F = Format<Scalar<V>>;
  return from_bits<V>((bits(k + F::round) << F::mantissa) + bits(power));
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

/// The same where k <= 0, for less.
GRADUS_ELEMENTARY V exp_down(Reduced<V> x) {
  constexpr Scalar<V> lift = Format<Scalar<V>>::lift;
  return (1 + x.expm1_r) * power_of_two(x.k, lift) * (1 / lift);
}

/// e^x, to 1.01 ulp; 0 from exp_low down, infinite from exp_high up.
GRADUS_ELEMENTARY V exp(V x) {
  using F = Format<Scalar<V>>;
  return exp<V>(reduced(within(x, F::exp_low, F::exp_high)));
}

/// The same for x <= 0.
GRADUS_ELEMENTARY V exp_down(V x) {
  const V low = constant<V>(Format<Scalar<V>>::exp_low);
  return exp_down<V>(reduced<V>(x < low ? low : x));
}

/// e^(scale x^2) for a scale of -1 or -1/2 and |x| up to 40, to 2 ulp. The square is taken in two parts: rounded, and
/// what rounding took; or that of x without the lower half of its bits, which is exact, and the rest.
GRADUS_ELEMENTARY V exp_of_square(V x, Scalar<V> scale) {
#ifdef __FMA__
  const V square = product(x, x);
  V rest = square;
  if constexpr (std::is_floating_point_v<V>)
    rest = std::fma(x, x, -square);
  else
    for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(Scalar<V>)); ++i)
      rest[i] = std::fma(x[i], x[i], -square[i]);
#else
  using B = typename Format<Scalar<V>>::Bits;
  const V high = from_bits<V>(bits(x) & ~((B(1) << (Format<Scalar<V>>::mantissa + 2) / 2) - 1));
  const V square = high * high, rest = (x - high) * (x + high);
#endif
  return exp_down<V>(reduced<V>(scale * square, scale * rest));
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

/// x > 0 as 2^exponent mantissa with a mantissa in [sqrt(1/2), sqrt(2)); subnormal numbers are made normal first.
template <class V>
struct Split {
  V exponent, mantissa;
};
GRADUS_ELEMENTARY Split<V> split(V x) {
  using S = Scalar<V>;
  using F = Format<S>;
  using B = typename F::Bits;
  constexpr B one = std::bit_cast<B>(S(1)), root_half = std::bit_cast<B>(S(0.70710678118654752));
  constexpr S lift = S(B(1) << F::mantissa);
  const auto tiny = x < std::numeric_limits<S>::min();
  const V lifted = x * lift, normal = tiny ? lifted : x;
  const Bits<V> u = bits(normal) + (one - root_half);
  const V biased = from_bits<V>((u >> F::mantissa) | bits(lift)) - lift;
  const V zero = constant<V>(0), below = constant<V>(S(F::mantissa)), down = tiny ? below : zero;
  return {biased - S(one >> F::mantissa) - down, from_bits<V>((u & ((B(1) << F::mantissa) - 1)) + root_half)};
}

/// y, the logarithm of x where x is positive and finite; -infinity at 0, NaN below.
GRADUS_ELEMENTARY V log_anywhere(V x, V y) {
  using S = Scalar<V>;
  constexpr S infinity = std::numeric_limits<S>::infinity();
  const V low = constant<V>(-infinity), none = constant<V>(std::numeric_limits<S>::quiet_NaN());
  const V above = x < infinity ? y : x;
  const V at_zero = x == 0 ? low : above;
  return x < 0 ? none : at_zero;
}

/// ln x, to 1.5 ulp; -infinity at 0, NaN below.
GRADUS_ELEMENTARY V log(V x) {
  using F = Format<Scalar<V>>;
  const auto [e, m] = split(x);
  return log_anywhere<V>(x, e * F::ln2_hi + (log1p_series<V>(m - 1) + e * F::ln2_lo));
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
  const V e = exp_down<V>(-magnitude(x)), one = constant<V>(1), above = x < 0 ? e : one;
  return above / (1 + e);
}

/// log(1 + e^x), to 2.5 ulp.
GRADUS_ELEMENTARY V softplus(V x) {
  using S = Scalar<V>;
  const V e = exp_down<V>(-magnitude(x)), zero = constant<V>(0), ln2 = constant<V>(S(0.69314718055994531));
  // 1 + e is 1 + f, or 2 (1 + f) where that is nearer to 1.
  const auto halve = e > S(0.41421356);
  const V half = (e - 1) * S(0.5), f = halve ? half : e, base = halve ? ln2 : zero;
  const V positive = x > 0 ? x : zero;
  return positive + (base + log1p_series(f));
}

/// √x of a number, or of each of a register.
GRADUS_ELEMENTARY V sqrt(V x) {
  if constexpr (std::is_floating_point_v<V>) {
    return std::sqrt(x);
  } else {
    for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(Scalar<V>)); ++i) x[i] = std::sqrt(x[i]);
    return x;
  }
}

/// e^|x| = 2^k (1 + expm1_r), and e^|x| / 2, which is finite where sinh and cosh are.
template <class V>
struct OfMagnitude {
  Reduced<V> whole;
  V half;
};
GRADUS_ELEMENTARY OfMagnitude<V> exp_of_magnitude(V x) {
  const Reduced<V> y = reduced(within(magnitude(x), Scalar<V>(0), Format<Scalar<V>>::exp_high + 2));
  return {y, exp(Reduced<V>{y.k - 1, y.expm1_r})};
}

/// (e^x + e^-x) / 2, to 2 ulp.
GRADUS_ELEMENTARY V cosh(V x) {
  const V half = exp_of_magnitude(x).half;
  return half + Scalar<V>(0.25) / half;
}

/// (e^x - e^-x) / 2 = h + h / (1 + 2 h) for h = (e^x - 1) / 2, to 2.5 ulp.
GRADUS_ELEMENTARY V sinh(V x) {
  using S = Scalar<V>;
  const V size = magnitude(x), zero = constant<V>(0);
  const OfMagnitude<V> y = exp_of_magnitude(x);
  const V s = power_of_two(within(y.whole.k - 1, S(-1), S(100))), h = s * y.whole.expm1_r + (s - S(0.5));
  const V quotient = h / (1 + 2 * h), from_h = size < 40 ? h : y.half, more = size < 40 ? quotient : zero;
  return magnitude(x) < std::numeric_limits<S>::epsilon() / 4 ? x : with_sign_of(from_h + more, x);
}

/// Beyond, x^2 + 1 is x^2, so that the functions below are ln x + ln 2.
template <class T>
inline constexpr T kSquareOnly = std::is_same_v<T, float> ? T(0x1p13) : T(0x1p28);

/// ln(x + √(x^2 + 1)), to 3 ulp.
GRADUS_ELEMENTARY V asinh(V x) {
  using S = Scalar<V>;
  const V size = magnitude(x), square = size * size, zero = constant<V>(0), ln2 = constant<V>(S(0.69314718055994531));
  const auto large = size > kSquareOnly<S>;
  const V near = size + square / (1 + elementary::sqrt<V>(1 + square)), far = size - 1, of = large ? far : near;
  const V y = log1p(of), more = large ? ln2 : zero;
  return with_sign_of<V>(y + more, x);
}

/// ln(x + √(x^2 - 1)), to 3 ulp; NaN below 1.
GRADUS_ELEMENTARY V acosh(V x) {
  using S = Scalar<V>;
  const V t = x - 1, zero = constant<V>(0), ln2 = constant<V>(S(0.69314718055994531));
  const auto large = x > kSquareOnly<S>;
  const V near = t + elementary::sqrt<V>(t * (t + 2)), of = large ? t : near, more = large ? ln2 : zero;
  const V y = log1p(of) + more, none = constant<V>(std::numeric_limits<S>::quiet_NaN());
  return x < 1 ? none : y;
}

/// ln((1 + x) / (1 - x)) / 2, to 3 ulp; NaN beyond 1.
GRADUS_ELEMENTARY V atanh(V x) {
  using S = Scalar<V>;
  const V size = magnitude(x);
  return with_sign_of<V>(S(0.5) * log1p<V>(2 * size / (1 - size)), x);
}

}  // namespace gradus::kernels::elementary
GRADUS_EXPORT_END

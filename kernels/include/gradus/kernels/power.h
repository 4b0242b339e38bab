#pragma once

// Powers, and logarithms to other bases than e, in the manner of elementary.h.

#include "gradus/kernels/elementary.h"
#include "gradus/tensor/export.h"

#include <cstdint>
#include <limits>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels::elementary {

/// 2^r - 1 for |r| up to 1/2 and little more, as r times a polynomial interpolated at Chebyshev's nodes: for double to
/// 7e-18; for float, and for double where `rough`, to 4e-9.
template <bool rough, class V>
[[gnu::always_inline]] inline V exp2m1_series(V r) {
  using S = Scalar<V>;
  if constexpr (rough || std::is_same_v<S, float>)
    return r * polynomial(r,
                          S(0.6931471882030873),
                          S(0.24022650762099465),
                          S(0.05550356268376115),
                          S(0.009618081824942148),
                          S(0.001339131278485419),
                          S(0.0001545355204485856));
  else
    return r * polynomial(r,
                          0.6931471805599453,
                          0.240226506959101,
                          0.0555041086648216,
                          0.009618129107606205,
                          0.0013333558146416571,
                          0.0001540353044288114,
                          1.5252733830446484e-05,
                          1.3215441892668178e-06,
                          1.0178062075257005e-07,
                          7.0727244607308815e-09,
                          4.455034428307108e-10);
}

/// 2^x, to 1 ulp.
GRADUS_ELEMENTARY V exp2(V x) {
  using S = Scalar<V>;
  constexpr S most = std::is_same_v<S, float> ? 155 : 1100;  // 2^most is infinite, and 2^-most is 0
  const V y = within(x, -most, most), k = round_to_whole(y);
  return exp(Reduced<V>{k, exp2m1_series<false>(y - k)});
}

/// log2 x, to 2 ulp, and exact for powers of two; -infinity at 0, NaN below.
GRADUS_ELEMENTARY V log2(V x) {
  const auto [e, m] = split(x);
  const V y = log1p_series<V>(m - 1);
  return log_anywhere<V>(x, e + (y + y * Scalar<V>(0.44269504088896341)));
}

/// log10 x, to 2 ulp; -infinity at 0, NaN below.
GRADUS_ELEMENTARY V log10(V x) {
  using S = Scalar<V>;
  constexpr bool floats = std::is_same_v<S, float>;
  constexpr S high = floats ? S(0x1.344p-2) : S(0x1.34413509f7p-2);  // log10 2
  constexpr S low = floats ? S(0x1.3509f8p-18) : S(0x1.3fde623e2566bp-43);
  const auto [e, m] = split(x);
  const V of_mantissa = log1p_series<V>(m - 1), rest = product<V>(e, constant<V>(low));
  return log_anywhere<V>(x, e * high + (of_mantissa * S(0.43429448190325183) + rest));
}

/// A double without the lower half of its bits, so that products of two such are exact (Dekker 1971).
GRADUS_ELEMENTARY V upper(V x) { return from_bits<V>(bits(x) & ~((std::uint64_t(1) << 27) - 1)); }

/// high + low, where high is an `upper` number.
template <class V>
struct TwoParts {
  V high, low;
};

/// log2 x of a positive double, to 2^-66 of it: with m = (1 + s) / (1 - s) and z = s^2, ln m is
/// 2/3 s (3 + z + z^2 p(z)), p a polynomial interpolated at Chebyshev's nodes, to 1e-21.
GRADUS_ELEMENTARY TwoParts<V> log2_parts(V x) {
  const auto [e, m] = split(x);
  const V f = m - 1, t = upper<V>(m + 1), inverse = 1 / (m + 1), s = f * inverse, z = s * s;
  const V s_high = upper(s), s_low = ((f - s_high * t) - s_high * (m - (t - 1))) * inverse;
  const V p = polynomial(z,
                         0.6,
                         0.4285714285714405,
                         0.33333333332484344,
                         0.27272727502972727,
                         0.23076892456223372,
                         0.20002206363855055,
                         0.17559372636850473,
                         0.17584578367407086);
  const V z_high = s_high * s_high, z_low = product<V>(s_low, s_high + s), more = z_low + z * z * p;
  const V q = upper<V>(3 + (z_high + more)), q_low = more - ((q - 3) - z_high);
  const V high = s_high * q, low_by_s = product(s_low, q), low = low_by_s + q_low * s;
  // times 2 / (3 ln 2) = a + b
  constexpr double a = 0x1.ec709d8p-1, b = 0x1.0e80ff5d27f05p-27;
  const V sum = upper<V>(high + low), rest = low - (sum - high);
  const V y = a * sum, low_by_b = product(constant<V>(b), sum), y_low = low_by_b + rest * (a + b);
  const V result = upper<V>(e + (y + y_low));
  return {result, y_low - ((result - e) - y)};
}

/// log2 x of a positive double, to 4e-12 of it, by the series of 2 atanh(s) as above.
GRADUS_ELEMENTARY V rough_log2(V x) {
  const auto [e, m] = split(x);
  const V s = (m - 1) / (m + 1), z = s * s;
  const V p = polynomial(
      z, 2.885390081789987, 0.9617966734514691, 0.5770835660210635, 0.41167376520935295, 0.34071206154216194);
  return e + s * p;
}

/// y log2 x for x >= 0 and any y, in two parts.
template <bool rough, class V>
[[gnu::always_inline]] inline TwoParts<V> times_log2(V y, V x) {
  if constexpr (rough) return {y * log_anywhere<V>(x, rough_log2(x)), constant<V>(0)};
  const TwoParts<V> l = log2_parts(x);
  const V high = upper(y), of_low = product<V>(y - high, l.high);
  const auto infinite = (x == 0) | (x > std::numeric_limits<double>::max());
  const V factor = infinite ? y : high;  // high may be 0
  return {factor * log_anywhere<V>(x, l.high), of_low + y * l.low};
}

/// x^y of doubles, to 1.5 ulp, or, if `rough`, to 2e-8 of it. Special values are those of std::pow.
template <bool rough, class V>
[[gnu::always_inline]] inline V pow_of_doubles(V x, V y) {
  constexpr double most = 1100;  // 2^most is infinite, and 2^-most is 0
  const V zero = constant<V>(0), one = constant<V>(1), none = constant<V>(std::numeric_limits<double>::quiet_NaN());
  const V size = magnitude(x);
  const TwoParts<V> exponent = times_log2<rough>(y, size);
  const V rest = magnitude(exponent.high) < most ? exponent.low : zero;
  const V bounded = within(exponent.high, -most, most), k = round_to_whole(bounded);
  const V power = exp(Reduced<V>{k, exp2m1_series<rough>((bounded - k) + rest)});

  const auto of_one = (size == 1) & (y == y);  // of an infinite y too
  const V known = of_one ? one : power;
  // From 2^52 on all y are whole, from 2^53 on even. Odd ones have a last bit.
  const V y_size = magnitude(y), lifted = y_size + 0x1p52;
  const auto whole = (y_size >= 0x1p52) | (lifted - 0x1p52 == y_size);
  const V last = y_size < 0x1p52 ? lifted : y_size;
  const auto countable = (y_size < 0x1p53) & whole;
  const V odd = countable ? last : zero;
  const V with_sign = from_bits<V>(bits(known) ^ ((bits(odd) << 63) & bits(x)));
  const auto possible = (x >= 0) | (x < std::numeric_limits<double>::lowest()) | whole;
  const V real = possible ? with_sign : none;
  const auto always_one = (x == 1) | (y == 0);
  return always_one ? one : real;
}

/// x^y, to 1.5 ulp (float 1). Special values are those of std::pow.
GRADUS_ELEMENTARY V pow(V x, V y) {
  if constexpr (std::is_same_v<Scalar<V>, float>)
    return in_doubles([](auto u, auto v) { return pow_of_doubles<true>(u, v); }, x, y);
  else
    return pow_of_doubles<false>(x, y);
}

/// run(f) with a function of a number or a register where x^exponent is a product or root, else any().
template <class T, class Run, class Any>
[[gnu::always_inline]] inline auto with_power(T exponent, Run run, Any any) {
  if (exponent == 2) return run([](auto x) { return x * x; });
  if (exponent == 3) return run([](auto x) { return x * x * x; });
  if (exponent == T(0.5))
    return run([](auto x) {  // as pow: 0 of -0, infinite of -infinity
      const auto root = elementary::sqrt(x) + 0, other = -x;
      return x < std::numeric_limits<T>::lowest() ? other : root;
    });
  return any();
}

}  // namespace gradus::kernels::elementary
GRADUS_EXPORT_END

#include "exact/table.h"

#include <array>
#include <utility>

// Elementary and special functions.

namespace gradus::detail {
namespace {

Exact logit_of(Exact x) {
  // Around 1/2 the quotient is near 1; 2 x - 1 is exact there.
  if (x > 0.25L && x < 0.75L) return std::log1p((2 * x - 1) / (1 - x));
  return std::log(x) - std::log1p(-x);
}
Exact clamped_logit(X x) {
  const Exact low = x.rounded(0.2), high = x.rounded(1 - 0.2);
  return logit_of(x[0] < low ? low : x[0] > high ? high : x[0]);
}

Exact logaddexp_of(Exact a, Exact b) {
  if (std::isnan(a) || std::isnan(b)) return kExactNaN;
  if (a == b) return a + std::numbers::ln2_v<Exact>;  // infinities too
  const auto [low, high] = a < b ? std::pair(a, b) : std::pair(b, a);
  return high + std::log1p(std::exp(low - high));
}

/// 0 where a = 0, whatever b, but for NaN.
Exact xlogy_of(Exact a, Exact b) { return a == 0 && !std::isnan(b) ? 0 : a * std::log(b); }

// ---- the gamma function --------------------------------------------------------------------------

/// B_2, B_4, …
constexpr std::array<Exact, 10> kBernoulliNumbers{1 / 6.L,
                                                  -1 / 30.L,
                                                  1 / 42.L,
                                                  -1 / 30.L,
                                                  5 / 66.L,
                                                  -691 / 2730.L,
                                                  7 / 6.L,
                                                  -3617 / 510.L,
                                                  43867 / 798.L,
                                                  -174611 / 330.L};
constexpr Exact kPi = std::numbers::pi_v<Exact>;

/// x without its nearest whole number, times pi.
Exact angle(Exact x) { return kPi * (x - std::nearbyint(x)); }
bool is_pole(Exact x) { return x <= 0 && x == std::floor(x); }

/// Σ B_2k / (2k x^2k): what is missing to ln x - 1/(2x) - ψ(x), for large x (Abramowitz & Stegun 6.3.18).
Exact digamma_tail(Exact x) {
  Exact sum = 0;
  for (std::size_t k = kBernoulliNumbers.size(); k-- > 0;)
    sum = (sum + kBernoulliNumbers[k] / (2 * static_cast<Exact>(k) + 2)) / (x * x);
  return sum;
}

/// Around the zero x0 as ψ(x) - ψ(x0), of which each term has the factor x - x0.
Exact digamma_near_zero(Exact x) {
  const Exact x0 = 1.4616321449683623412626595423257213L, d = x - x0;
  Exact sum = 0;
  int k = 0;
  for (; k < 40; ++k) sum += 1 / ((x + k) * (x0 + k));
  const Exact a = x0 + k, b = x + k;
  return d * (sum + 0.5L / (a * b)) + std::log1p(d / a) - (digamma_tail(b) - digamma_tail(a));
}

/// ψ^(n)(x) for n = 1 and 2 and x > 0: Σ over k of n! (x + k)^-(n+1) up to its sign, the last terms by Euler and
/// Maclaurin's formula (Abramowitz & Stegun 6.4.11).
Exact polygamma_above(int n, Exact x) {
  Exact sum = 0;
  for (; x < 40; ++x) sum += std::pow(x, -(n + 1));
  sum *= n;  // n!
  const Exact z = 1 / (x * x);
  if (n == 1) {
    Exact tail = 0, power = z / x;
    for (const Exact b : kBernoulliNumbers) tail += b * power, power *= z;
    return sum + 1 / x + z / 2 + tail;
  }
  Exact tail = 0, power = z * z;
  for (std::size_t k = 0; k < kBernoulliNumbers.size(); ++k, power *= z)
    tail += kBernoulliNumbers[k] * (2 * static_cast<Exact>(k) + 3) * power;
  return -(sum + z + z / x + tail);
}

}  // namespace

Exact exact_digamma(Exact x) {
  if (x == 0) return std::copysign(kExactInfinity, -x);
  if (is_pole(x) || std::isnan(x)) return kExactNaN;
  if (x < 0) return exact_digamma(1 - x) - kPi / std::tan(angle(x));
  if (x == kExactInfinity) return x;
  if (std::fabs(x - 1.46L) < 0.4L) return digamma_near_zero(x);
  Exact sum = 0;
  for (; x < 40; ++x) sum -= 1 / x;
  return sum + std::log(x) - 0.5L / x - digamma_tail(x);
}

/// No limit at -infinity: poles go on.
Exact exact_trigamma(Exact x) {
  if (std::isnan(x) || x == -kExactInfinity) return kExactNaN;
  if (is_pole(x)) return kExactInfinity;
  if (x > 0) return x == kExactInfinity ? 0 : polygamma_above(1, x);
  const Exact s = std::sin(angle(x)) / kPi;
  return 1 / (s * s) - exact_trigamma(1 - x);
}
Exact exact_tetragamma(Exact x) {
  if (x == 0) return std::copysign(kExactInfinity, -x);
  if (std::isnan(x) || is_pole(x)) return kExactNaN;
  if (x > 0) return x == kExactInfinity ? -0.0L : polygamma_above(2, x);
  const Exact s = std::sin(angle(x)) / kPi;
  return exact_tetragamma(1 - x) - 2 * std::cos(angle(x)) / (s * s * s);
}

/// By Newton's steps on erf y = x, or on erfc where that is smaller.
Exact exact_erfinv(Exact x) {
  const Exact size = std::fabs(x), half_root = 1 / (2 * std::numbers::inv_sqrtpi_v<Exact>);
  if (!(size < 1)) return size == 1 ? std::copysign(kExactInfinity, x) : kExactNaN;
  if (size < 1e-9L) return x * half_root;
  const Exact tail = 1 - size;
  Exact y = size < 0.7L ? size * half_root : std::sqrt(-std::log(tail * (1 + size)));
  for (int step = 0; step < 60; ++step) {
    const Exact off = size < 0.5L ? std::erf(y) - size : tail - std::erfc(y);
    y -= off * half_root * std::exp(y * y);
  }
  return std::copysign(y, x);
}

std::vector<ExactOp> exact_functions() {
  constexpr auto largest = ExactOp::Units::of_largest;
  constexpr auto value = ExactOp::Units::of_value;
  return {
      {"exp", "", [](X x) { return std::exp(x[0]); }, 1.01, 1.01},
      {"expm1", "", [](X x) { return std::expm1(x[0]); }, 2.5, 2.5},
      {"exp2", "", [](X x) { return std::exp2(x[0]); }, 1, 1},
      {"log", "", [](X x) { return std::log(x[0]); }, 1.5, 1.5},
      {"log1p", "", [](X x) { return std::log1p(x[0]); }, 2.5, 2.5},
      {"log2", "", [](X x) { return std::log2(x[0]); }, 2, 2},
      {"log10", "", [](X x) { return std::log10(x[0]); }, 2, 2},
      {"sin", "", [](X x) { return std::sin(x[0]); }, 1.5, 1},
      {"cos", "", [](X x) { return std::cos(x[0]); }, 1.5, 1},
      {"tan", "", [](X x) { return std::tan(x[0]); }, 3, 2.5},
      {"asin", "", [](X x) { return std::asin(x[0]); }, 2.5, 2.5},
      {"acos", "", [](X x) { return std::acos(x[0]); }, 1.5, 1.5},
      {"atan", "", [](X x) { return std::atan(x[0]); }, 2, 2},
      {"sinh", "", [](X x) { return std::sinh(x[0]); }, 2.5, 2.5},
      {"cosh", "", [](X x) { return std::cosh(x[0]); }, 2, 2},
      {"tanh", "", [](X x) { return std::tanh(x[0]); }, 3, 3},
      {"asinh", "", [](X x) { return std::asinh(x[0]); }, 3, 3},
      {"acosh", "", [](X x) { return std::acosh(x[0]); }, 3, 3},
      {"atanh", "", [](X x) { return std::atanh(x[0]); }, 3, 3},
      {"atan2", "", [](X x) { return std::atan2(x[0], x[1]); }, 1.5, 1.5},
      {"hypot", "", [](X x) { return std::hypot(x[0], x[1]); }, 1, 1},
      {"logaddexp", "", [](X x) { return logaddexp_of(x[0], x[1]); }, 3, 3, largest},
      {"xlogy", "", [](X x) { return xlogy_of(x[0], x[1]); }, 2, 2},
      {"erf", "", [](X x) { return std::erf(x[0]); }, 1.5, 1.5},
      {"erfc", "", [](X x) { return std::erfc(x[0]); }, 1, 4},
      {"erfinv", "", [](X x) { return exact_erfinv(x[0]); }, 0.51, 3},
      {"logit", "", [](X x) { return logit_of(x[0]); }, 3, 3},
      {"logit", "eps 0.2", clamped_logit, 3, 3},
      {"lgamma", "", [](X x) { return std::lgamma(x[0]); }, 0.51, 5},
      {"digamma", "", [](X x) { return exact_digamma(x[0]); }, 0.51, 15, value, 0},
      {"polygamma", "1", [](X x) { return exact_trigamma(x[0]); }, 0.51, 5},
      {"polygamma", "2", [](X x) { return exact_tetragamma(x[0]); }, 0.51, 5, value, 0},
      {"polygamma", "1, below 0", [](X x) { return exact_trigamma(x[0]); }, 0.51, 5},
  };
}

}  // namespace gradus::detail

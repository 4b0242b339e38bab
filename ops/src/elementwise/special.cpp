#include "elementwise/functions.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/error_function.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"

#include <array>
#include <cmath>  // and lgamma_r, which unlike lgamma writes to nothing shared
#include <limits>
#include <numbers>
#include <vector>

// The error function at large arguments, the inverses of it and of the sigmoid, and the logarithm of the gamma function
// with its derivatives.
// Those are computed in double: float results are rounded once more.

namespace gradus {
namespace detail {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class F>
Tensor in_double(const Tensor& x, F f) {
  return floating(x, [f](auto v) { return static_cast<decltype(v)>(f(static_cast<double>(v))); });
}

// ---- the error function --------------------------------------------------------------------------

/// From a start that is right to 0.2 % (Winitzki 2008, "A handy approximation for the error function and its
/// inverse"), three steps of Halley's, each of which cubes the relative error.
double erfinv_value(double x) {
  if (!(std::abs(x) < 1)) return std::abs(x) == 1 ? std::copysign(kInfinity, x) : kNaN;
  const double a = 0.147, size = std::abs(x), tail = 1 - size;
  const double log = size < 0.5 ? std::log1p(-size * size) : std::log(tail * (1 + size));
  const double b = 2 / (std::numbers::pi * a) + log / 2;
  double y = std::sqrt(-log / a / (std::sqrt(b * b - log / a) + b));
  for (int step = 0; step < 3; ++step) {
    const double off = size < 0.5 ? std::erf(y) - size : tail - std::erfc(y);
    const double u = off * std::exp(y * y) / (2 * std::numbers::inv_sqrtpi);
    y -= u / (1 + y * u);
  }
  return std::copysign(y, x);
}

struct Erfc : Op {
  static constexpr OpInfo info{.name = "erfc", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const {
    return floating(x, [](auto v) { return elementary::erfc(v); });
  }
  Cotangents vjp(const Pullback& p) const {
    return {mul(mul(p.g, -2 * std::numbers::inv_sqrtpi), exp(neg(square(finite_if_recorded(p.in(0))))))};
  }
};

struct Erfinv : Op {
  static constexpr OpInfo info{.name = "erfinv", .saves = Saves::output, .domain = domain(-0.9, 0.9), .flops = 100};
  Tensor forward(const Tensor& x) const { return in_double(x, erfinv_value); }
  Cotangents vjp(const Pullback& p) const {
    return {mul(p.g, mul(exp(square(p.out())), 0.5 / std::numbers::inv_sqrtpi))};
  }
};

// ---- the sigmoid ---------------------------------------------------------------------------------

struct Logit : Op {
  static constexpr OpInfo info{.name = "logit", .saves = Saves::input0, .domain = domain(0.1, 0.9), .flops = 10};
  Tensor forward(const Tensor& x) const {
    return floating(x, [](auto v) {
      using T = decltype(v);
      // Around 1/2 the quotient is near 1; 2 v - 1 is exact there.
      const bool middle = (v > T(0.35)) & (v < T(0.65));
      const T near = elementary::log1p((2 * v - 1) / (1 - v)), far = elementary::log(v / (1 - v));
      return middle ? near : far;
    });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0);
    return {div(p.g, mul(x, sub(1, x)))};
  }
};

// ---- the gamma function --------------------------------------------------------------------------

/// B_2, B_4, …
constexpr std::array<double, 10> kBernoulli{
    1. / 6, -1. / 30, 1. / 42, -1. / 30, 5. / 66, -691. / 2730, 7. / 6, -3617. / 510, 43867. / 798, -174611. / 330};

/// sum over k >= 0 of (q + k)^-s for s > 1 and q > 0: the first terms, and Euler and Maclaurin's formula for the
/// others (Abramowitz & Stegun 23.1.30).
double hurwitz_zeta(double s, double q) {
  if (std::isinf(q)) return 0;
  double sum = 0;
  const double enough = std::max(12., s);
  for (; q < enough; ++q) sum += std::pow(q, -s);
  const double term = std::pow(q, -s);  // 0 for a q whose power of 1 - s is none
  sum += std::pow(q, 1 - s) / (s - 1) + term / 2;
  double factor = term * s / (2 * q);
  for (std::size_t j = 0; j < kBernoulli.size(); ++j) {
    const double k = 2 * static_cast<double>(j) + 1;
    sum += factor * kBernoulli[j];
    factor *= (s + k) * (s + k + 1) / ((k + 2) * (k + 3) * q * q);
  }
  return sum;
}

/// Around its zero x0 = 1.4616…: sum over k >= 1 of -(-1)^k zeta(k + 1, x0) (x - x0)^k, Taylor's series.
double digamma_near_zero(double x) {
  constexpr double high = 1.4616321449683622, low = 9.549995429965697e-17;
  static const auto coefficients = [] {
    std::array<double, 36> c{};
    for (std::size_t k = 0; k < c.size(); ++k)
      c[k] = (k % 2 == 0 ? 1 : -1) * hurwitz_zeta(static_cast<double>(k) + 2, high);
    return c;
  }();
  const double d = (x - high) - low;
  double sum = 0;
  for (std::size_t k = coefficients.size(); k-- > 0;) sum = sum * d + coefficients[k];
  return sum * d;
}

/// tan(pi x), exact in its period.
double tan_pi(double x) { return std::tan(std::numbers::pi * (x - std::nearbyint(x))); }

double digamma_value(double x) {
  if (x == 0) return std::copysign(kInfinity, -x);
  if (x < 0) {
    if (x == std::floor(x)) return kNaN;
    return digamma_value(1 - x) - std::numbers::pi / tan_pi(x);
  }
  if (std::abs(x - 1.46) < 0.5) return digamma_near_zero(x);
  double sum = 0;
  for (; x < 10; ++x) sum -= 1 / x;
  if (std::isinf(x)) return x;
  const double z = 1 / (x * x);
  double tail = 0;
  for (std::size_t j = kBernoulli.size(); j-- > 0;)
    tail = z * (tail + kBernoulli[j] / (2 * static_cast<double>(j) + 2));
  return sum + (std::log(x) - 0.5 / x - tail);
}

/// The n-th derivative of pi cot(pi x): pi^(n+1) P_n(cot pi x), P_0 = c and P_(k+1) = -(1 + c^2) P_k'.
double cotangent_derivative(int n, double x) {
  std::vector<double> p{0, 1};
  for (int k = 0; k < n; ++k) {
    std::vector<double> next(p.size() + 1, 0);
    for (std::size_t i = 1; i < p.size(); ++i) {
      next[i - 1] -= static_cast<double>(i) * p[i];
      next[i + 1] -= static_cast<double>(i) * p[i];
    }
    p = next;
  }
  const double c = 1 / tan_pi(x);
  double sum = p.back();  // (c may be infinite)
  for (std::size_t i = p.size() - 1; i-- > 0;) sum = sum * c + p[i];
  return sum * std::pow(std::numbers::pi, n + 1);
}

/// n >= 1. There is no limit at -infinity, where poles go on.
double polygamma_value(int n, double x) {
  if (std::isinf(x) && x < 0) return kNaN;
  const bool odd = n % 2 != 0;
  if (x == std::floor(x) && x <= 0) return odd ? kInfinity : x == 0 ? std::copysign(kInfinity, -x) : kNaN;
  if (x < 0) return (odd ? -1 : 1) * polygamma_value(n, 1 - x) - cotangent_derivative(n, x);
  return (odd ? 1 : -1) * std::tgamma(n + 1.) * hurwitz_zeta(n + 1., x);
}

struct Polygamma : Op {
  static constexpr OpInfo info{.name = "polygamma", .saves = Saves::input0, .domain = domain(0.6, 3), .flops = 100};
  int n = 1;
  template <class V>
  void visit(V&& v) const {
    v("n", n);
  }
  Tensor forward(const Tensor& x) const {
    return in_double(x, [n = n](double v) { return polygamma_value(n, v); });
  }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, polygamma(n + 1, p.in(0)))}; }
};

struct Digamma : Op {
  static constexpr OpInfo info{.name = "digamma", .saves = Saves::input0, .domain = domain(0.6, 3), .flops = 100};
  Tensor forward(const Tensor& x) const { return in_double(x, digamma_value); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, polygamma(1, p.in(0)))}; }
};

struct Lgamma : Op {
  static constexpr OpInfo info{.name = "lgamma", .saves = Saves::input0, .domain = domain(0.6, 3), .flops = 100};
  Tensor forward(const Tensor& x) const {
    return in_double(x, [](double v) {
      int sign = 0;
      return ::lgamma_r(v, &sign);
    });
  }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, digamma(p.in(0)))}; }
};

}  // namespace
}  // namespace detail

using namespace detail;

Tensor erfc(Arg x) { return apply_floating<Erfc>(x); }
Tensor erfinv(Arg x) { return apply_floating<Erfinv>(x); }
Tensor lgamma(Arg x) { return apply_floating<Lgamma>(x); }
Tensor digamma(Arg x) { return apply_floating<Digamma>(x); }

Tensor logit(Arg x, std::optional<double> eps) {
  check_floating("logit", x);
  if (!eps) return apply(Logit{}, x);
  if (!(*eps >= 0 && *eps <= 0.5))
    fail<ArgumentError>("logit", fmt::format("expected eps in 0..0.5, got {}", *eps), x.site);
  return apply(Logit{}, Arg(clamp(x, *eps, 1 - *eps), x.site));
}

Tensor polygamma(int n, Arg x) {
  constexpr int most = 100;
  check_floating("polygamma", x);
  if (n < 0 || n > most) fail<ArgumentError>("polygamma", fmt::format("expected n in 0..{}, got {}", most, n), x.site);
  if (n == 0) return digamma(x);
  Polygamma op;
  op.n = n;
  return apply(op, x);
}

namespace detail {

std::span<const OpEntry> special_ops() {
  using Inputs = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      unary_entry<Erfc, erfc>({"1 - erf x", "-2 g e^(-x²) / √π"}),
      unary_entry<Erfinv, erfinv>({"the y with erf y = x", "g √π e^(y²) / 2"}),
      {"logit",
       &op_class<Logit>,
       {"ln(x / (1 - x))", "g / (x (1 - x))"},
       [] {
         const Sample x{.domain = Logit::info.domain};
         return Examples{{"", {x}, [](Inputs in) { return logit(in[0]); }, true},
                         {"eps 0.2",
                          {{.domain = domain(0.1, 0.9, {0.2, 0.8})}},
                          [](Inputs in) { return logit(in[0], 0.2); },
                          true}};
       }},
      unary_entry<Lgamma, lgamma>({"ln |Γ(x)|", "g ψ(x)"}),
      unary_entry<Digamma, digamma>({"ψ(x) = (ln Γ(x))'", "g ψ'(x)"}),
      {"polygamma",
       &op_class<Polygamma>,
       {"the n-th derivative of ψ at x", "g times the (n+1)-th"},
       [] {
         const Sample x{.domain = Polygamma::info.domain}, below{.domain = domain(-0.8, -0.2)};
         const auto of = [](int n) { return [=](Inputs in) { return polygamma(n, in[0]); }; };
         return Examples{{"1", {x}, of(1), true}, {"2", {x}, of(2), true}, {"1, below 0", {below}, of(1), true}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

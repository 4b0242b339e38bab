#include "gradus/ops/taylor.h"

#include <cmath>
#include <limits>
#include <utility>

namespace gradus::lane {
namespace {

constexpr int N = Taylor::kTerms;

std::size_t at(int k) { return static_cast<std::size_t>(k); }

/// y with y' = slope x', from its value at 0. `slope(y, k)` is term k of the slope, which may use the terms of y up
/// to k.
template <class Slope>
Taylor integrate(const Taylor& x, double y0, Slope slope) {
  Taylor y = Taylor::constant(y0), s;
  for (int k = 1; k < N; ++k) {
    s.c[at(k - 1)] = slope(y, k - 1);
    double sum = 0;
    for (int j = 1; j <= k; ++j)
      if (x.c[at(j)] != 0) sum += j * x.c[at(j)] * s.c[at(k - j)];
    y.c[at(k)] = sum / k;
  }
  return y;
}
Taylor integrate(const Taylor& x, double y0, const Taylor& slope) {
  return integrate(x, y0, [&](const Taylor&, int k) { return slope.c[at(k)]; });
}

double product(const Taylor& a, const Taylor& b, int k) {
  double sum = 0;
  for (int j = 0; j <= k; ++j) sum += a.c[at(j)] * b.c[at(k - j)];
  return sum;
}

std::pair<Taylor, Taylor> sine_and_cosine(const Taylor& x) {
  Taylor s = Taylor::constant(std::sin(x.c[0])), c = Taylor::constant(std::cos(x.c[0]));
  for (int k = 1; k < N; ++k) {
    double of_s = 0, of_c = 0;
    for (int j = 1; j <= k; ++j) {
      of_s += j * x.c[at(j)] * c.c[at(k - j)];
      of_c -= j * x.c[at(j)] * s.c[at(k - j)];
    }
    s.c[at(k)] = of_s / k;
    c.c[at(k)] = of_c / k;
  }
  return {s, c};
}

bool is_constant(const Taylor& a) {
  for (int k = 1; k < N; ++k)
    if (a.c[at(k)] != 0) return false;
  return true;
}

}  // namespace

Taylor Taylor::constant(double v) {
  Taylor r;
  r.c[0] = v;
  return r;
}
Taylor Taylor::variable(double x, double scale) {
  Taylor r = constant(x);
  r.c[1] = scale;
  return r;
}

Taylor operator+(const Taylor& a, const Taylor& b) {
  Taylor r;
  for (int k = 0; k < N; ++k) r.c[at(k)] = a.c[at(k)] + b.c[at(k)];
  return r;
}
Taylor operator-(const Taylor& a, const Taylor& b) {
  Taylor r;
  for (int k = 0; k < N; ++k) r.c[at(k)] = a.c[at(k)] - b.c[at(k)];
  return r;
}
Taylor operator-(const Taylor& a) {
  Taylor r;
  for (int k = 0; k < N; ++k) r.c[at(k)] = -a.c[at(k)];
  return r;
}
Taylor operator*(const Taylor& a, const Taylor& b) {
  Taylor r;
  for (int k = 0; k < N; ++k) r.c[at(k)] = product(a, b, k);
  return r;
}
Taylor operator/(const Taylor& a, const Taylor& b) {
  Taylor r;
  for (int k = 0; k < N; ++k) r.c[at(k)] = (a.c[at(k)] - product(r, b, k)) / b.c[0];
  return r;
}
Taylor operator+(const Taylor& a, double b) {
  Taylor r = a;
  r.c[0] += b;
  return r;
}
Taylor operator*(const Taylor& a, double b) {
  Taylor r;
  for (int k = 0; k < N; ++k) r.c[at(k)] = a.c[at(k)] * b;
  return r;
}

Taylor exp(const Taylor& a) {
  return integrate(a, std::exp(a.c[0]), [](const Taylor& y, int k) { return y.c[at(k)]; });
}
Taylor expm1(const Taylor& a) {
  Taylor y = exp(a);
  y.c[0] = std::expm1(a.c[0]);
  return y;
}
Taylor log(const Taylor& a) { return integrate(a, std::log(a.c[0]), 1.0 / a); }
Taylor log1p(const Taylor& a) { return integrate(a, std::log1p(a.c[0]), 1.0 / (a + 1.0)); }
Taylor sqrt(const Taylor& a) { return pow(a, 0.5); }
Taylor sin(const Taylor& a) { return sine_and_cosine(a).first; }
Taylor cos(const Taylor& a) { return sine_and_cosine(a).second; }
Taylor tanh(const Taylor& a) {
  return integrate(a, std::tanh(a.c[0]), [](const Taylor& y, int k) { return (k == 0 ? 1 : 0) - product(y, y, k); });
}
Taylor erf(const Taylor& a) {
  return integrate(a, std::erf(a.c[0]), exp(-(a * a)) * 1.1283791670955126);  // 2 / sqrt(pi)
}
Taylor abs(const Taylor& a) {
  if (std::isnan(a.c[0])) return a;
  return a.c[0] > 0 ? a : a.c[0] < 0 ? -a : Taylor{};
}
Taylor sign(const Taylor& a) { return Taylor::constant(a.c[0] > 0 ? 1 : a.c[0] < 0 ? -1 : a.c[0]); }

Taylor pow(const Taylor& a, double e) {
  if (e == std::trunc(e) && std::abs(e) < 1024) {  // also where a is 0 or negative
    Taylor y = Taylor::constant(1), power = a;
    for (int rest = static_cast<int>(std::abs(e)); rest > 0; rest /= 2, power = power * power)
      if (rest % 2 == 1) y = y * power;
    return e < 0 ? 1.0 / y : y;
  }
  Taylor y = Taylor::constant(std::pow(a.c[0], e));
  if (is_constant(a)) return y;
  for (int k = 1; k < N; ++k) {
    if (a.c[0] == 0) {  // infinite from the derivative on that is
      y.c[at(k)] = k < e ? 0 : std::numeric_limits<double>::infinity();
      continue;
    }
    double sum = 0;
    for (int j = 1; j <= k; ++j) sum += (e * j - (k - j)) * a.c[at(j)] * y.c[at(k - j)];
    y.c[at(k)] = sum / (k * a.c[0]);
  }
  return y;
}

Taylor pow(const Taylor& a, const Taylor& b) { return is_constant(b) ? pow(a, b.c[0]) : exp(b * log(a)); }

Taylor sigmoid(const Taylor& a) {
  const double x = a.c[0], e = std::exp(-std::abs(x));
  return integrate(
      a, (x < 0 ? e : 1.0) / (1 + e), [](const Taylor& y, int k) { return y.c[at(k)] - product(y, y, k); });
}
Taylor softplus(const Taylor& a) {
  const double x = a.c[0];
  return integrate(a, std::fmax(x, 0) + std::log1p(std::exp(-std::abs(x))), sigmoid(a));
}

}  // namespace gradus::lane

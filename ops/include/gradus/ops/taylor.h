#pragma once

#include "gradus/ops/lane.h"

#include <array>

GRADUS_EXPORT_BEGIN
namespace gradus::lane {

/// f(x + t) = c[0] + c[1] t + c[2] t^2 + …, cut off: a number that an elementwise lambda can be evaluated on,
/// which gives all its derivatives at a point, f^(k)(x) = k! c[k].
///   source    Griewank & Walther 2008, "Evaluating Derivatives", chapter 13
struct Taylor {
  static constexpr int kTerms = 24;
  using Scalar = double;
  std::array<double, kTerms> c{};

  static Taylor constant(double v);
  /// x + scale t
  static Taylor variable(double x, double scale = 1);
};
template <>
struct is_lane<Taylor> : std::true_type {};

Taylor operator+(const Taylor& a, const Taylor& b);
Taylor operator-(const Taylor& a, const Taylor& b);
Taylor operator*(const Taylor& a, const Taylor& b);
Taylor operator/(const Taylor& a, const Taylor& b);
Taylor operator-(const Taylor& a);
Taylor operator+(const Taylor& a, double b);
Taylor operator*(const Taylor& a, double b);
inline bool operator>(const Taylor& a, const Taylor& b) { return a.c[0] > b.c[0]; }
inline bool operator>=(const Taylor& a, const Taylor& b) { return a.c[0] >= b.c[0]; }

Taylor exp(const Taylor& a);
Taylor log(const Taylor& a);
Taylor log1p(const Taylor& a);
Taylor expm1(const Taylor& a);
Taylor sqrt(const Taylor& a);
Taylor sin(const Taylor& a);
Taylor cos(const Taylor& a);
Taylor tanh(const Taylor& a);
Taylor erf(const Taylor& a);
Taylor abs(const Taylor& a);
Taylor sign(const Taylor& a);
Taylor pow(const Taylor& a, double e);
/// Of a > 0 where b is not constant.
Taylor pow(const Taylor& a, const Taylor& b);
Taylor sigmoid(const Taylor& a);
Taylor softplus(const Taylor& a);
inline Taylor where(bool m, const Taylor& a, const Taylor& b) { return m ? a : b; }
inline Taylor maximum(const Taylor& a, const Taylor& b) { return a > b || a.c[0] != a.c[0] ? a : b; }
inline Taylor minimum(const Taylor& a, const Taylor& b) { return b > a || a.c[0] != a.c[0] ? a : b; }
inline Taylor relu(const Taylor& a) { return 0.0 >= a.c[0] ? Taylor::constant(0) : a; }

}  // namespace gradus::lane
GRADUS_EXPORT_END

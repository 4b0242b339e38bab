#include <gradus/ops/lane.h>
#include <gradus/ops/taylor.h>

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace gradus {
namespace {

using lane::Taylor;

/// f^(k)(x) / k! for k = 0 … 3, as duals of duals give them.
template <class F>
std::vector<double> by_duals(F f, double x) {
  using P = lane::Pack<double>;
  using D1 = lane::Dual<P>;
  using D2 = lane::Dual<D1>;
  using D3 = lane::Dual<D2>;
  const P at = P::constant(x), one = P::constant(1), none = P::constant(0);
  const D1 d1{at, one};
  const D2 d2{d1, D1{one, none}};
  const D3 d3{d2, D2{D1{one, none}, D1{none, none}}};
  const D3 y = f(d3);
  const auto first = [](const P& p) { return lane::detail::Elements<double>(p.v).at[0]; };
  return {first(y.v.v.v), first(y.v.v.d), first(y.v.d.d) / 2, first(y.d.d.d) / 6};
}

template <class F>
void expect_same(const char* name, F f, std::vector<double> points) {
  for (const double x : points) {
    const auto want = by_duals(f, x);
    const Taylor got = f(Taylor::variable(x));
    for (std::size_t k = 0; k < 4; ++k)
      EXPECT_NEAR(got.c[k], want[k], 1e-14 * (1 + std::fabs(want[k]))) << name << " at " << x << ", term " << k;
  }
}

TEST(Taylor, IsWhatDualsSay) {
#define GRADUS_SAME(expression, ...) expect_same(#expression, [](auto x) { return expression; }, {__VA_ARGS__})
  GRADUS_SAME(exp(x), -2, 0, 1.5);
  GRADUS_SAME(log(x), 0.3, 7);
  GRADUS_SAME(log1p(x), -0.5, 0, 3);
  GRADUS_SAME(expm1(x), -1, 0, 2);
  GRADUS_SAME(sqrt(x), 0.2, 4);
  GRADUS_SAME(sin(x * x), -1, 0, 2);
  GRADUS_SAME(cos(x) / (2.0 + x), -1, 0, 2);
  GRADUS_SAME(tanh(x), -2, 0, 0.5);
  GRADUS_SAME(erf(x), -1, 0, 0.7);
  GRADUS_SAME(abs(x) * x, -1, 2);
  GRADUS_SAME(sign(x) + x, -1, 0, 2);
  GRADUS_SAME(pow(x, 3.0), -1, 0, 2);
  GRADUS_SAME(pow(x, -2.0), -1, 2);
  GRADUS_SAME(pow(x, 1.7), 0.5, 2);
  GRADUS_SAME(pow(x, x), 0.5, 2);
  GRADUS_SAME(sigmoid(x), -3, 0, 2);
  GRADUS_SAME(softplus(x), -3, 0, 2);
  GRADUS_SAME(relu(x), -3, 2);
  GRADUS_SAME(maximum(x, 1.0 - x), -3, 2);
  GRADUS_SAME(clamp(x, -1.0, 1.0), -3, 0.5, 2);
  GRADUS_SAME(where(!(x > 0.0) || x >= 2.0, square(x), reciprocal(x)), -3, 0.5, 2);
#undef GRADUS_SAME
  EXPECT_EQ(sigmoid(Taylor::variable(-800)).c[1], 0);
  EXPECT_EQ(softplus(Taylor::variable(800)).c[1], 1);
}

}  // namespace
}  // namespace gradus

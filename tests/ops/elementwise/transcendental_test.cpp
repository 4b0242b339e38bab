#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/compare.h>
#include <gradus/ops/elementwise.h>

#include <numbers>

namespace gradus {
namespace {

constexpr double kPi = std::numbers::pi;

TEST(Functions, ClosedForms) {
  expect_tensor(exp2(values({-1, 0.5, 10})), float64, {3}, {0.5, std::numbers::sqrt2, 1024}, 1e-15);
  expect_tensor(log2(values({8, 0, -1})), float64, {3}, {3, -kInfinity, kNaN});
  expect_tensor(log10(values({0.01, 1e300})), float64, {2}, {-2, 300}, 1e-13);
  expect_tensor(tan(values({0, kPi / 4})), float64, {2}, {0, 1}, 1e-15);
  expect_tensor(asin(values({-1, 0.5, 2})), float64, {3}, {-kPi / 2, kPi / 6, kNaN}, 1e-15);
  expect_tensor(acos(values({-1, 0.5, 2})), float64, {3}, {kPi, kPi / 3, kNaN}, 1e-15);
  expect_tensor(atan(values({1, kInfinity})), float64, {2}, {kPi / 4, kPi / 2}, 1e-15);
  expect_tensor(sinh(values({std::log(2.0)})), float64, {1}, {0.75}, 1e-15);
  expect_tensor(cosh(values({std::log(2.0)})), float64, {1}, {1.25}, 1e-15);
  expect_tensor(asinh(values({0.75})), float64, {1}, {std::log(2.0)}, 1e-15);
  expect_tensor(acosh(values({1.25, 0.5})), float64, {2}, {std::log(2.0), kNaN}, 1e-15);
  expect_tensor(atanh(values({0.6, 1})), float64, {2}, {std::log(2.0), kInfinity}, 1e-15);
  // Far out, where 1 - erf would be 0: asymptotically e^(-x^2) / (x sqrt(pi)).
  const double far = erfc(values({10})).item<double>();
  EXPECT_NEAR(far / (std::exp(-100) / (10 * std::sqrt(kPi))), 1 - 1 / 200., 1e-4);
}

// In units in the last place of float; all of the range in which neither 0 nor 2 comes out.
TEST(Erfc, OfFloatsIsRightToTheLastPlace) {
  const Tensor x = linspace(-4, 9, 200001, float32);
  const Tensor y = erfc(x), exact = erfc(to(x, float64));
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const auto want = exact.data<double>()[i];
    const auto nearest = static_cast<float>(want);
    const double place = std::nextafterf(nearest, 3) - nearest;
    ASSERT_LE(std::abs(y.data<float>()[i] - want), place) << x.data<float>()[i];
  }
}

TEST(FunctionsOfTwo, Specials) {
  expect_tensor(atan2(values({0, 1, -1}), values({-1, 0, 0})), float64, {3}, {kPi, kPi / 2, -kPi / 2}, 1e-15);
  expect_tensor(hypot(values({3e200, 0}), values({4e200, 0})), float64, {2}, {5e200, 0}, 1e185);
  const std::vector<double> a{1000, -kInfinity, kInfinity, 0}, b{1000, -kInfinity, kInfinity, -kInfinity};
  expect_tensor(logaddexp(values(a), values(b)), float64, {4}, {1000 + std::log(2.0), -kInfinity, kInfinity, 0}, 1e-12);
  expect_tensor(xlogy(values({0, 0, 2}), values({0, kNaN, std::exp(1.0)})), float64, {3}, {0, kNaN, 2}, 1e-15);
}

}  // namespace
}  // namespace gradus

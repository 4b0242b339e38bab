#include "linalg/divided_differences.h"

#include <gradus/tensor/error.h>

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace gradus {
namespace {

using detail::DividedDifferences;
using lane::Taylor;

double relative(double got, long double want) { return static_cast<double>(std::fabs((got - want) / want)); }

// a, b = a + gap: log[a, b] = log1p(gap / a) / gap; sqrt[a, b, b] = -1 / ((p + q) (q + q) (p + q)), p and q the
// roots; (1/x)[a, a, b, b] = -1 / (a a b b).
TEST(DividedDifferences, AreExactAtAllGaps) {
  for (const double a : {1e-150, 1e-12, 1e-3, 1.0, 50.0, 1e20})
    for (int e = -17; e <= 1; ++e)
      for (const double m : {1.0, 3.7}) {
        const double b = a * (1 + m * std::pow(10.0, e));
        const std::vector<double> w{a, b};
        const auto difference = [&](const auto& f, std::vector<int> places) {
          return DividedDifferences(f, w, static_cast<int>(places.size()) - 1)(places);
        };
        const long double x = a, z = b, gap = z - x, p = sqrtl(x), q = sqrtl(z);
        const auto logarithm = [](const Taylor& t) { return log(t); };
        // |log a| is up to 345, and the quotient cancels a digit of it.
        EXPECT_LE(relative(difference(logarithm, {1, 0}), gap == 0 ? 1 / x : log1pl(gap / x) / gap), 1e-13);
        const auto root = [](const Taylor& t) { return sqrt(t); };
        EXPECT_LE(relative(difference(root, {1, 0, 1}), -1 / ((p + q) * (q + q) * (p + q))), 2e-14) << a << " " << b;
        if (a < 1e-100) continue;
        const auto inverse = [](const Taylor& t) { return 1.0 / t; };
        EXPECT_LE(relative(difference(inverse, {1, 0, 1, 0}), -1 / (x * x * z * z)), 2e-14) << a << " " << b;
      }
}

TEST(DividedDifferences, OfPolynomialsAreTheirCoefficients) {
  // x^4 over five points is 1, over four their sum.
  const auto fourth = [](const Taylor& t) { return pow(t, 4.0); };
  const std::vector<double> w{-1, -1, 0.5, 2, 3};
  EXPECT_NEAR(DividedDifferences(fourth, w, 4)(std::vector{4, 3, 2, 1, 0}), 1, 1e-13);
  EXPECT_NEAR(DividedDifferences(fourth, w, 3)(std::vector{0, 1, 2, 3}), 0.5, 1e-13);
  EXPECT_NEAR(DividedDifferences(fourth, w, 3)(std::vector{0, 0, 0, 0}), -4, 1e-13);
  EXPECT_EQ(DividedDifferences(fourth, w, 0)(std::vector{3}), 16);
}

TEST(DividedDifferences, Kinks) {
  const auto f = [](const Taylor& t) { return lane::relu(t); };
  const std::vector<double> w{-1e-3, 1e-3};
  EXPECT_NEAR(DividedDifferences(f, w, 1)(std::vector{0, 1}), 0.5, 1e-15);
  EXPECT_NEAR(DividedDifferences(f, w, 2)(std::vector{0, 1, 1}), 250, 1e-12);
}

TEST(DividedDifferences, OrderIsLimited) {
  const auto f = [](const Taylor& t) { return exp(t); };
  const std::vector<double> w{1};
  const std::vector<int> places(17, 0);
  EXPECT_NEAR(DividedDifferences(f, w, 16)(places), std::exp(1) / std::tgamma(17), 1e-26);
  EXPECT_THROW(DividedDifferences(f, w, 17), GradientError);
}

}  // namespace
}  // namespace gradus

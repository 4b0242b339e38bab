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

TEST(Rounding, TowardsEachSide) {
  const std::vector<double> x{-1.5, -0.5, 0.5, 1.5, 2.5, kInfinity, kNaN};
  expect_tensor(floor(values(x)), float64, {7}, {-2, -1, 0, 1, 2, kInfinity, kNaN});
  expect_tensor(ceil(values(x)), float64, {7}, {-1, -0.0, 1, 2, 3, kInfinity, kNaN});
  expect_tensor(round(values(x)), float64, {7}, {-2, -0.0, 0, 2, 2, kInfinity, kNaN});
  expect_tensor(trunc(values(x)), float64, {7}, {-1, -0.0, 0, 1, 2, kInfinity, kNaN});
  expect_tensor(frac(values({-1.25, 2.5})), float64, {2}, {-0.25, 0.5});
  const Tensor whole = from_vector(std::vector<std::int64_t>{-3, 1L << 60});
  expect_tensor(floor(whole), int64, {2}, {-3, 0x1p60});
  expect_tensor(frac(whole), int64, {2}, {0, 0});
}

TEST(Modulo, SignsOfWholeAndBrokenNumbers) {
  // C's fmod has the sign of the dividend, Python's % that of the divisor.
  const Tensor a = values({5.5, -5.5, 5.5, -5.5}), b = values({2, 2, -2, -2});
  expect_tensor(fmod(a, b), float64, {4}, {1.5, -1.5, 1.5, -1.5});
  expect_tensor(remainder(a, b), float64, {4}, {1.5, 0.5, -0.5, -1.5});
  const auto whole = [](std::vector<std::int64_t> v) { return from_vector(v); };
  expect_tensor(fmod(whole({7, -7}), whole({3})), int64, {2}, {1, -1});
  expect_tensor(remainder(whole({7, -7}), 3), int64, {2}, {1, 2});
  constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
  expect_tensor(remainder(whole({lowest}), whole({-1})), int64, {1}, {0});
  expect_tensor(fmod(values({1}), 0), float64, {1}, {kNaN});
  expect_error<ArgumentError>("remainder", "expected divisors other than 0, got a whole 0", [&] {
    remainder(whole({1}), whole({0}));
  });
}

TEST(FunctionsOfTwo, Specials) {
  expect_tensor(
      atan2(values({0, 1, -1}), values({-1, 0, 0})), float64, {3}, {kPi, kPi / 2, -kPi / 2}, 1e-15);
  expect_tensor(hypot(values({3e200, 0}), values({4e200, 0})), float64, {2}, {5e200, 0}, 1e185);
  const std::vector<double> a{1000, -kInfinity, kInfinity, 0},
      b{1000, -kInfinity, kInfinity, -kInfinity};
  expect_tensor(logaddexp(values(a), values(b)),
                float64,
                {4},
                {1000 + std::log(2.0), -kInfinity, kInfinity, 0},
                1e-12);
  expect_tensor(xlogy(values({0, 0, 2}), values({0, kNaN, std::exp(1.0)})),
                float64,
                {3},
                {0, kNaN, 2},
                1e-15);
  expect_tensor(lerp(values({1, 1}), values({0.1, 0.1}), 1), float64, {2}, {0.1, 0.1});
  expect_tensor(lerp(values({1, 1}), values({3, 3}), values({0, 0.75})), float64, {2}, {1, 2.5});
  expect_tensor(addcmul(values({1}), values({2}), values({3}), 0.5), float64, {1}, {4});
  expect_tensor(addcdiv(values({1}), values({3}), values({2})), float64, {1}, {2.5});
}

TEST(Logic, TruthTables) {
  const Tensor a = values({0, 0, 2, kNaN}), b = from_vector(std::vector<std::int64_t>{0, 1, 0, 1});
  expect_tensor(logical_and(a, b), boolean, {4}, {0, 0, 0, 1});
  expect_tensor(logical_or(a, b), boolean, {4}, {0, 1, 1, 1});
  expect_tensor(logical_xor(a, b), boolean, {4}, {0, 1, 1, 0});
  expect_tensor(logical_not(a), boolean, {4}, {1, 1, 0, 0});
  const Tensor special = values({1, kInfinity, -kInfinity, kNaN});
  expect_tensor(isnan(special), boolean, {4}, {0, 0, 0, 1});
  expect_tensor(isinf(special), boolean, {4}, {0, 1, 1, 0});
  expect_tensor(isfinite(special), boolean, {4}, {1, 0, 0, 0});
  expect_tensor(isfinite(b), boolean, {4}, {1, 1, 1, 1});
  expect_tensor(
      nan_to_num(special), float64, {4}, {1, 1.7976931348623157e308, -1.7976931348623157e308, 0});
  expect_tensor(nan_to_num(special, 7, 8, 9), float64, {4}, {1, 8, 9, 7});
  expect_tensor(nan_to_num(values({kInfinity}, float32)), float32, {1}, {3.4028234663852886e38});
}

}  // namespace
}  // namespace gradus

#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>

namespace gradus {
namespace {

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
  expect_error<ArgumentError>(
      "remainder", "expected divisors other than 0, got a whole 0", [&] { remainder(whole({1}), whole({0})); });
}

TEST(Modulo, TheDivisorsGradientIsWhatIsTakenOff) {
  const Tensor a = values({5, -5, 3, -3}), b = leaf(values({2, 2, kInfinity, kInfinity}));
  const auto slope = [](const Tensor& y) { return pull(y, ones_like(y))[1]; };
  expect_tensor(slope(fmod(a, b)), float64, {4}, {-2, 2, -0.0, -0.0});
  expect_tensor(slope(remainder(a, b)), float64, {4}, {-2, 3, -0.0, 1});
}

}  // namespace
}  // namespace gradus

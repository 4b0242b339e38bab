#include "gradus/ops/random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

TEST(Rrelu, DrawsSlopesInTrainingAndTakesTheirMeanInEvaluation) {
  constexpr std::int64_t n = 100'000;
  Generator generator(1);
  const Tensor minus = full({n}, -1, float64);
  const Tensor y = rrelu(minus, 0.1, 0.4, true, generator);
  double sum = 0, low = 1, high = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double slope = -y.data<double>()[i];
    sum += slope, low = std::min(low, slope), high = std::max(high, slope);
  }
  EXPECT_GE(low, 0.1);
  EXPECT_LT(high, 0.4);
  EXPECT_NEAR(sum / n, 0.25, 5 * 0.3 / std::sqrt(12.0 * n));  // five standard errors
  EXPECT_LT(low, 0.1005);
  EXPECT_GT(high, 0.3995);
  const Tensor x = tensor({{-2.0, 0.0, 3.0}}, float64);
  EXPECT_TRUE(equal(rrelu(x, 0.1, 0.4, false), tensor({{-0.5, 0.0, 3.0}}, float64)));
  EXPECT_TRUE(equal(rrelu(x, 0.2, 0.2, true, generator), tensor({{-0.4, 0.0, 3.0}}, float64)));
  EXPECT_TRUE(std::isnan(rrelu(tensor({std::nan("")})).item()));
}

TEST(Rrelu, RefusesBoundsThatAreNone) {
  EXPECT_THROW(rrelu(ones({2}), 0.4, 0.1), ArgumentError);
  EXPECT_THROW(rrelu(ones({2}), 0, HUGE_VAL), ArgumentError);
  EXPECT_THROW(rrelu(ones({2}, int64)), DTypeError);
}

}  // namespace
}  // namespace gradus

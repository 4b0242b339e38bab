// What the comparisons of trainings show. Trainings are chaotic, so claims are held, no digits.
#include "curves.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace lecture6 {
namespace {

bool found(const Training& t, std::string_view rule) { return std::ranges::find(t.findings, rule) != t.findings.end(); }
double gap(const Training& t) { return t.train.back().accuracy - t.validation.back().accuracy; }

TEST(Curves, BatchNormalisationAllowsHigherRates) {
  const auto result = curves::run(curves::rates());
  ASSERT_EQ(result.size(), 8U);
  const Training &without = result[3], &with = result[7];  // at rate 1
  EXPECT_FALSE(without.train.back().accuracy > 0.3);       // NaN, too
  EXPECT_GT(with.train.back().accuracy, 0.7);
  EXPECT_GT(with.validation.back().accuracy, 0.6);
  EXPECT_GT(result[0].train.back().accuracy, 0.7);  // at 0.03 it trains without
}

TEST(Curves, SmallBatchesLearnMoreInAnEpoch) {
  const auto result = curves::run(curves::batches());
  ASSERT_EQ(result.size(), 3U);
  EXPECT_LT(result[1].train.back().loss, 0.7 * result[0].train.back().loss);
  EXPECT_LT(result[2].train.back().loss, 0.7 * result[1].train.back().loss);
  // With all rows a step goes down the loss itself: it falls in each.
  for (std::size_t i = 1; i < result[0].train.size(); ++i)
    EXPECT_LT(result[0].train[i].loss, result[0].train[i - 1].loss) << i;
}

TEST(Curves, SmallWeightsMakeAFlatStart) {
  const auto result = curves::run(curves::flat_start());
  const auto flat = [](const Training& t) {  // epochs until a tenth of log 10 is gone
    std::size_t i = 0;
    while (i < t.train.size() && t.train[i].loss > 0.9 * std::log(10)) ++i;
    return i;
  };
  EXPECT_NEAR(result[0].train[0].loss, std::log(10), 0.02);
  EXPECT_GE(flat(result[0]), 3U);
  EXPECT_LE(flat(result[1]), 1U);
  EXPECT_LT(result[0].train.back().loss, 0.5 * std::log(10));  // then it falls
  EXPECT_TRUE(found(result[0], "flat-then-falls"));
  EXPECT_FALSE(found(result[1], "flat-then-falls"));
}

TEST(Curves, AGapTellsOfTooMuchCapacityNoneOfTooLittle) {
  const auto result = curves::run(curves::gap());
  EXPECT_GT(result[0].train.back().accuracy, 0.99);
  EXPECT_GT(gap(result[0]), 0.05);
  EXPECT_LT(result[1].train.back().accuracy, 0.6);
  EXPECT_LT(result[1].validation.back().accuracy, result[0].validation.back().accuracy - 0.2);
  EXPECT_TRUE(found(result[1], "capacity"));
  EXPECT_FALSE(found(result[0], "capacity"));
}

TEST(Curves, DecayBoundsTheNormOfWeights) {
  const auto result = curves::run(curves::weight_norms());
  for (std::size_t i = 1; i < result.size(); ++i)
    EXPECT_LT(result[i].weight_norms.back(), 0.9 * result[i - 1].weight_norms.back());
  const auto& without = result[0].weight_norms;
  for (std::size_t i = without.size() - 10; i < without.size(); ++i)
    EXPECT_GT(without[i], without[i - 1]);  // without end: the rows can be separated
  EXPECT_LT(result[2].weight_norms.back(), 0.5 * result[2].weight_norms.front());
}

TEST(Curves, AFallingRateEndsLower) {
  const auto result = curves::run(curves::rate_decay());
  ASSERT_EQ(result.size(), 4U);
  const auto& constant = result[0].train;  // goes up and down: the lowest of its last four epochs
  const auto lowest = std::ranges::min_element(constant.end() - 4, constant.end(), {}, &gradus::train::Score::loss);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_LT(result[i].train.back().loss, lowest->loss) << result[i].name;
}

}  // namespace
}  // namespace lecture6

#include "gradus/train/cross_validation.h"

#include "errors.h"

#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace gradus::train {
namespace {

using tests::message_of;

data::Dataset rows(std::int64_t n, std::int64_t classes) {
  std::vector<std::int64_t> targets;
  for (std::int64_t i = 0; i < n; ++i) targets.push_back(i * i % classes);
  return {.inputs = reshape(arange(n, float32), {n, 1}), .targets = from_vector(targets)};
}

TEST(Folds, EachRowIsHeldOutOnce) {
  Generator generator(1);
  for (const bool stratified : {false, true})
    for (const int k : {2, 3, 7, 23}) {
      const data::Dataset all = rows(23, 4);
      std::map<std::int64_t, int> held;
      for (const Fold& fold : folds(all, {.folds = k, .stratified = stratified}, generator)) {
        std::set<std::int64_t> both;
        for (const auto row : fold.held_out.to_vector<std::int64_t>()) ++held[row], both.insert(row);
        for (const auto row : fold.train.to_vector<std::int64_t>()) both.insert(row);
        EXPECT_EQ(both.size(), 23u);
        EXPECT_EQ(fold.train.numel() + fold.held_out.numel(), 23);
        EXPECT_GE(fold.held_out.numel(), 23 / k);
        EXPECT_LE(fold.held_out.numel(), 23 / k + 1);
      }
      EXPECT_EQ(held.size(), 23u);
      for (const auto& [row, count] : held) EXPECT_EQ(count, 1) << row;
    }
}

TEST(Folds, StratifiedOnesHaveTheirShareOfEachClass) {
  Generator generator(2);
  const data::Dataset all = rows(101, 5);
  const auto classes = all.targets.to_vector<std::int64_t>();
  std::map<std::int64_t, std::set<int>> counts;  // of a class in the folds
  for (const Fold& fold : folds(all, {.folds = 4, .stratified = true}, generator)) {
    std::map<std::int64_t, int> count;
    for (const auto row : fold.held_out.to_vector<std::int64_t>()) ++count[classes[static_cast<std::size_t>(row)]];
    for (const auto& [label, n] : count) counts[label].insert(n);
  }
  ASSERT_GE(counts.size(), 3u);
  for (const auto& [label, set] : counts) EXPECT_LE(*set.rbegin() - *set.begin(), 1) << label;
}

TEST(Folds, TheGeneratorDecides) {
  const auto first = [](std::uint64_t seed, bool shuffle) {
    Generator generator(seed);
    return folds(rows(50, 2), {.folds = 5, .shuffle = shuffle}, generator)[0].held_out.to_vector<std::int64_t>();
  };
  EXPECT_EQ(first(1, true), first(1, true));
  EXPECT_NE(first(1, true), first(2, true));
  EXPECT_EQ(first(1, false), (std::vector<std::int64_t>{0, 5, 10, 15, 20, 25, 30, 35, 40, 45}));
}

TEST(Folds, MistakesAreNamed) {
  EXPECT_NE(message_of<ArgumentError>([] {
              folds(rows(5, 2), {.folds = 6});
            }).find("expected 2 to 5 folds, a row each or more, got 6"),
            std::string::npos);
  EXPECT_NE(message_of<ArgumentError>([] { folds(rows(5, 2), {.folds = 1}); }).find("got 1"), std::string::npos);
  EXPECT_NE(message_of<ArgumentError>([] {
              data::Dataset all = rows(5, 2);
              all.targets = cast(all.targets, float32);
              folds(all, {.stratified = true});
            }).find("expected classes (int64 [N]) to stratify by"),
            std::string::npos);
}

TEST(CrossValidate, GivesMeanAndSpread) {
  Generator generator(3);
  std::int64_t seen = 0;
  const CrossValidation result = cross_validate(
      rows(20, 2),
      {.folds = 4},
      [&](const data::Splits& fold) {
        EXPECT_EQ(fold.train.size(), 15);
        EXPECT_EQ(fold.validation.size(), 5);
        EXPECT_EQ(fold.validation.targets.numel(), 5);
        seen += static_cast<std::int64_t>(sum(fold.validation.inputs).item());
        return 1.0;
      },
      generator);
  EXPECT_EQ(seen, 19 * 20 / 2);
  EXPECT_EQ(result.values, (std::vector<double>{1, 1, 1, 1}));
  EXPECT_EQ(result.mean, 1);
  EXPECT_EQ(result.spread, 0);

  const CrossValidation known = mean_and_spread({2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_EQ(known.mean, 5);
  EXPECT_NEAR(known.spread, std::sqrt(32.0 / 7), 1e-12);
  EXPECT_TRUE(std::isnan(mean_and_spread({1}).spread));
}

TEST(CrossValidate, OneFoldMuchBetterIsFound) {
  EXPECT_EQ(mean_and_spread({0.90, 0.91, 0.99, 0.90, 0.91}).outlier(true), 2u);
  EXPECT_FALSE(mean_and_spread({0.90, 0.91, 0.99, 0.90, 0.91}).outlier(false));  // the worst is no surprise
  EXPECT_EQ(mean_and_spread({0.50, 0.51, 0.11, 0.50, 0.51}).outlier(false), 2u);
  EXPECT_FALSE(mean_and_spread({0.90, 0.91, 0.92, 0.93, 0.94}).outlier(true));
  EXPECT_FALSE(mean_and_spread({0.9, 0.9, 0.9}).outlier(true));
  EXPECT_FALSE(mean_and_spread({0.1, 0.9}).outlier(true));
  // As often as the test says where there is none.
  Generator generator(4);
  for (const std::int64_t k : {3, 5, 10, 20}) {
    int found = 0;
    const int n = 4000;
    for (int i = 0; i < n; ++i)
      found += mean_and_spread(normal({k}, 0, 1, float64, generator).to_vector()).outlier(true).has_value();
    EXPECT_NEAR(found, n / 20, 55) << k;  // 4 standard deviations
  }
}

}  // namespace
}  // namespace gradus::train

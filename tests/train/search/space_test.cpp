#include "gradus/train/space.h"

#include "errors.h"
#include "searches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>

namespace gradus::train {
namespace {

using tests::line_of;
using tests::message_of;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Space, ValuesAreInRangeAndSpreadInTheirScale) {
  std::vector<double> logs, momenta;
  std::map<std::string, int> optimizers;
  std::map<std::int64_t, int> layers;
  std::int64_t small = 0, most = 0, least = 1000;
  const int n = 4000;
  for (const TrialResult& trial : trials_of(mixed_space(), Random{.trials = n}, {.seed = 3})) {
    const Values& v = trial.values;
    EXPECT_GE(v.real("lr"), 1e-6);
    EXPECT_LE(v.real("lr"), 1e-1);
    logs.push_back((std::log10(v.real("lr")) + 6) / 5);
    ++optimizers[v.word("optimizer")];
    ++layers[v.whole("layers")];
    EXPECT_EQ(v.has("momentum"), v.word("optimizer") == "sgd");
    if (v.has("momentum")) momenta.push_back(v.real("momentum") / 0.99);
    small += v.whole("hidden") <= 90;  // of 16 to 512 the middle, sqrt(15.5 * 512.5) = 89.1, and a bit
    least = std::min(least, v.whole("hidden")), most = std::max(most, v.whole("hidden"));
  }
  EXPECT_LT(distance_from_uniform(logs), largest_distance(logs.size()));
  EXPECT_LT(distance_from_uniform(momenta), largest_distance(momenta.size()));
  ASSERT_EQ(optimizers.size(), 3u);
  for (const auto& [word, count] : optimizers) EXPECT_NEAR(count, n / 3.0, 120) << word;  // 4 standard deviations
  ASSERT_EQ(layers.size(), 4u);
  for (const auto& [layer, count] : layers) EXPECT_NEAR(count, n / 4.0, 110) << layer;
  EXPECT_EQ(layers.begin()->first, 1);
  EXPECT_NEAR(static_cast<double>(small), n / 2.0, 130);
  EXPECT_EQ(least, 16);
  EXPECT_GT(most, 500);
}

TEST(Space, CoordinatesAreTheInverse) {
  const Space space = mixed_space();
  for (const TrialResult& trial : trials_of(space, Random{.trials = 200})) {
    std::vector<double> place(space.size(), 0.5);
    for (std::size_t i = 0; i < space.size(); ++i)
      if (const auto& value = trial.values.entries()[i].second) place[i] = space.coordinate(i, *value);
    const Values again = space.at(place);
    EXPECT_NEAR(again.real("lr") / trial.values.real("lr"), 1, 1e-12);
    for (const char* name : {"hidden", "layers"}) EXPECT_EQ(again.whole(name), trial.values.whole(name));
    EXPECT_EQ(again.word("optimizer"), trial.values.word("optimizer"));
  }
  EXPECT_NEAR(space.coordinate(0, 1e-6), 0, 1e-12);
  EXPECT_NEAR(space.coordinate(0, 1e-1), 1, 1e-12);
  EXPECT_NEAR(space.coordinate(0, std::pow(10, -3.5)), 0.5, 1e-12);
}

TEST(Space, TheEndsAreExact) {
  const Space space{{"lr", LogUniform{1e-6, 0.3}}, {"x", Uniform{-0.1, 0.7}}, {"n", Integer{3, 7}}};
  EXPECT_EQ(space.at(std::vector<double>{0, 0, 0}), Values({{"lr", 1e-6}, {"x", -0.1}, {"n", std::int64_t{3}}}));
  EXPECT_EQ(space.at(std::vector<double>{1, 1, 1}), Values({{"lr", 0.3}, {"x", 0.7}, {"n", std::int64_t{7}}}));
}

TEST(Space, AroundNarrowsEachRangeInItsScale) {
  const Space space = mixed_space();
  const Values best({{"lr", 1e-3},
                     {"optimizer", std::string("adam")},
                     {"momentum", std::nullopt},
                     {"hidden", std::int64_t{16}},
                     {"layers", std::int64_t{2}}});
  const Space near = space.around(best, 0.4);
  const auto& lr = std::get<LogUniform>(near.parameters()[0].domain);
  EXPECT_NEAR(lr.low, 1e-4, 1e-12);  // 5 decades times 0.4 are 2, one on each side
  EXPECT_NEAR(lr.high, 1e-2, 1e-10);
  EXPECT_EQ(std::get<Choice>(near.parameters()[1].domain).words, std::vector<std::string>{"adam"});
  const auto& momentum = std::get<Uniform>(near.parameters()[2].domain);
  EXPECT_EQ(momentum.low, 0);
  EXPECT_EQ(momentum.high, 0.99);
  const auto& hidden = std::get<Integer>(near.parameters()[3].domain);
  EXPECT_EQ(hidden.low, 16);  // ends where it ended
  EXPECT_LT(hidden.high, 40);
  EXPECT_TRUE(hidden.log);
  const auto& layers = std::get<Integer>(near.parameters()[4].domain);
  EXPECT_LE(layers.low, 2);
  EXPECT_GE(layers.high, 2);
  for (const TrialResult& trial : trials_of(near, Random{.trials = 100})) {
    EXPECT_FALSE(trial.values.has("momentum"));
    EXPECT_GE(trial.values.real("lr"), lr.low);
    EXPECT_LE(trial.values.real("lr"), lr.high);
  }
  // The best stays inside, and twice narrower is narrower.
  const auto twice = std::get<LogUniform>(near.around(best, 0.5).parameters()[0].domain);
  EXPECT_NEAR(twice.high / twice.low, 10, 1e-6);
  EXPECT_LT(twice.low, 1e-3);
  EXPECT_GT(twice.high, 1e-3);
}

TEST(Space, AGridIsTheProduct) {
  const Space space = mixed_space();
  const std::vector<Values> grid = space.grid(3);
  // 3 rates, (2 optimizers without and 1 with 3 momenta), 3 widths, 3 of 4 numbers of layers
  EXPECT_EQ(grid.size(), 3u * 5u * 3u * 3u);
  std::set<std::string> different;
  std::set<double> rates;
  for (const Values& v : grid) different.insert(to_string(v)), rates.insert(v.real("lr"));
  EXPECT_EQ(different.size(), grid.size());
  ASSERT_EQ(rates.size(), 3u);
  EXPECT_EQ(*rates.begin(), 1e-6);
  EXPECT_NEAR(*std::next(rates.begin()), std::pow(10, -3.5), 1e-12);
  EXPECT_EQ(*rates.rbegin(), 1e-1);

  const Space whole{{"n", Integer{1, 4}}};
  EXPECT_EQ(whole.grid(100).size(), 4u);
  EXPECT_EQ(whole.grid(2).front().whole("n"), 1);
  EXPECT_EQ(whole.grid(2).back().whole("n"), 4);
  EXPECT_EQ(whole.grid(1).size(), 1u);
  EXPECT_EQ(trials_of(space, Grid{.points = 3}).size(), grid.size());
}

TEST(Space, MistakesAreNamed) {
  const auto error = [](std::vector<Hyperparameter> parameters) {
    return message_of<ArgumentError>([&] { Space space(parameters); });
  };
  EXPECT_TRUE(
      error({{"x", Uniform{1, 1}}})
          .starts_with("Space: expected low < high, both finite for x, got uniform 1..1\n  at space_test.cpp:"));
  EXPECT_NE(error({{"x", Uniform{0, kInfinity}}}).find("both finite"), std::string::npos);
  EXPECT_NE(error({{"x", Uniform{0, std::nan("")}}}).find("both finite"), std::string::npos);
  EXPECT_NE(error({{"x", LogUniform{0, 1}}}).find("expected 0 < low < high"), std::string::npos);
  EXPECT_NE(error({{"x", Integer{2, 1}}}).find("expected low <= high within ±2^53 for x, got integer 2..1"),
            std::string::npos);
  EXPECT_NE(error({{"x", Integer{.low = 0, .high = 9, .log = true}}}).find("expected low >= 1"), std::string::npos);
  EXPECT_NE(error({{"x", Choice{}}}).find("expected words for x, got none"), std::string::npos);
  EXPECT_NE(error({{"x", Choice{{"a", "a"}}}}).find("got 'a' twice"), std::string::npos);
  EXPECT_NE(error({{"x", Uniform{}}, {"x", Uniform{}}}).find("names of parameters, got 'x' twice"), std::string::npos);
  EXPECT_NE(error({{"", Uniform{}}}).find("expected text"), std::string::npos);
  const Hyperparameter optimizer{"optimizer", Choice{{"adam", "sgd"}}};
  EXPECT_NE(
      error({optimizer, {"m", Uniform{}, When{"optimiser", {"sgd"}}}})
          .find("expected a choice further up, got 'optimiser' (did you mean 'optimizer'?), in the condition of m"),
      std::string::npos);
  EXPECT_NE(error({{"m", Uniform{}, When{"optimizer", {"sgd"}}}, optimizer}).find("expected a choice further up"),
            std::string::npos);
  EXPECT_NE(error({optimizer, {"m", Uniform{}, When{"optimizer", {"sgdd"}}}})
                .find("expected a word of optimizer, got 'sgdd' (did you mean 'sgd'?)"),
            std::string::npos);
  EXPECT_NE(message_of([] { mixed_space().around(Values(), 0.5); }).find("expected values of this space"),
            std::string::npos);
  EXPECT_NE(message_of([] { mixed_space().around(mixed_space().grid(1)[0], 0); }).find("expected a share in (0, 1]"),
            std::string::npos);
  EXPECT_NE(message_of([] { mixed_space().grid(1000); }).find("at most a million"), std::string::npos);
}

TEST(Space, ValuesOfAnotherNameOrTypeAreRefused) {
  const Values v = mixed_space().grid(1)[0];
  EXPECT_NE(message_of<ArgumentError>([&] {
              v.real("lrr");
            }).find("expected a parameter of the search, got 'lrr' (did you mean 'lr'?)"),
            std::string::npos);
  EXPECT_NE(message_of<ArgumentError>([&] {
              v.real("hidden");
            }).find("expected a parameter that is a real number, got 'hidden', which is a whole number: whole()"),
            std::string::npos);
  EXPECT_NE(message_of<ArgumentError>([&] { v.word("lr"); }).find("which is a real number: real()"), std::string::npos);
  EXPECT_NE(message_of<ArgumentError>([&] {
              v.real("momentum");
            }).find("expected a parameter that this trial has, got 'momentum'"),
            std::string::npos);
  EXPECT_EQ(line_of([&] { v.real("rl"); }), static_cast<unsigned>(__LINE__));
}

}  // namespace
}  // namespace gradus::train

// What the experiments of examples/lecture6 show, against what theory says.
#include "activations.h"
#include "batch_norm.h"
#include "centring.h"
#include "dying_relu.h"
#include "gradients.h"
#include "plot.h"
#include "search.h"
#include "watching.h"
#include "zigzag.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <numbers>
#include <numeric>
#include <set>
#include <sstream>

namespace lecture6 {
namespace {

// ---- activations ---------------------------------------------------------------------------------

/// The mean of g(z) for z normal with mean 0 and this variance, by the trapezoidal rule.
double normal_mean(const std::function<double(double)>& g, double variance) {
  double total = 0;
  for (int i = -8000; i <= 8000; ++i) {
    const double z = i * 1e-3;
    total += g(std::sqrt(variance) * z) * std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi) * 1e-3;
  }
  return total;
}

const activations::Case& find(const std::vector<activations::Case>& cases,
                              std::string_view nonlinearity,
                              std::string_view init) {
  for (const auto& c : cases)
    if (c.nonlinearity == nonlinearity && c.init == init) return c;
  throw std::out_of_range(std::string(nonlinearity) + ", " + std::string(init));
}

/// The mean of the ratios of neighbouring layers' second moments.
double ratio_per_layer(const activations::Case& c) {
  return std::pow(c.layers.back().second_moment / c.layers.front().second_moment,
                  1.0 / static_cast<double>(c.layers.size() - 1));
}

class Activations : public testing::Test {
 protected:
  static const std::vector<activations::Case>& cases() {
    static const auto result = activations::run({.rows = 300});
    return result;
  }
};

// A wide layer of independent weights of variance s^2 turns inputs of mean square q into normal values of
// variance n s^2 q. The relative error of an estimate of E f(z)^2 by n units is sqrt(Var f(z)^2 / n) / E f(z)^2: 0.1
// for relu and n = 500, and grows with the root of the number of layers.
TEST_F(Activations, FollowTheRecursionOfMeanSquares) {
  const double n = 500;
  const std::map<std::string, double> variances = {
      {"0.01 N(0,1)", 1e-4}, {"1 N(0,1)", 1}, {"Xavier", 1 / n}, {"He", 2 / n}};
  ASSERT_EQ(cases().size(), 8U);
  for (const auto& c : cases()) {
    double q = 1;
    for (std::size_t i = 0; i < c.layers.size(); ++i) {
      const double variance = n * variances.at(c.init) * q;
      const bool is_tanh = c.nonlinearity == "tanh";
      q = is_tanh ? normal_mean([](double z) { return std::pow(std::tanh(z), 2); }, variance) : variance / 2;
      const double tolerance = is_tanh ? 0.1 : 3 * 0.1 * std::sqrt(static_cast<double>(i + 1));
      EXPECT_NEAR(std::log(c.layers[i].second_moment / q), 0, tolerance)
          << c.nonlinearity << ", " << c.init << ", layer " << i + 1;
    }
  }
}

TEST_F(Activations, CollapseWithSmallWeights) {
  const auto& c = find(cases(), "tanh", "0.01 N(0,1)");
  for (std::size_t i = 1; i < c.layers.size(); ++i)  // tanh is the identity there: sqrt(500) 0.01
    EXPECT_NEAR(c.layers[i].std / c.layers[i - 1].std, std::sqrt(500) * 0.01, 0.02);
  EXPECT_LT(c.layers.back().std, 1e-6);
}

TEST_F(Activations, SaturateWithLargeWeights) {
  const double share = std::erfc(std::atanh(0.99) / std::sqrt(2 * 500.0 * 0.964));
  for (const auto& layer : find(cases(), "tanh", "1 N(0,1)").layers) EXPECT_NEAR(layer.saturated, share, 0.01);
  for (const auto& layer : find(cases(), "relu", "1 N(0,1)").layers)  // does not, but explodes
    EXPECT_GT(layer.second_moment, 100);
}

TEST_F(Activations, HoldWithXavierUnderTanh) {
  const auto& layers = find(cases(), "tanh", "Xavier").layers;
  for (const auto& layer : layers) {
    EXPECT_GT(layer.std, 0.2);
    EXPECT_LT(layer.std, 0.65);
    EXPECT_NEAR(layer.mean, 0, 0.01);
    EXPECT_LT(layer.saturated, 0.02);
  }
}

// Standard error of the mean of 45 ratios: 0.1 / sqrt(45) of their size.
TEST_F(Activations, UnderReluXavierHalvesAndHeHolds) {
  double xavier = 0, he = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto result = activations::run({.rows = 20, .seed = seed});
    xavier += ratio_per_layer(find(result, "relu", "Xavier")) / 5;
    he += ratio_per_layer(find(result, "relu", "He")) / 5;
  }
  EXPECT_NEAR(xavier, 0.5, 0.025);
  EXPECT_NEAR(he, 1, 0.05);

  const auto& layers = find(cases(), "relu", "He").layers;
  for (const auto& layer : layers)  // relu(z), z normal: the ratio of root mean square to mean
    EXPECT_NEAR(std::sqrt(layer.second_moment) / layer.mean, std::sqrt(std::numbers::pi), 0.15);
  // The same numbers were drawn, times sqrt 2.
  EXPECT_NEAR(layers.back().second_moment / find(cases(), "relu", "Xavier").layers.back().second_moment, 1024, 1);
}

// ---- gradients -----------------------------------------------------------------------------------

TEST(Gradients, VanishUnderSigmoidNotUnderRelu) {
  const auto curves = gradients::run({.depths = {1, 5, 9}, .repeats = 3});
  ASSERT_EQ(curves.size(), 4U);
  // A layer multiplies by sqrt(n s^2 E f'(z)^2); sigmoid's slope is at most 1/4.
  double q = 0.25;
  for (int i = 0; i < 10; ++i) q = normal_mean([](double z) { return std::pow(1 / (1 + std::exp(-z)), 2); }, q);
  const double slope = std::sqrt(normal_mean(
      [](double z) {
        const double s = 1 / (1 + std::exp(-z));
        return std::pow(s * (1 - s), 2);
      },
      q));
  EXPECT_EQ(curves[0].name, "sigmoid, Xavier");
  EXPECT_NEAR(gradients::factor_per_layer(curves[0]), slope, 0.02);
  EXPECT_LT(gradients::factor_per_layer(curves[0]), 0.25);
  EXPECT_EQ(curves[2].name, "relu, Xavier");
  EXPECT_NEAR(gradients::factor_per_layer(curves[2]), std::sqrt(0.5), 0.05);
  EXPECT_EQ(curves[3].name, "relu, He");
  EXPECT_NEAR(gradients::factor_per_layer(curves[3]), 1, 0.07);
}

// ---- zigzag --------------------------------------------------------------------------------------

TEST(Zigzag, PositiveInputsAllowTwoQuadrants) {
  const zigzag::Options options;
  const zigzag::Result result = zigzag::run(options);
  EXPECT_EQ(result.positive.one_sign_of_two, 1);
  EXPECT_EQ(result.positive.one_sign_of_many, 1);
  EXPECT_NEAR(result.centred.one_sign_of_two, 0.5, 4 * 0.5 / std::sqrt(static_cast<double>(options.rows)));
  EXPECT_LT(result.centred.one_sign_of_many, 0.02);  // 2 / 2^10
  const auto with_one_sign = [](const zigzag::Path& path) {
    int steps = 0;
    for (std::int64_t i = 0; i < path.steps_to_target; ++i) {
      const auto k = static_cast<std::size_t>(i);
      steps += (path.x[k + 1] - path.x[k]) * (path.y[k + 1] - path.y[k]) >= 0;
    }
    return steps / static_cast<double>(path.steps_to_target);
  };
  EXPECT_EQ(with_one_sign(result.positive), 1);  // though the way to go is (1, -1)
  EXPECT_LT(with_one_sign(result.centred), 0.8);
}

TEST(Zigzag, ThePathIsLonger) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const zigzag::Result result = zigzag::run({.seed = seed});
    ASSERT_GT(result.positive.steps_to_target, 0);
    ASSERT_GT(result.centred.steps_to_target, 0);
    EXPECT_GT(result.positive.length, 1.5 * result.centred.length) << "seed " << seed;
    EXPECT_GE(result.positive.length,
              std::sqrt(2) * 0.9);  // a right angle for a diagonal, at least
  }
}

// ---- dying_relu ----------------------------------------------------------------------------------

TEST(DyingRelu, HighRatesKillUnits) {
  const auto rows = dying_relu::run({.rates = {0.03, 0.1, 1, 3}, .rows = 1000});
  EXPECT_LT(rows[0].relu.dead, 0.02);
  EXPECT_LT(rows[1].relu.dead, 0.05);
  EXPECT_GT(rows[2].relu.dead, 0.5);
  EXPECT_GT(rows[3].relu.dead, 0.8);
  EXPECT_GT(rows[1].relu.accuracy, 0.8);
  EXPECT_LT(rows[3].relu.accuracy, 0.3);
  for (const auto& row : rows) EXPECT_EQ(row.leaky_relu.dead, 0) << "rate " << row.rate;
}

// ---- batch_norm ----------------------------------------------------------------------------------

TEST(BatchNorm, TrainsWhereTheSameNetWithoutItDoesNot) {
  for (const auto& c : batch_norm::run({.scales = {0.01, 0.3}, .rows = 1000})) {
    if (c.batch_norm) {
      EXPECT_LT(c.losses.back(), 0.7 * std::log(10)) << c.scale;
      EXPECT_GT(c.accuracy, 0.4) << c.scale;
    } else {
      EXPECT_LT(c.accuracy, 0.2) << c.scale;
      if (c.scale == 0.01) {
        EXPECT_NEAR(c.losses.front(), std::log(10), 0.01);
        EXPECT_NEAR(c.losses.back(), std::log(10), 0.1);
      }
    }
  }
}

// ---- centring ------------------------------------------------------------------------------------

// At zero weights the Hessian is E[x x^T] / 4 with x = (features, 1): for uncorrelated features of mean m and variance
// 1 its eigenvalues are 1/4, but two whose product is 1/16 and whose sum is (2 + |m|^2) / 4.
TEST(Centring, CurvatureComesFromTheMean) {
  const double offset = 3, features = 20;
  const auto result = centring::run({.rows = centring::far_from_zero(offset, 20000), .steps = 20});
  const double sum = (2 + features * offset * offset) / 4;
  const double largest = sum / 2 + std::sqrt(sum * sum / 4 - 1.0 / 16);
  EXPECT_EQ(result[0].preprocessing, "as they are");
  EXPECT_NEAR(result[0].curvature, largest, 0.03 * largest);
  EXPECT_NEAR(result[0].condition, 16 * largest * largest, 0.2 * 16 * largest * largest);
  EXPECT_EQ(result[1].preprocessing, "zero-centred");
  EXPECT_LT(result[1].condition, 2);  // 1, but the classes stretch the rows a little
  EXPECT_EQ(result[3].preprocessing, "whitened");
  EXPECT_NEAR(result[3].curvature, 0.25, 1e-3);
  EXPECT_NEAR(result[3].condition, 1, 1e-3);
}

TEST(Centring, TheFirstStepGoesFurther) {
  for (const auto& rows : {gradus::data::Dataset{}, centring::far_from_zero(3)}) {
    const auto result = centring::run({.rows = rows});
    for (const auto& row : result) EXPECT_NEAR(row.losses[0], std::log(2), 1e-12);
    const double gone = std::log(2) - result[0].losses[1];
    EXPECT_GT(std::log(2) - result[1].losses[1], 5 * gone);
    EXPECT_LT(result[1].losses.back(), result[0].losses.back());
  }
}

// ---- watching ------------------------------------------------------------------------------------

class Watching : public testing::Test {
 protected:
  static const watching::Result& result() {
    static const auto r = watching::run({.rates = {1e-5, 0.1, 10}, .epochs = 5});
    return r;
  }
};

TEST_F(Watching, TheLossBeginsAtLogOfClassesAndRisesWithThePenalty) {
  EXPECT_EQ(result().starts[0].penalty, 0);
  EXPECT_NEAR(result().starts[0].loss, std::log(10), 0.01);
  for (const auto& start : result().starts) {
    const double weights = static_cast<double>(result().weights);  // of mean square 0.01²
    EXPECT_NEAR(start.loss, std::log(10) + start.penalty / 2 * weights * 1e-4, 0.01 + 0.02 * start.loss);
  }
}

TEST_F(Watching, AFewRowsAreLearntByHeart) {
  EXPECT_LT(result().overfit_losses.back(), 0.01);
  EXPECT_EQ(result().overfit_accuracies.back(), 1);
}

TEST_F(Watching, RatesTooLowRightAndTooHigh) {
  const auto mean_of_first = [](const watching::Curve& c) {
    return std::accumulate(c.losses.begin(), c.losses.begin() + 10, 0.0) / 10;
  };
  const auto mean_of_last = [](const watching::Curve& c) {
    return std::accumulate(c.losses.end() - 10, c.losses.end(), 0.0) / 10;
  };
  const auto& curves = result().curves;
  EXPECT_NEAR(mean_of_last(curves[0]), mean_of_first(curves[0]), 0.3);
  EXPECT_LT(mean_of_last(curves[1]), 0.5);
  EXPECT_GT(mean_of_last(curves[2]), 2);
  EXPECT_GT(*std::max_element(curves[2].losses.begin(), curves[2].losses.end()), 10);
  EXPECT_LT(curves[0].update_ratio, 1e-4);
  EXPECT_GT(curves[1].update_ratio, 1e-4);  // "about 1e-3", within a factor of 30
  EXPECT_LT(curves[1].update_ratio, 3e-2);
}

TEST_F(Watching, TheRangeTestFindsTheRateThatTrains) {
  EXPECT_LT(result().range.low, 0.1);   // curves[1]
  EXPECT_GT(result().range.low, 1e-5);  // curves[0]
  EXPECT_GT(result().range.suggested, 1e-3);
  EXPECT_LT(result().range.suggested, 1);
  EXPECT_LT(result().range.too_high, 10.0);  // curves[2]
}

// ---- search --------------------------------------------------------------------------------------

TEST(Search, CoarseToFineAndRandomAgainstGrid) {
  const search::Result result = search::run({.rows = 300, .epochs = 3});
  const auto& grid = result.grid.trials;
  std::set<double> grid_rates, random_rates;
  double coarse_mean = 0, fine_mean = 0, coarse_best = 0;
  ASSERT_EQ(grid.size(), 9U);
  ASSERT_EQ(result.random.trials.size(), 18U);
  for (const auto& t : grid) grid_rates.insert(t.values.real("rate"));
  for (const auto& t : result.random.trials) {
    (t.fine ? fine_mean : coarse_mean) += t.value / 9;
    if (t.fine) continue;
    random_rates.insert(t.values.real("rate"));
    coarse_best = std::max(coarse_best, t.value);
  }
  EXPECT_EQ(grid_rates.size(), 3U);
  EXPECT_EQ(random_rates.size(), 9U);
  EXPECT_GT(fine_mean, coarse_mean + 0.1);
  EXPECT_GE(result.random.best().value, coarse_best);
  EXPECT_GT(result.random.best().value, 0.6);
  // The rate matters, the decay hardly: so nine rates find more than three.
  EXPECT_NEAR(grid[3].value, grid[4].value, 0.05);
  EXPECT_GT(std::abs(grid[3].value - grid[6].value), 0.3);
  EXPECT_GT(result.expected_random, result.expected_grid);
}

// With 9 degrees of freedom spread / chance is in 0.36 … 1.76 with probability 0.998; training adds a little.
TEST(Search, FoldsSpreadAsChanceSays) {
  const search::Result result = search::run({.side = 1, .rates = 2});
  ASSERT_EQ(result.folds.values.size(), 10U);
  EXPECT_GT(result.folds.spread, 0.36 * result.chance);
  EXPECT_LT(result.folds.spread, 2.2 * result.chance);
}

// A grid's three values, two of them at the ends, cover 2 w of the range; of nine random ones each covers w, less at
// the ends, by w / 4 on average within w / 2 of them.
TEST(Search, WhereOneParameterMattersRandomFindsItMoreOften) {
  const double w = 0.1;
  const search::Hits hits = search::hits(w, 3);
  const double random = (1 - w) * (1 - std::pow(1 - w, 9)) + w * (1 - std::pow(1 - 0.75 * w, 9));
  EXPECT_NEAR(hits.grid, 2 * w, 4 * std::sqrt(2 * w * (1 - 2 * w) / 300));
  EXPECT_NEAR(hits.random, random, 4 * std::sqrt(random * (1 - random) / 300));
}

// ---- plot ----------------------------------------------------------------------------------------

TEST(Plot, Histogram) {
  const Series s = histogram({NAN, -7, -1, -0.9, 0, 0.1, 0.99, 1, 2}, -1, 1, 4);
  EXPECT_EQ(s.x, (std::vector<double>{-0.75, -0.25, 0.25, 0.75}));
  EXPECT_EQ(s.y, (std::vector<double>{3, 0, 2, 3}));
}

TEST(Plot, LeavesOutWhatCannotBeDrawn) {
  const std::string path = testing::TempDir() + "plot.svg";
  write_svg(path, {{.title = "t", .series = {{"a", {1, 10, 100}, {1, NAN, 0}}}, .log_x = true, .log_y = true}});
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str().find("nan"), std::string::npos);
  EXPECT_EQ(text.str().find("inf"), std::string::npos);
  EXPECT_NE(text.str().find("</svg>"), std::string::npos);
  EXPECT_THROW(write_svg("/nowhere/at/all.svg", {}), std::runtime_error);
}

}  // namespace
}  // namespace lecture6

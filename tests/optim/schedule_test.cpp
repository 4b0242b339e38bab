#include "gradus/optim.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

using optim::Curve;

optim::Sgd make_sgd(double lr = 0.1) { return optim::Sgd({Parameter(zeros({1}))}, {.lr = lr, .momentum = 0.9}); }

void expect_values(const Curve& curve, const std::vector<std::pair<double, double>>& points) {
  for (const auto& [t, value] : points) EXPECT_NEAR(curve(t), value, 1e-14) << "at " << t;
}

TEST(Curve, ClosedForms) {
  expect_values(Curve(), {{0, 1}, {7, 1}});
  expect_values(optim::constant(0.25, 4), {{0, 0.25}, {3, 0.25}, {4, 1}, {9, 1}});
  expect_values(optim::linear(0.5, 2, 3), {{0, 0.5}, {1, 1}, {2, 1.5}, {3, 2}, {8, 2}});
  expect_values(optim::warmup(4), {{0, 0}, {1, 0.25}, {4, 1}, {5, 1}});
  expect_values(optim::step_decay(3, 0.5), {{0, 1}, {2, 1}, {3, 0.5}, {5, 0.5}, {6, 0.25}});
  expect_values(optim::multi_step({5, 2, 5}, 0.1), {{1, 1}, {2, 0.1}, {4, 0.1}, {5, 1e-3}});
  expect_values(optim::exponential(0.5), {{0, 1}, {1, 0.5}, {3, 0.125}});
  expect_values(optim::inverse_time(0.5), {{0, 1}, {2, 0.5}, {6, 0.25}});
  expect_values(optim::polynomial(4, 2), {{0, 1}, {2, 0.25}, {4, 0}, {9, 0}});
  expect_values(optim::cosine_annealing(4, 0.2), {{0, 1}, {2, 0.6}, {4, 0.2}, {6, 0.6}, {8, 1}});
}

TEST(Curve, CosineRestartsAreLongerEachTime) {
  const Curve even = optim::cosine_warm_restarts(2);
  expect_values(even, {{0, 1}, {1, 0.5}, {2, 1}, {3, 0.5}, {1'000'000, 1}});
  const Curve growing = optim::cosine_warm_restarts(2, 3, 0.5);
  expect_values(growing, {{0, 1}, {1, 0.75}, {2, 1}, {5, 0.75}, {8, 1}, {17, 0.75}, {26, 1}});
  EXPECT_NEAR(growing(7.999), 0.5, 1e-5);
}

TEST(Curve, CyclesInStraightLines) {
  const auto plain = optim::cyclic({.up = 2, .down = 4, .peak = 5});
  expect_values(plain.rate, {{0, 1}, {1, 3}, {2, 5}, {3, 4}, {6, 1}, {7, 3}, {8, 5}});
  expect_values(plain.momentum, {{0, 0.9}, {2, 0.8}, {4, 0.85}, {6, 0.9}});
  expect_values(optim::cyclic({.up = 2, .peak = 5, .decay = 0.5}).rate, {{2, 5}, {4, 1}, {6, 3}, {10, 2}});
  expect_values(optim::cyclic({.up = 2, .peak = 5, .gamma = 0.5}).rate, {{1, 2}, {2, 2}});
}

TEST(Curve, OneCycleRisesAndFalls) {
  const auto curves = optim::one_cycle(11, {.warm = 0.5, .linear = true, .div_factor = 4, .final_div_factor = 5});
  expect_values(curves.rate, {{0, 0.25}, {4.5, 1}, {10, 0.05}, {20, 0.05}});
  expect_values(curves.momentum, {{0, 0.95}, {4.5, 0.85}, {10, 0.95}});
  const auto three = optim::one_cycle(20, {.warm = 0.25, .three_phase = true, .div_factor = 4, .final_div_factor = 5});
  expect_values(three.rate, {{0, 0.25}, {2, 0.625}, {4, 1}, {6, 0.625}, {8, 0.25}, {19, 0.05}});
  expect_values(three.momentum, {{0, 0.95}, {4, 0.85}, {8, 0.95}, {15, 0.95}});
}

TEST(Curve, Compose) {
  const Curve curve =
      optim::warmup(2).then(2, optim::exponential(0.5)) * Curve([](double t) { return t < 4 ? 1.0 : 10.0; });
  expect_values(curve, {{0, 0}, {1, 0.5}, {2, 1}, {3, 0.5}, {4, 2.5}});
}

TEST(Curve, RefusesWhatMakesNoSense) {
  EXPECT_THROW(optim::constant(-1), ArgumentError);
  EXPECT_THROW(optim::linear(0, 1, 0), ArgumentError);
  EXPECT_THROW(optim::warmup(-1), ArgumentError);
  EXPECT_THROW(optim::step_decay(0), ArgumentError);
  EXPECT_THROW(optim::multi_step({1, -2}), ArgumentError);
  EXPECT_THROW(optim::exponential(std::nan("")), ArgumentError);
  EXPECT_THROW(optim::inverse_time(-1), ArgumentError);
  EXPECT_THROW(optim::polynomial(std::numeric_limits<double>::infinity()), ArgumentError);
  EXPECT_THROW(optim::cosine_annealing(0), ArgumentError);
  EXPECT_THROW(optim::cosine_warm_restarts(1, 0.5), ArgumentError);
  EXPECT_THROW(optim::cyclic({.up = 0}), ArgumentError);
  EXPECT_THROW(optim::cyclic({.max_momentum = 1}), ArgumentError);
  EXPECT_THROW(optim::one_cycle(1), ArgumentError);
  EXPECT_THROW(optim::one_cycle(10, {.warm = 1}), ArgumentError);
  EXPECT_THROW(optim::one_cycle(10, {.warm = 0.6, .three_phase = true}), ArgumentError);
  EXPECT_THROW(optim::one_cycle(10, {.div_factor = 0}), ArgumentError);
  EXPECT_THROW(Curve().then(0, Curve()), ArgumentError);
}

TEST(Schedule, MovesEachGroupFromItsOwnRate) {
  optim::Sgd sgd = make_sgd(0.1);
  sgd.add_group({Parameter(zeros({1}))}, {.lr = 2});
  optim::Schedule schedule(sgd, optim::exponential(0.5) * optim::constant(0.5, 1));
  EXPECT_DOUBLE_EQ(sgd.lr(0), 0.05);
  schedule.step();
  schedule.step();
  EXPECT_DOUBLE_EQ(sgd.lr(0), 0.025);
  EXPECT_DOUBLE_EQ(sgd.lr(1), 0.5);
  EXPECT_EQ(sgd.momentum(), 0.9);
  schedule.set_time(0.5);
  EXPECT_DOUBLE_EQ(sgd.lr(1), 2 * std::sqrt(0.5) * 0.5);
  EXPECT_EQ(schedule.time(), 0.5);
  EXPECT_THROW(schedule.set_time(-1), ArgumentError);
}

TEST(Schedule, MovesTheMomentumToo) {
  optim::Adam adam({Parameter(zeros({1}))}, {.lr = 1});
  optim::Schedule schedule(adam, optim::one_cycle(11, {.warm = 0.5, .linear = true}));
  EXPECT_DOUBLE_EQ(adam.lr(), 1.0 / 25);
  EXPECT_DOUBLE_EQ(adam.options().beta1, 0.95);
  schedule.set_time(4.5);
  EXPECT_DOUBLE_EQ(adam.lr(), 1);
  EXPECT_DOUBLE_EQ(adam.options().beta1, 0.85);
  optim::Adagrad adagrad({Parameter(zeros({1}))});
  EXPECT_THROW(optim::Schedule(adagrad, optim::one_cycle(11)), ArgumentError);
}

TEST(ReduceOnPlateau, WaitsForThePatienceToEnd) {
  optim::Sgd sgd = make_sgd(1);
  optim::ReduceOnPlateau plateau(sgd, {.factor = 0.5, .patience = 2, .threshold = 0.1});
  EXPECT_FALSE(plateau.step(10));
  EXPECT_FALSE(plateau.step(9.5));  // less than a tenth better: no progress
  EXPECT_FALSE(plateau.step(std::nan("")));
  EXPECT_TRUE(plateau.step(10));
  EXPECT_EQ(sgd.lr(), 0.5);
  EXPECT_FALSE(plateau.step(8));
  EXPECT_EQ(plateau.best(), 8);
  EXPECT_EQ(sgd.lr(), 0.5);
}

TEST(ReduceOnPlateau, SaysFalseWhereNothingWasReduced) {
  optim::Sgd sgd = make_sgd(0.05);
  optim::ReduceOnPlateau plateau(sgd, {.factor = 0.5, .patience = 0, .min_lr = 0.05});
  EXPECT_FALSE(plateau.step(1));
  EXPECT_FALSE(plateau.step(1));  // the least rate already
  EXPECT_EQ(sgd.lr(), 0.05);
  optim::Sgd tiny = make_sgd(1e-8);
  optim::ReduceOnPlateau other(tiny, {.factor = 0.5, .patience = 0});
  EXPECT_FALSE(other.step(1));
  EXPECT_FALSE(other.step(1));  // by less than eps
  EXPECT_EQ(tiny.lr(), 1e-8);
}

TEST(ReduceOnPlateau, CoolsDownAndStopsAtTheLeastRate) {
  optim::Sgd sgd = make_sgd(1);
  optim::ReduceOnPlateau plateau(sgd, {.maximize = true, .factor = 0.1, .patience = 0, .cooldown = 2, .min_lr = 0.05});
  EXPECT_FALSE(plateau.step(-3));
  EXPECT_TRUE(plateau.step(-3));
  EXPECT_FALSE(plateau.step(-3));
  EXPECT_FALSE(plateau.step(-4));
  EXPECT_DOUBLE_EQ(sgd.lr(), 0.1);
  EXPECT_TRUE(plateau.step(-4));
  EXPECT_DOUBLE_EQ(sgd.lr(), 0.05);
  EXPECT_FALSE(plateau.step(-1));
  EXPECT_EQ(plateau.best(), -1);
  EXPECT_THROW(optim::ReduceOnPlateau(sgd, {.factor = 1}), ArgumentError);
  EXPECT_THROW(optim::ReduceOnPlateau(sgd, {.patience = -1}), ArgumentError);
}

}  // namespace
}  // namespace gradus

#include "errors.h"

#include "gradus/autograd.h"
#include "gradus/ops.h"
#include "gradus/optim.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace gradus {
namespace {

using gradus::tests::line_of;

using Parameters = std::vector<Parameter>;

Parameter one(double value) { return Parameter(full({1}, value, float64)); }

/// Gives `p` these gradients, one a step, and returns where it ends.
double after(optim::Optimizer& optimizer, const Parameter& p, std::initializer_list<double> gradients) {
  for (double g : gradients) {
    set_gradient(p, full({1}, g, float64));
    optimizer.step();
  }
  return p.item();
}

TEST(Sgd, PlainStepsAreTheRateTimesTheGradient) {
  Parameter p = one(1);
  optim::Sgd sgd(Parameters{p}, {.lr = 0.1});
  EXPECT_DOUBLE_EQ(after(sgd, p, {2, -1}), 1 - 0.1 * 2 + 0.1);
}

TEST(Sgd, MomentumGathersGradients) {
  Parameter p = one(0);
  optim::Sgd sgd(Parameters{p}, {.lr = 1, .momentum = 0.5});
  EXPECT_DOUBLE_EQ(after(sgd, p, {1, 1, 1}), -(1 + 1.5 + 1.75));
}

TEST(Sgd, NesterovLooksAhead) {
  Parameter p = one(0);
  optim::Sgd sgd(Parameters{p}, {.lr = 1, .momentum = 0.5, .nesterov = true});
  EXPECT_DOUBLE_EQ(after(sgd, p, {1, 1}), -(1.5 + 1.75));
}

TEST(Sgd, DampeningSparesTheFirstStep) {
  Parameter p = one(0);
  optim::Sgd sgd(Parameters{p}, {.lr = 1, .momentum = 0.5, .dampening = 0.5});
  EXPECT_DOUBLE_EQ(after(sgd, p, {1, 1}), -(1 + (0.5 + 0.5)));
}

TEST(Sgd, DecayAndMaximize) {
  Parameter p = one(2);
  optim::Sgd sgd(Parameters{p}, {.lr = 0.1, .weight_decay = 0.5, .maximize = true});
  EXPECT_DOUBLE_EQ(after(sgd, p, {1}), 2 - 0.1 * (-1 + 0.5 * 2));
}

TEST(Adam, TheFirstStepIsTheRateWhateverTheGradient) {
  for (double g : {1e-3, 1.0, 1e3, -5.0}) {
    Parameter p = one(0);
    optim::Adam adam(Parameters{p}, {.lr = 0.01});
    EXPECT_NEAR(after(adam, p, {g}), -std::copysign(0.01, g), 1e-6);
  }
}

TEST(Adam, FollowsThePaper) {
  const double g[] = {0.5, -2, 1, 3};
  for (bool amsgrad : {false, true}) {
    Parameter p = one(1);
    optim::Adam adam(Parameters{p}, {.lr = 0.1, .beta1 = 0.8, .beta2 = 0.9, .amsgrad = amsgrad});
    double x = 1, m = 0, v = 0, largest = 0;
    for (int t = 1; t <= 4; ++t) {
      m = 0.8 * m + 0.2 * g[t - 1];
      v = 0.9 * v + 0.1 * g[t - 1] * g[t - 1];
      largest = std::max(largest, v);
      const double hat = (amsgrad ? largest : v) / (1 - std::pow(0.9, t));
      x -= 0.1 * m / (1 - std::pow(0.8, t)) / (std::sqrt(hat) + 1e-8);
      EXPECT_NEAR(after(adam, p, {g[t - 1]}), x, 1e-12) << t;
    }
  }
}

TEST(Optimizer, PassesOverParametersWithoutAGradient) {
  Parameter p = one(1), q = one(1);
  optim::Adam adam(Parameters{p, q});
  after(adam, p, {1});
  EXPECT_NE(p.item(), 1);
  EXPECT_EQ(q.item(), 1);
  adam.zero_grad();
  EXPECT_FALSE(gradient(p).defined());
  EXPECT_EQ(adam.steps(), 1);
}

TEST(Optimizer, TakesGradientsThatAreViews) {
  Parameter p = Parameter(zeros({2, 3}, float64));
  optim::Sgd sgd(Parameters{p}, {.lr = 1});
  set_gradient(p, transpose(tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}, float64)));
  sgd.step();
  EXPECT_TRUE(equal(detach(p), tensor({{-1.0, -3.0, -5.0}, {-2.0, -4.0, -6.0}}, float64)));
}

TEST(Optimizer, AStepMakesSavedTensorsStale) {
  Parameter p = one(2);
  optim::Sgd sgd(Parameters{p}, {.lr = 1});
  const Tensor y = p * p;
  after(sgd, p, {1});
  EXPECT_THROW(backward(y), GradientError);
}

TEST(Optimizer, GroupsHaveOptionsOfTheirOwn) {
  Parameter p = one(1), q = one(1);
  optim::Sgd sgd(Parameters{p}, {.lr = 0.1});
  sgd.add_group({q}, {.lr = 0.5, .weight_decay = 1});
  set_gradient(p, full({1}, 1, float64));
  after(sgd, q, {1});
  EXPECT_DOUBLE_EQ(p.item(), 1 - 0.1);
  EXPECT_DOUBLE_EQ(q.item(), 1 - 0.5 * (1 + 1));
  EXPECT_EQ(sgd.groups(), 2);
  EXPECT_EQ(sgd.parameters().size(), 2U);
  EXPECT_EQ(sgd.options(1).weight_decay, 1);
  sgd.set_lr(0.2, 1);
  EXPECT_EQ(sgd.lr(), 0.1);
  EXPECT_EQ(sgd.lr(1), 0.2);
  sgd.set_lr(0.3);
  EXPECT_EQ(sgd.lr() + sgd.lr(1), 0.6);
  sgd.set_momentum(0.7);
  EXPECT_EQ(sgd.options(1).momentum, 0.7);
  EXPECT_THROW(sgd.add_group({p}), ArgumentError);
  EXPECT_THROW(sgd.lr(2), IndexError);
  EXPECT_THROW(sgd.set_lr(1, -1), IndexError);
}

TEST(Optimizer, StepsWithAClosure) {
  Parameter p = one(2);
  optim::Sgd sgd(Parameters{p}, {.lr = 0.25});
  const double loss = sgd.step([&] {
    sgd.zero_grad();
    const Tensor y = sum(p * p);
    backward(y);
    return y.item();
  });
  EXPECT_EQ(loss, 4);
  EXPECT_EQ(p.item(), 1);
}

TEST(Optimizer, TakesParametersThatAreViews) {
  Parameter p = Parameter(transpose(zeros({2, 3}, float64)));
  ASSERT_FALSE(p.is_contiguous());
  optim::Sgd sgd(Parameters{p}, {.lr = 1});
  const Tensor g = tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}, float64);
  set_gradient(p, g);
  sgd.step();
  EXPECT_TRUE(equal(contiguous(detach(p)), -g));
}

TEST(Optimizer, RefusesWhatMakesNoSense) {
  Parameter p = one(1);
  EXPECT_THROW(optim::Sgd(Parameters{}), ArgumentError);
  EXPECT_THROW(optim::Sgd(Parameters{p, p}), ArgumentError);
  EXPECT_THROW(optim::Sgd(Parameters{Parameter()}), ArgumentError);
  EXPECT_THROW(optim::Sgd(Parameters{p}, {.lr = -1}), ArgumentError);
  EXPECT_THROW(optim::Sgd(Parameters{p}, {.lr = std::nan("")}), ArgumentError);
  EXPECT_THROW(optim::Sgd(Parameters{p}, {.momentum = -1}), ArgumentError);
  EXPECT_THROW(optim::Sgd(Parameters{p}, {.nesterov = true}), ArgumentError);
  EXPECT_THROW(optim::Adam(Parameters{p}, {.beta1 = 1}), ArgumentError);
  EXPECT_THROW(optim::Adam(Parameters{p}, {.beta2 = -0.1}), ArgumentError);
  EXPECT_THROW(optim::Adam(Parameters{p}, {.eps = -1}), ArgumentError);
  EXPECT_THROW(optim::AdamW(Parameters{p}, {.weight_decay = -1}), ArgumentError);
  EXPECT_THROW(optim::NAdam(Parameters{p}, {.momentum_decay = -1}), ArgumentError);
  EXPECT_THROW(optim::RAdam(Parameters{p}, {.beta1 = -0.1}), ArgumentError);
  EXPECT_THROW(optim::Adamax(Parameters{p}, {.beta2 = 1}), ArgumentError);
  EXPECT_THROW(optim::Adagrad(Parameters{p}, {.lr_decay = -1}), ArgumentError);
  EXPECT_THROW(optim::Adagrad(Parameters{p}, {.initial_accumulator_value = -1}), ArgumentError);
  EXPECT_THROW(optim::Adadelta(Parameters{p}, {.rho = 1.1}), ArgumentError);
  EXPECT_THROW(optim::Rmsprop(Parameters{p}, {.alpha = -1}), ArgumentError);
  EXPECT_THROW(optim::Rmsprop(Parameters{p}, {.momentum = -1}), ArgumentError);
  EXPECT_THROW(optim::Lion(Parameters{p}, {.beta2 = 2}), ArgumentError);
  EXPECT_THROW(optim::Lbfgs(Parameters{p}, {.history = 0}), ArgumentError);
  EXPECT_THROW(optim::Adagrad(Parameters{p}).momentum(), ArgumentError);
  EXPECT_THROW(optim::Adagrad(Parameters{p}).set_momentum(0.9), ArgumentError);
  EXPECT_THROW(optim::Adam(Parameters{p}).set_momentum(1), ArgumentError);
  try {
    optim::Adam(Parameters{p}, {.beta1 = 1.5});
    FAIL();
  } catch (const ArgumentError& error) {
    EXPECT_EQ(error.message(), "expected beta1 in [0, 1), got 1.5");
  }
}

TEST(Optimizer, OptionsAreCheckedAlikeInConstructorAndSetter) {
  Parameter p = one(1);
  const double inf = std::numeric_limits<double>::infinity();
  optim::Sgd sgd(Parameters{p}, {.momentum = 0.9});
  for (const double momentum : {1.0, 2.0, -0.1, inf, std::nan("")}) {
    EXPECT_THROW(optim::Sgd(Parameters{p}, {.momentum = momentum}), ArgumentError) << momentum;
    EXPECT_THROW(optim::Rmsprop(Parameters{p}, {.momentum = momentum}), ArgumentError) << momentum;
    EXPECT_THROW(sgd.set_momentum(momentum), ArgumentError) << momentum;
  }
  EXPECT_THROW(optim::Sgd(Parameters{p}, {.weight_decay = inf}), ArgumentError);
  EXPECT_THROW(optim::Sgd(Parameters{p}, {.dampening = inf}), ArgumentError);
  EXPECT_THROW(optim::Adam(Parameters{p}, {.eps = inf}), ArgumentError);
  EXPECT_THROW(optim::Adagrad(Parameters{p}, {.lr_decay = inf}), ArgumentError);
  EXPECT_THROW(optim::Adagrad(Parameters{p}, {.initial_accumulator_value = inf}), ArgumentError);
  EXPECT_THROW(optim::NAdam(Parameters{p}, {.momentum_decay = inf}), ArgumentError);
  EXPECT_EQ(sgd.momentum(), 0.9);
}

TEST(Optimizer, ErrorsNameTheUsersLine) {
  Parameter p = one(1);
  optim::Sgd sgd(Parameters{p}, {.momentum = 0.9});
  optim::Schedule schedule(sgd, optim::exponential(0.5));
  // clang-format off
  EXPECT_EQ(line_of([&] { optim::Adam(Parameters{p}, {.beta1 = 2}); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::Adam(Parameters{}, {}); }), __LINE__);
  EXPECT_EQ(line_of([&] { sgd.add_group({p}); }), __LINE__);
  EXPECT_EQ(line_of([&] { sgd.set_lr(-1); }), __LINE__);
  EXPECT_EQ(line_of([&] { sgd.set_momentum(1, 0); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::Adagrad(Parameters{p}).momentum(); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::warmup(-1); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::cosine_annealing(0); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::multi_step({1, -2}); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::cyclic({.up = 0}); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::one_cycle(1); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::Curve().then(0, optim::Curve()); }), __LINE__);
  EXPECT_EQ(line_of([&] { schedule.set_time(-1); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::ReduceOnPlateau(sgd, {.factor = 1}); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::ema({p}, 1); }), __LINE__);
  // clang-format on
}

}  // namespace
}  // namespace gradus

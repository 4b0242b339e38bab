#include "methods.h"

#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

using Parameters = std::vector<Parameter>;

Parameter one(double value) { return Parameter(full({1}, value, float64)); }

/// Where a parameter that begins at `start` is after n steps with the gradient g.
template <class O>
double after(int n, double g, typename O::Options options, double start = 0) {
  Parameter p = one(start);
  O optimizer(Parameters{p}, options);
  for (int i = 0; i < n; ++i) {
    set_gradient(p, full({1}, g, float64));
    optimizer.step();
  }
  return p.item();
}

TEST(AdamW, DecayBypassesTheGradient) {
  EXPECT_DOUBLE_EQ(after<optim::AdamW>(3, 0, {.lr = 0.1, .weight_decay = 0.5}, 2), 2 * std::pow(1 - 0.1 * 0.5, 3));
  // Adam's passes through it: the first step is the rate, however small the decay.
  EXPECT_NEAR(after<optim::Adam>(1, 0, {.lr = 0.1, .weight_decay = 1e-3}, 2), 2 - 0.1, 1e-5);
}

TEST(NAdam, WithAConstantGradientMomentaCancelOut) {
  // m = (1 - beta1^t) g, v / (1 - beta2^t) = g^2; without decay of the momentum b(t) = beta1 / 2.
  const double b = 0.45, lr = 0.1;
  for (bool pytorch_1 : {false, true}) {
    double p = 0;
    for (int t = 1; t <= 4; ++t) {
      const double now = std::pow(b, t), next = now * b * (pytorch_1 ? b : 1);
      p -= lr * (b * (1 - std::pow(0.9, t)) / (1 - next) + (1 - b) / (1 - now));
      EXPECT_NEAR(after<optim::NAdam>(t, 3, {.lr = lr, .momentum_decay = 0, .pytorch_1 = pytorch_1}), p, 1e-8);
    }
  }
  const double b1 = 0.9 * (1 - 0.5 * std::pow(0.96, 0.5)), b2 = 0.9 * (1 - 0.5 * std::pow(0.96, 1));
  EXPECT_NEAR(after<optim::NAdam>(1, 3, {.lr = lr, .momentum_decay = 0.5}), -lr * (b2 * 0.1 / (1 - b1 * b2) + 1), 1e-8);
}

TEST(RAdam, AdaptsFromTheSixthStepOn) {
  const double lr = 0.01, g = 2;
  EXPECT_NEAR(after<optim::RAdam>(5, g, {.lr = lr}), -5 * lr * g, 1e-12);
  const double most = 2 / (1 - 0.999) - 1, power = std::pow(0.999, 6);
  const double length = most - 2 * 6 * power / (1 - power);
  const double c = std::sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length));
  EXPECT_NEAR(after<optim::RAdam>(6, g, {.lr = lr}), -5 * lr * g - lr * c, 1e-8);
}

TEST(Adamax, StepsAreTheRateAndShrinkAfterALargeGradient) {
  EXPECT_NEAR(after<optim::Adamax>(4, -7, {.lr = 0.1}), 4 * 0.1, 1e-8);
  Parameter p = one(0);
  optim::Adamax adamax(Parameters{p}, {.lr = 1, .beta1 = 0, .beta2 = 0.5, .eps = 0});
  for (double g : {8.0, 1.0, 1.0}) {
    set_gradient(p, full({1}, g, float64));
    adamax.step();
  }
  EXPECT_DOUBLE_EQ(p.item(), -(1 + 1 / 4.0 + 1 / 2.0));
}

TEST(Adagrad, WithAConstantGradientStepsFallAsTheRootOfTime) {
  EXPECT_NEAR(after<optim::Adagrad>(3, 5, {.lr = 0.1}), -0.1 * (1 + 1 / std::sqrt(2) + 1 / std::sqrt(3)), 1e-9);
  EXPECT_NEAR(after<optim::Adagrad>(2, 2, {.lr = 0.1, .lr_decay = 0.5}), -0.1 * (1 + 1 / 1.5 / std::sqrt(2)), 1e-9);
  EXPECT_NEAR(after<optim::Adagrad>(1, 4, {.lr = 1, .initial_accumulator_value = 9}), -0.8, 1e-9);
}

TEST(Adadelta, BeginsWithTheRootOfEps) {
  EXPECT_NEAR(after<optim::Adadelta>(1, 2, {.rho = 0.9, .eps = 1e-4}), -1e-2 / std::sqrt(0.4 + 1e-4) * 2, 1e-12);
  // With rho 0 each step is as long as the one before, eps apart.
  const double first = 1e-2 / std::sqrt(4 + 1e-4) * 2;
  EXPECT_NEAR(after<optim::Adadelta>(2, 2, {.rho = 0, .eps = 1e-4}),
              -first - std::sqrt(first * first + 1e-4) / std::sqrt(4 + 1e-4) * 2,
              1e-12);
}

TEST(Rmsprop, WithAConstantGradient) {
  const double q1 = 0.1, q2 = 1 - 0.81;  // v = (1 - alpha^t) g^2, and m = (1 - alpha^t) g
  EXPECT_NEAR(after<optim::Rmsprop>(2, -3, {.lr = 0.1, .alpha = 0.9}), 0.1 / std::sqrt(q1) + 0.1 / std::sqrt(q2), 1e-7);
  EXPECT_NEAR(after<optim::Rmsprop>(2, 3, {.lr = 0.1, .alpha = 0.9, .momentum = 0.5}),
              -0.1 * (1.5 / std::sqrt(q1) + 1 / std::sqrt(q2)),
              1e-7);
  const double d1 = 1 / std::sqrt(q1 * (1 - q1)), d2 = 1 / std::sqrt(q2 * (1 - q2));
  EXPECT_NEAR(after<optim::Rmsprop>(2, 3, {.lr = 0.1, .alpha = 0.9, .centered = true}), -0.1 * (d1 + d2), 1e-7);
  EXPECT_NEAR(after<optim::Rmsprop>(2, 3, {.lr = 0.1, .alpha = 0.9, .momentum = 0.5, .centered = true}),
              -0.1 * (1.5 * d1 + d2),
              1e-7);
}

TEST(Lion, StepsAreTheRateBySign) {
  EXPECT_DOUBLE_EQ(after<optim::Lion>(3, 1e-5, {.lr = 0.25}), -0.75);
  EXPECT_DOUBLE_EQ(after<optim::Lion>(1, -4, {.lr = 0.25, .weight_decay = 0.5}, 2), 2 * (1 - 0.125) + 0.25);
  EXPECT_EQ(after<optim::Lion>(2, 0, {.lr = 0.25}, 3), 3);
  Parameter p = one(0);
  optim::Lion lion(Parameters{p}, {.lr = 1, .beta1 = 0.5, .beta2 = 0.5});
  // m = 1, then 0.5 * 1 - 0.5 * 0.5 > 0: the sum decides, not the last gradient.
  for (double g : {2.0, -0.5}) {
    set_gradient(p, full({1}, g, float64));
    lion.step();
  }
  EXPECT_EQ(p.item(), -2);
}

TEST(Methods, MaximizeTurnsTheGradientRound) {
  EXPECT_EQ(after<optim::AdamW>(2, 3, {.maximize = true}), after<optim::AdamW>(2, -3, {}));
  EXPECT_EQ(after<optim::NAdam>(2, 3, {.maximize = true}), after<optim::NAdam>(2, -3, {}));
  EXPECT_EQ(after<optim::RAdam>(7, 3, {.maximize = true}), after<optim::RAdam>(7, -3, {}));
  EXPECT_EQ(after<optim::Adamax>(2, 3, {.maximize = true}), after<optim::Adamax>(2, -3, {}));
  EXPECT_EQ(after<optim::Adagrad>(2, 3, {.maximize = true}), after<optim::Adagrad>(2, -3, {}));
  EXPECT_EQ(after<optim::Adadelta>(2, 3, {.maximize = true}), after<optim::Adadelta>(2, -3, {}));
  EXPECT_EQ(after<optim::Rmsprop>(2, 3, {.maximize = true}), after<optim::Rmsprop>(2, -3, {}));
  EXPECT_EQ(after<optim::Lion>(2, 3, {.maximize = true}), after<optim::Lion>(2, -3, {}));
}

TEST(Methods, AllFindTheMinimum) {
  for (const test::Method& method : test::methods()) {
    Parameter x = Parameter(tensor({-1.0, 2.0}, float64));
    // Adadelta begins slowly, Adagrad's steps get shorter by themselves.
    const double lr = method.name == "adadelta" ? 10 : method.name == "adagrad" ? 1 : 0.02;
    const auto optimizer = method.make({x}, lr);
    optim::Schedule schedule(*optimizer, optim::cosine_annealing(2000, 0.001));
    const auto loss = [&] { return sum(square(x - 1.0) * tensor({1.0, 5.0}, float64)); };
    for (int i = 0; i < 2000; ++i) {
      optimizer->zero_grad();
      backward(loss());
      optimizer->step();
      schedule.step();
    }
    EXPECT_LT(loss().item(), 1e-2) << method.name;
  }
}

TEST(Methods, DoNotDependOnTheNumberOfThreadsNorMuchOnTheType) {
  const Tensor start = normal({70'003}), slope = normal({70'003});
  const int before = num_threads();
  for (const test::Method& method : test::methods()) {
    std::vector<Tensor> results;
    for (int threads : {1, 2}) {
      set_num_threads(threads);
      Parameter p = Parameter(clone(start));
      const auto optimizer = method.make({p}, 0.01);
      for (double factor : {1.0, -0.5, 2.0}) {
        set_gradient(p, slope * factor);
        optimizer->step();
      }
      results.push_back(detach(p));
    }
    EXPECT_TRUE(equal(results[0], results[1])) << method.name;
    Parameter p = Parameter(cast(start, float64));
    const auto optimizer = method.make({p}, 0.01);
    for (double factor : {1.0, -0.5, 2.0}) {
      set_gradient(p, cast(slope * factor, float64));
      optimizer->step();
    }
    EXPECT_TRUE(all_close(cast(results[0], float64), detach(p), 1e-3, 1e-4)) << method.name;
  }
  set_num_threads(before);
}

TEST(Methods, GoOnAfterAChangeOfType) {
  for (const test::Method& method : test::methods()) {
    nn::Linear layer(2, 1, {.dtype = float64});
    const auto optimizer = method.make(nn::parameters(layer), 0.01);
    const auto step = [&](DType dtype) {
      optimizer->zero_grad();
      backward(sum(square(layer(ones({3, 2}, dtype)))));
      optimizer->step();
    };
    step(float64);
    nn::to(layer, float32);
    step(float32);
    EXPECT_EQ(layer.weight.dtype(), float32) << method.name;
  }
}

}  // namespace
}  // namespace gradus

#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/optim.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

/// A closure of a loss; counts its calls.
template <class F>
auto closure(optim::Lbfgs& lbfgs, F loss, int* calls = nullptr) {
  return [&lbfgs, loss, calls] {
    if (calls != nullptr) ++*calls;
    lbfgs.zero_grad();
    const Tensor value = loss();
    backward(value);
    return value.item();
  };
}

TEST(Lbfgs, MinimisesAnIllConditionedQuadratic) {
  const Tensor scale = tensor({1.0, 10.0, 100.0, 1e4}, float64);
  Parameter x = Parameter(ones({4}, float64));
  optim::Lbfgs lbfgs({x}, {.max_iterations = 60, .max_evaluations = 100, .tolerance_change = 0});
  lbfgs.step(closure(lbfgs, [&] { return sum(square(x - 3.0) * scale); }));
  EXPECT_TRUE(all_close(detach(x), full({4}, 3, float64), 1e-6)) << to_string(x);
}

TEST(Lbfgs, FollowsRosenbrocksValley) {
  Parameter x = Parameter(tensor({-1.2, 1.0}, float64));
  int calls = 0;
  optim::Lbfgs lbfgs({x});
  const auto loss = [&] {
    const Tensor a = select(x, 0, 0), b = select(x, 0, 1);
    return 100 * square(b - square(a)) + square(1 - a);
  };
  const auto run = closure(lbfgs, loss, &calls);
  EXPECT_DOUBLE_EQ(lbfgs.step(run), 24.2);
  for (int i = 0; i < 3; ++i) lbfgs.step(run);
  EXPECT_TRUE(all_close(detach(x), ones({2}, float64), 1e-5)) << to_string(x);
  EXPECT_LT(calls, 80);
  EXPECT_EQ(lbfgs.steps(), 4);
}

TEST(Lbfgs, StepsMeetTheWolfeConditions) {
  // One iteration from the same point, whatever length is tried first.
  for (double lr : {1e-4, 0.1, 1.0, 1e3}) {
    Parameter x = Parameter(full({1}, 2, float64));
    optim::Lbfgs lbfgs({x}, {.lr = lr, .max_iterations = 1});
    const auto f = [](double t) { return std::log(std::cosh(t)) + 0.05 * t * t; };
    lbfgs.step(closure(lbfgs, [&] { return sum(log(exp(x) + exp(-x)) - std::log(2.0) + 0.05 * square(x)); }));
    const auto slope = [](double t) { return std::tanh(t) + 0.1 * t; };
    const double moved = x.item() - 2, before = slope(2);
    EXPECT_LE(f(x.item()), f(2) + 1e-4 * moved * before) << lr;
    EXPECT_LE(std::abs(slope(x.item())), 0.9 * before) << lr;
  }
}

TEST(Lbfgs, NeverTakesAPointThatIsNotFinite) {
  Parameter x = Parameter(full({1}, 0.01, float64));
  optim::Lbfgs lbfgs({x}, {.lr = 1e3, .max_iterations = 50, .max_evaluations = 200});
  // -log x + x, which is NaN below 0; the first steps tried are far too long.
  lbfgs.step(closure(lbfgs, [&] { return sum(5 * x - log(x)); }));
  EXPECT_NEAR(x.item(), 0.2, 1e-6);
  Parameter y = Parameter(full({1}, -1, float64));
  optim::Lbfgs stuck({y});
  stuck.step(closure(stuck, [&] { return sum(log(y)); }));
  EXPECT_EQ(y.item(), -1);
}

TEST(Lbfgs, FitsANetInFloat32) {
  manual_seed(3);
  nn::Sequential net{nn::Linear(2, 8), tanh, nn::Linear(8, 1)};
  const Tensor x = normal({64, 2}), y = sum(x * x, {1}, true);
  optim::Lbfgs lbfgs(nn::parameters(net));
  const auto run = closure(lbfgs, [&] { return mse_loss(net(x), y); });
  const double first = lbfgs.step(run);
  for (int i = 0; i < 8; ++i) lbfgs.step(run);
  EXPECT_LT(run(), 0.02 * first);
}

TEST(Lbfgs, WithoutASearchTheFirstStepIsAlongTheGradient) {
  Parameter x = Parameter(tensor({1.0, 2.0}, float64));
  optim::Lbfgs lbfgs({x}, {.lr = 0.5, .max_iterations = 1, .strong_wolfe = false});
  lbfgs.step(closure(lbfgs, [&] { return sum(square(x)); }));
  // The gradient is (2, 4), its 1-norm 6.
  EXPECT_TRUE(all_close(detach(x), tensor({1 - 1.0 / 6, 2 - 2.0 / 6}, float64), 1e-12));
}

TEST(Lbfgs, StaysWithinItsLimit) {
  Parameter x = Parameter(tensor({-1.2, 1.0}, float64));
  for (int limit : {1, 2, 5}) {
    int calls = 0;
    optim::Lbfgs lbfgs({x}, {.max_iterations = 100, .max_evaluations = limit});
    lbfgs.step(closure(lbfgs, [&] { return sum(pow(x, 4.0)); }, &calls));
    EXPECT_LE(calls, limit);
  }
}

TEST(Lbfgs, NeedsAClosure) {
  optim::Lbfgs lbfgs({Parameter(ones({1}))});
  EXPECT_THROW(lbfgs.step(), ArgumentError);
}

}  // namespace
}  // namespace gradus

// Frozen parameters are passed over everywhere.
#include "methods.h"

#include "gradus/autograd/backward.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace gradus::test {
namespace {

struct Net : nn::Module<Net> {
  nn::Linear body{3, 4}, head{4, 2};
  Tensor forward(const Tensor& x) { return head(tanh(body(x))); }
};

void backward_of(Net& net) { backward(sum(square(net(ones({5, 3}))))); }

std::map<std::string, Tensor> copy_of(const Net& net) { return nn::state(net); }

TEST(Frozen, EveryOptimizerStepsOverThem) {
  for (const Method& method : methods()) {
    Net net;
    const auto optimizer = method.make(parameters(net), 0.01);
    for (int step = 0; step < 2; ++step) {  // with running sums of their own, too
      optimizer->zero_grad();
      backward_of(net);
      optimizer->step();
    }
    nn::freeze(net.body);
    const auto before = copy_of(net);
    for (int step = 0; step < 3; ++step) {
      optimizer->zero_grad();
      backward_of(net);
      optimizer->step();
    }
    auto after = copy_of(net);
    EXPECT_TRUE(equal(after["body.weight"], before.at("body.weight"))) << method.name;
    EXPECT_TRUE(equal(after["body.bias"], before.at("body.bias"))) << method.name;
    EXPECT_FALSE(equal(after["head.weight"], before.at("head.weight"))) << method.name;
    optimizer->set_state(optimizer->state());

    nn::freeze(net.body, false);
    backward_of(net);
    optimizer->step();
    EXPECT_FALSE(equal(net.body.weight, before.at("body.weight"))) << method.name;
  }
}

TEST(Frozen, LbfgsStepsOverThem) {
  Net net;
  optim::Lbfgs lbfgs(parameters(net), {.max_iterations = 3});
  const auto closure = [&] {
    lbfgs.zero_grad();
    const Tensor loss = sum(square(net(ones({5, 3})) - 1.0));
    backward(loss);
    return loss.item();
  };
  lbfgs.step(closure);  // leaves a history of all parameters
  nn::freeze(net.body);
  const auto before = copy_of(net);
  const std::uint32_t version = net.body.weight.version();
  lbfgs.step(closure);
  lbfgs.step(closure);
  auto after = copy_of(net);
  EXPECT_TRUE(equal(after["body.weight"], before.at("body.weight")));
  EXPECT_EQ(net.body.weight.version(), version);
  EXPECT_FALSE(equal(after["head.bias"], before.at("head.bias")));
}

TEST(Frozen, ClippingPassesThemOver) {
  Net net;
  set_requires_grad(net.body.weight, false);
  set_requires_grad(net.body.bias, false);
  backward_of(net);
  const Tensor g = gradient(net.head.weight), b = gradient(net.head.bias);
  const double norm = std::sqrt(sum(square(g)).item() + sum(square(b)).item());
  EXPECT_NEAR(optim::clip_grad_norm(parameters(net), 1e9), norm, 1e-4 * norm);
  optim::clip_grad_norm(parameters(net), 1);
  optim::clip_grad_value(parameters(net), 0.5);
  EXPECT_LE(max(abs(gradient(net.head.weight))).item(), 0.5);
}

TEST(Frozen, TheModelAndItsParametersHaveNoGradient) {
  Net net;
  backward_of(net);
  nn::freeze(net.body);
  for (const Parameter& p : parameters(net.body)) {
    EXPECT_FALSE(requires_grad(p));
    EXPECT_FALSE(gradient(p).defined());
    zero_grad(p);
  }
  zero_grad(net);
  EXPECT_FALSE(gradient(net.head.weight).defined());
  Net copy = clone(net);
  EXPECT_FALSE(requires_grad(copy.body.weight));
  EXPECT_TRUE(requires_grad(copy.head.weight));
  to(net, float64);
  EXPECT_FALSE(requires_grad(net.body.weight));
  EXPECT_EQ(net.body.weight.dtype(), float64);
  nn::freeze(net, false);
  for (const Parameter& p : parameters(net)) EXPECT_TRUE(requires_grad(p));
  // No gradient of what is no parameter is a mistake as ever.
  EXPECT_THROW(gradient(ones({2})), GradientError);
}

}  // namespace
}  // namespace gradus::test

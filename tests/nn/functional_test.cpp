#include "gradus/nn/functional.h"

#include "errors.h"

#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace {

using gradus::tests::message_of;

using namespace gradus;

struct Net : nn::Module<Net> {
  nn::Linear fc1{2, 3, {.dtype = float64}};
  nn::BatchNorm bn{3, {.dtype = float64}};
  nn::Linear fc2{3, 1, {.dtype = float64}};
  Tensor forward(const Tensor& x) { return fc2(bn(tanh(fc1(x)))); }
};

Tensor draw(const Shape& shape) { return normal(shape, 0, 1, float64); }

TEST(FunctionalCall, IsTheCallOfAModelWithThoseParameters) {
  Net net, other;
  nn::eval(net), nn::eval(other);
  const Tensor x = draw({4, 2});
  std::map<std::string, Tensor> all;
  for (const auto& [name, p] : named_parameters(other)) all[name] = p;
  const Tensor before = net(x);
  EXPECT_TRUE(equal(nn::functional_call(net, all, x), other(x)));
  EXPECT_TRUE(equal(net(x), before));
  // One of them only.
  const Tensor w = draw({3, 2});
  const Tensor y = nn::functional_call(net, {{"fc1.weight", w}}, x);
  copy_into(net.fc1.weight, w);
  EXPECT_TRUE(equal(y, net(x)));
}

TEST(FunctionalCall, GradientsFlowToWhatATensorWasMadeOf) {
  nn::Linear fc{2, 1, {.bias = false, .dtype = float64}};
  Tensor a = leaf(tensor({3.0}, float64));
  const Tensor x = tensor({{2, 5}}, float64);
  // y = x · (a, a²): dy/da = 2 + 10 a, d²y/da² = 10
  const Tensor w = reshape(concat({a, a * a}, 0), {1, 2});
  const Tensor y = nn::functional_call(fc, {{"weight", w}}, x);
  const Tensor g = grad(sum(y), a, {}, {.create_graph = true});
  EXPECT_EQ(g.item(), 32);
  EXPECT_EQ(grad(sum(g), a).item(), 10);
  EXPECT_FALSE(gradient(fc.weight).defined());
  backward(sum(nn::functional_call(fc, {{"weight", w * 1.0}}, x)));
  EXPECT_EQ(gradient(a).item(), 32);
  EXPECT_FALSE(gradient(fc.weight).defined());
}

TEST(FunctionalCall, ReplacesBuffers) {
  Net net;
  const Tensor x = draw({4, 2});
  Tensor mean = zeros({3}, float64), var = ones({3}, float64);
  const auto own = state(net);
  static_cast<void>(nn::functional_call(net, {{"bn.running_mean", mean}, {"bn.running_var", var}}, x));
  EXPECT_TRUE(equal(state(net)["bn.running_mean"], own.at("bn.running_mean")));
  EXPECT_FALSE(equal(mean, zeros({3}, float64)));  // the batch was counted there
  nn::eval(net);
  const Tensor shifted = nn::functional_call(net, {{"bn.running_mean", ones({3}, float64)}}, x);
  EXPECT_FALSE(equal(shifted, net(x)));
}

struct TiedNet : nn::Module<TiedNet> {
  nn::Linear a{2, 2, {.bias = false, .dtype = float64}};
  nn::Linear b = a;
  Tensor forward(const Tensor& x) { return b(a(x)); }
};

TEST(FunctionalCall, TiedParametersAreReplacedTogether) {
  TiedNet net;
  const Tensor w = draw({2, 2}), x = draw({1, 2});
  EXPECT_TRUE(all_close(
      nn::functional_call(net, {{"a.weight", w}}, x), matmul(matmul(x, transpose(w)), transpose(w)), 1e-12, 1e-12));
  EXPECT_TRUE(net.a.weight.is_same(net.b.weight));
}

TEST(FunctionalCall, OneInsideAnotherAndAfterAnError) {
  struct Outer : nn::Module<Outer> {
    nn::Linear fc{1, 1, {.bias = false, .dtype = float64}};
    Tensor inner;
    bool fails = false;
    Tensor forward(const Tensor& x) {
      if (fails) throw std::runtime_error("no");
      const Tensor twice = inner.defined() ? nn::functional_call(fc, {{"weight", inner}}, x) : zeros_like(x);
      return twice + fc(x);
    }
  };
  Outer net;
  const Tensor own = net.fc.weight, x = ones({1, 1}, float64);
  net.inner = full({1, 1}, 100.0, float64);
  EXPECT_EQ(nn::functional_call(net, {{"fc.weight", full({1, 1}, 3.0, float64)}}, x).item(), 103);
  EXPECT_TRUE(net.fc.weight.is_same(own));
  net.fails = true;
  EXPECT_THROW(nn::functional_call(net, {{"fc.weight", full({1, 1}, 3.0, float64)}}, x), std::runtime_error);
  EXPECT_TRUE(net.fc.weight.is_same(own));
}

TEST(FunctionalCall, MistakesAreRefusedAndChangeNothing) {
  Net net;
  const Tensor x = draw({4, 2}), own = net.fc1.weight;
  const auto call = [&](const std::string& name, const Tensor& w) {
    return message_of([&] { nn::functional_call(net, {{"fc1.bias", zeros({3}, float64)}, {name, w}}, x); });
  };
  EXPECT_NE(call("fc1.wieght", own)
                .find("functional_call: expected the name of a parameter or "
                      "buffer, got 'fc1.wieght' (did you mean 'fc1.weight'?)"),
            std::string::npos);
  EXPECT_NE(call("fc1.wieght", own).find("functional_test.cpp"), std::string::npos);
  EXPECT_NE(call("fc1.weight", zeros({2, 3}, float64)).find("expected fc1.weight [3, 2], got [2, 3]"),
            std::string::npos);
  EXPECT_NE(call("fc1.weight", zeros({3, 2})).find("expected fc1.weight float64, got float32"), std::string::npos);
  EXPECT_NE(call("fc1.weight", Tensor()).find("got an undefined one"), std::string::npos);
  EXPECT_TRUE(net.fc1.weight.is_same(own));
}

struct Starts : nn::Module<Starts> {
  nn::Linear fc{2, 2, {.dtype = float64}};
  Tensor forward(int rows) { return fc(ones({rows, 2}, float64)); }
};

TEST(FunctionalCall, OfAForwardWithoutATensor) {
  Starts net;
  const Tensor y =
      nn::functional_call(net, {{"fc.weight", zeros({2, 2}, float64)}, {"fc.bias", ones({2}, float64)}}, 3);
  EXPECT_TRUE(equal(y, ones({3, 2}, float64)));
}

TEST(FunctionalCall, ACheckpointInsideThatWouldUseOtherTensorsSaysSo) {
  struct Saving : nn::Module<Saving> {
    nn::Linear fc{2, 2, {.dtype = float64}};
    Tensor forward(const Tensor& x) {
      return checkpoint([this](const Tensor& in) { return fc(in); }, x);
    }
  };
  Saving net;
  const Tensor w = leaf(draw({2, 2})), x = draw({1, 2});
  const Tensor y = nn::functional_call(net, {{"fc.weight", w * 1.0}}, x);
  EXPECT_NE(message_of([&] { backward(sum(y)); }).find("uses the same tensors each time"), std::string::npos);
  // The call inside the checkpoint is right.
  nn::Linear fc{2, 2, {.dtype = float64}};
  const Tensor right =
      checkpoint([&](const Tensor& in) { return nn::functional_call(fc, {{"weight", w * 1.0}}, in); }, x);
  backward(sum(right));
  EXPECT_TRUE(all_close(gradient(w), concat({x, x}, 0)));
}

// Model-agnostic meta-learning (Finn et al. 2017, arXiv:1703.03400): the gradient of the loss after one
// step of gradient descent, by the step. With y = w x, loss (w x - t)² and step rate r,
// w' = w - 2 r x (w x - t) and d loss(w')/dw = 2 x (w' x - t) (1 - 2 r x²).
TEST(FunctionalCall, TheGradientThroughAStepOfGradientDescent) {
  nn::Linear fc{1, 1, {.bias = false, .dtype = float64}};
  const double w = 0.5, x = 1.5, t = 2, r = 0.1;
  copy_into(fc.weight, full({1, 1}, w, float64));
  const Tensor in = full({1, 1}, x, float64), target = full({1, 1}, t, float64);
  const Tensor inner = nn::mse_loss(fc(in), target);
  const Tensor g = grad(inner, fc.weight, {}, {.create_graph = true});
  const Tensor outer = nn::mse_loss(nn::functional_call(fc, {{"weight", fc.weight - r * g}}, in), target);
  backward(outer);
  const double stepped = w - 2 * r * x * (w * x - t);
  EXPECT_NEAR(outer.item(), (stepped * x - t) * (stepped * x - t), 1e-12);
  EXPECT_NEAR(gradient(fc.weight).item(), 2 * x * (stepped * x - t) * (1 - 2 * r * x * x), 1e-12);
}

}  // namespace

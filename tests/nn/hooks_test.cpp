#include "gradus/nn/hooks.h"

#include "gradus/autograd/backward.h"
#include "gradus/graph/node.h"
#include "gradus/graph/scope.h"
#include "gradus/nn/sequential.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/reduce.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace gradus::nn {
namespace {

/// y = alpha x
struct Scale : Module<Scale> {
  Parameter alpha = full({1}, 3.0);
  Tensor forward(const Tensor& x) { return alpha * x; }
};
struct Net : Module<Net> {
  Scale first, second;
  Tensor forward(const Tensor& x) { return second(first(x)) + x; }
};
struct Pair : Module<Pair> {
  std::pair<Tensor, Tensor> forward(const Tensor& x) { return {x, x}; }
};

std::vector<double> values(const Tensor& x) { return x.to_vector(); }

TEST(Hooks, SeeInputResultAndGradients) {
  Net net;
  const Tensor x = leaf(full({1}, 2.0));
  std::vector<double> seen;
  std::string scope;
  {
    const auto handle = hook(net.second,
                             {.before = [&](const Tensor& in) { seen.push_back(in.item()); },
                              .after =
                                  [&](const Tensor& in, const Tensor& y) {
                                    seen.push_back(in.item());
                                    seen.push_back(y.item());
                                    scope = graph::Scope::current()->path();
                                  },
                              .input_gradient = [&](const Tensor& g) { seen.push_back(g.item()); },
                              .output_gradient = [&](const Tensor& g) { seen.push_back(g.item()); }});
    const Tensor y = net(x);
    EXPECT_EQ(seen, (std::vector<double>{6, 6, 18}));
    EXPECT_EQ(scope, "net.second");
    EXPECT_EQ(grad(y * 5.0, x).item(), 50);
    EXPECT_EQ(seen, (std::vector<double>{6, 6, 18, 5, 15}));
    no_grad([&] { net(x); });
    EXPECT_EQ(seen.size(), 8U);
    net.first(x);
    EXPECT_EQ(seen.size(), 8U) << "those of another module";
  }
  net(x);
  EXPECT_EQ(seen.size(), 8U) << "the handle is gone";
  EXPECT_EQ(detail::hook_count, 0);
}

TEST(Hooks, ReplaceWhatTheySee) {
  Net net;
  const Tensor x = leaf(full({1}, 2.0));
  const auto a = hook(net.first, {.before = [](const Tensor& in) { return in + 1.0; }});
  const auto b = hook(net.first,
                      {.after = [](const Tensor&, const Tensor& y) { return y * 2.0; },
                       .output_gradient = [](const Tensor& g) { return g * 10.0; }});
  const auto c = hook(net.first,
                      {.after = [](const Tensor&, const Tensor& y) { return y - 1.0; },
                       .input_gradient = [](const Tensor& g) { return g + 1.0; }});
  const Tensor y = net(x);
  EXPECT_EQ(values(y), values(full({1}, 3.0 * (3.0 * 3.0 * 2.0 - 1.0) + 2.0)));
  // 3 reaches the result of `first`, 30 its rules, 180 its input.
  EXPECT_EQ(grad(y, x).item(), 30 * 2 * 3 + 1 + 1);
}

TEST(Hooks, AreRemoved) {
  Net net;
  const Tensor x = leaf(full({1}, 2.0));
  int calls = 0;
  auto handle = hook(
      net,
      {.after = [&](const Tensor&, const Tensor&) { ++calls; }, .output_gradient = [&](const Tensor&) { ++calls; }});
  auto moved = std::move(handle);
  const Tensor y = net(x);
  EXPECT_EQ(calls, 1);
  moved.remove();
  moved.remove();
  backward(y);
  net(x);
  EXPECT_EQ(calls, 1);
}

TEST(Hooks, BelongToAnObject) {
  Net net;
  int calls = 0;
  const auto handle = hook(net.first, {.before = [&](const Tensor&) { ++calls; }});
  Net copy = net;
  copy(ones({1}));
  EXPECT_EQ(calls, 0);
  net(ones({1}));
  EXPECT_EQ(calls, 1);

  Sequential row{Scale{}, Scale{}};
  const auto inner = hook(row[1], {.before = [&](const Tensor& in) { calls += static_cast<int>(in.item()); }});
  row(ones({1}));
  EXPECT_EQ(calls, 4);
}

TEST(Hooks, PutNothingOnTheTapeUnlessGradientsAreWatched) {
  Net net;
  const Tensor x = leaf(ones({1}));
  const auto handle = hook(net.first, {.before = [](const Tensor&) {}});
  EXPECT_STREQ(node_of(net.first(x))->name(), "mul");
}

TEST(Hooks, RefuseOtherModules) {
  Pair pair;
  const auto handle = hook(pair, {.before = [](const Tensor&) {}});
  EXPECT_THROW(pair(ones({1})), ArgumentError);
  std::vector<Scale> list(2);
  EXPECT_THROW((void)hook(list, {}), ArgumentError);
  Net net;
  const auto throws = hook(net.first, {.before = [](const Tensor&) { throw std::runtime_error("no"); }});
  EXPECT_THROW(net(ones({1})), std::runtime_error);
  EXPECT_EQ(graph::Scope::current(), nullptr);
}

}  // namespace
}  // namespace gradus::nn

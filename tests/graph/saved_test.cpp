#include "small_ops.h"

#include <gtest/gtest.h>

#include <memory>

namespace gradus {
namespace {

using small::one;
using small::pull;
using small::slots;
using tests::message_of;

// ---- saved tensors -------------------------------------------------------------------------------

TEST(Saved, WhatTheOpNames) {
  const Tensor w = one(2), v = one(3), x = full({1}, 5);
  EXPECT_EQ(slots(small::add(w, v)), (std::vector<int>{}));
  EXPECT_EQ(slots(small::exp(w)), (std::vector<int>{-1}));
  // A factor is kept only for the gradient of the other.
  EXPECT_EQ(slots(small::mul(w, v)), (std::vector<int>{0, 1}));
  EXPECT_EQ(slots(small::mul(w, x)), (std::vector<int>{1}));
  EXPECT_EQ(slots(small::mul(x, w)), (std::vector<int>{0}));
  EXPECT_EQ(slots(small::mul(w, w)), (std::vector<int>{0, 1}));
}

TEST(Saved, OutputsAreKeptWithoutTheirNode) {
  const Tensor y = small::exp(one());
  EXPECT_FALSE(requires_grad(node_of(y)->saved()[0].tensor));
  EXPECT_EQ(node_of(y)->saved()[0].tensor.data<float>(), y.data<float>());
}

TEST(Saved, RulesReadThem) {
  const Tensor w = one(2), x = full({1}, 5);
  const Cotangents g = pull(small::mul(w, x));
  EXPECT_EQ(g[0].item(), 5);
  EXPECT_FALSE(g[1].defined());
  EXPECT_FLOAT_EQ(pull(small::exp(w))[0].item<float>(), std::exp(2.0F));
}

TEST(Saved, ARulePassesThroughTheOutputOnceMore) {
  const Tensor w = one(2);
  const Tensor y = small::exp(w);
  const Tensor dy = pull(y)[0];
  ASSERT_TRUE(requires_grad(dy));
  EXPECT_EQ(node_of(dy)->inputs()[1].node, node_of(y));  // d/dw of exp(w) sees exp(w)
  EXPECT_FALSE(requires_grad(no_grad([&] { return pull(y)[0]; })));
  const std::int64_t live = memory_stats().live;
  {
    const Tensor again = pull(y)[0];
  }
  EXPECT_EQ(memory_stats().live, live);
}

TEST(Saved, ChangedInPlaceIsAnError) {
  const Tensor w = one(2);
  Tensor x = full({1}, 5);
  graph::ScopeGuard net("net");
  Tensor y = small::mul(w, x), z = small::exp(w);
  const std::string line = std::to_string(__LINE__ - 1);
  pull(y);
  x.mutable_data<float>()[0] = 6;
  EXPECT_EQ(message_of<GradientError>([&] { pull(y); }),
            "mul: expected input 1 as it was when recorded (version 1), got it changed in place "
            "since (version 2)\n"
            "  in net at saved_test.cpp:" +
                line);
  z.mutable_data<float>();
  EXPECT_EQ(message_of<GradientError>([&] { pull(z); }).substr(0, 44), "exp: expected output 0 as it was when record");
  // Through a view as well; and what was not saved may change.
  Tensor v = small::mul(w, x), part = view_as(x, {1}, {1});
  part.mutable_data<float>();
  EXPECT_NE(message_of<GradientError>([&] { pull(v); }), "no error");
  Tensor s = small::add(w, x);
  x.mutable_data<float>();
  EXPECT_EQ(message_of<GradientError>([&] { pull(s); }), "no error");
}

TEST(Saved, ReleasedIsAnError) {
  const Tensor w = one(2), x = full({1000}, 1);
  const Tensor y = small::exp(w);
  const std::int64_t live = memory_stats().live;
  const Tensor big = small::mul(leaf(clone(x)), clone(x));
  node_of(big)->release_saved();
  EXPECT_TRUE(node_of(big)->is_released());
  EXPECT_LT(memory_stats().live - live, 3 * 4000);
  const std::string line = std::to_string(__LINE__ + 1);
  const Tensor z = small::exp(w);
  node_of(z)->release_saved();
  EXPECT_EQ(message_of<GradientError>([&] { pull(z); }),
            "exp: expected a graph that still has its saved tensors, got one that an earlier "
            "backward pass has used "
            "up (pass retain_graph to go through it again)\n  at saved_test.cpp:" +
                line);
}

TEST(Saved, AskingForWhatIsNotSavedIsAnError) {
  const Tensor w = one(2), x = full({1}, 5);
  const Tensor y = small::add(w, x);
  Node& node = *node_of(y);
  const Tensor g = ones({1});
  const Pullback p(node, std::span(&g, 1));
  EXPECT_EQ(message_of<GradientError>([&] { p.in(0); }).substr(0, 76),
            "add: expected input 0 among what the op saves (OpInfo::saves), got none\n  at");
  EXPECT_EQ(message_of<GradientError>([&] { p.out(); }).substr(0, 71),
            "add: expected output 0 among what the op saves (OpInfo::saves), got non");
  EXPECT_TRUE(p.needs(0));
  EXPECT_FALSE(p.needs(1));
  EXPECT_EQ(p.arity(), 2);
  EXPECT_EQ(p.shape(0), (Shape{1}));
  EXPECT_EQ(p.dtype(0), float32);
  EXPECT_NE(message_of<GradientError>([&] { p.shape(1); }), "no error");
}

// ---- hooks ---------------------------------------------------------------------------------------

TEST(Hooks, RunInOrderForTheirResult) {
  const Tensor x = leaf(tensor({1.0, 2.0}));
  const Tensors y = small::halves(x);
  EXPECT_FALSE(node_of(y[0])->has_hooks());
  std::string log;
  on_gradient(y[0], [&](const Tensor&) { return log += "a", Tensor(); });
  on_gradient(y[1], [&](const Tensor&) { return log += "b", Tensor(); });
  on_gradient(y[0], [&](const Tensor& g) { return log += "c", small::add(g, g); });
  EXPECT_TRUE(node_of(y[1])->has_hooks());
  EXPECT_EQ(node_of(y[0])->run_hooks(0, full({1}, 4)).item(), 8);
  EXPECT_EQ(log, "ac");
  EXPECT_EQ(node_of(y[0])->run_hooks(1, full({1}, 4)).item(), 4);
  EXPECT_EQ(log, "acb");
}

TEST(Hooks, AreFreedWithTheNode) {
  const auto token = std::make_shared<int>();
  GradientHook handle;
  handle.remove();
  {
    const Tensor y = small::exp(one());
    handle = on_gradient(y, [token](const Tensor& g) { return g; });
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
  handle.remove();
}

TEST(Hooks, AreRemovedByTheirHandle) {
  const Tensor x = one(2);
  const auto token = std::make_shared<int>();
  std::string log;
  on_gradient(x, [&](const Tensor&) { log += "a"; });
  GradientHook b = on_gradient(x, [&, token](const Tensor& g) {
    log += "b";
    return small::add(g, g);
  });
  GradientHook itself;
  itself = on_gradient(x, [&, token](const Tensor&) {
    log += "c";
    itself.remove();
    log += token.use_count() == 3 ? "c" : "-";  // what runs is still there
  });
  EXPECT_EQ(node_of(x)->run_hooks(0, full({1}, 4)).item(), 8);
  EXPECT_EQ(log, "abcc");
  EXPECT_EQ(token.use_count(), 2);
  const GradientHook same = b;
  b.remove();
  b.remove();
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_EQ(node_of(x)->run_hooks(0, full({1}, 4)).item(), 4);
  EXPECT_EQ(log, "abcca");
}

TEST(Hooks, AreGivenTheirTensor) {
  const std::int64_t before = memory_stats().live;
  {
    Tensor x = one(3);
    const Tensor y = small::exp(x);
    const Node* node = node_of(y);
    on_gradient(y, [node](const Tensor& at, const Tensor& g) {
      EXPECT_EQ(node_of(at), node);
      return small::mul(at, g);
    });
    on_gradient(x, [](const Tensor& at, const Tensor& g) { return small::mul(at, g); });
    EXPECT_FLOAT_EQ(node_of(y)->run_hooks(0, full({1}, 2)).item<float>(), 2 * std::exp(3.0f));
    x.mutable_data<float>()[0] = 5;  // as it is then
    EXPECT_EQ(node_of(x)->run_hooks(0, full({1}, 2)).item(), 10);
  }
  EXPECT_EQ(memory_stats().live, before) << "a cycle";
}

TEST(Hooks, ThatHoldTheirTensorHoldTheTapeUntilRemoved) {
  const std::int64_t before = memory_stats().live;
  GradientHook handle;
  {
    const Tensor x = one(3);
    handle = on_gradient(x, [x](const Tensor& g) { return small::mul(g, x); });
  }
  EXPECT_GT(memory_stats().live, before);
  handle.remove();
  EXPECT_EQ(memory_stats().live, before);
}

}  // namespace
}  // namespace gradus

#include "small_ops.h"

#include <gtest/gtest.h>

#include <thread>

namespace gradus {
namespace {

using small::Makers;
using small::makers;
using small::one;
using tests::message_of;

TEST(Recording, LeavesANodeWhereAGradientIsDue) {
  const Tensor w = one(2), x = full({1}, 3);
  EXPECT_TRUE(requires_grad(w));
  EXPECT_FALSE(requires_grad(x));
  EXPECT_FALSE(requires_grad(small::mul(x, x)));
  const Tensor y = small::mul(w, x);
  EXPECT_EQ(y.item(), 6);
  ASSERT_TRUE(requires_grad(y));
  EXPECT_FALSE(is_leaf(y));
  EXPECT_STREQ(node_of(y)->name(), "mul");
  EXPECT_EQ(makers(*node_of(y)), (Makers{node_of(w), nullptr}));
  EXPECT_FALSE(requires_grad(small::sign(w)));  // not differentiable
}

TEST(Recording, CanBeSwitchedOff) {
  const Tensor w = one();
  EXPECT_TRUE(is_recording());
  {
    const NoGrad off;
    EXPECT_FALSE(is_recording());
    EXPECT_FALSE(requires_grad(small::exp(w)));
    {
      const RecordingGuard on(true);
      EXPECT_TRUE(requires_grad(small::exp(w)));
    }
    EXPECT_FALSE(is_recording());
    std::thread([] { EXPECT_TRUE(is_recording()); }).join();
  }
  EXPECT_FALSE(requires_grad(no_grad([&] { return small::exp(w); })));
  EXPECT_THROW(no_grad([]() -> Tensor { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_TRUE(is_recording());
}

struct Twice : Op {
  static constexpr OpInfo info{.name = "twice"};
  Tensor forward(const Tensor& x) const {
    EXPECT_FALSE(is_recording());
    return small::add(x, x);
  }
};

TEST(Recording, AForwardMadeOfOpsIsOneNode) {
  const Tensor w = one(2);
  const Tensor y = apply(Twice{}, w);
  EXPECT_EQ(y.item(), 4);
  EXPECT_EQ(makers(*node_of(y)), (Makers{node_of(w)}));
  EXPECT_TRUE(is_recording());
}

TEST(Recording, AFailedForwardLeavesNothing) {
  const Tensor w = one();
  const std::int64_t live = memory_stats().live;
  EXPECT_THROW(small::mul(w, zeros({2})), ShapeError);
  EXPECT_TRUE(is_recording());
  EXPECT_EQ(memory_stats().live, live);
  EXPECT_FALSE(detail::context.pinned);
}

TEST(Recording, IdsGrowAlongTheTape) {
  const Tensor a = one(), b = one();
  const Tensor x = small::mul(a, b), y = small::exp(x), z = small::add(y, x);
  const std::uint64_t ids[] = {
      node_of(a)->id(), node_of(b)->id(), node_of(x)->id(), node_of(y)->id(), node_of(z)->id()};
  for (int i = 0; i < 4; ++i) EXPECT_LT(ids[i], ids[i + 1]);
}

struct Same : Op {
  static constexpr OpInfo info{.name = "same"};
  Tensor forward(const Tensor& x) const { return x; }
};

TEST(Recording, AnOpThatReturnsItsInputMakesATensorOfItsOwn) {
  const Tensor w = one(5);
  const Tensor y = apply(Same{}, w);
  EXPECT_FALSE(y.is_same(w));
  EXPECT_TRUE(is_leaf(w));
  EXPECT_EQ(makers(*node_of(y)), (Makers{node_of(w)}));
  EXPECT_EQ(y.data<float>(), w.data<float>());
}

// ---- call sites ----------------------------------------------------------------------------------

TEST(CallSites, NameTheLineOfTheCall) {
  const Tensor w = one();
  const Tensor a = small::exp(w);
  const Tensor b = small::mul(a, w), c = small::scale(b, 2);
  const std::vector<Tensor> all{a, c};
  const Tensor d = small::join(all);
  const std::uint32_t line = __LINE__ - 1;
  EXPECT_EQ(node_of(a)->site().line, line - 3);
  EXPECT_EQ(node_of(b)->site().line, line - 2);
  EXPECT_EQ(node_of(c)->site().line, line - 2);
  EXPECT_EQ(node_of(d)->site().line, line);
  EXPECT_EQ(to_string(node_of(d)->site()), "recording_test.cpp:" + std::to_string(line));
}

TEST(CallSites, CanBePinned) {
  const Tensor w = one();
  {
    const detail::SitePin outer({"user.cpp", 7});
    const detail::SitePin inner({"library.cpp", 9});
    EXPECT_EQ(to_string(node_of(small::exp(w))->site()), "user.cpp:7");
    EXPECT_EQ(message_of<GradientError>([&] { gradient(small::exp(w)); }),
              "gradient: expected a leaf, got the result of exp\n  at user.cpp:7");
  }
  EXPECT_EQ(to_string(node_of(small::exp(w))->site()).substr(0, 18), "recording_test.cpp");
}

// ---- leaves --------------------------------------------------------------------------------------

TEST(Leaves, HoldAGradient) {
  Tensor x = zeros({2, 3});
  set_requires_grad(x);
  const Node* node = node_of(x);
  set_requires_grad(x);
  EXPECT_EQ(node_of(x), node);
  EXPECT_TRUE(is_leaf(x));
  EXPECT_TRUE(node->is_leaf());
  EXPECT_EQ(node->shape(), (Shape{2, 3}));
  EXPECT_EQ(node->output_count(), 1);
  EXPECT_FALSE(gradient(x).defined());
  set_gradient(x, ones({2, 3}));
  EXPECT_EQ(gradient(x).to_vector(), std::vector<double>(6, 1));
  static_cast<Leaf*>(node_of(x))->update_gradient([](const Tensor& old) { return small::add(old, old); });
  EXPECT_EQ(gradient(x).to_vector(), std::vector<double>(6, 2));
  EXPECT_THROW(set_gradient(x, ones({3, 2})), ShapeError);
  EXPECT_THROW(set_gradient(x, ones({2, 3}, float64)), ShapeError);
  EXPECT_EQ(gradient(x).to_vector(), std::vector<double>(6, 2));
  zero_grad(x);
  EXPECT_FALSE(gradient(x).defined());
  set_requires_grad(x, false);
  EXPECT_FALSE(requires_grad(x));
}

TEST(Leaves, Refusals) {
  Tensor whole = arange(3);
  EXPECT_THROW(set_requires_grad(whole), DTypeError);
  Tensor y = small::exp(one());
  EXPECT_THROW(set_requires_grad(y), GradientError);
  EXPECT_THROW(set_requires_grad(y, false), GradientError);
  EXPECT_THROW(gradient(zeros({1})), GradientError);
  EXPECT_THROW(set_gradient(y, y), GradientError);
  EXPECT_THROW(on_gradient(zeros({1}), [](const Tensor& g) { return g; }), GradientError);
  EXPECT_THROW(requires_grad(Tensor()), ArgumentError);
}

TEST(Leaves, OutliveTheirTensor) {
  Tensor y;
  {
    Tensor w = one(3);
    static_cast<Leaf*>(node_of(w))->label = "w";
    y = small::exp(w);
  }
  const Node* leaf = node_of(y)->inputs()[0].node;
  EXPECT_TRUE(leaf->is_leaf());
  EXPECT_EQ(static_cast<const Leaf*>(leaf)->label, "w");
}

TEST(Leaves, DetachCutsTheTape) {
  const Tensor w = one(3);
  const Tensor y = small::exp(w), z = detach(y);
  EXPECT_FALSE(requires_grad(z));
  EXPECT_EQ(z.data<float>(), y.data<float>());
}

}  // namespace
}  // namespace gradus

// Memory that is wanting in a step of training: each request is refused in turn.

#include "refused.h"

#include <memory>

namespace gradus::tests {
namespace {

/// The step after `before` others is whole or leaves parameters and optimiser as they were.
template <class Net>
void refuse_in_step(int before, bool all) {
  const auto make = [&] {
    auto t = std::make_unique<Training<Net>>();
    for (int i = 0; i < before; ++i) t->step();
    return t;
  };
  auto reference = make();
  const State old = reference->parameters_and_sums(), old_buffers = reference->buffers();
  reference->step();
  const State stepped = reference->parameters_and_sums(), stepped_buffers = reference->buffers();
  reference.reset();
  ASSERT_FALSE(same(old, stepped));

  for (int i = 0; i < 3; ++i) make()->step();  // what is cached is there
  std::unique_ptr<Training<Net>> t = make();
  const auto check = [&](bool thrown) {
    const State now = t->parameters_and_sums(), buffers = t->buffers();
    EXPECT_TRUE(same(now, thrown ? old : stepped));
    EXPECT_TRUE(same(buffers, old_buffers) || same(buffers, stepped_buffers));
    EXPECT_TRUE(t->gradients() == 0 || t->gradients() == t->adam.parameters().size()) << t->gradients();
    EXPECT_EQ(detail::context.scope, nullptr);
    t = make();
  };
  const std::int64_t requests = refuse_each([&] { t->step(); }, check, all);
  EXPECT_GT(requests, 50);
  ::testing::Test::RecordProperty("requests", static_cast<int>(requests));
}

TEST(WantOfMemory, InTheFirstStepOfAnMlp) { refuse_in_step<Mlp>(0, false); }
TEST(WantOfMemory, InALaterStepOfAnMlp) { refuse_in_step<Mlp>(2, false); }
TEST(WantOfMemory, InTheFirstStepOfACnn) { refuse_in_step<Cnn>(0, false); }
TEST(WantOfMemory, InALaterStepOfACnn) { refuse_in_step<Cnn>(2, false); }
TEST(WantOfMemory, FromAMomentOfAStepOn) {
  refuse_in_step<Mlp>(0, true);
  refuse_in_step<Cnn>(2, true);
}

/// Of leaves that share a cotangent, and whose gradients are none, their own, held by others too, or transposed.
TEST(WantOfMemory, AllGradientsChangeOrNone) {
  for (const bool recorded : {false, true}) {
    std::vector<Tensor> leaves, held;
    const auto reset = [&] {
      for (const Tensor& x : leaves) zero_grad(x);
      leaves.clear();
      held.clear();
      for (int i = 0; i < 6; ++i) {
        leaves.push_back(leaf(full({2, 3}, i)));
        if (i % 3 == 1) set_gradient(leaves.back(), ones({2, 3}));
        if (i % 3 == 2) set_gradient(leaves.back(), transpose(ones({3, 2})));
        if (i >= 3) held.push_back(gradient(leaves.back()));
      }
    };
    const auto pass = [&] {
      Tensor y = leaves[0];
      for (const Tensor& x : leaves) y = y + x;
      backward(sum(y), {.create_graph = recorded});
    };
    const auto check = [&](bool thrown) {
      for (int i = 0; i < 6; ++i) {
        const Tensor g = gradient(leaves[static_cast<std::size_t>(i)]);
        const int before = i % 3 > 0, expected = before + (thrown ? 0 : i == 0 ? 2 : 1);
        EXPECT_EQ(g.defined(), expected > 0) << i;
        if (g.defined()) {
          EXPECT_TRUE(equal(g, full({2, 3}, expected))) << i;
        }
      }
      for (const Tensor& g : held) EXPECT_TRUE(!g.defined() || equal(g, ones({2, 3})));
      reset();
    };
    reset();
    EXPECT_GT(refuse_each(pass, check), 10);
    check(false);
  }
}

/// A step that fails leaves nothing behind, and the next one is as if it had not been.
TEST(WantOfMemory, NothingIsLeakedByAStep) {
  Training<Mlp> t;
  for (int i = 0; i < 3; ++i) t.step();
  const State old = t.parameters_and_sums(), old_buffers = t.buffers();
  const auto reset = [&] {
    t.adam.zero_grad();
    State sums, values = old_buffers;
    for (const auto& [name, x] : old)
      if (name.starts_with("net/"))
        values[name.substr(4)] = x;
      else
        sums[name] = x;
    t.adam.set_state(sums);
    nn::set_state(t.net, values);
  };
  for (int i = 0; i < 3; ++i) {  // what is cached is there
    reset();
    t.step();
  }
  reset();
  const Held held;
  refuse_each([&] { t.step(); },
              [&](bool) {
                reset();
                EXPECT_EQ(Held(), held);
              });
}

}  // namespace
}  // namespace gradus::tests

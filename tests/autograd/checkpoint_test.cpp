#include "gradus/autograd/checkpoint.h"

#include "errors.h"

#include "gradus/inspect/profile.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/tensor/memory.h"
#include "gradus/tensor/random.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace gradus {
namespace {

Tensor draw(const Shape& shape) { return normal(shape, 0, 1, float64); }

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(equal(a[i], b[i])) << i;
}

template <class F>
std::string message(F&& f) {
  return tests::message_of<GradientError>(f);
}

TEST(Checkpoint, OfAnMlpTakesAQuarterAndGivesTheSameBits) {
  constexpr int kLayers = 64, kSegment = 8, kWidth = 64;
  std::vector<Tensor> weights;
  for (int i = 0; i < kLayers; ++i) weights.push_back(leaf(normal({kWidth, kWidth}, 0, 0.15)));
  const Tensor x = normal({2048, kWidth});
  const auto layers = [&](Tensor h, int from) {
    for (int i = from; i < from + kSegment; ++i) h = sin(matmul(h, weights[static_cast<std::size_t>(i)]));
    return h;
  };
  const auto run = [&](bool checkpointed) {
    const std::int64_t before = memory_stats().live;
    reset_peak_memory();
    Tensor h = x;
    for (int i = 0; i < kLayers; i += kSegment)
      h = checkpointed ? checkpoint([&layers, i](const Tensor& at) { return layers(at, i); }, h) : layers(h, i);
    std::vector<Tensor> results = grad(sum(h), weights);
    const std::int64_t peak = memory_stats().peak - before;
    results.push_back(h);
    return std::pair(results, peak);
  };
  const auto [plain, most] = run(false);
  const auto [checkpointed, less] = run(true);
  expect_same(checkpointed, plain);
  EXPECT_GE(most, 4 * less) << most << " bytes at most without, " << less << " with";
}

TEST(Checkpoint, KeepsItsInputsOnly) {
  const Tensor x = leaf(draw({1000}));
  const std::int64_t before = memory_stats().live;
  const Tensor y = checkpoint([](const Tensor& a) { return exp(tanh(exp(tanh(a)))); }, x);
  EXPECT_LT(memory_stats().live - before, 2 * 8000);  // y, and less than another one
}

TEST(Checkpoint, GradientsReachInputsAndWhatIsCaptured) {
  const Tensor x = leaf(draw({3})), w = leaf(draw({3})), h = w * 2.0;
  const auto f = [&](const Tensor& a, const Tensor& b) { return exp(a * w) * h + b * x; };
  const auto gradients = [&](const Tensor& y) { return grad(sum(y), {x, w, h}, {}, {.retain_graph = true}); };
  const auto expected = gradients(f(tanh(x), x));
  const Tensor y = checkpoint(f, tanh(x), x);
  const auto got = gradients(y);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(all_close(got[i], expected[i], 1e-13, 1e-13)) << i;
  expect_same(gradients(y), got);  // kept for another pass
  backward(sum(y));
  expect_same({gradient(w)}, {got[1]});
  EXPECT_NE(message([&] { gradients(y); }), "no error") << "used up";
}

TEST(Checkpoint, NestsAndDifferentiatesTwice) {
  const Tensor x = leaf(draw({3})), w = leaf(draw({3})), h = w * x;
  const auto f = [&](const Tensor& a) { return exp(a * w) * h; };
  const auto g = [&](const Tensor& a, bool nested) { return sum((nested ? checkpoint(f, tanh(a)) : f(tanh(a))) * a); };
  const auto derivatives = [&](const Tensor& y) {
    std::vector<Tensor> all = grad(y, {x, w}, {}, {.create_graph = true});
    for (const Tensor& second : grad(sum(all[0] * all[1]), {x, w}, {}, {.retain_graph = true})) all.push_back(second);
    return all;
  };
  const auto expected = derivatives(g(x, false));
  const auto got = derivatives(checkpoint([&](const Tensor& a) { return g(a, true); }, x));
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(all_close(got[i], expected[i], 1e-12, 1e-12)) << i;
}

TEST(Checkpoint, HasTheRandomNumbersOfTheFirstCall) {
  const Tensor x = leaf(ones({8}));
  std::vector<Tensor> drawn;
  const Tensor y = checkpoint(
      [&](const Tensor& a) {
        drawn.push_back(normal({8}));
        return a * drawn.back();
      },
      x);
  normal({3});
  const Generator before = default_generator();
  const Tensor g = grad(sum(y), x);
  expect_same({g, drawn.at(1)}, {drawn.at(0), drawn.at(0)});
  EXPECT_EQ(default_generator().position(), before.position());
}

TEST(Checkpoint, MayDifferentiateItself) {
  const Tensor x = leaf(draw({3})), w = leaf(draw({3}));
  const auto f = [&](const Tensor& a) { return grad(sum(sin(a * w)), a, {}, {.create_graph = true}) * a; };
  expect_same(grad(sum(checkpoint(f, x)), {x, w}), grad(sum(f(x)), {x, w}));
  const Tensor u = sum(sin(x * w));
  EXPECT_TRUE(message([&] {
                checkpoint(
                    [&](const Tensor& a) { return a * grad(u, x, {}, {.retain_graph = true, .create_graph = true}); },
                    x);
              }).find("checkpoint: expected a function that uses tensors") == 0);
}

TEST(Checkpoint, GivesSeveralResults) {
  const Tensor x = leaf(draw({3})), w = leaf(draw({3}));
  const auto f = [&](std::span<const Tensor> in) { return std::vector<Tensor>{in[0] * in[1], w, in[1]}; };
  const Tensor c = draw({3}), xs[] = {x, exp(x)};
  const auto ys = f(xs), zs = checkpoint(f, xs);
  expect_same(zs, ys);
  for (std::size_t k = 0; k < ys.size(); ++k)
    expect_same(grad(zs[k], {x, w}, c, {.retain_graph = true}), grad(ys[k], {x, w}, c, {.retain_graph = true}));
  EXPECT_FALSE(requires_grad(checkpoint([](const Tensor& a) { return exp(a); }, c)));
  EXPECT_FALSE(no_grad([&] { return requires_grad(checkpoint(f, xs)[0]); }));
}

TEST(Checkpoint, HooksRunOnce) {
  const Tensor x = leaf(draw({3})), w = leaf(draw({3}));
  int calls = 0;
  on_gradient(w, [&](const Tensor& g) {
    ++calls;
    return g * 2.0;
  });
  const Tensor y = checkpoint([&](const Tensor& a) { return a * w; }, x);
  expect_same({grad(sum(y), w)}, {x * 2.0});
  EXPECT_EQ(calls, 1);
}

TEST(Checkpoint, WhatItRunsAgainIsSeenAtItsPlace) {
  const Tensor x = leaf(draw({3}));
  int line = 0;
  const graph::ScopeGuard net("net");
  const Tensor y = checkpoint(
      [&](const Tensor& a) {
        line = __LINE__ + 1;
        return exp(a);
      },
      x);
  struct Watch final : detail::OpWatch {
    void end(const detail::OpCall& call) override {
      if (call.op.info.name == std::string("exp")) sites.push_back(call.site);
    }
    std::vector<CallSite> sites;
  } watch;
  grad(sum(y), x);
  ASSERT_EQ(watch.sites.size(), 2U);  // forward and rule
  for (CallSite site : watch.sites) EXPECT_EQ(site.line, static_cast<std::uint32_t>(line));
}

TEST(Checkpoint, AnotherResultOrAChangeInPlaceIsAnError) {
  const Tensor x = leaf(draw({3}));
  Tensor w = leaf(draw({3}));
  int calls = 0;
  const Tensor bad = checkpoint([&](const Tensor& a) { return ++calls > 1 ? sum(a) : a; }, x);
  const int line = __LINE__ - 1;
  const std::string text = message([&] { backward(sum(bad)); });
  EXPECT_EQ(text.find("checkpoint: expected a function that gives the same shapes"), 0U) << text;
  EXPECT_NE(text.find("checkpoint_test.cpp:" + std::to_string(line)), std::string::npos) << text;
  EXPECT_FALSE(gradient(x).defined());

  const Tensor y = checkpoint([&](const Tensor& a) { return a + w; }, x);
  w.mutable_data<double>()[0] = 7;
  EXPECT_NE(message([&] { backward(sum(y)); }).find("changed in place"), std::string::npos);
  EXPECT_THROW(checkpoint([](const Tensor& a) { return cast(a, int64); }, x), DTypeError);

  const std::uint64_t position = default_generator().position();
  const Tensor throws = checkpoint(
      [&](const Tensor& a) {
        if (++calls > 3) throw std::runtime_error("no");
        return a * normal({3}, 0, 1, float64);
      },
      x);
  calls = 3;
  EXPECT_THROW(backward(sum(throws)), std::runtime_error);
  EXPECT_GT(default_generator().position(), position);
  EXPECT_TRUE(is_recording());
}

}  // namespace
}  // namespace gradus

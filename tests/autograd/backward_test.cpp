#include "gradus/autograd/backward.h"

#include "close.h"
#include "errors.h"

#include "gradus/autograd/functional.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/memory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace gradus {
namespace {

using tests::expect_close, tests::number, tests::vector;

using gradus::tests::message_of;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// ---- backward ------------------------------------------------------------------------------------

TEST(Backward, AccumulatesIntoLeaves) {
  const Tensor a = leaf(vector({1.0, 2.0})), b = leaf(vector({3.0, 5.0}));
  EXPECT_FALSE(gradient(a).defined());
  backward(sum(a * b));
  expect_close(gradient(a), vector({3.0, 5.0}));
  expect_close(gradient(b), vector({1.0, 2.0}));
  backward(sum(a * b));
  expect_close(gradient(a), vector({6.0, 10.0}));
  zero_grad(a);
  EXPECT_FALSE(gradient(a).defined());
  backward(sum(a));
  expect_close(gradient(a), vector({1.0, 1.0}));
  expect_close(gradient(b), vector({2.0, 4.0}));
}

TEST(Backward, TakesACotangent) {
  const Tensor x = leaf(vector({1.0, 2.0}));
  const Tensor c = vector({10.0, -1.0});
  backward(x * x, c);
  expect_close(gradient(x), vector({20.0, -4.0}));
  expect_close(c, vector({10.0, -1.0}));
}

TEST(Backward, UsesATensorTwiceAndJoinsBranches) {
  const Tensor x = leaf(number(3));
  const Tensor y = x * x, left = y * 2.0, right = y + x;  // a diamond
  backward(left * right);                                 // 2 x^2 (x^2 + x) = 2 x^4 + 2 x^3
  expect_close(gradient(x), number(8 * 27 + 6 * 9));
}

TEST(Backward, GradientsOfLeavesAreTheirOwn) {
  Tensor a = leaf(vector({1.0, 2.0})), b = leaf(vector({1.0, 2.0}));
  const Tensor c = vector({1.0, 1.0});
  backward(a + b, c);  // both rules pass the cotangent on as it is
  Tensor ga = gradient(a);
  ga.mutable_data<double>()[0] = 100;
  expect_close(gradient(b), vector({1.0, 1.0}));
  expect_close(c, vector({1.0, 1.0}));
  const Tensor wide = leaf(number(1));
  backward(sum(broadcast_to(wide, {4})));
  EXPECT_TRUE(gradient(wide).is_contiguous());
  const Tensor held = gradient(b);
  backward(b * b, c);
  expect_close(held, vector({1.0, 1.0}));  // a handle taken earlier keeps its values
}

TEST(Backward, RunsThroughViews) {
  const Tensor x = leaf(vector({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}));
  const Tensor t = transpose(x), part = slice(t, 0, 0, kEnd, 2);  // columns 0 and 2
  backward(sum(part * part));
  expect_close(gradient(x), vector({{2.0, 0.0, 6.0}, {8.0, 0.0, 12.0}}));
}

TEST(Backward, SeveralResultsOfOneOp) {
  const Tensor x = leaf(vector({1.0, 2.0, 3.0, 4.0, 5.0}));
  const auto parts = split(x, std::vector<std::int64_t>{2, 3});
  backward(sum(parts[1] * parts[1]) + sum(parts[0]));
  expect_close(gradient(x), vector({1.0, 1.0, 6.0, 8.0, 10.0}));
  zero_grad(x);
  backward(sum(split(x, std::vector<std::int64_t>{2, 3})[0]));  // nothing flows back from the other
  expect_close(gradient(x), vector({1.0, 1.0, 0.0, 0.0, 0.0}));
}

TEST(Backward, TwiceIsAnErrorThatNamesOpAndLine) {
  const Tensor x = leaf(number(3));
  const Tensor y = x * x;
  const int line = __LINE__ - 1;
  backward(y);
  const std::string text = message_of<GradientError>([&] { backward(y); });
  EXPECT_TRUE(contains(text, "mul:")) << text;
  EXPECT_TRUE(contains(text, "retain_graph")) << text;
  EXPECT_TRUE(contains(text, fmt::format("backward_test.cpp:{}", line))) << text;
  expect_close(gradient(x), number(6));  // as before the call
}

TEST(Backward, TwiceWorksWhereRetained) {
  const Tensor x = leaf(number(3));
  const Tensor y = x * x;
  backward(y, {.retain_graph = true});
  backward(y);
  expect_close(gradient(x), number(12));
  const Tensor z = x + x;  // saves nothing
  backward(z);
  backward(z);
  expect_close(gradient(x), number(16));
}

TEST(Backward, AChangedSavedTensorIsAnError) {
  Tensor x = leaf(number(3)), w = leaf(number(2));
  const Tensor y = x * w;
  const int line = __LINE__ - 1;
  w.mutable_data<double>()[0] = 7;
  const std::string text = message_of<GradientError>([&] { backward(y); });
  EXPECT_TRUE(contains(text, "mul: expected input 1 as it was")) << text;
  EXPECT_TRUE(contains(text, fmt::format("backward_test.cpp:{}", line))) << text;
  EXPECT_FALSE(gradient(x).defined() || gradient(w).defined());

  const Tensor s = leaf(number(3));
  Tensor r = exp(s);  // saves its result
  Tensor same = detach(r);
  same.mutable_data<double>();
  EXPECT_TRUE(contains(message_of<GradientError>([&] { backward(r); }), "exp: expected output 0"));

  Tensor free = leaf(number(3));
  const Tensor z = free + w;  // saves nothing
  free.mutable_data<double>()[0] = 9;
  backward(z);
  expect_close(gradient(free), number(1));
}

TEST(Backward, AnErrorLeavesEveryGradientAsItWas) {
  Tensor a = leaf(number(2)), b = leaf(number(3));
  const Tensor early = a * a, late = b * b;
  a.mutable_data<double>();
  EXPECT_THROW(backward(early + late), GradientError);  // b's part runs first and succeeds
  EXPECT_FALSE(gradient(a).defined() || gradient(b).defined());
}

TEST(Backward, RefusesWhatHasNoGradient) {
  const Tensor x = leaf(vector({1.0, 2.0}));
  EXPECT_TRUE(
      contains(message_of<GradientError>([&] { backward(detach(x)); }), "backward: expected a result that requires"));
  EXPECT_TRUE(contains(message_of<GradientError>([&] { backward(x * 2.0); }), "expected one element"));
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { backward(x * 2.0, ones({3}, float64)); }),
                       "backward: expected a cotangent [2], got [3]"));
  EXPECT_TRUE(contains(message_of<DTypeError>([&] { backward(x * 2.0, ones({2})); }), "expected float64, got float32"));
  EXPECT_TRUE(contains(message_of<GradientError>([&] { backward(x * 2.0); }), "backward_test.cpp"));
  EXPECT_TRUE(
      contains(message_of<GradientError>([&] { grad(sum(x), detach(x)); }), "grad: expected inputs that require"));
  EXPECT_THROW(gradient(x * 2.0), GradientError);
}

TEST(Backward, DetachAndNoGradCutTheTape) {
  const Tensor x = leaf(number(3));
  backward(x * detach(x));
  expect_close(gradient(x), number(3));
  {
    const NoGrad guard;
    EXPECT_FALSE(requires_grad(x * x));
    EXPECT_FALSE(is_recording());
    const RecordingGuard on(true);
    EXPECT_TRUE(requires_grad(x * x));
  }
  EXPECT_TRUE(is_recording());
  EXPECT_FALSE(requires_grad(no_grad([&] { return x * x; })));
}

// ---- grad ----------------------------------------------------------------------------------------

TEST(Grad, GivesGradientsOfLeavesAndIntermediates) {
  const Tensor x = leaf(number(3)), other = leaf(number(1));
  const Tensor y = x * x, z = y * y;
  const auto g = grad(z, {x, y, z, other});
  expect_close(g[0], number(4 * 27));
  expect_close(g[1], number(18));
  expect_close(g[2], number(1));
  expect_close(g[3], number(0));
  EXPECT_FALSE(gradient(x).defined());
}

TEST(Grad, StopsAtWhatIsWanted) {
  const Tensor x = leaf(number(3));
  const Tensor y = x * x, z = y * y;
  expect_close(grad(z, y), number(18));
  backward(y);  // what y saved was not used up
  expect_close(gradient(x), number(6));
}

TEST(Grad, DoesNotEnterWhatIsBehindItsInputs) {
  const Tensor w = leaf(number(2));
  Tensor x = w * w;
  const Tensor older = x * w;  // a way to w beside x
  const Node* const behind[] = {node_of(w), node_of(x), node_of(older)};
  for (int i = 0; i < 3; ++i) x = sin(x);
  const Tensor y = x * x * older, newer = y * w;
  const auto entered = [&] {
    return std::count_if(std::begin(behind), std::end(behind), [](const Node* node) { return node->mark != 0; });
  };
  std::ptrdiff_t most = -1;
  on_gradient(y, [&](const Tensor&) { most = std::max(most, entered()); });
  const double value = x.item<double>(), other = older.item<double>();
  for (const bool create_graph : {false, true}) {
    most = -1;
    expect_close(grad(y, x, {}, {.retain_graph = true, .create_graph = create_graph}), number(2 * value * other));
    EXPECT_EQ(most, 1);  // older, which y was made from, but not what is behind it
  }
  // The oldest input says how far the pass goes: here all the way.
  most = -1;
  const auto all = grad(newer, {x, w}, {}, {.retain_graph = true});
  EXPECT_EQ(most, 3);
  expect_close(all[0], number(2 * value * other * 2));
  backward(newer, {.retain_graph = true});
  expect_close(all[1], gradient(w));
  most = -1;
  expect_close(grad([&] { return y * x; }, x), number(3 * value * value * other));
  EXPECT_EQ(most, 1);
}

TEST(Grad, SeveralResultsAtOnce) {
  const Tensor x = leaf(number(3));
  const Tensor ys[] = {x * x, x * 5.0}, cs[] = {number(2), number(1)};
  expect_close(grad(ys, {&x, 1}, cs)[0], number(17));
  EXPECT_THROW(grad(ys, {&x, 1}, {cs, 1}), ArgumentError);
}

TEST(Grad, OfAnyOrder) {
  const Tensor x = leaf(number(2));
  Tensor y = pow(x, 7);
  double expected = 128;
  for (int order = 1; order <= 6; ++order) {
    y = grad(y, x, {}, {.create_graph = true});
    expected *= (8.0 - order) / 2;
    expect_close(detach(y), number(expected));
  }
  // A polynomial of degree 5 made of products.
  Tensor p = x * x * x * x * x;
  for (int order = 1; order <= 5; ++order) p = grad(p, x, {}, {.create_graph = true});
  expect_close(detach(p), number(120));
}

TEST(Grad, CreateGraphFlowsIntoLeafGradients) {
  const Tensor x = leaf(number(3));
  backward(x * x * x, {.create_graph = true});
  expect_close(detach(gradient(x)), number(27));
  expect_close(grad(gradient(x), x), number(18));
  zero_grad(x);  // the gradient's tape holds x, which holds the gradient
}

TEST(Grad, OfAFunction) {
  const auto f = [](const Tensor& x) { return sum(pow(x, 3)); };
  expect_close(grad(f)(vector({1.0, 2.0})), vector({3.0, 12.0}));
  expect_close(grad(grad(f))(number(2)), number(12));
}

// ---- hooks ---------------------------------------------------------------------------------------

TEST(Hooks, SeeAndReplaceCotangents) {
  const Tensor x = leaf(number(3));
  const Tensor y = x * x;
  std::vector<double> seen;
  on_gradient(y, [&](const Tensor& g) {
    seen.push_back(g.item());
    return Tensor();
  });
  on_gradient(y, [](const Tensor& g) { return g * 10.0; });
  on_gradient(x, [&](const Tensor& g) {
    seen.push_back(g.item());
    return Tensor();
  });
  backward(y * 2.0, {.retain_graph = true});
  EXPECT_EQ(seen, (std::vector<double>{2, 120}));
  expect_close(gradient(x), number(120));
  expect_close(grad(y, y), number(10));  // hooks run for wanted results as well
}

TEST(Hooks, RunFromTheNewestNodeToTheOldest) {
  std::mt19937 random(1);
  std::vector<std::uint64_t> seen;
  const auto watched = [&](Tensor x) {
    on_gradient(x, [&seen, id = node_of(x)->id()](const Tensor&) { seen.push_back(id); });
    return x;
  };
  for (int round = 0; round < 20; ++round) {
    std::vector<Tensor> all{watched(leaf(number(1)))};
    while (all.size() < 200) {
      // Leaves in between, near and far inputs, several of them at once.
      const auto any = [&] {
        return all[all.size() - 1 - random() % std::min<std::size_t>(all.size(), 1 + random() % 200)];
      };
      Tensor x;
      switch (random() % 4) {
        case 0: x = leaf(number(1)); break;
        case 1: x = any() + any(); break;
        case 2: x = all.back() * any(); break;
        default: x = sum(stack({any(), any(), any(), any()}));
      }
      all.push_back(watched(x));
    }
    for (const bool selective : {false, true}) {
      seen.clear();
      if (selective)
        grad(all.back(), all[0], {}, {.retain_graph = true});
      else
        backward(all.back(), {.retain_graph = true});
      EXPECT_TRUE(std::is_sorted(seen.rbegin(), seen.rend()));
      EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
      EXPECT_EQ(seen.empty() ? node_of(all.back())->id() : seen.front(), node_of(all.back())->id());
    }
  }
}

TEST(Hooks, RunAfterAllPartsAreThere) {
  const Tensor x = leaf(number(3));
  int calls = 0;
  on_gradient(x, [&](const Tensor& g) {
    ++calls;
    EXPECT_EQ(g.item(), 6);
    return Tensor();
  });
  backward(x * x);
  EXPECT_EQ(calls, 1);
}

TEST(Hooks, MayRunAnotherPass) {
  const Tensor x = leaf(number(3));
  const Tensor y = x * x;
  on_gradient(y, [&](const Tensor& g) {
    EXPECT_FALSE(is_recording());
    const RecordingGuard on(true);
    return detach(g) * grad(x * x * x, x);
  });
  backward(y);
  expect_close(gradient(x), number(6 * 27));
}

TEST(Hooks, AWrongShapeIsAnError) {
  const Tensor x = leaf(vector({1.0, 2.0}));
  const Tensor y = x * x;
  on_gradient(y, [](const Tensor&) { return number(1); });
  const std::string text = message_of<GradientError>([&] { backward(sum(y)); });
  EXPECT_TRUE(contains(text, "a hook that returns a cotangent float64 [2], got float64 []")) << text;
  EXPECT_FALSE(gradient(x).defined());
  EXPECT_THROW(on_gradient(detach(x), [](const Tensor& g) { return g; }), GradientError);
}

// ---- size and threads ----------------------------------------------------------------------------

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kLong = 100'000;
#else
constexpr int kLong = 1'000'000;
#endif

template <class F>
void on_small_stack(F f) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t thread;
  const auto run = [](void* closure) -> void* {
    (*static_cast<F*>(closure))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, &f), 0);
  pthread_join(thread, nullptr);
}

TEST(LongChain, RunsBackwardAndIsDestroyed) {
  on_small_stack([] {
    const Tensor x = leaf(scalar(1));
    const std::int64_t before = memory_stats().live;
    Tensor y = x;
    for (int i = 0; i < kLong; ++i) y = i % 2 == 0 ? y * x : y + x;
    EXPECT_LE((memory_stats().live - before) / kLong, 400);
    backward(y);
    EXPECT_TRUE(gradient(x).defined());
    y.reset();
    zero_grad(x);
    EXPECT_EQ(memory_stats().live, before);
    y = x;
    for (int i = 0; i < kLong; ++i) y = -y;  // destroyed without a pass
  });
}

TEST(Threads, ShareLeaves) {
  const Tensor w = leaf(vector({1.0, 2.0})), shared = leaf(number(3));
  constexpr int kSteps = 300;
  const auto work = [&](double factor) {
    for (int i = 0; i < kSteps; ++i) backward(sum(w * factor) * shared);
  };
  std::thread other(work, 2.0);
  work(1.0);
  other.join();
  expect_close(gradient(w), full({2}, kSteps * 9.0, float64));
  expect_close(gradient(shared), number(kSteps * 9.0));
}

TEST(Threads, RunPassesOverOneGraph) {
  const Tensor x = leaf(number(3));
  Tensor y = x;
  for (int i = 0; i < 50; ++i) y = y * x;
  std::vector<std::thread> threads;
  std::vector<double> results(4);
  for (double& result : results)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) result = grad(y, x, {}, {.retain_graph = true}).item() / y.item();
    });
  for (std::thread& t : threads) t.join();
  for (double result : results) EXPECT_NEAR(result, 17, 1e-9);
}

}  // namespace
}  // namespace gradus

// Different graphs on different threads at once.
#include "gradus/autograd/backward.h"
#include "gradus/autograd/checkpoint.h"
#include "gradus/graph/scope.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace gradus {
namespace {

constexpr int kThreads = 4, kSteps = 20;

template <class F>
void on_threads(F f) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(f, i);
  for (std::thread& t : threads) t.join();
}

TEST(Threads, GraphsOfTheirOwnWithSharedConstants) {
  const Tensor x = normal({16, 8}, 0, 1, float64), target = normal({16, 4}, 0, 1, float64);
  // Gradient descent on a small network; the same on each thread, from the same seed.
  const auto train = [&](std::uint64_t seed) {
    manual_seed(seed);
    Tensor w1 = leaf(normal({8, 8}, 0, 0.3, float64)), w2 = leaf(normal({8, 4}, 0, 0.3, float64));
    for (int step = 0; step < kSteps; ++step) {
      const graph::ScopeGuard net("net" + std::to_string(seed));
      const auto hidden = [&](const Tensor& in) { return tanh(matmul(in, w1)); };
      const Tensor h = step % 2 == 0 ? hidden(x) : checkpoint(hidden, x);
      const Tensor off = matmul(transpose(transpose(h)), w2) - target;
      const auto g = grad(mean(off * off), {w1, w2});
      w1 = leaf(detach(w1) - g[0] * 0.1);
      w2 = leaf(detach(w2) - g[1] * 0.1);
    }
    return detach(w1);
  };
  std::vector<Tensor> results(kThreads);
  on_threads([&](int i) { results[static_cast<std::size_t>(i)] = train(static_cast<std::uint64_t>(i % 2)); });
  for (int i = 0; i < kThreads; ++i)
    EXPECT_TRUE(equal(results[static_cast<std::size_t>(i)], train(static_cast<std::uint64_t>(i % 2)))) << i;
}

TEST(Threads, GraphsMadeOnOneAreUsedOnAnother) {
  std::vector<Tensor> leaves(kThreads), results(kThreads), gradients(kThreads);
  const auto at = [](int i) { return static_cast<std::size_t>(i % kThreads); };
  on_threads([&](int i) {
    leaves[at(i)] = leaf(full({100}, i + 1));
    Tensor y = leaves[at(i)];
    for (int k = 0; k < 20; ++k) y = y * 1.0 + leaves[at(i)];
    results[at(i)] = sum(y);
  });
  on_threads([&](int i) {
    gradients[at(i)] = grad(results[at(i + 1)], leaves[at(i + 1)]);
    results[at(i + 1)].reset();  // freed where it wasn't made
  });
  for (const Tensor& g : gradients) EXPECT_TRUE(equal(g, full({100}, 21)));
}

TEST(Threads, ErrorsStayOnTheirs) {
  const Tensor shared = ones({2, 3}, float64);
  std::atomic<int> caught = 0;
  on_threads([&](int i) {
    const graph::ScopeGuard net("net" + std::to_string(i));
    for (int k = 0; k < kSteps; ++k) {
      try {
        const Tensor x = leaf(ones({i % 2 == 0 ? 2 : 3, 3}, float64));
        backward(sum(x * shared));
      } catch (const ShapeError& e) {
        caught += e.scope() == "net" + std::to_string(i);
      }
    }
  });
  EXPECT_EQ(caught, kThreads / 2 * kSteps);
}

}  // namespace
}  // namespace gradus

// Many graphs on many threads at a time, with shared parameters, graphs, hooks and checkpoints: for a second, or for
// GRADUS_STRESS_SECONDS.

#include <gradus/autograd.h>
#include <gradus/nn.h>
#include <gradus/ops.h>
#include <gradus/tensor.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace gradus {
namespace {

constexpr int kThreads = 4;

double seconds() {
  const char* const given = std::getenv("GRADUS_STRESS_SECONDS");
  return given != nullptr ? std::atof(given) : 1;
}

struct Block : nn::Module<Block> {
  nn::Linear in{6, 6};
  nn::LayerNorm norm{6};
  Tensor forward(const Tensor& x) { return x + tanh(norm(in(x))); }
};

struct Net : nn::Module<Net> {
  std::vector<Block> blocks = std::vector<Block>(3);
  nn::Linear out{6, 2};
  Tensor forward(const Tensor& x) {
    return out(checkpoint([this](const Tensor& h) { return blocks[1](h); }, first(x)));
  }
  Tensor plain(const Tensor& x) { return out(blocks[1](first(x))); }
  Tensor first(const Tensor& x) { return blocks[0](x); }
};

/// What all threads use, and what must come of it.
class Shared {
 public:
  Shared() {
    for (const Parameter& p : parameters(net)) xs.push_back(p);
    expected = gradients(false);
    graph = mean(exp(net.plain(x)));
    graph_expected = grad(graph, xs, {}, {.retain_graph = true});
  }

  std::vector<Tensor> gradients(bool checkpointed) {
    return grad(mean(square(checkpointed ? net(x) : net.plain(x))), xs);
  }

  Tensor x = reshape(sin(linspace(0, 9, 30)), {5, 6});
  Net net;
  std::vector<Tensor> xs;
  std::vector<Tensor> expected;
  Tensor graph;  // of which many passes are made at a time
  std::vector<Tensor> graph_expected;
  Parameter counted = full({4}, 1);
  std::atomic<std::int64_t> passes{0}, seen{0};
  std::mutex mutex;
  std::deque<std::pair<Tensor, Tensor>> on_the_way;  // a leaf, and what another thread is to go back from
};

void expect_equal(const std::vector<Tensor>& a, const std::vector<Tensor>& b, const char* what) {
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(equal(a[i], b[i])) << what << ", parameter " << i;
}

// Each job is done by all threads, again and again, in any order.

void graphs_of_their_own(Shared& s) { expect_equal(s.gradients(false), s.expected, "a graph of its own"); }
void checkpoints(Shared& s) { expect_equal(s.gradients(true), s.expected, "a checkpoint"); }

void passes_over_one_graph(Shared& s) {
  expect_equal(grad(s.graph, s.xs, {}, {.retain_graph = true}), s.graph_expected, "a shared graph");
}

void gradients_that_add_up(Shared& s) {
  backward(sum(s.counted * tensor({1.0, 2.0, 3.0, 0.0})));
  ++s.passes;
}

void hooks_on_leaves(Shared& s) {
  GradientHook hook = on_gradient(s.xs[0], [&s](const Tensor&) { ++s.seen; });
  expect_equal(s.gradients(false), s.expected, "beside hooks on leaves");
  hook.remove();
}

void hooks_on_modules(Shared& s) {
  auto handle = nn::hook(s.net.blocks[0],
                         {.after = [&s](const Tensor&, const Tensor&) { ++s.seen; },
                          .output_gradient = [&s](const Tensor&) { ++s.seen; }});
  expect_equal(s.gradients(true), s.expected, "beside hooks on modules");
}

void second_derivatives(Shared& s) {
  const Tensor w = leaf(full({3}, 2));
  const auto g = grad(sum(w * w * w), {w}, {}, {.create_graph = true});
  EXPECT_TRUE(equal(grad(sum(g[0]), w), full({3}, 12)));
  const auto h = grad(sum(square(s.counted) * 2), {s.counted}, {}, {.create_graph = true});
  EXPECT_TRUE(equal(grad(sum(h[0]), s.counted), full({4}, 4)));
}

void graphs_that_wander(Shared& s) {
  Tensor x = leaf(full({50}, 3)), y = x;
  for (int k = 0; k < 10; ++k) y = y * 1.0 + x;
  std::pair<Tensor, Tensor> other;
  {
    const std::scoped_lock lock(s.mutex);
    s.on_the_way.emplace_back(x, sum(y));
    if (s.on_the_way.size() > 5) {
      other = std::move(s.on_the_way.front());
      s.on_the_way.pop_front();
    }
  }
  if (other.first.defined()) {
    EXPECT_TRUE(equal(grad(other.second, other.first), full({50}, 11)));
  }
}

void errors(Shared& s) {
  const graph::ScopeGuard scope("wrong" + std::to_string(s.seen % 7));
  EXPECT_THROW(s.net(ones({2, 5})), ShapeError);
  EXPECT_THROW(backward(detach(s.x)), GradientError);
}

void memory(Shared&) {
  std::vector<Tensor> many;
  for (std::int64_t n : {1, 100, 10'000, 300'000}) many.push_back(ones({n}));
  many.clear();
  release_cached_memory();
}

TEST(Stress, ManyGraphsOnManyThreads) {
  Shared shared;
  const std::vector<std::function<void(Shared&)>> jobs{graphs_of_their_own,
                                                       checkpoints,
                                                       passes_over_one_graph,
                                                       gradients_that_add_up,
                                                       hooks_on_leaves,
                                                       hooks_on_modules,
                                                       second_derivatives,
                                                       graphs_that_wander,
                                                       errors,
                                                       memory};
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds());
  std::atomic<std::int64_t> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      while (std::chrono::steady_clock::now() < end && !testing::Test::HasFailure()) {
        jobs[random() % jobs.size()](shared);
        ++done;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(done, 20);
  // Sums of whole numbers are exact up to 2^24, so nothing was lost; beyond, it can't be told.
  if (shared.passes * 3 < 1 << 24) {
    const auto n = static_cast<double>(shared.passes);
    EXPECT_TRUE(equal(gradient(shared.counted), tensor({n, 2 * n, 3 * n, 0.0}, float32)));
  }
  testing::Test::RecordProperty("jobs", std::to_string(done));
}

}  // namespace
}  // namespace gradus

// What the views of the tape say of real models.
#include <gradus/autograd.h>
#include <gradus/inspect.h>
#include <gradus/nn.h>
#include <gradus/ops.h>

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gradus {
namespace {

struct Mlp : nn::Module<Mlp> {
  nn::Linear fc1{20, 30}, fc2{30, 10};
  Tensor forward(const Tensor& x) { return fc2(relu(fc1(x))); }
};

const graph::Profile::Row& row(const std::vector<graph::Profile::Row>& rows, std::string_view name) {
  for (const auto& r : rows)
    if (r.name == name) return r;
  throw std::runtime_error("no row " + std::string(name));
}

TEST(Tape, ParametersHaveNamesOnceTheModelHasRun) {
  Mlp net;
  EXPECT_EQ(static_cast<Leaf*>(node_of(net.fc1.weight))->label, "");
  net(ones({2, 20}));
  EXPECT_EQ(static_cast<Leaf*>(node_of(net.fc1.weight))->label, "mlp.fc1.weight");
  EXPECT_EQ(static_cast<Leaf*>(node_of(net.fc2.bias))->label, "mlp.fc2.bias");
}

TEST(Tape, FlopsOfAModel) {
  Mlp net;
  const Tensor y = sum(net(ones({8, 20})));
  const graph::View view(y);
  const double fc1 = 8 * 30 * (2 * 20 + 1), fc2 = 8 * 10 * (2 * 30 + 1);
  const auto totals = totals_by_scope(view);
  EXPECT_EQ(totals[0].flops, fc1 + fc2 + 8 * 30 + 8 * 10);
  std::map<std::string, double> of_layer;
  for (const auto& t : totals)
    if (t.scope != nullptr) of_layer[t.scope->name()] = t.flops;
  EXPECT_EQ(of_layer.at("fc1"), fc1);
  EXPECT_EQ(of_layer.at("fc2"), fc2);
  const Tensor a = leaf(ones({4, 2, 3})), b = leaf(ones({3, 5}));
  EXPECT_EQ(graph::View(matmul(a, b)).nodes().back().flops, 2 * 4 * 2 * 3 * 5);
  EXPECT_EQ(graph::View(matmul(ones({2, 3}), b)).nodes().back().flops, 2 * 2 * 3 * 5);
  EXPECT_EQ(graph::View(reshape(a, {24})).nodes().back().flops, 0);
}

TEST(Tape, ProfileOfAStep) {
  Mlp net;
  const Tensor x = ones({8, 20});
  const graph::Profile profile;
  const Tensor y = sum(net(x));
  const double forward = profile.total().forward.flops;
  backward(y);
  EXPECT_EQ(profile.total().forward.flops, forward);
  const auto ops = profile.by_op();
  EXPECT_EQ(row(ops, "linear").forward.calls, 2);
  EXPECT_EQ(row(ops, "linear").backward.calls, 2);
  EXPECT_EQ(row(ops, "relu").forward.calls, 1);
  EXPECT_EQ(row(ops, "relu").backward.calls, 1);
  EXPECT_EQ(row(profile.by_layer(), "mlp.fc1").forward.calls, 1);
  EXPECT_EQ(row(profile.by_layer(), "mlp.fc1").backward.calls, 1);
  EXPECT_GT(row(profile.by_layer(), "mlp").forward.calls, 0);
  EXPECT_GT(profile.timed(graph::View(y)).nodes().back().seconds, 0);
}

TEST(Tape, AParameterCutOffByArgmaxOrDetach) {
  Mlp net;
  const graph::Trace trace;
  const Tensor hidden = net.fc1(ones({2, 20}));
  const std::uint32_t line = __LINE__ + 1;
  const Tensor best = argmax(hidden, 1);
  const Tensor y = sum(net.fc2(detach(relu(hidden)))) + sum(to(best, float32));
  const auto found = unreached_parameters(graph::View(y), parameters(net), &trace);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[0].why.find("cut by"), std::string::npos) << found[0].why;
  EXPECT_TRUE(found[0].site.line == line || found[0].site.line == line + 1) << found[0].why;
}

// ---- checkpoints ---------------------------------------------------------------------------------

/// A deep convolutional network, the parts of a plan checkpointed.
struct Cnn {
  struct Block : nn::Module<Block> {
    nn::Conv2d conv{16, 16, {.kernel = 3, .padding = 1}};
    nn::BatchNorm bn{16};
    Tensor forward(const Tensor& x) { return relu(bn(conv(x))); }
  };
  std::vector<Block> blocks;
  std::vector<std::pair<std::size_t, std::size_t>> segments;  // first and last block

  explicit Cnn(int depth) {
    manual_seed(1);
    for (int i = 0; i < depth; ++i) blocks.emplace_back();
  }
  Tensor run(Tensor x, std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) {
      const graph::ScopeGuard scope(std::to_string(i));
      x = blocks[i](x);
    }
    return x;
  }
  Tensor operator()(Tensor x) {
    std::size_t at = 0;
    for (const auto& [first, last] : segments) {
      x = checkpoint([this, from = first, to = last + 1](const Tensor& h) { return run(h, from, to); },
                     run(x, at, first));
      at = last + 1;
    }
    return run(x, at, blocks.size());
  }

  struct Step {
    std::int64_t peak;  // bytes
    std::vector<Tensor> results;
  };
  Step step(const Tensor& x) {
    const auto weights = parameters(blocks);
    const std::int64_t before = memory_stats().live;
    reset_peak_memory();
    std::vector<Tensor> results = grad(mean(square((*this)(x))), std::vector<Tensor>(weights.begin(), weights.end()));
    const std::int64_t peak = memory_stats().peak - before;
    for (const Block& b : blocks) results.push_back(clone(b.bn.running_mean));
    return {peak, std::move(results)};
  }
};

TEST(Tape, SuggestedCheckpointsOfACnnMeetABudgetOfHalfTheBytes) {
  constexpr int kBlocks = 32;
  Cnn net(kBlocks), frugal(kBlocks);
  Generator generator(2);
  const Tensor x = normal({8, 16, 16, 16}, 0, 1, float32, generator);
  const auto [plain, expected] = net.step(x);
  graph::CheckpointPlan plan;
  {
    const graph::View view(mean(square(net(x))));
    const std::int64_t kept = graph::suggest_checkpoints(view, 0).before;
    // The input, of each block what the convolution and what the rectifier gives, and three numbers a channel.
    EXPECT_EQ(kept, (x.numel() + kBlocks * (2 * x.numel() + 3 * 16)) * 4);
    // Half of all that a step takes, of which some isn't kept: cotangents, patches.
    plan = graph::suggest_checkpoints(view, plain / 2 - (plain - kept));
  }
  EXPECT_TRUE(plan.fits) << to_string(plan);
  EXPECT_LT(plan.recomputed, plan.flops);
  for (const auto& segment : plan.segments) {
    ASSERT_FALSE(segment.layers.empty()) << to_string(plan);
    frugal.segments.emplace_back(std::stoul(segment.layers.front()->name()), std::stoul(segment.layers.back()->name()));
  }
  const auto [less, results] = frugal.step(x);
  ASSERT_EQ(results.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(equal(results[i], expected[i])) << i;
  EXPECT_LE(less, plain / 2) << to_string(plan);
  EXPECT_EQ(graph::suggest_checkpoints(graph::View(frugal(x)), 1 << 30).before, plan.after) << to_string(plan);
}

}  // namespace
}  // namespace gradus

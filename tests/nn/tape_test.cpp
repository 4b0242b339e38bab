// What the graph room says of real models.
#include <gradus/autograd.h>
#include <gradus/graph.h>
#include <gradus/nn.h>
#include <gradus/ops.h>

#include <gtest/gtest.h>

#include <functional>

namespace gradus {
namespace {

struct Mlp : nn::Module<Mlp> {
  nn::Linear fc1{20, 30}, fc2{30, 10};
  Tensor forward(const Tensor& x) { return fc2(relu(fc1(x))); }
};

const graph::Profile::Row& row(const std::vector<graph::Profile::Row>& rows,
                               const std::string& name) {
  for (const auto& r : rows)
    if (r.name == name) return r;
  throw std::runtime_error("no row " + name);
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
  for (const auto& t : totals) {
    if (t.scope == nullptr) continue;
    if (t.scope->name() == "fc1") {
      EXPECT_EQ(t.flops, fc1);
    } else if (t.scope->name() == "fc2") {
      EXPECT_EQ(t.flops, fc2);
    }
  }
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

/// Runs `f` again in the backward pass.
struct Again : Op {
  static constexpr OpInfo info{.name = "again", .saves = Saves::input0};
  std::function<Tensor(const Tensor&)> f;
  Tensor forward(const Tensor& x) const { return f(x); }
  Cotangents vjp(const Pullback& p) const {
    const RecordingGuard on(true);
    const Tensor x = leaf(detach(p.in(0)));
    backward(f(x), p.g);
    return {gradient(x)};
  }
};

/// Twelve layers, each in a scope of its own.
struct Tower {
  std::vector<nn::Linear> layers;
  std::vector<bool> marked;        // layers to compute again
  std::vector<std::size_t> first;  // of the segment that a marked one is in

  Tower() : marked(12), first(12) {
    Generator generator(1);
    for (int i = 0; i < 12; ++i) layers.emplace_back(64, 64, nn::LinearOptions{}, generator);
  }
  Tensor layer(std::size_t i, const Tensor& x) const {
    const graph::ScopeGuard scope(std::to_string(i));
    return tanh(layers[i](x));
  }
  Tensor operator()(Tensor x) const {
    for (std::size_t i = 0; i < layers.size();) {
      std::size_t end = i + 1;
      while (end < layers.size() && marked[i] && marked[end] && first[end] == first[i]) ++end;
      const auto run = [this, i, end](Tensor h) {
        for (std::size_t k = i; k < end; ++k) h = layer(k, h);
        return h;
      };
      x = marked[i] ? apply(Again{{}, run}, x) : run(x);
      i = end;
    }
    return x;
  }

  /// The most memory that a step takes, and the gradients it gives.
  std::pair<std::int64_t, std::vector<Tensor>> step(const Tensor& x) const {
    for (const auto& l : layers) zero_grad(l.weight), zero_grad(l.bias);
    const std::int64_t before = memory_stats().live;
    reset_peak_memory();
    backward(mean((*this)(x)));
    std::vector<Tensor> gradients;
    for (const auto& l : layers) gradients.push_back(gradient(l.weight));
    return {memory_stats().peak - before, gradients};
  }
};

TEST(Tape, SuggestedCheckpointsMeetABudgetOfHalfTheBytes) {
  Tower net;
  const Tensor x = leaf(ones({1024, 64}));
  const auto [plain, expected] = net.step(x);
  graph::CheckpointPlan plan;
  {
    const graph::View view(mean(net(x)));
    const std::int64_t kept = graph::suggest_checkpoints(view, 0).before;
    plan = graph::suggest_checkpoints(view, kept / 2);
    EXPECT_EQ(kept, 12 * 1024 * 64 * 4);  // what each tanh gives; the input is a leaf
  }
  EXPECT_TRUE(plan.fits) << to_string(plan);
  EXPECT_LE(plan.peak, plan.before / 2);
  EXPECT_LT(plan.recomputed, plan.flops);
  for (std::size_t k = 0; k < plan.segments.size(); ++k)
    for (const graph::Scope* layer : plan.segments[k].layers) {
      const auto i = static_cast<std::size_t>(std::stoi(layer->name()));
      net.marked[i] = true;
      net.first[i] = k;
    }
  const auto [less, gradients] = net.step(x);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(equal(gradients[i], expected[i]));
  // All that a step needs besides is the same: what is saved is what the plan says.
  const auto saved = static_cast<double>(plan.before - plan.peak);
  EXPECT_GT(static_cast<double>(plain - less), 0.75 * saved) << plain << " " << less << "\n"
                                                             << to_string(plan);
  EXPECT_EQ(graph::suggest_checkpoints(graph::View(net(x)), 1 << 30).before, plan.after)
      << to_string(plan);
}

}  // namespace
}  // namespace gradus

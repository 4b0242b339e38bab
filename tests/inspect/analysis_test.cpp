#include "small_ops.h"

#include <gradus/inspect.h>
#include <gradus/inspect/boost.h>

#include <boost/graph/dominator_tree.hpp>
#include <boost/graph/reverse_graph.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

namespace gradus {
namespace {

using graph::critical_path;
using graph::kNone;
using graph::NodeInfo;
using graph::ScopeGuard;
using graph::Trace;
using graph::View;
using small::one;
using Places = std::vector<std::size_t>;

Tensor weights(std::int64_t n, const std::string& label = {}) {
  Tensor x = leaf(ones({n}));
  static_cast<Leaf*>(node_of(x))->label = label;
  return x;
}

/// Says itself what it takes.
struct Costly : Op {
  static constexpr OpInfo info{.name = "costly", .arity = 2, .saves = Saves::input1};
  double each = 10;
  Tensor forward(const Tensor& a, const Tensor&) const { return clone(a); }
  double flops(const OpShapes& s) const { return each * static_cast<double>(s.in[0].numel() * s.in[1].numel()); }
};

struct Moves : Op {
  static constexpr OpInfo info{.name = "moves", .flops = 0};
  Tensor forward(const Tensor& a) const { return clone(a); }
};

struct Ranks : Op {
  static constexpr OpInfo info{.name = "op2", .arity = 2};
  Tensor forward(const Tensor& a, const Tensor&) const { return clone(a); }
  double flops(const OpShapes& s) const { return s.in[1].rank(); }
};

struct Total : Op {
  static constexpr OpInfo info{.name = "total", .linearity = Linearity::linear};
  Tensor forward(const Tensor&) const { return ones({}); }
};

// ---- FLOPs ---------------------------------------------------------------------------------------

TEST(Flops, AreThoseTheOpStates) {
  const Tensor x = weights(6), data = ones({2});
  Tensor y = small::exp(x);                                 // 6
  y = apply(Moves{}, y);                                    // 0
  y = apply(Costly{}, y, x);                                // 10 * 36
  const Tensor z = apply(Costly{}, leaf(ones({3})), data);  // data is known from what was saved
  const Tensor t = apply(Total{}, y);                       // by its input
  const View view({t, z});
  std::vector<double> flops;
  for (const NodeInfo& n : view.nodes()) flops.push_back(n.flops);
  EXPECT_EQ(flops, (std::vector<double>{0, 6, 0, 360, 0, 60, 6}));
  EXPECT_EQ(totals_by_scope(view)[0].flops, 432);
}

TEST(Flops, AnUnknownInputHasRankZero) {
  const Tensor y = small::scale(weights(3), 2);
  EXPECT_EQ(View(apply(Ranks{}, y, ones({2, 2, 2}))).nodes().back().flops, 0);
}

// ---- critical path -------------------------------------------------------------------------------

/// w - exp - [scale | exp - exp] - add
struct Diamond {
  Tensor w = weights(4), top = small::exp(w), left = small::scale(top, 2), right = small::exp(top),
         right2 = small::exp(right), out = small::add(left, right2);
};

TEST(CriticalPath, OfADiamond) {
  const Diamond d;
  const View view(d.out);
  const graph::Path path = critical_path(view);
  EXPECT_EQ(path.nodes, (Places{0, 1, 3, 4, 5}));
  EXPECT_EQ(path.weight, 16);
  // A heavy left side turns it.
  const auto heavy = [](const NodeInfo& n) { return std::string(n.op) == "scale" ? 100.0 : 1.0; };
  EXPECT_EQ(critical_path(view, heavy).nodes, (Places{0, 1, 2, 5}));
  EXPECT_EQ(critical_path(view, heavy).weight, 103);
  EXPECT_EQ(critical_path(view, &NodeInfo::bytes).weight, 80);
  EXPECT_TRUE(critical_path(View()).nodes.empty());
}

// ---- dominators ----------------------------------------------------------------------------------

TEST(Dominators, OfADiamond) {
  const Diamond d;
  EXPECT_EQ(graph::dominators(View(d.out)), (Places{1, 5, 5, 4, 5, kNone}));
  // Where a branch is a result too, nothing but the top is passed by all.
  EXPECT_EQ(graph::dominators(View({d.out, d.left})), (Places{1, kNone, kNone, 4, 5, kNone}));
}

TEST(Dominators, AreThoseOfLengauerAndTarjan) {
  std::mt19937 random(7);
  for (int round = 0; round < 30; ++round) {
    std::vector<Tensor> made{one()};
    for (int i = 0; i < 40; ++i) {
      const auto pick = [&] {
        const std::size_t near = std::min<std::size_t>(made.size(), 6);
        return made[made.size() - 1 - random() % near];
      };
      const Tensor a = pick(), b = pick();
      made.push_back(random() % 3 == 0 ? small::scale(a, 1) : small::add(a, b));
    }
    const View view(made.back());
    const graph::BoostGraph g = graph::boost_graph(view);
    const auto back = boost::make_reverse_graph(g);
    Places expected(view.size(), kNone);
    lengauer_tarjan_dominator_tree(
        back, view.size() - 1, make_iterator_property_map(expected.begin(), get(boost::vertex_index, g)));
    EXPECT_EQ(graph::dominators(view), expected);
  }
}

// ---- minimum cut ---------------------------------------------------------------------------------

TEST(MinCut, TakesTheNarrowestPlace) {
  const Diamond d;
  const View view(d.out);
  // By count: one node, above or below the branches, separates; the first is the exp at the top.
  const auto count = [](const NodeInfo&) { return 1.0; };
  EXPECT_EQ(graph::min_cut(view, 1, 5, count).nodes, (Places{1}));
  // A top that is too heavy: one node of each branch.
  const auto heavy_top = [&](const NodeInfo& n) {
    return n.node == node_of(d.top) ? 100.0 : n.node == node_of(d.right) ? 5.0 : 1.0;
  };
  const graph::Cut cut = graph::min_cut(view, 1, 5, heavy_top);
  EXPECT_EQ(cut.nodes, (Places{2, 4}));
  EXPECT_EQ(cut.weight, 2);
  EXPECT_EQ(graph::min_cut(view, 2, 5, heavy_top).nodes, (Places{2}));
  EXPECT_TRUE(graph::min_cut(view, 2, 3).nodes.empty());  // no way
  EXPECT_THROW(graph::min_cut(view, 0, 6), IndexError);
  EXPECT_THROW(graph::min_cut(view, 1, 1), ArgumentError);
}

TEST(MinCut, IsAsLightAsTheBestOfAllCuts) {
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    std::vector<Tensor> made{one()};
    for (int i = 0; i < 9; ++i)
      made.push_back(small::add(made[random() % made.size()],
                                made[made.size() - 1 - random() % std::min<std::size_t>(made.size(), 3)]));
    const View view(made.back());
    const std::size_t n = view.size();
    std::vector<double> weight(n);
    for (double& w : weight) w = 1 + static_cast<double>(random() % 9);
    const auto weigh = [&](const NodeInfo& node) {
      return weight[static_cast<std::size_t>(&node - view.nodes().data())];
    };
    double best = 1e9;
    for (std::size_t removed = 0; removed < std::size_t{1} << (n - 1); ++removed) {
      std::vector<bool> reached(n);
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const bool gone = (removed >> i & 1) != 0;
        if (gone) sum += weight[i];
        if (i == 0) reached[i] = !gone;
        for (const auto& e : view.inputs(i)) reached[i] = reached[i] || (reached[e.from] && !gone);
      }
      if (!reached[n - 1]) best = std::min(best, sum);
    }
    const graph::Cut cut = graph::min_cut(view, 0, n - 1, weigh);
    EXPECT_EQ(cut.weight, best);
    double sum = 0;
    for (std::size_t i : cut.nodes) sum += weight[i];
    EXPECT_EQ(sum, best);
  }
}

// ---- what is left out ----------------------------------------------------------------------------

TEST(Unreached, SaysWhereTheWayIsCut) {
  const Tensor used = weights(3, "used"), unused = weights(3, "unused"), aside = weights(3, "aside"),
               through_sign = weights(3, "sign"), under_no_grad = weights(3, "no_grad"),
               detached = weights(3, "detached"), later = weights(3), frozen = ones({3});
  std::uint32_t line = 0;
  const Trace trace;
  const ScopeGuard scope("net");
  line = __LINE__ + 1;
  const Tensor s = small::sign(through_sign);
  const Tensor n = no_grad([&] { return small::exp(under_no_grad); });
  const Tensor d = detach(small::exp(detached));
  const Tensor dead = small::exp(aside);
  Tensor y = small::mul(used, s);
  y = small::add(small::add(y, n), d);
  const View view(y);
  const std::vector<Tensor> all{used, unused, aside, through_sign, under_no_grad, detached, later, frozen};
  const auto found = unreached_parameters(view, all, &trace);
  ASSERT_EQ(found.size(), 7U);
  const auto at = [&](int offset) {
    return fmt::format(" in net at analysis_test.cpp:{}", static_cast<int>(line) + offset);
  };
  EXPECT_EQ(to_string(found[0]), "unused: never used");
  EXPECT_EQ(to_string(found[1]), "aside: used by exp" + at(3) + ", but nothing of that goes into the result");
  EXPECT_EQ(to_string(found[2]), "sign: used, but the way to the result is cut by sign" + at(0));
  EXPECT_EQ(found[2].site.line, line);
  EXPECT_STREQ(found[2].op, "sign");
  EXPECT_EQ(to_string(found[3]), "no_grad: used, but the way to the result is cut by NoGrad around exp" + at(1));
  EXPECT_EQ(to_string(found[4]), "detached: used, but the way to the result is cut by detach before add" + at(5));
  EXPECT_EQ(to_string(found[5]), "parameter 6: never used");
  EXPECT_EQ(to_string(found[6]), "parameter 7: requires no gradient");
  EXPECT_EQ(found[6].parameter, 7U);
  EXPECT_EQ(trace.size(), 7U);

  // Without a trace the tape knows only that there is no way.
  EXPECT_EQ(unreached_parameters(view, all).size(), 7U);
  EXPECT_EQ(unreached_parameters(view, all)[0].why.rfind("not behind the result", 0), 0U);

  const auto unneeded = dead_results(view, trace);
  ASSERT_EQ(unneeded.size(), 2U);  // also the one that was cut off
  EXPECT_STREQ(unneeded[0].op, "exp");
  EXPECT_EQ(unneeded[1].site.line, line + 3);
  EXPECT_EQ(unneeded[1].bytes, 12);
  EXPECT_EQ(unneeded[1].flops, 3);
}

TEST(Trace, SeesNothingBeforeOrAfter) {
  const Tensor w = one();
  const Tensor before = small::exp(w);
  {
    const Trace outer;
    {
      const Trace inner;
      small::exp(w);
      EXPECT_EQ(inner.size(), 1U);
    }
    small::exp(w);
    EXPECT_EQ(outer.size(), 2U);
  }
  EXPECT_EQ(detail::op_watch, nullptr);
}

TEST(Trace, GivesItsMemoryBack) {
  const std::int64_t live = memory_stats().live;
  {
    const Trace trace;
    const Tensor w = one();
    for (int i = 0; i < 100; ++i) small::exp(w);
    EXPECT_GT(memory_stats().live, live);
  }
  EXPECT_EQ(memory_stats().live, live);
}

TEST(Watch, AnErrorInAnOpIsNoOp) {
  const Trace trace;
  EXPECT_THROW(small::mul(ones({2}), ones({3})), ShapeError);
  EXPECT_NE(detail::op_watch, nullptr);
  EXPECT_EQ(trace.size(), 0U);
  const std::vector<Tensor> two{one(), one()}, many(20, one());
  small::join(two);
  small::join(many);
  EXPECT_EQ(trace.size(), 2U);
}

// ---- checkpoints ---------------------------------------------------------------------------------

/// A chain of layers, each with two ops that keep their outputs: 16 layers of 2 * 400 bytes.
struct Chain {
  Tensor w = weights(100), y = w;
  explicit Chain(int layers = 16) {
    const ScopeGuard net("net");
    for (int i = 0; i < layers; ++i) {
      const ScopeGuard layer(fmt::format("l{}", i), "Layer");
      y = small::exp(small::exp(y));
    }
  }
};

TEST(Checkpoints, NothingToDo) {
  const Chain c;
  const auto plan = graph::suggest_checkpoints(View(c.y), 1 << 20);
  EXPECT_TRUE(plan.fits);
  EXPECT_TRUE(plan.segments.empty());
  EXPECT_EQ(plan.before, 16 * 800);
  EXPECT_EQ(to_string(plan), "kept for the backward pass: 12.8 kB, budget 1.0 MB\nfits without checkpoints\n");
  EXPECT_TRUE(graph::suggest_checkpoints(View(), 0).fits);
}

TEST(Checkpoints, HalfOfAChain) {
  const Chain c;
  const View view(c.y);
  const auto plan = graph::suggest_checkpoints(view, 6400);
  EXPECT_TRUE(plan.fits);
  EXPECT_LE(plan.peak, 6400);
  EXPECT_LE(plan.after, plan.peak);
  EXPECT_LT(plan.recomputed, plan.flops);
  std::size_t last = 0;
  ASSERT_FALSE(plan.segments.empty());
  for (const auto& s : plan.segments) {
    EXPECT_GT(s.drops, s.keeps);
    EXPECT_GE(s.first, last);
    last = s.last;
    EXPECT_EQ(2 * s.layers.size(), s.last - s.first + 1);  // whole layers
    EXPECT_EQ(s.flops, 200.0 * static_cast<double>(s.layers.size()));
  }
}

/// By hand: what a chain of `n` ops keeps if runs of `k` are computed again, the last one not.
TEST(Checkpoints, TheLeastPeakOfAChain) {
  const Chain c;
  const auto plan = graph::suggest_checkpoints(View(c.y), 0);
  EXPECT_FALSE(plan.fits);
  EXPECT_NE(to_string(plan).find("does not fit"), std::string::npos);
  // Runs of k layers: 16/k - 1 inputs at most stay, and one run of 2k outputs comes back.
  std::int64_t least = 1 << 30;
  for (std::int64_t k = 1; k <= 16; ++k) least = std::min(least, ((16 + k - 1) / k - 1) * 400 + 2 * k * 400);
  EXPECT_LE(plan.peak, least);
  EXPECT_GE(plan.peak, least - 2 * 400);
}

TEST(Checkpoints, DoNotCutALayerOrAResidual) {
  const Tensor w = weights(100);
  Tensor y = w;
  const ScopeGuard net("net");
  for (int i = 0; i < 8; ++i) {
    const ScopeGuard block(fmt::format("block{}", i));
    Tensor inside = y;
    for (const char* name : {"a", "b"}) {
      const ScopeGuard layer(name);
      inside = small::exp(small::exp(inside));
    }
    y = small::add(inside, y);
  }
  const View view(y);
  const auto plan = graph::suggest_checkpoints(view, 8 * 1600 / 2);
  EXPECT_TRUE(plan.fits);
  ASSERT_FALSE(plan.segments.empty());
  for (const auto& s : plan.segments) {
    EXPECT_STREQ(view[s.last].op, "add");
    for (const graph::Scope* layer : s.layers) EXPECT_EQ(layer->path().rfind("net.block", 0), 0U);
    EXPECT_EQ(s.layers.size() * 5, s.last - s.first + 1);
  }
}

TEST(Checkpoints, ParametersAndDataAreNotDropped) {
  // Each mul keeps its inputs: the parameter, and what the one before gave.
  const Tensor x = ones({100});
  std::vector<Tensor> ws;
  Tensor y = x;
  for (int i = 0; i < 6; ++i) {
    ws.push_back(weights(100));
    y = small::mul(y, ws.back());
  }
  const auto plan = graph::suggest_checkpoints(View(y), 0);
  EXPECT_EQ(plan.before, 6 * 400);  // the data and five products
  EXPECT_LT(plan.after, plan.before);
  EXPECT_GE(plan.after, 400);
}

// ---- size ----------------------------------------------------------------------------------------

TEST(Analysis, OfALongChain) {
  const Tensor w = one();
  Tensor y = w;
  for (int i = 0; i < 200'000; ++i) y = i % 3 == 0 ? small::add(y, w) : small::exp(y);
  const View view(y);
  EXPECT_EQ(critical_path(view).weight, 200'000);
  EXPECT_EQ(graph::dominators(view)[1], 2U);
  const auto plan = graph::suggest_checkpoints(view, 400'000);
  EXPECT_TRUE(plan.fits) << to_string(plan).substr(0, 200);
}

}  // namespace
}  // namespace gradus

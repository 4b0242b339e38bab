#include "small_ops.h"

#include <gradus/inspect.h>
#include <gradus/inspect/boost.h>

#include <boost/graph/dominator_tree.hpp>
#include <boost/graph/graphviz.hpp>
#include <boost/graph/topological_sort.hpp>
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <sstream>

namespace gradus {
namespace {

using graph::ScopeGuard;
using graph::View;
using small::one;

Tensor parameter(const Shape& shape, const std::string& label) {
  Tensor x = leaf(ones(shape));
  static_cast<Leaf*>(node_of(x))->label = label;
  return x;
}

/// Two layers with a parameter each, a shared one, and a result outside of any layer.
struct Net {
  Tensor w1 = parameter({4}, "fc1.weight"), w2 = parameter({4}, "block.fc2.weight"), shared = parameter({4}, "shared");
  Tensor data = ones({4});
  Tensor h1, h2, out;
  std::uint32_t line = 0;

  Net() {
    {
      const ScopeGuard net("net");
      {
        const ScopeGuard fc1("fc1", "Linear 4 → 4");
        line = __LINE__ + 1;
        h1 = small::mul(data, w1);
      }
      {
        const ScopeGuard block("block");
        const ScopeGuard fc2("fc2");
        h2 = small::add(small::mul(h1, w2), shared);
      }
      h2 = small::mul(h2, shared);
    }
    out = small::exp(h2);
  }
};

TEST(View, NodesInTapeOrder) {
  const Net net;
  const View view(net.out);
  ASSERT_EQ(view.size(), 8U);
  for (std::size_t i = 1; i < view.size(); ++i) EXPECT_LT(view[i - 1].id, view[i].id);
  EXPECT_EQ(view.find(net.w1), 0U);
  EXPECT_EQ(view.find(net.out), 7U);
  EXPECT_EQ(view.find(net.data), std::nullopt);
  EXPECT_EQ(view.find(one()), std::nullopt);
  ASSERT_EQ(view.results().size(), 1U);
  EXPECT_EQ(view.results()[0], 7U);
  std::string ops;
  for (const auto& node : view.nodes()) ops += std::string(node.op) + " ";
  EXPECT_EQ(ops, "leaf leaf leaf mul mul add mul exp ");
}

TEST(View, DescribesNodes) {
  const Net net;
  const View view(net.out);
  const auto& w = view[0];
  EXPECT_TRUE(w.is_leaf);
  EXPECT_EQ(w.label, "fc1.weight");
  EXPECT_EQ(w.node, node_of(net.w1));
  EXPECT_EQ(w.arity, 0U);
  const auto& mul = view[3];
  EXPECT_FALSE(mul.is_leaf);
  EXPECT_EQ(mul.label, "");
  EXPECT_EQ(mul.arity, 2U);
  EXPECT_EQ(mul.attributes, "");
  EXPECT_EQ(mul.bytes, 16);
  EXPECT_EQ(mul.numel(), 4);
  ASSERT_EQ(mul.results.size(), 1U);
  EXPECT_EQ(mul.results[0].shape, (Shape{4}));
  EXPECT_EQ(mul.results[0].dtype, float32);
  EXPECT_EQ(mul.site.line, net.line);
  EXPECT_EQ(mul.path(), "net.fc1");
  EXPECT_EQ(view[7].path(), "");
}

TEST(View, Edges) {
  const Net net;
  const View view(net.out);
  std::string text;
  for (const auto& e : view.edges()) {
    EXPECT_LT(e.from, e.to);
    EXPECT_EQ(e.bytes, 16);
    text += std::to_string(e.from) + ">" + std::to_string(e.to) + "." + std::to_string(e.operand) + " ";
  }
  // w1 is the second operand of the first mul; the data before it has no node.
  EXPECT_EQ(text, "0>3.1 3>4.0 1>4.1 4>5.0 2>5.1 5>6.0 2>6.1 6>7.0 ");
  EXPECT_EQ(view.inputs(3).size(), 1U);
  EXPECT_EQ(view.inputs(4)[1].from, 1U);
  EXPECT_TRUE(view.inputs(0).empty());
  EXPECT_EQ(view.inputs(7).size(), 1U);
}

TEST(View, LeavesBelongToTheLayerThatUsesThem) {
  const Net net;
  const View view(net.out);
  EXPECT_EQ(view[0].path(), "net.fc1");
  EXPECT_EQ(view[1].path(), "net.block.fc2");
  EXPECT_EQ(view[2].path(), "net");  // used in net.block.fc2 and in net
  const Tensor outside = small::mul(net.h2, net.w1);
  EXPECT_EQ(View(outside)[0].path(), "");
  const ScopeGuard somewhere("somewhere");
  EXPECT_EQ(View(one())[0].path(), "somewhere");  // nobody uses it: where it was made
}

TEST(View, SeveralResultsAndOutputs) {
  const Tensor x = leaf(tensor({1.0, 2.0, 3.0}));
  const Tensors both = small::halves(x);
  const Tensor a = small::exp(both[0]), b = small::exp(both[1]);
  const View view({b, a, b});
  ASSERT_EQ(view.size(), 4U);
  EXPECT_EQ(view[1].results.size(), 2U);
  EXPECT_EQ(view[1].bytes, 12);
  EXPECT_EQ(std::vector<std::size_t>(view.results().begin(), view.results().end()),
            (std::vector<std::size_t>{3, 2, 3}));
  EXPECT_EQ(view.inputs(2)[0].output, 0U);
  EXPECT_EQ(view.inputs(2)[0].bytes, 4);
  EXPECT_EQ(view.inputs(3)[0].output, 1U);
  EXPECT_EQ(view.inputs(3)[0].bytes, 8);
  const std::vector<Tensor> list{a};
  EXPECT_EQ(View(list).size(), 3U);
  EXPECT_EQ(View().size(), 0U);
  EXPECT_EQ(View(std::span<const Tensor>{}).size(), 0U);
}

TEST(View, UsesATensorTwice) {
  const Tensor w = one();
  const Tensor y = small::mul(w, w);
  const View view(y);
  EXPECT_EQ(view.size(), 2U);
  EXPECT_EQ(view.edges().size(), 2U);
  EXPECT_EQ(view[1].saved_bytes, view.saved()[0].bytes);  // one storage
}

TEST(View, AttributesAsText) {
  small::Scale op;
  op.alpha = 0.1;
  op.axis = -1;
  op.keep = true;
  op.sizes = {2, 3};
  EXPECT_EQ(View(apply(op, one()))[1].attributes, "alpha=0.1, axis=-1, keep=true, sizes=[2, 3], mode=same");
}

TEST(View, SavedTensors) {
  const Net net;
  const View view(net.out);
  struct Row {
    std::uint32_t node;
    int slot;
    bool first;
  };
  // data*w1 keeps data; h1*w2 both; h*shared both, exp its output.
  const Row expected[] = {{3, 0, true}, {4, 0, true}, {4, 1, true}, {6, 0, true}, {6, 1, true}, {7, -1, true}};
  ASSERT_EQ(view.saved().size(), std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(view.saved()[i].node, expected[i].node);
    EXPECT_EQ(view.saved()[i].slot, expected[i].slot);
    EXPECT_EQ(view.saved()[i].first, expected[i].first);
    EXPECT_EQ(view.saved()[i].shape, (Shape{4}));
    EXPECT_EQ(view.saved()[i].bytes, 16);
  }
  EXPECT_EQ(view[3].saved_bytes, 16);
  EXPECT_EQ(view[4].saved_bytes, 32);
  EXPECT_EQ(view[5].saved_bytes, 0);
}

TEST(View, CountsSharedMemoryOnce) {
  const Tensor x = leaf(ones({10})), other = leaf(ones({10}));
  const Tensor a = small::mul(x, other), b = small::mul(a, x);
  const View view(b);
  // a keeps x and other, b keeps a and x once more.
  EXPECT_EQ(view[2].saved_bytes, 80);
  EXPECT_EQ(view[3].saved_bytes, 80);
  EXPECT_EQ(view.saved()[0].storage, view.saved()[3].storage);
  EXPECT_FALSE(view.saved()[3].first);
  EXPECT_EQ(totals_by_scope(view)[0].saved_bytes, 120);
  // A view of a tensor keeps all of its storage.
  const Tensor part = view_as(ones({100}), {10}, {10});
  EXPECT_EQ(View(small::mul(part, x))[1].saved_bytes, 400);
}

TEST(View, IsASnapshotThatKeepsTheTape) {
  const std::int64_t live = memory_stats().live;
  {
    View kept;
    {
      const Net net;
      kept = View(net.out);
      node_of(net.out)->release_saved();
    }
    EXPECT_EQ(kept[7].saved_bytes, 16);         // as it was
    EXPECT_STREQ(kept[3].node->name(), "mul");  // still there
    EXPECT_EQ(View({}).size(), 0U);
    const View copy = kept;
    EXPECT_EQ(&copy[0], &kept[0]);
  }
  EXPECT_EQ(memory_stats().live, live);
}

TEST(View, AfterABackwardPassHasNothingSaved) {
  const Net net;
  for (Tensor x : {net.out, net.h2}) node_of(x)->release_saved();
  const View view(net.out);
  EXPECT_EQ(view[7].saved_bytes, 0);
  EXPECT_EQ(view[6].saved_bytes, 0);
  EXPECT_EQ(view[3].saved_bytes, 16);
}

TEST(View, OfNothingRecordedIsAnError) {
  const Tensor x = ones({1});
  std::uint32_t line = 0;
  try {
    line = __LINE__ + 1;
    const View view(x);
    FAIL();
  } catch (const GradientError& e) {
    EXPECT_EQ(std::string(e.what()),
              "view: expected a result that requires a gradient, got one that doesn't (no leaf "
              "behind it, or recorded "
              "under NoGrad)\n  at view_test.cpp:" +
                  std::to_string(line));
  }
  EXPECT_THROW(View({one(), x}), GradientError);
  EXPECT_THROW(View{Tensor()}, ArgumentError);
}

// ---- totals by layer -----------------------------------------------------------------------------

TEST(Totals, OfEachLayerIncludeTheLayersInIt) {
  const Net net;
  const auto totals = totals_by_scope(View(net.out));
  ASSERT_EQ(totals.size(), 5U);
  const auto expect =
      [&](std::size_t row, const char* path, int depth, int nodes, int parameters, int bytes, int saved) {
        EXPECT_EQ(totals[row].scope == nullptr ? "" : totals[row].scope->path(), path);
        EXPECT_EQ(totals[row].depth, depth);
        EXPECT_EQ(totals[row].nodes, nodes);
        EXPECT_EQ(totals[row].parameters, parameters);
        EXPECT_EQ(totals[row].bytes, bytes);
        EXPECT_EQ(totals[row].saved_bytes, saved);
      };
  expect(0, "", 0, 8, 12, 80, 96);
  expect(1, "net", 1, 7, 12, 64, 80);
  expect(2, "net.fc1", 2, 2, 4, 16, 16);
  expect(3, "net.block", 2, 3, 4, 32, 32);
  expect(4, "net.block.fc2", 3, 3, 4, 32, 32);
}

TEST(Totals, AsATable) {
  const Net net;
  EXPECT_EQ(graph::summary(View(net.out)),
            "layer                 nodes  parameters  FLOPs  results  saved\n"
            "--------------------------------------------------------------\n"
            "net                       7          12     16     64 B   80 B\n"
            "  fc1 (Linear 4 → 4)      2           4      4     16 B   16 B\n"
            "  block                   3           4      8     32 B   32 B\n"
            "    fc2                   3           4      8     32 B   32 B\n"
            "(in no layer)             1           0      4     16 B   16 B\n"
            "--------------------------------------------------------------\n"
            "total                     8          12     20     80 B   96 B\n");
  const Tensor large = leaf(zeros({1'234'567}));
  EXPECT_EQ(graph::summary(View(small::exp(large))),
            "layer  nodes  parameters  FLOPs  results   saved\n"
            "------------------------------------------------\n"
            "total      2   1,234,567  1.2 M   4.9 MB  4.9 MB\n");
}

// ---- as a Boost graph ----------------------------------------------------------------------------

TEST(Boost, CarriesNodesAndEdges) {
  const Net net;
  const View view(net.out);
  const graph::BoostGraph g = graph::boost_graph(view);
  EXPECT_EQ(num_vertices(g), view.size());
  EXPECT_EQ(num_edges(g), view.edges().size());
  EXPECT_EQ(g[0].label, "fc1.weight");
  EXPECT_EQ(in_degree(4, g), 2U);
  EXPECT_EQ(out_degree(2, g), 2U);  // the shared parameter
  const auto e = *in_edges(3, g).first;
  EXPECT_EQ(source(e, g), 0U);
  EXPECT_EQ(g[e].operand, 1U);
  EXPECT_EQ(g[boost::graph_bundle].size(), view.size());
  EXPECT_EQ(g[3].flops, 4);
  EXPECT_EQ(graph::boost_graph(view.with_seconds([](const auto& n) { return double(n.id); }))[3].seconds,
            double(view[3].id));
}

TEST(Boost, TopologicalSort) {
  const Net net;
  const View view(net.out);
  const graph::BoostGraph g = graph::boost_graph(view);
  std::vector<std::size_t> order;
  topological_sort(g, std::back_inserter(order));
  std::reverse(order.begin(), order.end());
  ASSERT_EQ(order.size(), view.size());
  std::vector<std::size_t> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  for (const auto& edge : view.edges()) EXPECT_LT(place[edge.from], place[edge.to]);
  EXPECT_EQ(order.back(), 7U);
}

TEST(Boost, UsersAlgorithmsRun) {
  const Tensor w = one();
  const Tensor a = small::exp(w), b = small::scale(a, 1), c = small::scale(a, 2), d = small::add(b, c);
  const graph::BoostGraph g = graph::boost_graph(View(d));
  std::vector<std::size_t> dominator(num_vertices(g), 99);
  lengauer_tarjan_dominator_tree(g, 0, make_iterator_property_map(dominator.begin(), get(boost::vertex_index, g)));
  EXPECT_EQ(dominator, (std::vector<std::size_t>{99, 0, 1, 1, 1}));

  std::ostringstream out;
  write_graphviz(
      out, g, make_label_writer(get(&graph::NodeInfo::op, g)), make_label_writer(get(&graph::EdgeInfo::bytes, g)));
  EXPECT_NE(out.str().find("4[label=add]"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("0->1 [label=4]"), std::string::npos) << out.str();
}

TEST(Boost, KeepsTheTape) {
  const std::int64_t live = memory_stats().live;
  {
    graph::BoostGraph g;
    g = graph::boost_graph(View(small::exp(one())));
    EXPECT_STREQ(g[1].node->name(), "exp");
  }
  EXPECT_EQ(memory_stats().live, live);
}

// ---- size ----------------------------------------------------------------------------------------

TEST(View, OfAMillionNodesOnASmallStack) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  pthread_t thread{};
  const auto run = [](void*) -> void* {
    const Tensor w = one();
    Tensor y = w;
    {
      const ScopeGuard scope("chain");
      for (int i = 0; i < 1'000'000; ++i) y = small::mul(y, w);
    }
    const View view(y);
    y.reset();
    EXPECT_EQ(view.size(), 1'000'001U);
    EXPECT_EQ(view.edges().size(), 2'000'000U);
    EXPECT_EQ(view.edges().back().from, 0U);
    EXPECT_EQ(totals_by_scope(view)[1].nodes, 1'000'001);
    const graph::BoostGraph g = graph::boost_graph(view);
    std::vector<std::size_t> order;
    topological_sort(g, std::back_inserter(order));
    EXPECT_EQ(order.front(), 1'000'000U);
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, nullptr), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace
}  // namespace gradus

#include "small_ops.h"

#include <gradus/inspect.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <unistd.h>

namespace gradus {
namespace {

using graph::DotOptions;
using graph::ScopeGuard;
using graph::View;
using small::one;

/// What stands in the text, read line by line.
struct Dot {
  std::map<std::string, std::string> nodes;     // attributes by name
  std::map<std::string, std::string> clusters;  // the nodes' clusters, "outer/inner"
  std::vector<std::pair<std::string, std::string>> edges;
  bool balanced = true;

  explicit Dot(const std::string& text) {
    std::istringstream lines(text);
    std::vector<std::string> open;  // names of the clusters around, then one more for the graph
    for (std::string line; std::getline(lines, line);) {
      line.erase(0, line.find_first_not_of(' '));
      const std::size_t bracket = line.find(" ["), arrow = line.find(" -> ");
      const std::string head = line.substr(0, bracket);
      if (line == "}") {
        balanced = balanced && !open.empty();
        if (!open.empty()) open.pop_back();
      } else if (line.ends_with(" {")) {
        open.emplace_back();
      } else if (line.starts_with("label=<<b>")) {
        open.back() = line.substr(10, line.find("</b>") - 10);
      } else if (arrow < bracket) {
        edges.emplace_back(line.substr(0, arrow), line.substr(arrow + 4, bracket - arrow - 4));
      } else if (head != "graph" && head != "node" && head != "edge") {
        balanced = balanced && line.ends_with("];") && nodes.emplace(head, line.substr(bracket)).second;
        for (std::size_t i = 1; i < open.size(); ++i) clusters[head] += "/" + open[i];
        clusters[head];
      }
    }
    balanced = balanced && open.empty();
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// True if Graphviz, where it is installed, reads the text without a word.
void expect_graphviz_reads(const std::string& text) {
  if (std::system("command -v dot >/dev/null 2>&1") != 0) GTEST_SKIP() << "no dot";
  const std::string path = testing::TempDir() + "gradus_dot_" + std::to_string(getpid());
  std::ofstream(path) << text;
  const std::string command = "dot -Tsvg " + path + " > " + path + ".svg 2> " + path + ".log";
  EXPECT_EQ(std::system(command.c_str()), 0) << text;
  std::ostringstream log;
  log << std::ifstream(path + ".log").rdbuf();
  EXPECT_EQ(log.str(), "") << text;
  for (const char* end : {"", ".svg", ".log"}) std::filesystem::remove(path + end);
}

struct Net {
  Tensor w = leaf(ones({3})), x = full({3}, 2), out;
  Net() {
    static_cast<Leaf*>(node_of(w))->label = "fc.weight";
    Tensor y;
    {
      const ScopeGuard net("net");
      const ScopeGuard fc("fc", "Linear 3 → 3");
      y = small::mul(x, w);
    }
    out = small::add(small::scale(y, 0.5), y);
  }
};

TEST(Dot, EveryNodeAndEdge) {
  const Net net;
  const View view(net.out);
  const Dot dot(to_dot(view, {.data = false}));
  EXPECT_TRUE(dot.balanced);
  EXPECT_EQ(dot.nodes.size(), view.size());
  ASSERT_EQ(dot.edges.size(), view.edges().size());
  for (std::size_t i = 0; i < dot.edges.size(); ++i) {
    const auto name = [](std::uint32_t node) { return std::string("n").append(std::to_string(node)); };
    EXPECT_EQ(dot.edges[i].first, name(view.edges()[i].from));
    EXPECT_EQ(dot.edges[i].second, name(view.edges()[i].to));
  }
}

TEST(Dot, LayersAreNestedBoxes) {
  const Net net;
  const Dot dot(to_dot(View(net.out)));
  EXPECT_EQ(dot.clusters.at("n0"), "/net/fc");  // the parameter stands where it is used
  EXPECT_EQ(dot.clusters.at("n1"), "/net/fc");
  EXPECT_EQ(dot.clusters.at("n2"), "");
  EXPECT_EQ(dot.clusters.at("d0"), "");
}

TEST(Dot, SaysWhatANodeIs) {
  const Net net;
  const std::string text = to_dot(View(net.out));
  const Dot dot(text);
  const std::string line = to_string(node_of(net.out)->site());
  EXPECT_TRUE(has(dot.nodes.at("n0"), "shape=cylinder"));
  EXPECT_TRUE(has(dot.nodes.at("n0"), "label=<weight<br/>"));
  EXPECT_TRUE(has(dot.nodes.at("n0"), "tooltip=\"fc.weight\\n[3], 12 B\\nin net.fc\""));
  EXPECT_TRUE(has(dot.nodes.at("n1"), "<b>mul</b>"));
  EXPECT_TRUE(has(dot.nodes.at("n1"), ">saves input 0: 12 B<"));
  EXPECT_TRUE(has(dot.nodes.at("n2"), "alpha=0.5, axis=0"));
  EXPECT_TRUE(has(dot.nodes.at("n3"), ">" + line + "<"));
  EXPECT_TRUE(has(dot.nodes.at("n3"), "penwidth=2"));
  EXPECT_FALSE(has(dot.nodes.at("n2"), "penwidth"));
  EXPECT_TRUE(has(dot.nodes.at("n3"), ">[3]<"));
  EXPECT_TRUE(has(text, "n1 -> n2 [weight=6, label=\"[3]\""));
  EXPECT_TRUE(has(dot.nodes.at("d0"), "data<br/>"));
  EXPECT_TRUE(has(text, "d0 -> n1 ["));
  EXPECT_TRUE(has(text, "Linear 3 → 3"));
}

TEST(Dot, Options) {
  const Net net;
  const View view(net.out);
  EXPECT_FALSE(has(to_dot(view, {.saved = false}), "saves"));
  EXPECT_FALSE(has(to_dot(view, {.data = false}), "d0"));
  const Dot plain(to_dot(view, {.color = false}));
  for (const auto& [name, attributes] : plain.nodes) EXPECT_TRUE(has(attributes, "fillcolor=\"white\"")) << attributes;
  EXPECT_TRUE(has(to_dot(view, {.title = "A \"net\""}), "label=\"A \\\"net\\\"\""));
  EXPECT_TRUE(has(to_dot(view), "Linear 3 → 3<br/>"));
  EXPECT_TRUE(has(to_dot(view), ">3 parameters<"));
  const auto describe = [](const graph::Scope& s) { return s.name() == "fc" ? "Own & 1" : ""; };
  EXPECT_TRUE(has(to_dot(view, {.describe = describe}), "<b>fc</b>  Own &amp; 1>"));
  EXPECT_TRUE(has(to_dot(view), "12 B\\n3 FLOPs\\nin net.fc"));
  EXPECT_TRUE(has(to_dot(view.with_seconds([](const auto&) { return 0.002; })), "FLOPs in 2.00 ms"));
  const Dot heat(
      to_dot(view, {.heat = [](const graph::NodeInfo& n) { return std::string(n.op) == "mul" ? 5.0 : 0.0; }}));
  EXPECT_TRUE(has(heat.nodes.at("n1"), "fillcolor=\"#f06e55\""));
  EXPECT_TRUE(has(heat.nodes.at("n2"), "fillcolor=\"#fff7e0\""));
}

TEST(Dot, EscapesText) {
  Tensor w = one();
  static_cast<Leaf*>(node_of(w))->label = "a<b>&\"c\"\\N\nd\x01";
  small::Scale op;
  op.mode = "x > \"y\" & <z> \\G, and far more text than a label can hold ……………";
  const ScopeGuard scope("<s>&\"t\"", "d < e");
  const std::string text = to_dot(View(apply(op, w)));
  const Dot dot(text);
  EXPECT_TRUE(dot.balanced) << text;
  EXPECT_TRUE(has(dot.nodes.at("n0"), "label=<a&lt;b&gt;&amp;&quot;c&quot;\\N d <br/>"));
  EXPECT_TRUE(has(dot.nodes.at("n0"), "tooltip=\"a<b>&\\\"c\\\"\\\\N\\nd \\n"));
  EXPECT_TRUE(has(dot.nodes.at("n1"), "…<"));
  EXPECT_TRUE(has(dot.nodes.at("n1"), "mode=x > \\\"y\\\" & <z> \\\\G, and far more"));
  expect_graphviz_reads(text);
}

TEST(Dot, SeveralOutputsAndTypes) {
  const Tensor x = leaf(tensor({1.0, 2.0, 3.0}, float64));
  const Tensor y = small::scale(leaf(ones({2})), 1);
  const Tensors both = small::halves(leaf(ones({3})));
  const std::vector<Tensor> list{both[0], both[1], y, y};
  const std::string text = to_dot(View(small::join(list)));
  EXPECT_TRUE(has(text, "label=\"0: [1]\""));
  EXPECT_TRUE(has(text, "label=\"1: [2]\""));
  EXPECT_TRUE(has(to_dot(View(x)), "[3] float64"));
  EXPECT_TRUE(Dot(text).balanced);
  EXPECT_TRUE(Dot(to_dot(View())).balanced);
  expect_graphviz_reads(text);
  expect_graphviz_reads(to_dot(View()));
}

TEST(Dot, DataIsDrawnOnce) {
  const Tensor x = full({3}, 2), w = leaf(ones({3}));
  const Tensor y = small::add(small::mul(x, w), small::mul(w, x));
  const Dot dot(to_dot(View(y)));
  EXPECT_EQ(std::count_if(dot.nodes.begin(), dot.nodes.end(), [](const auto& n) { return n.first[0] == 'd'; }), 1);
  EXPECT_EQ(std::count_if(dot.edges.begin(), dot.edges.end(), [](const auto& e) { return e.first[0] == 'd'; }), 2);
}

TEST(Dot, IsWrittenWholeOrNotAtAll) {
  const Net net;
  const View view(net.out);
  const std::string dir = testing::TempDir() + "gradus_dot_dir_" + std::to_string(getpid());
  std::filesystem::create_directories(dir);
  write_dot(view, dir + "/net.dot");
  std::ostringstream text;
  text << std::ifstream(dir + "/net.dot").rdbuf();
  EXPECT_EQ(text.str(), to_dot(view));
  expect_graphviz_reads(text.str());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir), {}), 1);
  std::filesystem::remove_all(dir);
  try {
    write_dot(view, dir + "/net.dot");
    FAIL();
  } catch (const IoError& e) {
    EXPECT_EQ(e.op(), "write_dot");
    EXPECT_TRUE(has(e.message(), "net.dot' (No such file or directory)"));
  }
}

}  // namespace
}  // namespace gradus

#include "gradus/inspect/view.h"

#include "scope_tree.h"

#include "gradus/tensor/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <unordered_map>

namespace gradus::graph {
namespace {

class AttributeText final : public AttributeVisitor {
 public:
  using AttributeVisitor::operator();
  void operator()(std::string_view name, double value) override { add(name, fmt::format("{}", value)); }
  void operator()(std::string_view name, std::int64_t value) override { add(name, fmt::format("{}", value)); }
  void operator()(std::string_view name, bool value) override { add(name, value ? "true" : "false"); }
  void operator()(std::string_view name, std::string_view value) override { add(name, value); }
  void operator()(std::string_view name, const Shape& value) override { add(name, to_string(value)); }

  std::string text;

 private:
  void add(std::string_view name, std::string_view value) {
    if (!text.empty()) text += ", ";
    text.append(name).append("=").append(value);
  }
};

std::int64_t bytes_of(const Result& result) {
  return result.shape.numel() * static_cast<std::int64_t>(size_of(result.dtype));
}

NodeInfo describe(Node& node) {
  NodeInfo info;
  info.node = &node;
  info.id = node.id();
  info.op = node.name();
  info.is_leaf = node.is_leaf();
  info.arity = static_cast<std::uint32_t>(node.inputs().size());
  if (info.is_leaf) info.label = static_cast<const Leaf&>(node).label;
  if (node.op().visit != nullptr) {
    AttributeText attributes;
    node.op().visit(node.attributes(), attributes);
    info.attributes = std::move(attributes.text);
  }
  info.results.reserve(static_cast<std::size_t>(node.output_count()));
  for (int k = 0; k < node.output_count(); ++k) {
    info.results.push_back({node.shape(k), node.dtype(k)});
    info.bytes += bytes_of(info.results.back());
  }
  info.scope = node.scope();
  info.site = node.site();
  return info;
}

}  // namespace

int depth_of(const Scope* scope) {
  int depth = 0;
  for (; scope != nullptr; scope = scope->parent()) ++depth;
  return depth;
}

const Scope* common_scope(const Scope* a, const Scope* b) {
  int da = depth_of(a), db = depth_of(b);
  while (a != b) {
    if (da >= db) {
      a = a->parent();
      --da;
    } else {
      b = b->parent();
      --db;
    }
  }
  return a;
}

std::int64_t NodeInfo::numel() const {
  std::int64_t n = 0;
  for (const Result& result : results) n += result.shape.numel();
  return n;
}

struct View::Data {
  std::vector<NodeInfo> nodes;
  std::vector<EdgeInfo> edges;
  std::vector<std::uint32_t> first_edge;  // to each node; then the number of edges
  std::vector<SavedInfo> saved;
  std::vector<std::size_t> results;
  std::vector<Node*> kept;

  Data() = default;
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  ~Data() {
    for (Node* node : kept) node->release();
  }

  /// A copy; keeps all the tape like the other.
  explicit Data(const Data* other)
      : nodes(other->nodes),
        edges(other->edges),
        first_edge(other->first_edge),
        saved(other->saved),
        results(other->results) {
    for (Node* node : other->kept) keep(node);
  }

  void keep(Node* node) {
    kept.push_back(node);
    node->retain();
  }

  /// All nodes behind those kept. Inputs are older than their users, so taking the youngest node first
  /// meets all uses of a node in a row, and no set of visited nodes is needed.
  void collect() {
    std::priority_queue<std::pair<std::uint64_t, Node*>> waiting;
    for (Node* node : kept) waiting.emplace(node->id(), node);
    std::vector<Node*> found;
    std::size_t edge_count = 0, saved_count = 0;
    while (!waiting.empty()) {
      Node* node = waiting.top().second;
      waiting.pop();
      if (!found.empty() && found.back() == node) continue;
      found.push_back(node);
      saved_count += node->saved().size();
      for (const Edge& edge : node->inputs()) {
        if (edge.node == nullptr) continue;
        ++edge_count;
        waiting.emplace(edge.node->id(), edge.node);
      }
    }
    nodes.reserve(found.size());
    edges.reserve(edge_count);
    saved.reserve(saved_count);
    for (auto node = found.rbegin(); node != found.rend(); ++node) nodes.push_back(describe(**node));
  }

  std::optional<std::size_t> find(const Node* node) const {
    const auto at = std::lower_bound(
        nodes.begin(), nodes.end(), node->id(), [](const NodeInfo& n, std::uint64_t id) { return n.id < id; });
    if (at == nodes.end() || at->node != node) return std::nullopt;
    return static_cast<std::size_t>(at - nodes.begin());
  }

  void connect() {
    first_edge.reserve(nodes.size() + 1);
    for (std::uint32_t to = 0; to < nodes.size(); ++to) {
      first_edge.push_back(static_cast<std::uint32_t>(edges.size()));
      const auto inputs = nodes[to].node->inputs();
      for (std::uint32_t operand = 0; operand < inputs.size(); ++operand) {
        const Edge& edge = inputs[operand];
        if (edge.node == nullptr) continue;
        const std::size_t from = *find(edge.node);
        edges.push_back(
            {static_cast<std::uint32_t>(from), to, edge.output, operand, bytes_of(nodes[from].results[edge.output])});
      }
    }
    first_edge.push_back(static_cast<std::uint32_t>(edges.size()));
  }

  void note_saved() {
    std::unordered_map<const void*, std::uint32_t> storages;
    for (std::uint32_t i = 0; i < nodes.size(); ++i) {
      const std::size_t begin = saved.size();
      for (const SavedTensor& s : nodes[i].node->saved()) {
        if (!s.tensor.defined()) continue;  // given back by a backward pass
        const detail::Storage* storage = s.tensor.raw()->storage;
        const auto [at, first] = storages.emplace(storage, static_cast<std::uint32_t>(storages.size()));
        const std::uint32_t number = at->second;
        const auto same = [=](const SavedInfo& other) { return other.storage == number; };
        const auto bytes = static_cast<std::int64_t>(gradus::detail::data_bytes(*storage));
        if (std::none_of(saved.begin() + static_cast<std::ptrdiff_t>(begin), saved.end(), same))
          nodes[i].saved_bytes += bytes;
        saved.push_back({i, s.slot, s.tensor.shape(), s.tensor.dtype(), number, first, bytes});
      }
    }
  }

  /// Shapes of inputs are known from the nodes that made them, or from what was saved.
  void count_flops() {
    std::vector<Shape> in, out;
    auto s = saved.begin();
    for (std::uint32_t i = 0; i < nodes.size(); ++i) {
      NodeInfo& n = nodes[i];
      in.assign(n.arity, Shape{});
      for (; s != saved.end() && s->node == i; ++s)
        if (s->slot >= 0) in[static_cast<std::size_t>(s->slot)] = s->shape;
      for (std::uint32_t e = first_edge[i]; e < first_edge[i + 1]; ++e)
        in[edges[e].operand] = nodes[edges[e].from].results[edges[e].output].shape;
      if (n.is_leaf) continue;
      out.clear();
      for (const Result& r : n.results) out.push_back(r.shape);
      n.flops = flops_of(n.node->op(), n.node->attributes(), {in, out});
    }
  }

  /// A parameter belongs to the layer that uses it, wherever it was made.
  void place_leaves() {
    std::vector<bool> placed(nodes.size());
    for (const EdgeInfo& edge : edges) {
      NodeInfo& from = nodes[edge.from];
      if (!from.is_leaf) continue;
      const Scope* scope = nodes[edge.to].scope;
      from.scope = placed[edge.from] ? common_scope(from.scope, scope) : scope;
      placed[edge.from] = true;
    }
  }
};

View::View() : data_(std::make_shared<Data>()) {}

View::View(std::span<const Tensor> results, CallSite site) {
  const auto data = std::make_shared<Data>();
  for (const Tensor& result : results) {
    if (!requires_grad(result))
      detail::fail<GradientError>("view",
                                  "expected a result that requires a gradient, got one that doesn't (no leaf "
                                  "behind it, or recorded under NoGrad)",
                                  site);
    data->keep(node_of(result));
  }
  data->collect();
  data->connect();
  data->note_saved();
  data->count_flops();
  data->place_leaves();
  for (const Node* node : data->kept) data->results.push_back(*data->find(node));
  data_ = data;
}

View View::with_seconds(const Weight& seconds) const {
  const auto data = std::make_shared<Data>(data_.get());
  for (NodeInfo& node : data->nodes) node.seconds = seconds(node);
  View view;
  view.data_ = data;
  return view;
}

std::size_t View::size() const { return data_->nodes.size(); }
std::span<const NodeInfo> View::nodes() const { return data_->nodes; }
std::span<const EdgeInfo> View::edges() const { return data_->edges; }
std::span<const SavedInfo> View::saved() const { return data_->saved; }
std::span<const std::size_t> View::results() const { return data_->results; }

std::span<const EdgeInfo> View::inputs(std::size_t node) const {
  const auto begin = data_->first_edge.at(node), end = data_->first_edge.at(node + 1);
  return edges().subspan(begin, end - begin);
}

std::optional<std::size_t> View::find(const Tensor& x) const {
  return requires_grad(x) ? data_->find(node_of(x)) : std::nullopt;
}

}  // namespace gradus::graph

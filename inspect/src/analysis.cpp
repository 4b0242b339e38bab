#include "gradus/inspect/analysis.h"

#include "gradus/inspect/boost.h"

#include <boost/graph/push_relabel_max_flow.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace gradus::graph {

Path critical_path(const View& view, const Weight& weight) {
  std::vector<double> best(view.size());  // of the chains that end in a node
  std::vector<std::size_t> before(view.size(), kNone);
  std::size_t end = kNone;
  for (std::size_t i = 0; i < view.size(); ++i) {
    for (const EdgeInfo& e : view.inputs(i)) {
      if (before[i] != kNone && best[e.from] <= best[before[i]]) continue;
      before[i] = e.from;
    }
    best[i] = weight(view[i]) + (before[i] == kNone ? 0 : best[before[i]]);
    if (end == kNone || best[i] >= best[end]) end = i;
  }
  Path path;
  if (end != kNone) path.weight = best[end];
  for (std::size_t i = end; i != kNone; i = before[i]) path.nodes.push_back(i);
  std::reverse(path.nodes.begin(), path.nodes.end());
  return path;
}

// Tape order is a topological one, so one sweep from the results finds what Lengauer and Tarjan's
// algorithm finds on any graph: a node's dominator is where the ways of all its users meet.
std::vector<std::size_t> dominators(const View& view) {
  const std::size_t n = view.size();  // stands for what lies behind all results
  std::vector<std::size_t> next(n, kNone);
  const auto meet = [&](std::size_t a, std::size_t b) {
    while (a != b) (a < b ? a : b) = next[std::min(a, b)];
    return a;
  };
  for (std::size_t i : view.results()) next[i] = n;
  const auto edges = view.edges();
  std::vector<std::uint32_t> first(n + 1);
  for (const EdgeInfo& e : edges) ++first[e.from + 1];
  for (std::size_t i = 0; i < n; ++i) first[i + 1] += first[i];
  std::vector<std::uint32_t> users(edges.size()), at(first.begin(), first.end() - 1);
  for (const EdgeInfo& e : edges) users[at[e.from]++] = e.to;
  for (std::size_t i = n; i-- > 0;)
    for (std::uint32_t u = first[i]; u < first[i + 1]; ++u)
      next[i] = next[i] == kNone ? users[u] : meet(next[i], users[u]);
  std::replace(next.begin(), next.end(), n, kNone);
  return next;
}

Cut min_cut(const View& view, std::size_t from, std::size_t to, const Weight& weight) {
  if (from >= view.size() || to >= view.size())
    detail::fail<IndexError>("min_cut", fmt::format("expected nodes below {}, got {} and {}", view.size(), from, to));
  if (from == to) detail::fail<ArgumentError>("min_cut", fmt::format("expected two nodes, got {} twice", from));
  // Each node is an edge from 2i to 2i + 1 that bears its weight.
  using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
  struct Pipe {
    double capacity, residual;
    Traits::edge_descriptor reverse;
  };
  using Network = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::no_property, Pipe>;
  Network net(2 * view.size());
  const auto join = [&net](std::size_t a, std::size_t b, double capacity) {
    const auto there = add_edge(a, b, Pipe{capacity, 0, {}}, net).first;
    const auto back = add_edge(b, a, Pipe{0, 0, there}, net).first;
    net[there].reverse = back;
  };
  double all = 1;
  for (const NodeInfo& n : view.nodes()) all += weight(n);
  for (std::size_t i = 0; i < view.size(); ++i) join(2 * i, 2 * i + 1, i == to ? all : weight(view[i]));
  for (const EdgeInfo& e : view.edges()) join(2 * e.from + 1, 2 * e.to, all);
  Cut cut;
  cut.weight = push_relabel_max_flow(net,
                                     2 * from,
                                     2 * to + 1,
                                     get(&Pipe::capacity, net),
                                     get(&Pipe::residual, net),
                                     get(&Pipe::reverse, net),
                                     get(boost::vertex_index, net));
  // What the flow leaves reachable from the start lies on its side.
  std::vector<bool> near(num_vertices(net));
  std::vector<std::size_t> open{2 * from};
  near[2 * from] = true;
  while (!open.empty()) {
    const std::size_t v = open.back();
    open.pop_back();
    for (auto [e, end] = out_edges(v, net); e != end; ++e) {
      const std::size_t u = target(*e, net);
      if (near[u] || net[*e].residual <= 0) continue;
      near[u] = true;
      open.push_back(u);
    }
  }
  for (std::size_t i = 0; i < view.size(); ++i)
    if (near[2 * i] && !near[2 * i + 1]) cut.nodes.push_back(i);
  return cut;
}

// ---- traces --------------------------------------------------------------------------------------

struct Trace::Data final : detail::OpWatch {
  struct Event {
    const OpClass* op;
    const Scope* scope;
    CallSite site;
    bool recording;
    std::vector<Tensor> inputs, outputs;
    double flops;
  };
  std::vector<Event> events;

  Data() = default;
  ~Data() override = default;
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;

  void end(const detail::OpCall& call) override {
    const detail::Context& context = detail::context;
    if (context.backward_of != nullptr) return;
    Event e{&call.op,
            static_cast<const Scope*>(context.scope),
            detail::site_in_force(call.site),
            context.recording,
            {},
            {call.outputs.begin(), call.outputs.end()},
            0};
    std::vector<Shape> in, out;
    for (const Tensor* x : call.inputs) {
      e.inputs.push_back(*x);
      in.push_back(x->defined() ? x->shape() : Shape{});
    }
    for (const Tensor& y : call.outputs) out.push_back(y.defined() ? y.shape() : Shape{});
    e.flops = flops_of(call.op, call.attributes, {in, out});
    events.push_back(std::move(e));
  }
};

Trace::Trace() : data_(std::make_unique<Data>()) {}
Trace::~Trace() = default;
std::size_t Trace::size() const { return data_->events.size(); }

struct TraceReader {
  using Event = Trace::Data::Event;
  const std::vector<Event>& events;

  explicit TraceReader(const Trace& trace) : events(trace.data_->events) {}

  static const void* storage(const Tensor& x) { return x.defined() ? x.raw()->storage : nullptr; }

  static std::string place(const Event& e) {
    std::string text = e.op->info.name;
    if (e.scope != nullptr) text += " in " + e.scope->path();
    if (e.site.file != nullptr) text += " at " + to_string(e.site);
    return text;
  }

  /// Follows what becomes of a parameter from op to op, values too where no gradient goes.
  void explain(const View& view, const Tensor& parameter, Unreached& result) const {
    struct Way {
      const Event* cut = nullptr;  // null while a gradient comes back
      const char* how = "";
    };
    std::unordered_map<const void*, Way> ways{{storage(parameter), {}}};
    std::unordered_set<const Node*> ends;
    for (std::size_t i : view.results()) ends.insert(view[i].node);
    const Event* used = nullptr;
    const Way* last = nullptr;  // to a result
    for (const Event& e : events) {
      const Way* best = nullptr;
      Way here;
      for (const Tensor& x : e.inputs) {
        const auto at = ways.find(storage(x));
        if (!x.defined() || at == ways.end()) continue;
        Way way = at->second;
        if (way.cut == nullptr && !detail::has_node(x)) way = {&e, "detach before "};
        if (best != nullptr && here.cut == nullptr) continue;
        here = way;
        best = &here;
      }
      if (best == nullptr) continue;
      if (used == nullptr) used = &e;
      for (const Tensor& y : e.outputs) {
        if (!y.defined()) continue;
        Way way = here;
        if (way.cut == nullptr && !detail::has_node(y))
          way = {&e, !e.op->info.differentiable ? "" : !e.recording ? "NoGrad around " : ""};
        const auto [at, fresh] = ways.emplace(storage(y), way);
        if (!fresh && way.cut == nullptr) at->second = way;
        if (detail::has_node(y) && ends.contains(node_of(y))) last = &at->second;
      }
    }
    if (used == nullptr) {
      result.why = "never used";
    } else if (last == nullptr || last->cut == nullptr) {
      result.why = "used by " + place(*used) + ", but nothing of that goes into the result";
    } else {
      result.why = fmt::format("used, but the way to the result is cut by {}{}", last->how, place(*last->cut));
      result.op = last->cut->op->info.name;
      result.site = last->cut->site;
    }
  }
};

std::vector<Unreached> unreached_parameters(const View& view, std::span<const Tensor> parameters, const Trace* trace) {
  std::vector<Unreached> result;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& p = parameters[i];
    if (!p.defined() || view.find(p)) continue;
    Unreached u;
    u.parameter = i;
    if (is_leaf(p)) u.label = static_cast<const Leaf*>(node_of(p))->label;
    if (!requires_grad(p))
      u.why = "requires no gradient";
    else if (trace != nullptr)
      TraceReader(*trace).explain(view, p, u);
    else
      u.why =
          "not behind the result: never used, or the way is cut (a graph::Trace around the forward "
          "pass tells where)";
    result.push_back(std::move(u));
  }
  return result;
}

std::string to_string(const Unreached& p) {
  return fmt::format("{}: {}", p.label.empty() ? fmt::format("parameter {}", p.parameter) : p.label, p.why);
}

std::vector<DeadResult> dead_results(const View& view, const Trace& trace) {
  std::unordered_set<const Node*> live;
  for (const NodeInfo& n : view.nodes()) live.insert(n.node);
  std::vector<DeadResult> dead;
  for (const auto& e : TraceReader(trace).events) {
    DeadResult d{e.op->info.name, e.scope, e.site, 0, e.flops};
    bool recorded = false, used = false;
    for (const Tensor& y : e.outputs) {
      if (!y.defined()) continue;
      d.bytes += y.numel() * static_cast<std::int64_t>(size_of(y.dtype()));
      if (!detail::has_node(y)) continue;
      recorded = true;
      used = used || live.contains(node_of(y));
    }
    if (recorded && !used) dead.push_back(d);
  }
  return dead;
}

}  // namespace gradus::graph

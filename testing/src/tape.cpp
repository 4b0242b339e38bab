#include "suite.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/tensor/memory.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_set>

namespace gradus::op_suite {
namespace {

/// Gradients of a recorded call for a drawn cotangent.
List pull(const Recorded& r, BackwardOptions options = {}) {
  return grad(r.y, r.leaves, draw_cotangent(r.y.shape(), r.y.dtype()), options);
}

/// Storages that nodes keep tensors in.
std::set<const void*> saved_storages(const Tensor& y) {
  std::set<const void*> result;
  for (Node* node : tape_of({&y, 1}))
    for (const SavedTensor& s : node->saved()) result.insert(s.tensor.raw()->storage);
  return result;
}

/// An in-place change that changes nothing but the version.
void touch(const Tensor& x) {
  Tensor handle = detach(x);
  dispatch(x.dtype(), [&]<class T>() { handle.mutable_data<T>(); });
}

std::string describe(const Node& node) { return fmt::format("{} #{}", node.name(), node.id()); }

// ---- replay --------------------------------------------------------------------------------------

/// Results of nodes, computed anew from nodes alone.
using Values = std::map<std::pair<const Node*, std::uint32_t>, Tensor>;

/// The inputs of a node: results of earlier ones, else what it saved, else, for an op that stands alone, those
/// of the call. Nothing if that doesn't tell.
std::optional<List> inputs_of(Node& node, const Values& values, std::span<const Tensor> given) {
  List inputs;
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    const Edge& edge = node.inputs()[i];
    Tensor x;
    if (edge.node != nullptr) {
      const auto at = values.find({edge.node, edge.output});
      if (at == values.end()) return {};
      x = at->second;
    } else {
      for (const SavedTensor& s : node.saved())
        if (s.slot == static_cast<int>(i)) x = detach(s.tensor);
      if (!x.defined() && given.size() == node.inputs().size()) x = detach(given[i]);
      if (!x.defined()) return {};
    }
    inputs.push_back(x);
  }
  return inputs;
}

/// Calls `visit(node, inputs)` for all ops behind `ys`, which gives their results; leaves have their own values.
template <class Visit>
Values replay(std::span<const Tensor> ys,
              std::span<const Tensor> leaves,
              std::span<const Tensor> given,
              Visit&& visit) {
  const NoGrad guard;
  Values values;
  for (const Tensor& x : leaves) values[{node_of(x), 0}] = detach(x);
  const std::vector<Node*> tape = tape_of(ys);
  const auto ops = std::count_if(tape.begin(), tape.end(), [](Node* node) { return !node->is_leaf(); });
  for (Node* node : tape) {
    if (node->is_leaf()) continue;
    const auto inputs = inputs_of(*node, values, ops == 1 ? given : std::span<const Tensor>());
    if (!inputs) continue;
    const Tensors results = visit(*node, *inputs);
    for (std::uint32_t k = 0; k < results.size(); ++k) values[{node, k}] = results[k];
  }
  return values;
}

Tensors forward_of(const Node& node, std::span<const Tensor> inputs) {
  return node.op().forward(node.attributes(), inputs);
}

// ---- linearity -----------------------------------------------------------------------------------

/// f(x + y) - f(x) - f(y) + f(0) = 0 and f(3 x) - 3 f(x) + 2 f(0) = 0, for the inputs in `moved`.
void check_affine(const Node& node, const List& inputs, const std::vector<std::size_t>& moved, Failures& failures) {
  List x = inputs, y = inputs, sum = inputs, triple = inputs, zero = inputs;
  for (std::size_t i : moved) {
    const std::vector<double> a = draw_cotangent(inputs[i].shape(), float64, 6 + 2 * i).to_vector();
    const std::vector<double> b = draw_cotangent(inputs[i].shape(), float64, 7 + 2 * i).to_vector();
    std::vector<double> both = a, thrice = a;
    for (std::size_t k = 0; k < a.size(); ++k) {
      both[k] += b[k];
      thrice[k] *= 3;
    }
    const auto tensor_of = [&](const std::vector<double>& v) {
      return cast(from_vector(v, inputs[i].shape()), inputs[i].dtype());
    };
    x[i] = tensor_of(a);
    y[i] = tensor_of(b);
    sum[i] = tensor_of(both);
    triple[i] = tensor_of(thrice);
    zero[i] = zeros_like(inputs[i]);
  }
  const auto values = [&](const List& in) { return forward_of(node, in)[0].to_vector(); };
  const auto fx = values(x), fy = values(y), fsum = values(sum), ftriple = values(triple), f0 = values(zero);
  const double accepted = inputs[moved[0]].dtype() == float32 ? 1e-4 : 1e-11;
  double size = 1;
  for (double v : fsum) size = std::max(size, std::abs(v));
  for (std::size_t k = 0; k < fx.size(); ++k) {
    const double sums = fsum[k] - fx[k] - fy[k] + f0[k], multiples = ftriple[k] - 3 * fx[k] + 2 * f0[k];
    if (std::abs(sums) <= accepted * size && std::abs(multiples) <= accepted * size) continue;
    fail(failures,
         "{} is declared {}, but f(x + y) - f(x) - f(y) + f(0) is {:.3g} and f(3x) - 3f(x) + 2f(0) "
         "is {:.3g}",
         node.name(),
         node.op().info.linearity == Linearity::linear ? "linear" : "bilinear",
         sums,
         multiples);
    return;
  }
}

}  // namespace

std::vector<Node*> tape_of(std::span<const Tensor> ys) {
  std::vector<Node*> nodes, stack;
  std::unordered_set<const Node*> seen;
  const auto enter = [&](Node* node) {
    if (node != nullptr && seen.insert(node).second) stack.push_back(node);
  };
  for (const Tensor& y : ys) enter(node_of(y));
  while (!stack.empty()) {
    nodes.push_back(stack.back());
    stack.pop_back();
    for (const Edge& edge : nodes.back()->inputs()) enter(edge.node);
  }
  std::sort(nodes.begin(), nodes.end(), [](Node* a, Node* b) { return a->id() < b->id(); });
  return nodes;
}

std::vector<const OpClass*> recorded_ops(const Subject& subject) {
  std::vector<const OpClass*> ops;
  for (DType dtype : {float64, float32}) {
    const Point point = draw(subject, dtype);
    const Recorded r = record(subject, point.inputs, point.real);
    for (const Node* node : tape_of({&r.y, 1}))
      if (!node->is_leaf()) ops.push_back(&node->op());
  }
  return ops;
}

void check_linearity(const Subject& subject, Failures& failures) {
  const Point point = draw(subject);
  const Recorded r = record(subject, point.inputs, point.real);
  if (!requires_grad(r.y)) return;
  replay({&r.y, 1}, r.leaves, r.inputs, [&](const Node& node, const List& inputs) {
    const Linearity linearity = node.op().info.linearity;
    std::vector<std::size_t> floating;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (is_floating(inputs[i].dtype())) floating.push_back(i);
    if (linearity == Linearity::linear && !floating.empty()) check_affine(node, inputs, floating, failures);
    if (linearity == Linearity::bilinear)
      for (std::size_t i : floating) check_affine(node, inputs, {i}, failures);
    return forward_of(node, inputs);
  });
}

void check_replay(const Subject& subject, Failures& failures) {
  const Point point = draw(subject);
  const Recorded r = record(subject, point.inputs, point.real);
  if (!requires_grad(r.y)) return;
  const auto compare_all = [&](const char* what, const List& ys, const List& leaves) {
    const Values values = replay(ys, leaves, r.inputs, forward_of);
    for (const Tensor& y : ys) {
      if (!requires_grad(y) || node_of(y)->is_leaf()) continue;
      const auto at = values.find({node_of(y), y.raw()->output});
      if (at == values.end()) continue;
      if (const auto d = difference(at->second, y, 0)) fail(failures, "{} computed again from its nodes: {}", what, *d);
    }
  };
  compare_all("the result", {r.y}, r.leaves);
  if (!has_derivative(subject)) return;
  // The derivative is made of ops too.
  List leaves = r.leaves;
  leaves.push_back(leaf(draw_cotangent(r.y.shape(), r.y.dtype())));
  List gradients = grad(r.y, r.leaves, leaves.back(), {.create_graph = true});
  std::erase_if(gradients, [](const Tensor& g) { return !requires_grad(g); });
  compare_all("the gradient", gradients, leaves);
}

void check_tape(const Subject& subject, Failures& failures) {
  std::set<const OpClass*> known;
  for (const OpEntry& entry : all_ops()) known.insert(entry.op);
  const Point point = draw(subject);
  const Recorded r = record(subject, point.inputs, point.real);
  if (!requires_grad(r.y)) return;
  const auto check_nodes = [&](const char* where, const List& ys) {
    for (const Node* node : tape_of(ys)) {
      if (node->is_leaf()) continue;
      const OpClass& op = node->op();
      if (subject.library && !known.contains(&op) && &op != subject.op)
        fail(failures, "{} uses {}, which is not in all_ops()", where, node->name());
      if (op.info.name == nullptr || *op.info.name == '\0') fail(failures, "{} uses an op without a name", where);
      if (op.attribute_bytes > 0 && op.visit == nullptr)
        fail(failures, "{} has attributes, but no visit() that shows them", node->name());
      if (node->site().file == nullptr) fail(failures, "{}: no call site on {}", where, describe(*node));
      for (const Edge& edge : node->inputs())
        if (edge.node != nullptr && edge.node->id() >= node->id())
          fail(failures, "{} uses {}, which is not before it on the tape", describe(*node), describe(*edge.node));
    }
  };
  check_nodes("the op", {r.y});
  if (node_of(r.y)->shape(r.y.raw()->output) != r.y.shape() || node_of(r.y)->dtype(r.y.raw()->output) != r.y.dtype())
    fail(failures, "the node says {}, the result is {}", to_string(node_of(r.y)->shape()), to_string(r.y.shape()));
  if (has_derivative(subject)) {
    List gradients = pull(r, {.create_graph = true});
    std::erase_if(gradients, [](const Tensor& g) { return !requires_grad(g); });
    check_nodes("the rule", gradients);
  }
}

void check_subsets(const Subject& subject, Failures& failures) {
  const Point point = draw(subject);
  const std::size_t n = point.real.size();
  {
    const NoGrad guard;
    List inputs = point.inputs;
    for (std::size_t i : point.real) inputs[i] = leaf(detach(inputs[i]));
    const Tensor y = call(subject, inputs);
    const bool itself = std::any_of(inputs.begin(), inputs.end(), [&](const Tensor& x) { return x.is_same(y); });
    if (requires_grad(y) && !itself) fail(failures, "the result requires a gradient under NoGrad");
  }
  if (requires_grad(record(subject, point.inputs, {}).y))
    fail(failures, "the result requires a gradient though no input does");
  if (!has_derivative(subject) || n < 2) return;
  const Outcome all = run(subject, point);
  const std::size_t most = std::size_t{1} << std::min<std::size_t>(n, 4);
  for (std::size_t set = 1; set + 1 < most; ++set) {
    std::vector<std::size_t> real;
    Outcome expected{all.y, {}};
    std::string names;
    for (std::size_t k = 0; k < n; ++k) {
      if ((set >> k & 1) == 0) continue;
      real.push_back(point.real[k]);
      expected.gradients.push_back(all.gradients[k]);
      names += fmt::format(" {}", point.real[k]);
    }
    compare(failures,
            fmt::format("a gradient wanted only for inputs{}", names),
            run(subject, {point.inputs, real}),
            expected,
            1e-14);
  }
}

bool several_results(const Recorded& r) { return node_of(r.y)->output_count() > 1; }

void check_saved(const Subject& subject, Failures& failures) {
  if (!has_derivative(subject)) return;
  const Point point = draw(subject);
  // Input i, or the result behind them.
  for (std::size_t i = 0; i <= point.inputs.size(); ++i) {
    List inputs;
    for (const Tensor& x : point.inputs) inputs.push_back(clone(x));
    const Recorded r = record(subject, inputs, point.real);
    const Tensor& changed = i < inputs.size() ? inputs[i] : r.y;
    const std::string what = i < inputs.size() ? fmt::format("input {}", i) : "the result";
    const bool saved = saved_storages(r.y).contains(changed.raw()->storage);
    touch(changed);
    try {
      pull(r, {.retain_graph = true});
      // A rule may save something for second derivatives only; one of several results may not need it.
      if (saved && !several_results(r)) {
        pull(r, {.create_graph = true});
        fail(failures, "{} is saved, but the rule does not use it", what);
      }
    } catch (const GradientError& e) {
      if (!saved) fail(failures, "{} is not saved, but a change of it is an error: {}", what, e.what());
      if (e.op().empty() || e.site().file == nullptr)
        fail(failures, "the error of a changed {} names no op or no line: {}", what, e.what());
    }
  }
}

void check_twice(const Subject& subject, Failures& failures) {
  if (!has_derivative(subject)) return;
  const Point point = draw(subject);
  const Recorded r = record(subject, point.inputs, point.real);
  const bool saves = !saved_storages(r.y).empty();
  const List first = pull(r, {.retain_graph = true}), second = pull(r);
  for (std::size_t k = 0; k < first.size(); ++k)
    if (const auto d = difference(second[k], first[k], 0)) fail(failures, "a second pass: gradient {}: {}", k, *d);
  try {
    pull(r);
    if (saves && !several_results(r)) fail(failures, "a pass over a graph that was used up gives no error");
  } catch (const GradientError& e) {
    if (!saves) fail(failures, "a second pass needs nothing saved, but fails: {}", e.what());
  }
}

void check_sums(const Subject& subject, Failures& failures) {
  if (!has_derivative(subject)) return;
  const Point point = draw(subject);
  const Recorded r = record(subject, point.inputs, point.real);
  const Tensor ys[] = {r.y, call(subject, r.inputs)};
  const Tensor cotangents[] = {draw_cotangent(r.y.shape(), r.y.dtype(), 3),
                               draw_cotangent(r.y.shape(), r.y.dtype(), 4)};
  BackwardOptions options{.retain_graph = true};
  const List first = grad(ys[0], r.leaves, cotangents[0], options),
             second = grad(ys[1], r.leaves, cotangents[1], options);
  for (const bool create_graph : {false, true}) {
    options.create_graph = create_graph;
    const List both = grad(ys, r.leaves, cotangents, options);
    for (std::size_t k = 0; k < both.size(); ++k)
      if (const auto d = difference(detach(both[k]), first[k] + second[k], 1e-13))
        fail(failures, "gradient {} of two calls is not the sum of those of each: {}", k, *d);
  }
}

void check_memory(const Subject& subject, Failures& failures) {
  const auto once = [&] {
    const Point point = draw(subject);
    const Recorded r = record(subject, point.inputs, point.real);
    if (!has_derivative(subject)) return;
    List gradients = pull(r, {.create_graph = true});
    std::erase_if(gradients, [](const Tensor& g) { return !requires_grad(g); });
    if (!gradients.empty()) grad(gradients[0], r.leaves, draw_cotangent(gradients[0].shape(), float64));
  };
  once();
  const std::int64_t before = memory_stats().live;
  once();
  const std::int64_t kept = memory_stats().live - before;
  if (kept != 0) fail(failures, "{} bytes stay in use after the last handle is gone (a cycle?)", kept);
}

}  // namespace gradus::op_suite

// Recurrent layers and attention.

#include "onnx/save/op_writer.h"

#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <string_view>

namespace gradus::onnx {
namespace {

using Order = std::vector<std::int64_t>;

/// Gates in blocks of `hidden` rows, put in the order of ONNX, of which `letters` are the names.
struct Gates {
  std::int64_t hidden;
  Order order;
  const char* letters;

  Order rows() const {
    Order all;
    for (const std::int64_t gate : order)
      for (std::int64_t i = 0; i < hidden; ++i) all.push_back(gate * hidden + i);
    return all;
  }
  std::int64_t count() const { return hidden * static_cast<std::int64_t>(order.size()); }
};

/// Rows of a value in ONNX's order, with an axis of one direction before them: rearranged here where it is a constant.
std::string reordered(OpWriter& op, int value, const Gates& gates) {
  GraphWriter& graph = op.graph();
  const Tensor fixed = graph.fixed_value(value);
  if (!fixed.defined()) {
    const std::string rows =
        op.node("Gather", {graph.value(value), op.list(gates.rows())}, {{"axis", std::int64_t{0}}});
    return op.node("Unsqueeze", {rows, op.list({0})});
  }
  const NoGrad guard;
  const std::string name = graph.name_of_constant(value);
  const Tensor rows = unsqueeze(index_select(fixed, 0, from_vector(gates.rows())), 0);
  return graph.constant(rows, name.empty() ? "constant" : name + "." + gates.letters);
}

/// The products with the inputs, which a linear op before gives: its input, weight and bias; without one the gates
/// themselves, which a permutation takes in.
struct FromInputs {
  std::string x, weight, bias;
};
FromInputs from_inputs(OpWriter& op, const Gates& gates) {
  GraphWriter& graph = op.graph();
  const int giver = graph.giver_of(op.input_value(0));
  if (giver >= 0) {
    const TracedOp& before = graph.op(0, static_cast<std::size_t>(giver));
    if (std::string_view(before.op->info.name) == "linear" && rule_of(*before.op) != nullptr)
      return {graph.value(before.inputs[0]),
              reordered(op, before.inputs[1], gates),
              before.inputs[2] < 0 ? std::string() : reordered(op, before.inputs[2], gates)};
  }
  const NoGrad guard;
  const Tensor same = index_select(eye(gates.count(), -1, op.dtype()), 0, from_vector(gates.rows()));
  return {op.in(0), graph.constant(unsqueeze(same, 0), "constant"), {}};
}

/// [1, 2 gates]: the biases of both products, zeros where there is none.
std::string biases(OpWriter& op, const std::string& of_input, const std::string& of_state, const Gates& gates) {
  if (of_input.empty() && of_state.empty()) return {};
  const auto or_zeros = [&](const std::string& b) {
    return b.empty() ? op.graph().constant(zeros({1, gates.count()}, op.dtype()), "constant") : b;
  };
  return op.node("Concat", {or_zeros(of_input), or_zeros(of_state)}, {{"axis", std::int64_t{1}}});
}

std::string initial(OpWriter& op, int i) {
  return op.has(i) ? op.node("Unsqueeze", {op.in(i), op.list({0})}) : std::string();
}

std::vector<std::string> recurrence(
    OpWriter& op, const char* type, std::vector<std::string> inputs, const Gates& gates, std::size_t results) {
  std::vector<NodeAttribute> attributes{{"hidden_size", gates.hidden},
                                        {"direction", std::string(op.flag("reverse") ? "reverse" : "forward")}};
  if (std::string_view(type) == "GRU") attributes.push_back({"linear_before_reset", std::int64_t{1}});
  return op.nodes(type, std::move(inputs), std::move(attributes), results);
}

/// Results: the states, of which ONNX gives those of the cell only at the end, and the gates, which it doesn't give.
void lstm(OpWriter& op) {
  const Gates gates{op.fixed(op.size(1, 1), "hidden size"), {0, 3, 1, 2}, "iofc"};
  const FromInputs from = from_inputs(op, gates);
  const std::string weight = reordered(op, op.input_value(1), gates), bias = biases(op, from.bias, {}, gates);
  const auto y =
      recurrence(op, "LSTM", {from.x, from.weight, weight, bias, "", initial(op, 2), initial(op, 3)}, gates, 3);
  op.give(0, op.node("Squeeze", {y[0], op.list({1})}));
  if (op.used(1))
    op.graph().name_last(op.output_value(1), {op.node("Squeeze", {y[2], op.list({0})}), op.flag("reverse")});
}

void gru(OpWriter& op) {
  const Gates gates{op.fixed(op.size(1, 1), "hidden size"), {1, 0, 2}, "zrh"};
  const FromInputs from = from_inputs(op, gates);
  const std::string weight = reordered(op, op.input_value(1), gates);
  const std::string of_state = op.has(2) ? reordered(op, op.input_value(2), gates) : std::string();
  const std::string bias = biases(op, from.bias, of_state, gates);
  const auto y = recurrence(op, "GRU", {from.x, from.weight, weight, bias, "", initial(op, 3)}, gates, 1);
  op.give(0, op.node("Squeeze", {y[0], op.list({1})}));
}

/// [L, S]: true where key j of query i is not behind it, j <= i.
std::string causal_mask(OpWriter& op) {
  const Sizes rows = op.size(0, op.rank(0) - 2), keys = op.size(1, op.rank(1) - 2);
  if (!varies(rows) && !varies(keys)) {
    const NoGrad guard;
    return op.graph().constant(tril(ones({rows[0], keys[0]}, boolean)), "constant");
  }
  const auto range = [&](const Sizes& n) {
    const std::string end = op.node("Squeeze", {op.size_list(n)});
    return op.node("Range", {op.graph().scalar(0, int64), end, op.graph().scalar(1, int64)});
  };
  const std::string query = op.node("Unsqueeze", {range(rows), op.list({1})});
  return op.node("LessOrEqual", {range(keys), query});
}

/// softmax(scale q kᵀ + mask) v; 0 for a query that may look nowhere.
void attention(OpWriter& op) {
  if (op.outputs() > 1 && op.used(1)) OpWriter::refuse("the logarithms of its sums are used");
  Order order(static_cast<std::size_t>(op.rank(1)));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  const std::string q = op.node("Mul", {op.in(0), op.number_like(op.number("scale"))});
  std::string scores = op.node("MatMul", {q, op.node("Transpose", {op.in(1)}, {{"perm", order}})}), visible;
  if (op.has(3)) {
    if (op.dtype(3) == boolean)
      visible = op.in(3);
    else
      scores = op.node("Add", {scores, op.in(3)});
  }
  if (op.flag("causal")) {
    const std::string mask = causal_mask(op);
    visible = visible.empty() ? mask : op.node("And", {visible, mask});
  }
  if (!visible.empty())
    scores = op.node("Where", {visible, scores, op.number_like(-std::numeric_limits<double>::infinity())});
  std::string weights = op.node("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
  if (op.has(3) && op.dtype(3) == boolean) weights = op.node("Where", {visible, weights, op.number_like(0)});
  op.give(op.node("MatMul", {weights, op.in(2)}));
}

constexpr NamedRule kRules[] = {
    {"lstm", lstm},
    {"gru", gru},
    {"attention", attention},
};

}  // namespace

std::span<const NamedRule> sequence_rules() { return kRules; }

}  // namespace gradus::onnx

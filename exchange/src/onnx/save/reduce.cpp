// Sums, extremes and their places, norms, running sums.

#include "onnx/save/op_writer.h"

namespace gradus::onnx {
namespace {

/// In opset 17 only ReduceSum takes its axes as an input.
std::string reduced(OpWriter& op, const char* type, const std::string& x, std::vector<std::int64_t> axes, bool keep) {
  const NodeAttribute kept{"keepdims", std::int64_t{keep ? 1 : 0}};
  if (axes.empty()) return x;
  if (std::string_view(type) == "ReduceSum") return op.node(type, {x, op.list(std::move(axes))}, {kept});
  return op.node(type, {x}, {{"axes", std::move(axes)}, kept});
}

/// Flags are reduced as whole numbers.
void reduce(OpWriter& op, const char* type) {
  const bool flags = op.dtype() == boolean;
  const std::string x = flags ? op.cast(op.in(), int64) : op.in();
  const std::string y = reduced(op, type, x, op.integers("axes"), op.flag("keepdim"));
  op.give(flags && op.result_dtype() == boolean ? op.cast(y, boolean) : y);
}

/// The number of elements that come together in one result.
Sizes count_of(OpWriter& op, const std::vector<std::int64_t>& axes) {
  Sizes n;
  n.fill(1);
  for (const std::int64_t axis : axes)
    for (std::size_t r = 0; r < kRecordings; ++r) n[r] *= op.size(0, static_cast<int>(axis))[r];
  return n;
}

/// sum (x - mean)² / max(0, n - ddof)
void variance(OpWriter& op) {
  const auto axes = op.integers("axes");
  const std::int64_t ddof = op.integer("ddof");
  const std::string off = op.node("Sub", {op.in(), reduced(op, "ReduceMean", op.in(), axes, true)});
  const std::string squares = op.node("Mul", {off, off});
  if (ddof == 0) return op.give(reduced(op, "ReduceMean", squares, axes, op.flag("keepdim")));
  Sizes n = count_of(op, axes);
  for (std::int64_t& count : n) count -= ddof;
  const std::string freedom = op.cast(op.node("Squeeze", {op.size_list(n)}), op.dtype());
  const std::string sum = reduced(op, "ReduceSum", squares, axes, op.flag("keepdim"));
  op.give(op.node("Div", {sum, op.node("Max", {freedom, op.number_like(0)})}));
}

/// (sum |x|^p)^(1/p)
void norm(OpWriter& op) {
  const double p = op.number("p");
  const auto axes = op.integers("axes");
  const bool keep = op.flag("keepdim");
  if (axes.empty()) return op.give(op.node("Abs", {op.in()}));
  if (p == 1 || p == 2) return op.give(reduced(op, p == 1 ? "ReduceL1" : "ReduceL2", op.in(), axes, keep));
  const std::string powers = op.node("Pow", {op.node("Abs", {op.in()}), op.number_like(p)});
  op.give(op.node("Pow", {reduced(op, "ReduceSum", powers, axes, keep), op.number_like(1 / p)}));
}

void place_of_extreme(OpWriter& op, const char* type) {
  std::int64_t axis = op.integer("axis");
  std::string x = op.dtype() == boolean ? op.cast(op.in(), int64) : op.in();
  bool keep = op.flag("keepdim");
  if (axis < 0) {
    x = op.node("Reshape", {x, op.list({-1})});
    axis = 0;
    keep = false;
  }
  op.give(op.node(type, {x}, {{"axis", axis}, {"keepdims", std::int64_t{keep ? 1 : 0}}}));
}

void cumsum(OpWriter& op) {
  const std::string axis = op.graph().scalar(static_cast<double>(op.integer("axis")), int64);
  op.give(op.node("CumSum", {op.in(), axis}, {{"reverse", std::int64_t{op.flag("reverse") ? 1 : 0}}}));
}

constexpr NamedRule kRules[] = {
    {"sum", [](OpWriter& op) { reduce(op, "ReduceSum"); }},
    {"mean", [](OpWriter& op) { reduce(op, "ReduceMean"); }},
    {"prod", [](OpWriter& op) { reduce(op, "ReduceProd"); }},
    {"max", [](OpWriter& op) { reduce(op, "ReduceMax"); }},
    {"min", [](OpWriter& op) { reduce(op, "ReduceMin"); }},
    {"logsumexp", [](OpWriter& op) { reduce(op, "ReduceLogSumExp"); }},
    {"var", variance},
    {"norm", norm},
    {"argmax", [](OpWriter& op) { place_of_extreme(op, "ArgMax"); }},
    {"argmin", [](OpWriter& op) { place_of_extreme(op, "ArgMin"); }},
    {"cumsum", cumsum},
};

}  // namespace

std::span<const NamedRule> reduce_rules() { return kRules; }

}  // namespace gradus::onnx

// Losses that are one op.

#include "onnx/save/op_writer.h"

namespace gradus::onnx {
namespace {

/// The mean or sum of all elements, as the op says, or each.
std::string reduced(OpWriter& op, const std::string& each) {
  const std::string how = op.text("reduction");
  if (how == "none") return each;
  return op.node(how == "mean" ? "ReduceMean" : "ReduceSum", {each}, {{"keepdims", std::int64_t{0}}});
}
void give_reduced(OpWriter& op, const std::string& each) { op.give(reduced(op, each)); }

std::string difference(OpWriter& op) { return op.node("Sub", {op.in(0), op.in(1)}); }

void mse_loss(OpWriter& op) {
  const std::string d = difference(op);
  give_reduced(op, op.node("Mul", {d, d}));
}

/// c (d - c / 2) with c = clamp(d, -delta, delta), divided by delta in the smooth L1 loss.
void huber(OpWriter& op, const char* name, bool smooth) {
  const double delta = op.number(name);
  const std::string d = difference(op);
  const std::string c = op.node("Clip", {d, op.number_like(-delta), op.number_like(delta)});
  const std::string rest = op.node("Sub", {d, op.node("Mul", {c, op.number_like(0.5)})});
  const std::string y = op.node("Mul", {c, rest});
  give_reduced(op, smooth ? op.node("Div", {y, op.number_like(delta)}) : y);
}

/// weight ((1 - t) x + (1 + (pos_weight - 1) t) ln(1 + e^-x))
void bce_with_logits(OpWriter& op) {
  const std::string x = op.in(0), t = op.in(1), one = op.number_like(1);
  std::string rest = op.node("Softplus", {op.node("Neg", {x})});
  if (op.has(3)) {
    const std::string more = op.node("Mul", {op.node("Sub", {op.in(3), one}), t});
    rest = op.node("Mul", {op.node("Add", {more, one}), rest});
  }
  std::string y = op.node("Add", {op.node("Mul", {op.node("Sub", {one, t}), x}), rest});
  if (op.has(2)) y = op.node("Mul", {y, op.in(2)});
  give_reduced(op, y);
}

/// -t max(ln x, -100) - (1 - t) max(ln(1 - x), -100)
void bce_loss(OpWriter& op) {
  const std::string x = op.in(0), t = op.in(1), one = op.number_like(1), least = op.number_like(-100);
  const auto part = [&](const std::string& weight, const std::string& of) {
    return op.node("Mul", {weight, op.node("Max", {op.node("Log", {of}), least})});
  };
  const std::string yes = part(t, x), no = part(op.node("Sub", {one, t}), op.node("Sub", {one, x}));
  op.give(op.node("Neg", {op.node("Add", {yes, no})}));
}

/// Labels with a part of `smoothing` spread over all classes: (1 - s) loss + s mean over classes of -ln softmax(x).
void label_loss(OpWriter& op, const char* type) {
  const bool ignores = op.first().attributes.contains("ignore_index");
  const double smoothing = op.number("label_smoothing");
  if (op.rank() < 2) OpWriter::refuse("its scores have no batch axis");
  if (smoothing != 0 && (ignores || op.has(2))) OpWriter::refuse("labels are smoothed, and ignored or weighted");
  std::vector<NodeAttribute> attributes{{"reduction", op.text("reduction")}};
  if (ignores) attributes.push_back({"ignore_index", op.integer("ignore_index")});
  const std::string y = op.node(type, {op.in(0), op.in(1), op.in(2)}, std::move(attributes));
  if (smoothing == 0) return op.give(y);
  const std::string logs = op.node("LogSoftmax", {op.in(0)}, {{"axis", std::int64_t{1}}});
  const std::string even = op.node(
      "Neg", {op.node("ReduceMean", {logs}, {{"axes", std::vector<std::int64_t>{1}}, {"keepdims", std::int64_t{0}}})});
  const std::string rest = reduced(op, even);
  op.give(op.node(
      "Add", {op.node("Mul", {y, op.number_like(1 - smoothing)}), op.node("Mul", {rest, op.number_like(smoothing)})}));
}

constexpr NamedRule kRules[] = {
    {"mse_loss", mse_loss},
    {"l1_loss", [](OpWriter& op) { give_reduced(op, op.node("Abs", {difference(op)})); }},
    {"huber_loss", [](OpWriter& op) { huber(op, "delta", false); }},
    {"smooth_l1_loss", [](OpWriter& op) { huber(op, "beta", true); }},
    {"bce_loss", bce_loss},
    {"bce_with_logits", bce_with_logits},
    {"nll_loss", [](OpWriter& op) { label_loss(op, "NegativeLogLikelihoodLoss"); }},
    {"cross_entropy", [](OpWriter& op) { label_loss(op, "SoftmaxCrossEntropyLoss"); }},
};

}  // namespace

std::span<const NamedRule> loss_rules() { return kRules; }

}  // namespace gradus::onnx

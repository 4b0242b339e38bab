// Activations, and the gates of recurrent steps.

#include "onnx/save/op_writer.h"

#include <numbers>

namespace gradus::onnx {
namespace {

void plain(OpWriter& op, const char* type) { op.give(op.node(type, {op.in()})); }

/// ln(1 + e^(βx)) / β; x where βx > threshold, which changes a float32 only below 17.
void softplus(OpWriter& op) {
  const double beta = op.number("beta"), threshold = op.number("threshold");
  const std::string x = op.in(), inner = beta == 1 ? x : op.node("Mul", {x, op.number_like(beta)});
  const std::string curved = op.node("Softplus", {inner});
  const std::string y = beta == 1 ? curved : op.node("Div", {curved, op.number_like(beta)});
  if (threshold >= 20) return op.give(y);
  op.give(op.node("Where", {op.node("Greater", {inner, op.number_like(threshold)}), x, y}));
}

void mish(OpWriter& op) { op.give(op.node("Mul", {op.in(), op.node("Tanh", {op.node("Softplus", {op.in()})})})); }

/// x (1 + erf(x / √2)) / 2
void gelu(OpWriter& op) {
  const std::string e = op.node("Erf", {op.node("Mul", {op.in(), op.number_like(std::numbers::sqrt2 / 2)})});
  const std::string cdf = op.node("Mul", {op.node("Add", {e, op.number_like(1)}), op.number_like(0.5)});
  op.give(op.node("Mul", {op.in(), cdf}));
}

/// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
void gelu_tanh(OpWriter& op) {
  const std::string x = op.in(), square = op.node("Mul", {x, x});
  const std::string bend = op.node("Add", {op.node("Mul", {square, op.number_like(0.044715)}), op.number_like(1)});
  const double scale = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  const std::string inner = op.node("Mul", {op.node("Mul", {x, bend}), op.number_like(scale)});
  const std::string t = op.node("Add", {op.node("Tanh", {inner}), op.number_like(1)});
  op.give(op.node("Mul", {op.node("Mul", {x, op.number_like(0.5)}), t}));
}

/// max(0, x) + min(0, α (e^(x / α) - 1)); ONNX's own is for float32 alone.
void celu(OpWriter& op) {
  const double alpha = op.number("alpha");
  if (op.dtype() == float32) return op.give(op.node("Celu", {op.in()}, {{"alpha", alpha}}));
  const std::string zero = op.number_like(0), a = op.number_like(alpha);
  const std::string e = op.node("Exp", {op.node("Div", {op.in(), a})});
  const std::string curved = op.node("Mul", {op.node("Sub", {e, op.number_like(1)}), a});
  op.give(op.node("Add", {op.node("Max", {op.in(), zero}), op.node("Min", {curved, zero})}));
}

void threshold(OpWriter& op) {
  const std::string below = op.node("LessOrEqual", {op.in(), op.number_like(op.number("threshold"))});
  op.give(op.node("Where", {below, op.number_like(op.number("value")), op.in()}));
}

void shrink(OpWriter& op, bool soft) {
  const double lambda = op.number("lambda");
  op.give(op.node("Shrink", {op.in()}, {{"lambd", lambda}, {"bias", soft ? lambda : 0.0}}));
}

/// The largest of each `pieces` neighbours: the axis divided, and reduced.
void maxout(OpWriter& op) {
  const auto axis = static_cast<std::size_t>(op.integer("axis"));
  const std::int64_t pieces = op.integer("pieces");
  const std::vector<Sizes> before = op.shape();
  std::vector<Sizes> apart = op.result_shape();
  Sizes piece{};
  piece.fill(pieces);
  apart.insert(apart.begin() + static_cast<std::ptrdiff_t>(axis) + 1, piece);
  const std::string y = op.reshaped(op.in(), before, apart);
  op.give(op.node(
      "ReduceMax", {y}, {{"axes", std::vector{static_cast<std::int64_t>(axis) + 1}}, {"keepdims", std::int64_t{0}}}));
}

void along_axis(OpWriter& op, const char* type) { op.give(op.node(type, {op.in()}, {{"axis", op.integer("axis")}})); }

/// n + z (h - n) with n = tanh(a + b), of z, a, b and h.
void gru_h_before(OpWriter& op) {
  const std::string n = op.node("Tanh", {op.node("Add", {op.in(1), op.in(2)})});
  const std::string way = op.node("Mul", {op.in(0), op.node("Sub", {op.in(3), n})});
  op.give(op.node("Add", {n, way}));
}

constexpr double kSeluAlpha = 1.6732632423543772848170429916717, kSeluScale = 1.0507009873554804934193349852946;

constexpr NamedRule kRules[] = {
    {"relu", [](OpWriter& op) { plain(op, "Relu"); }},
    {"sigmoid", [](OpWriter& op) { plain(op, "Sigmoid"); }},
    {"softsign", [](OpWriter& op) { plain(op, "Softsign"); }},
    {"softplus", softplus},
    {"silu", [](OpWriter& op) { op.give(op.node("Mul", {op.in(), op.node("Sigmoid", {op.in()})})); }},
    {"mish", mish},
    {"gelu", gelu},
    {"gelu_tanh", gelu_tanh},
    {"log_sigmoid", [](OpWriter& op) { op.give(op.node("Neg", {op.node("Softplus", {op.node("Neg", {op.in()})})})); }},
    {"tanhshrink", [](OpWriter& op) { op.give(op.node("Sub", {op.in(), op.node("Tanh", {op.in()})})); }},
    {"selu", [](OpWriter& op) { op.give(op.node("Selu", {op.in()}, {{"alpha", kSeluAlpha}, {"gamma", kSeluScale}})); }},
    {"elu", [](OpWriter& op) { op.give(op.node("Elu", {op.in()}, {{"alpha", op.number("alpha")}})); }},
    {"celu", celu},
    {"hardsigmoid",
     [](OpWriter& op) { op.give(op.node("HardSigmoid", {op.in()}, {{"alpha", 1.0 / 6}, {"beta", 0.5}})); }},
    {"hardswish", [](OpWriter& op) { plain(op, "HardSwish"); }},
    {"hardtanh",
     [](OpWriter& op) {
       const std::string low = op.number_like(op.number("min")), high = op.number_like(op.number("max"));
       op.give(op.node("Clip", {op.in(), low, high}));
     }},
    {"threshold", threshold},
    {"softshrink", [](OpWriter& op) { shrink(op, true); }},
    {"hardshrink", [](OpWriter& op) { shrink(op, false); }},
    {"leaky_relu",
     [](OpWriter& op) { op.give(op.node("LeakyRelu", {op.in()}, {{"alpha", op.number("negative_slope")}})); }},
    {"prelu", [](OpWriter& op) { op.give(op.node("PRelu", {op.in(0), op.in(1)})); }},
    {"maxout", maxout},
    {"softmax", [](OpWriter& op) { along_axis(op, "Softmax"); }},
    {"log_softmax", [](OpWriter& op) { along_axis(op, "LogSoftmax"); }},
    {"rnn_tanh", [](OpWriter& op) { op.give(op.node("Tanh", {op.node("Add", {op.in(0), op.in(1)})})); }},
    {"gru_gate", [](OpWriter& op) { op.give(op.node("Sigmoid", {op.node("Add", {op.in(0), op.in(1)})})); }},
    {"gru_h_before", gru_h_before},
};

}  // namespace

std::span<const NamedRule> activation_rules() { return kRules; }

}  // namespace gradus::onnx

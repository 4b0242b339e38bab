// Normalisations.

#include "onnx/save/op_writer.h"

namespace gradus::onnx {
namespace {

constexpr std::int64_t kKeep = 1;

/// What is left out of weight and bias: ones or zeros.
std::string or_filled(OpWriter& op, int i, std::int64_t size, double value) {
  return op.has(i) ? op.in(i) : op.graph().constant(full({size}, value, op.dtype()), "constant");
}

/// Of x, mean, var, weight and bias.
void batch_norm_eval(OpWriter& op) {
  const std::int64_t features = op.fixed(op.size(0, 1), "number of channels");
  const std::string weight = or_filled(op, 3, features, 1), bias = or_filled(op, 4, features, 0);
  op.give(op.node("BatchNormalization", {op.in(0), weight, bias, op.in(1), op.in(2)}, {{"epsilon", op.number("eps")}}));
}

/// (x - mean) / √(var + eps) over axes, or x / √(mean x² + eps).
std::string normalised(OpWriter& op, const std::string& x, const std::vector<std::int64_t>& axes, bool centred) {
  const auto mean = [&](const std::string& of) {
    return op.node("ReduceMean", {of}, {{"axes", axes}, {"keepdims", kKeep}});
  };
  const std::string off = centred ? op.node("Sub", {x, mean(x)}) : x;
  const std::string var = mean(op.node("Mul", {off, off}));
  const std::string root = op.node("Sqrt", {op.node("Add", {var, op.number_like(op.number("eps"))})});
  return op.node("Div", {off, root});
}

/// By the batch's own statistics.
void batch_norm(OpWriter& op) {
  std::vector<std::int64_t> axes{0};
  std::vector<std::int64_t> channels{1, -1};
  for (int d = 2; d < op.rank(); ++d) {
    axes.push_back(d);
    channels.push_back(1);
  }
  for (int result = 1; result < op.outputs(); ++result)
    if (op.used(result)) OpWriter::refuse("its mean and variance are used");
  std::string y = normalised(op, op.in(), axes, true);
  if (op.has(1)) y = op.node("Mul", {y, op.node("Reshape", {op.in(1), op.list(channels)})});
  if (op.has(2)) y = op.node("Add", {y, op.node("Reshape", {op.in(2), op.list(channels)})});
  op.give(y);
}

/// Rows [M, n] of `channels` times n / channels elements; `groups` rows hold a weight and bias each.
void row_norm(OpWriter& op) {
  const std::int64_t groups = op.integer("groups"), channels = op.integer("channels");
  const Sizes n = op.size(0, 1);
  const bool by_element = groups == 1 && !varies(n) && n[0] == channels;
  if (by_element && op.flag("centred")) {
    const std::string weight = or_filled(op, 1, channels, 1);
    return op.give(op.node("LayerNormalization",
                           {op.in(0), weight, op.in(2)},
                           {{"axis", std::int64_t{-1}}, {"epsilon", op.number("eps")}}));
  }
  std::string y = normalised(op, op.in(), {1}, op.flag("centred"));
  if (!op.has(1) && !op.has(2)) return op.give(y);
  if (by_element) {
    if (op.has(1)) y = op.node("Mul", {y, op.in(1)});
    if (op.has(2)) y = op.node("Add", {y, op.in(2)});
    return op.give(y);
  }
  const Sizes rows = op.size(0, 0);
  std::vector<Sizes> apart(4);
  for (std::size_t r = 0; r < kRecordings; ++r) {
    const std::int64_t sizes[] = {rows[r] / groups, groups, channels, n[r] / channels};
    for (std::size_t d = 0; d < 4; ++d) apart[d][r] = sizes[d];
  }
  y = op.reshaped(y, {}, apart);
  const std::string shape = op.list({groups, channels, 1});
  if (op.has(1)) y = op.node("Mul", {y, op.node("Reshape", {op.in(1), shape})});
  if (op.has(2)) y = op.node("Add", {y, op.node("Reshape", {op.in(2), shape})});
  op.give(op.reshaped(y, {}, op.shape()));
}

constexpr NamedRule kRules[] = {
    {"batch_norm_eval", batch_norm_eval},
    {"batch_norm", batch_norm},
    {"row_norm", row_norm},
};

}  // namespace

std::span<const NamedRule> norm_rules() { return kRules; }

}  // namespace gradus::onnx

// Normalisations and losses.

#include "onnx/load/node_call.h"

#include "gradus/ops.h"

#include <fmt/format.h>

namespace gradus::onnx {
namespace {

/// In training by the batch's own statistics, which go into the running ones: m mean + (1 - m) of the batch, with
/// divisor n as ONNX has it.
Tensor batch_norm_of(NodeCall& c) {
  const Tensor& x = c.in(0);
  const double eps = c.number("epsilon", 1e-5), m = c.number("momentum", 0.9);
  if (!c.is_training() && !c.flag("training_mode")) return batch_norm_eval(x, c.in(3), c.in(4), c.in(1), c.in(2), eps);
  const BatchNormResult r = batch_norm(x, c.in(1), c.in(2), eps);
  const NoGrad guard;
  const auto n = static_cast<double>(x.numel()) / static_cast<double>(x.size(1));
  const Tensor mean = detach(c.in(3) * m + r.mean * (1 - m));
  const Tensor var = detach(c.in(4) * m + r.var * ((1 - m) * (n - 1) / n));
  if (c.is_training()) {
    Tensor running_mean = c.in(3), running_var = c.in(4);
    copy_into(running_mean, mean);
    copy_into(running_var, var);
  }
  c.give(1, mean);
  c.give(2, var);
  return r.y;
}
const char* refuse_batch_norm(const Attributes& a) {
  return a.flag("spatial", true) ? nullptr : "statistics of each element (spatial = 0)";
}

/// Over the axes from `axis` on; results 1 and 2 are the mean and 1 / √(var + ε).
Tensor layer_norm_of(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int axis = normalize_axis(c.integer("axis", -1), x.rank(), "LayerNormalization");
  const double eps = c.number("epsilon", 1e-5);
  Shape normalized, axes;
  for (int d = axis; d < x.rank(); ++d) {
    normalized.push_back(x.size(d));
    axes.push_back(d);
  }
  if (c.wants(1)) c.give(1, mean(x, Axes(axes), true));
  if (c.wants(2)) c.give(2, rsqrt(var(x, Axes(axes), true, 0) + eps));
  const Tensor scale = c.in(1), bias = c.maybe(2);
  if (scale.shape() == normalized && (!bias.defined() || bias.shape() == normalized))
    return layer_norm(x, normalized, scale, bias, eps);
  const Tensor y = layer_norm(x, normalized, {}, {}, eps) * scale;
  return bias.defined() ? y + bias : y;
}

Tensor rms_norm_of(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int axis = normalize_axis(c.integer("axis", -1), x.rank(), "RMSNormalization");
  Shape normalized;
  for (int d = axis; d < x.rank(); ++d) normalized.push_back(x.size(d));
  return rms_norm(x, normalized, {}, c.number("epsilon", 1e-5)) * c.in(1);
}

/// Up to version 20 a weight and bias for each group, later for each channel.
Tensor group_norm_of(NodeCall& c) {
  const Tensor &x = c.in(0), &scale = c.in(1), &bias = c.in(2);
  const std::int64_t groups = c.integer("num_groups", 1);
  if (scale.numel() == x.size(1)) return group_norm(x, groups, scale, bias, c.number("epsilon", 1e-5));
  const std::int64_t each = groups > 0 ? x.size(1) / groups : 1;
  return group_norm(
      x, groups, repeat_interleave(scale, each, 0), repeat_interleave(bias, each, 0), c.number("epsilon", 1e-5));
}

/// x / (bias + α / size Σ x²)^β, the sum over channels from ⌊(size - 1) / 2⌋ before to ⌈(size - 1) / 2⌉ behind.
Tensor local_response(NodeCall& c) {
  const Tensor& x = c.in();
  const std::int64_t size = c.integer("size", 1), before = (size - 1) / 2, channels = x.size(1);
  Integers pads(2 * static_cast<std::size_t>(x.rank() - 1), 0);
  pads[pads.size() - 2] = before;
  pads[pads.size() - 1] = size - 1 - before;
  const Tensor squares = pad(square(x), pads);
  Tensor sum;
  for (std::int64_t i = 0; i < size; ++i) {
    const Tensor part = narrow(squares, 1, i, channels);
    sum = sum.defined() ? sum + part : part;
  }
  const double alpha = c.number("alpha", 1e-4) / static_cast<double>(size);
  return x / pow(sum * alpha + c.number("bias", 1), c.number("beta", 0.75));
}

Tensor lp_normalized(NodeCall& c) {
  const std::int64_t axis = c.integer("axis", -1);
  const Tensor length = norm(c.in(), static_cast<double>(c.integer("p", 2)), Axes(axis), true);
  return where(equal_to(length, 0), zeros_like(c.in()), c.in() / where(equal_to(length, 0), ones_like(length), length));
}

/// (x - mean) / (√var + 10⁻⁹)
Tensor mean_variance(NodeCall& c) {
  const Integers axes = c.integers("axes").value_or(Integers{0, 2, 3});
  const Axes over{Shape(std::span(axes))};
  const Tensor off = c.in() - mean(c.in(), over, true);
  return off / (sqrt(mean(square(off), over, true)) + 1e-9);
}

Reduction reduction_of(const Attributes& a) {
  const std::string name = a.text("reduction", "mean");
  return name == "none" ? Reduction::none : name == "sum" ? Reduction::sum : Reduction::mean;
}

/// Of logarithms of probabilities [N, C, *] and classes [N, *].
Tensor nll(NodeCall& c, const Tensor& x) {
  NllOptions options{.weight = c.maybe(2), .ignore_index = {}, .reduction = reduction_of(c)};
  if (c.has("ignore_index")) options.ignore_index = c.integer("ignore_index", 0);
  return nll_loss(x, c.in(1), options);
}
Tensor softmax_cross_entropy(NodeCall& c) {
  const Tensor logs = log_softmax(c.in(0), 1);
  c.give(1, logs);
  return nll(c, logs);
}

// clang-format off
constexpr LoadRule kRules[] = {
    {"BatchNormalization", batch_norm_of, "epsilon momentum spatial training_mode", refuse_batch_norm, 0b11000, 0b11000},
    {"GroupNormalization", group_norm_of, "epsilon num_groups stash_type"},
    {"InstanceNormalization", [](NodeCall& c) { return instance_norm(c.in(0), c.in(1), c.in(2), c.number("epsilon", 1e-5)); }, "epsilon"},
    {"LRN", local_response, "alpha beta bias size"},
    {"LayerNormalization", layer_norm_of, "axis epsilon stash_type"},
    {"LpNormalization", lp_normalized, "axis p"},
    {"MeanVarianceNormalization", mean_variance, "axes"},
    {"NegativeLogLikelihoodLoss", [](NodeCall& c) { return nll(c, c.in(0)); }, "ignore_index reduction", nullptr, 0b100},
    {"RMSNormalization", rms_norm_of, "axis epsilon stash_type"},
    {"SoftmaxCrossEntropyLoss", softmax_cross_entropy, "ignore_index reduction", nullptr, 0b100},
};
// clang-format on

}  // namespace

std::span<const LoadRule> load_norm_rules() { return kRules; }

}  // namespace gradus::onnx

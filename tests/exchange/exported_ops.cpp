#include "exported.h"

#include "gradus/nn.h"
#include "gradus/ops.h"

#include <string_view>

namespace gradus {
namespace {

Tensor drawn(const Sample& sample, Generator& random) {
  const double low = sample.domain.low, high = sample.domain.high;
  if (sample.kind == Sample::Kind::flag) return bernoulli(full(sample.shape, 0.5), random) > 0.5;
  Tensor x = uniform(sample.shape, low, high, float32, random);
  if (sample.kind == Sample::Kind::index) return cast(floor(x), int64);
  // Away from singular matrices.
  return sample.kind == Sample::Kind::spectrum ? x * 0.1 + eye(x.size(-2), x.size(-1)) : x;
}

struct Missing {
  std::string_view why;
  std::vector<std::string_view> begins;  // of "op: example"; one that ends with a blank is whole
};

const std::vector<Missing>& missing() {
  static const std::vector<Missing> all{
      {"a part of a derivative, which no forward pass calls",
       {"clamp_grad:",
        "tanh_grad:",
        "sigmoid_grad:",
        "softplus_grad:",
        "relu_grad:",
        "leaky_relu_grad:",
        "elu_grad:",
        "avg_pool_grad:",
        "max_pool_grad:",
        "conv_weight:",
        "spectral_derivative:"}},
      {"ONNX has no such function", {"erfinv:", "lgamma:", "digamma:", "polygamma:"}},
      {"ONNX has no factors, roots or inverses of matrices",
       {"slogdet:",
        "logdet:",
        "inverse:",
        "solve:",
        "triangular_solve:",
        "cholesky:",
        "qr:",
        "lstsq:",
        "svd:",
        "eigh:",
        "pinverse:",
        "spectrum_vectors:",
        "spectrum_undetermined:",
        "spectral:",
        "matrix_sqrt:",
        "matrix_rsqrt:",
        "matrix_log:",
        "matrix_exp:",
        "matrix_power: 0.7",
        "matrix_power: -2"}},
      {"a loop over an axis, which would be a subgraph",
       {"cumprod:", "logcumsumexp:", "linear_recurrence:", "scatter_reduce: prod", "scatter_reduce: nothing"}},
      {"ScatterElements takes extremes from opset 18 on",
       {"scatter_extremum:", "scatter_reduce: max", "scatter_reduce: min"}},
      {"as many results as the values say", {"unique:", "masked_select:"}},
      {"places are computed from values, by no op",
       {"cummax: axis",
        "cummin: axis",
        "scatter: axis 0, repeated",
        "scatter: axis -1, a larger source",
        "index_fill:",
        "index_put: elements",
        "scatter_reduce: sum",
        "scatter_reduce: mean",
        "multilabel_margin_loss: mean",
        "multilabel_margin_loss: sum",
        "multilabel_margin_loss: none",
        "max_unpool1d: size",
        "max_unpool2d:",
        "max_unpool3d:",
        "grid_sample: zeros",
        "grid_sample: border",
        "grid_sample: reflection",
        "grid_sample: cubic",
        "grid_sample: nearest",
        "grid_sample: volumes"}},
      {"the example converts its input by no op", {"integer_pow:", "floor_divide:", "trunc_divide:", "all:"}},
      {"ONNX has no such loss", {"ctc_loss:"}},
      {"ONNX's losses take a batch, and no labels smoothed and weighted",
       {"cross_entropy: vector", "cross_entropy: smoothed, weighted", "nll_loss: vector"}},
      {"drawn at random", {"dropout: p", "dropout: no rows", "feature_dropout:", "bernoulli:", "multinomial:"}},
      {"ONNX gives the states of the cell at the end only, and no gates",
       {"lstm: ", "lstm: initial states", "lstm: one step"}},
  };
  return all;
}

/// Examples without elements that ONNX Runtime 1.22 computes otherwise, or not at all.
bool is_left_out(const std::string& name) {
  return name.starts_with("cdist: no vectors") || name.starts_with("cdist: of nothing") ||
         name.starts_with("cross_entropy: no rows");
}

}  // namespace

std::vector<Exported> exported_ops() {
  static nn::Identity nothing;
  std::vector<Exported> all;
  for (const OpEntry& entry : all_ops()) {
    for (const Example& example : entry.examples()) {
      Generator random(7);
      Exported e{std::string("op ") + entry.name + (example.label.empty() ? "" : ": " + example.label),
                 [call = example.call](std::span<const Tensor> x) {
                   nn::detail::OnnxResults results;
                   results.add(call(x));
                   return results;
                 },
                 nn::detail::ref(nothing),
                 {}};
      for (const Sample& sample : example.inputs) e.inputs.push_back(drawn(sample, random));
      e.options.dynamic = std::vector<nn::DynamicAxis>();
      const std::string name = std::string(entry.name) + ": " + example.label;
      if (is_left_out(name)) continue;
      for (const Missing& some : missing())
        for (const std::string_view begin : some.begins)
          if (name == begin || (name.starts_with(begin) && !begin.ends_with(' '))) e.not_in_onnx = some.why;
      all.push_back(std::move(e));
    }
  }
  return all;
}

}  // namespace gradus

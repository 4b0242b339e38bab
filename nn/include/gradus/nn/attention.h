#pragma once

#include "gradus/nn/layers.h"
#include "gradus/nn/norm.h"
#include "gradus/ops/activation.h"

#include <cstdint>
#include <string>

GRADUS_EXPORT_BEGIN
/// Attention and the transformer's layer.
namespace gradus::nn {

struct MultiheadAttentionOptions {
  double dropout = 0;  // of the weights, in training
  bool bias = true;
  bool batch_first = false;  // all are [N, L, E]
  DType dtype = float32;
};

/// Who may look where.
struct AttentionMask {
  Tensor key_padding{};  // bool [N, S]: true where a key is to be ignored
  // bool: true where a query may not look; of the dtype of the query: added to the scores. [L, S] for
  // all samples, or [N, 1, L, S].
  Tensor mask{};
  bool causal = false;   // query i looks at keys up to i only
  bool weights = false;  // give the weights, too
};

/// What attention gives.
struct Attended {
  Tensor y;        // like the query
  Tensor weights;  // [N, L, S], averaged over the heads, if asked for
  operator Tensor() const { return y; }
};

/// Attention of several heads, each on its own part of the features.
///   value     y = concat_h(softmax(q_h k_h^T / sqrt(E / heads)) v_h) W_o^T + b_o, with q, k and v the query, key and
///             value times the three parts of in_proj_weight; without key and value they are the query
///   shapes    query [L, N, E], key and value [S, N, E], y [L, N, E]; in_proj_weight [3 E, E], in_proj_bias [3 E]
///   value     of a query that may look at no key: b_o, with weights 0; no gradient passes through its attention
///   start     in_proj_weight by Xavier (uniform), out_proj.weight as Linear, biases 0
///   errors    ArgumentError unless heads divide E; ShapeError if the inputs or masks don't fit; DTypeError if
///             a mask is of another type
///   source    Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2
class MultiheadAttention : public Module<MultiheadAttention> {
 public:
  MultiheadAttention(std::int64_t embed_dim,
                     std::int64_t num_heads,
                     MultiheadAttentionOptions options = {},
                     Generator& generator = default_generator());

  Attended forward(Arg query, const Tensor& key, const Tensor& value, const AttentionMask& mask = {}) const;
  Attended forward(Arg x, const AttentionMask& mask = {}) const { return forward(x, x.tensor, x.tensor, mask); }
  auto fields() {
    return nn::fields("in_proj_weight", in_proj_weight, "in_proj_bias", in_proj_bias, "out_proj", out_proj);
  }
  std::string describe() const;

  Parameter in_proj_weight, in_proj_bias;
  Linear out_proj;
  bool training = true;

 private:
  std::int64_t heads_;
  MultiheadAttentionOptions options_;
};

struct TransformerEncoderLayerOptions {
  std::int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  Tensor (*activation)(Arg) = relu;  // or [](Arg x) { return gelu(x); }
  double layer_norm_eps = 1e-5;
  bool batch_first = false;
  bool norm_first = false;  // normalise what goes into a block, not what comes out
  DType dtype = float32;
};

/// Attention to itself and two linear layers, each beside a path around it.
///   value     x = norm1(x + self_attn(x)); y = norm2(x + linear2(activation(linear1(x)))); with norm_first
///             x = x + self_attn(norm1(x)); y = x + linear2(activation(linear1(norm2(x)))). Dropout behind
///             self_attn, activation and linear2
///   shapes    x and y [T, N, d_model]
///   source    Vaswani et al. 2017, arXiv:1706.03762; Xiong et al. 2020, arXiv:2002.04745, for norm_first
class TransformerEncoderLayer : public Module<TransformerEncoderLayer> {
 public:
  TransformerEncoderLayer(std::int64_t d_model,
                          std::int64_t nhead,
                          TransformerEncoderLayerOptions options = {},
                          Generator& generator = default_generator());

  Tensor forward(Arg x, const AttentionMask& mask = {}) const;
  auto fields() {
    return nn::fields("self_attn", self_attn, "linear1", linear1, "linear2", linear2, "norm1", norm1, "norm2", norm2);
  }

  MultiheadAttention self_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2;
  bool training = true;

 private:
  TransformerEncoderLayerOptions options_;
};

}  // namespace gradus::nn
GRADUS_EXPORT_END

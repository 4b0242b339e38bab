#pragma once

#include "gradus/nn/attention.h"

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

/// Options of TransformerDecoderLayer.
using TransformerDecoderLayerOptions = TransformerEncoderLayerOptions;

/// Attention to itself, attention to a memory (what the encoder gives) and two linear layers, each beside a path
/// around it.
///   value     x = norm1(x + self_attn(x)); x = norm2(x + multihead_attn(x, memory)); y = norm3(x +
///             linear2(activation(linear1(x)))); with norm_first x = x + self_attn(norm1(x)), x = x +
///             multihead_attn(norm2(x), memory), y = x + linear2(activation(linear1(norm3(x)))). Dropout behind both
///             attentions, activation and linear2
///   shapes    x and y [T, N, d_model], memory [S, N, d_model]; masks are those of MultiheadAttention: `mask` (often
///             {.causal = true}) for x, `memory_mask` for the memory
///   source    Vaswani et al. 2017, arXiv:1706.03762, section 3.1
class TransformerDecoderLayer : public Module<TransformerDecoderLayer> {
 public:
  TransformerDecoderLayer(std::int64_t d_model,
                          std::int64_t nhead,
                          TransformerDecoderLayerOptions options = {},
                          Generator& generator = default_generator());

  Tensor forward(Arg x,
                 const Tensor& memory,
                 const AttentionMask& mask = {},
                 const AttentionMask& memory_mask = {}) const;
  auto fields() {
    return nn::fields("self_attn",
                      self_attn,
                      "multihead_attn",
                      multihead_attn,
                      "linear1",
                      linear1,
                      "linear2",
                      linear2,
                      "norm1",
                      norm1,
                      "norm2",
                      norm2,
                      "norm3",
                      norm3);
  }

  MultiheadAttention self_attn, multihead_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2, norm3;
  bool training = true;

 private:
  TransformerDecoderLayerOptions options_;
};

}  // namespace gradus::nn
GRADUS_EXPORT_END

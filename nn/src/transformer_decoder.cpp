#include "gradus/nn/transformer_decoder.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/random.h"

namespace gradus::nn {

TransformerDecoderLayer::TransformerDecoderLayer(std::int64_t d_model,
                                                 std::int64_t nhead,
                                                 TransformerDecoderLayerOptions options,
                                                 Generator& generator)
    : self_attn(d_model,
                nhead,
                {.dropout = options.dropout, .batch_first = options.batch_first, .dtype = options.dtype},
                generator),
      multihead_attn(d_model,
                     nhead,
                     {.dropout = options.dropout, .batch_first = options.batch_first, .dtype = options.dtype},
                     generator),
      linear1(d_model, options.dim_feedforward, {.dtype = options.dtype}, generator),
      linear2(options.dim_feedforward, d_model, {.dtype = options.dtype}, generator),
      norm1(d_model, {.eps = options.layer_norm_eps, .dtype = options.dtype}),
      norm2(d_model, {.eps = options.layer_norm_eps, .dtype = options.dtype}),
      norm3(d_model, {.eps = options.layer_norm_eps, .dtype = options.dtype}),
      options_(options) {}

Tensor TransformerDecoderLayer::forward(Arg x,
                                        const Tensor& memory,
                                        const AttentionMask& mask,
                                        const AttentionMask& memory_mask) const {
  const gradus::detail::SitePin pin(x.site);
  const auto drop = [&](const Tensor& y) { return dropout(y, options_.dropout, training); };
  const auto attend = [&](const Tensor& y) { return drop(self_attn(y, mask).y); };
  const auto look = [&](const Tensor& y) { return drop(multihead_attn(y, memory, memory, memory_mask).y); };
  const auto feed = [&](const Tensor& y) { return drop(linear2(drop(options_.activation(linear1(y))))); };
  if (options_.norm_first) {
    const Tensor own = x.tensor + attend(norm1(x)), both = own + look(norm2(own));
    return both + feed(norm3(both));
  }
  const Tensor own = norm1(x.tensor + attend(x)), both = norm2(own + look(own));
  return norm3(both + feed(both));
}

}  // namespace gradus::nn

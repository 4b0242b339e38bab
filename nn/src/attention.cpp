#include "gradus/nn/attention.h"

#include "gradus/nn/init.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/sequence.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace gradus::nn {

using gradus::detail::fail;

MultiheadAttention::MultiheadAttention(std::int64_t embed_dim,
                                       std::int64_t num_heads,
                                       MultiheadAttentionOptions options,
                                       Generator& generator)
    : out_proj(std::max<std::int64_t>(embed_dim, 1),
               std::max<std::int64_t>(embed_dim, 1),
               {.bias = options.bias, .dtype = options.dtype},
               generator),
      heads_(num_heads),
      options_(options) {
  if (embed_dim < 1 || num_heads < 1 || embed_dim % num_heads != 0)
    fail<ArgumentError>(
        "multihead_attention",
        fmt::format("expected features that the heads divide, got {} and {} heads", embed_dim, num_heads));
  if (!(options.dropout >= 0 && options.dropout <= 1))
    fail<ArgumentError>("multihead_attention", fmt::format("expected dropout in [0, 1], got {}", options.dropout));
  Tensor weight = empty({3 * embed_dim, embed_dim}, options.dtype);
  in_proj_weight = init::xavier_uniform(weight, 1, generator);
  if (!options.bias) return;
  in_proj_bias = zeros({3 * embed_dim}, options.dtype);
  init::zeros(out_proj.bias);
}

namespace {

/// `sizes` are N, L and S.
void check_mask(const AttentionMask& mask, Arg query, const Shape& sizes) {
  const std::int64_t n = sizes[0], rows = sizes[1], keys = sizes[2];
  if (mask.key_padding.defined() && (mask.key_padding.shape() != Shape{n, keys} || mask.key_padding.dtype() != boolean))
    fail<ShapeError>("multihead_attention",
                     fmt::format("expected key_padding of bool [{}, {}], got {} {}",
                                 n,
                                 keys,
                                 gradus::to_string(mask.key_padding.dtype()),
                                 gradus::to_string(mask.key_padding.shape())),
                     query.site);
  if (!mask.mask.defined()) return;
  gradus::detail::check_attention_mask("multihead_attention", mask.mask, query->dtype(), query.site);
  if (mask.mask.shape() != Shape{rows, keys} && mask.mask.shape() != Shape{n, 1, rows, keys})
    fail<ShapeError>("multihead_attention",
                     fmt::format("expected a mask [{0}, {1}] or [{2}, 1, {0}, {1}], got {3}",
                                 rows,
                                 keys,
                                 n,
                                 gradus::to_string(mask.mask.shape())),
                     query.site);
}

constexpr double kNowhere = -std::numeric_limits<double>::infinity();

/// The mask and the padding in one, as attention takes it: true where a query may look.
Tensor joined_mask(const AttentionMask& mask, std::int64_t n, std::int64_t keys) {
  const Tensor padding = mask.key_padding.defined() ? reshape(mask.key_padding, {n, 1, 1, keys}) : Tensor();
  if (!mask.mask.defined()) return padding.defined() ? logical_not(padding) : Tensor();
  if (mask.mask.dtype() != boolean) return padding.defined() ? where(padding, kNowhere, mask.mask) : mask.mask;
  return logical_not(padding.defined() ? logical_or(mask.mask, padding) : mask.mask);
}

}  // namespace

Attended MultiheadAttention::forward(Arg query,
                                     const Tensor& key,
                                     const Tensor& value,
                                     const AttentionMask& mask) const {
  const std::int64_t e = in_proj_weight.size(1), width = e / heads_;
  const int batch_axis = options_.batch_first ? 0 : 1;
  const auto fits = [&](const Tensor& x) {
    return x.rank() == 3 && x.size(2) == e && x.size(batch_axis) == query->size(batch_axis);
  };
  if (query->rank() != 3 || !fits(query) || !fits(key) || !fits(value) ||
      key.size(1 - batch_axis) != value.size(1 - batch_axis))
    fail<ShapeError>("multihead_attention",
                     fmt::format("expected query, key and value {}, got {}, {} and {}",
                                 options_.batch_first ? fmt::format("[N, *, {}]", e) : fmt::format("[*, N, {}]", e),
                                 gradus::to_string(query->shape()),
                                 gradus::to_string(key.shape()),
                                 gradus::to_string(value.shape())),
                     query.site);
  const std::int64_t n = query->size(batch_axis), rows = query->size(1 - batch_axis), keys = key.size(1 - batch_axis);
  check_mask(mask, query, Shape{n, rows, keys});
  const gradus::detail::SitePin pin(query.site);

  // [*, *, E] to [N, heads, *, width].
  const auto heads = [&](const Tensor& x) {
    const Tensor y = reshape(x, {x.size(0), x.size(1), heads_, width});
    return permute(y, options_.batch_first ? Shape{0, 2, 1, 3} : Shape{1, 2, 0, 3});
  };
  Tensor q, k, v;
  if (key.is_same(query.tensor) && value.is_same(query.tensor)) {
    const auto all = split(linear(query, in_proj_weight, in_proj_bias), e, 2);
    q = all[0], k = all[1], v = all[2];
  } else {
    const auto weights = split(in_proj_weight, e, 0);
    const auto biases = in_proj_bias.defined() ? split(in_proj_bias, e, 0) : std::vector<Tensor>(3);
    q = linear(query, weights[0], biases[0]);
    k = linear(key, weights[1], biases[1]);
    v = linear(value, weights[2], biases[2]);
  }
  const AttentionOptions how{.mask = joined_mask(mask, n, keys), .causal = mask.causal};
  Tensor seen, weights;
  if (mask.weights || (training && options_.dropout > 0)) {
    weights = gradus::detail::attention_weights(heads(q), heads(k), how);
    seen = matmul(dropout(weights, options_.dropout, training), heads(v));
  } else {
    seen = attention(heads(q), heads(k), heads(v), how);
  }
  const Tensor joined =
      reshape(permute(seen, options_.batch_first ? Shape{0, 2, 1, 3} : Shape{2, 0, 1, 3}), query->shape());
  return {out_proj(joined), mask.weights ? mean(weights, 1) : Tensor()};
}

std::string MultiheadAttention::describe() const { return fmt::format("{}, {} heads", in_proj_weight.size(1), heads_); }

TransformerEncoderLayer::TransformerEncoderLayer(std::int64_t d_model,
                                                 std::int64_t nhead,
                                                 TransformerEncoderLayerOptions options,
                                                 Generator& generator)
    : self_attn(d_model,
                nhead,
                {.dropout = options.dropout, .batch_first = options.batch_first, .dtype = options.dtype},
                generator),
      linear1(d_model, options.dim_feedforward, {.dtype = options.dtype}, generator),
      linear2(options.dim_feedforward, d_model, {.dtype = options.dtype}, generator),
      norm1(d_model, {.eps = options.layer_norm_eps, .dtype = options.dtype}),
      norm2(d_model, {.eps = options.layer_norm_eps, .dtype = options.dtype}),
      options_(options) {}

Tensor TransformerEncoderLayer::forward(Arg x, const AttentionMask& mask) const {
  const auto drop = [&](const Tensor& y) { return dropout(y, options_.dropout, training); };
  const auto attend = [&](const Tensor& y) { return drop(self_attn(y, mask).y); };
  const auto feed = [&](const Tensor& y) { return drop(linear2(drop(options_.activation(linear1(y))))); };
  if (options_.norm_first) {
    const Tensor y = x.tensor + attend(norm1(x));
    return y + feed(norm2(y));
  }
  const Tensor y = norm1(x.tensor + attend(x));
  return norm2(y + feed(y));
}

}  // namespace gradus::nn

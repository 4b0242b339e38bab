#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace gradus {
namespace {

Tensor draw(const Shape& shape, std::uint64_t seed) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}

/// Attention of several heads, written out; `seen` [L, S] is true where a query may look.
Tensor attended(const nn::MultiheadAttention& m,
                std::int64_t heads,
                const Tensor& query,
                const Tensor& memory,
                const Tensor& seen) {
  const std::int64_t n = query.size(0), e = query.size(2), width = e / heads;
  const auto weights = split(m.in_proj_weight, e, 0), biases = split(m.in_proj_bias, e, 0);
  std::vector<Tensor> parts;
  const Tensor q = linear(query, weights[0], biases[0]), k = linear(memory, weights[1], biases[1]),
               v = linear(memory, weights[2], biases[2]);
  for (std::int64_t h = 0; h < heads; ++h) {
    const auto part = [&](const Tensor& x) { return narrow(x, 2, h * width, width); };
    const Tensor scores = matmul(part(q), transpose(part(k))) / std::sqrt(static_cast<double>(width));
    const Tensor masked = where(seen, scores, -std::numeric_limits<double>::infinity());
    parts.push_back(matmul(softmax(masked, -1), part(v)));
  }
  EXPECT_EQ(parts[0].size(0), n);
  return linear(concat(parts, 2), m.out_proj.weight, m.out_proj.bias);
}

Tensor normalised(const nn::LayerNorm& norm, const Tensor& x) {
  return layer_norm(x, {x.size(-1)}, norm.weight, norm.bias);
}

TEST(TransformerDecoderLayer, ByHand) {
  const Tensor x = draw({2, 3, 4}, 1), memory = draw({2, 5, 4}, 2);
  const Tensor causal = tril(ones({3, 3}, boolean)), hidden = tensor({{false, false, true, false, false}});
  const Tensor all = ones({3, 3}, boolean), visible = broadcast_to(logical_not(hidden), {3, 5});
  for (const bool norm_first : {false, true})
    for (const bool masked : {false, true}) {
      nn::TransformerDecoderLayer layer(
          4, 2, {.dim_feedforward = 6, .dropout = 0, .batch_first = true, .norm_first = norm_first, .dtype = float64});
      const nn::AttentionMask mask{.causal = masked};
      const nn::AttentionMask memory_mask{.key_padding = masked ? broadcast_to(hidden, {2, 5}) : Tensor()};
      const auto self = [&](const Tensor& y) { return attended(layer.self_attn, 2, y, y, masked ? causal : all); };
      const auto look = [&](const Tensor& y) {
        return attended(layer.multihead_attn, 2, y, memory, masked ? visible : ones({3, 5}, boolean));
      };
      const auto feed = [&](const Tensor& y) {
        const Tensor inner = relu(linear(y, layer.linear1.weight, layer.linear1.bias));
        return linear(inner, layer.linear2.weight, layer.linear2.bias);
      };
      Tensor want = x;
      if (norm_first) {
        want = want + self(normalised(layer.norm1, want));
        want = want + look(normalised(layer.norm2, want));
        want = want + feed(normalised(layer.norm3, want));
      } else {
        want = normalised(layer.norm1, want + self(want));
        want = normalised(layer.norm2, want + look(want));
        want = normalised(layer.norm3, want + feed(want));
      }
      const Tensor got = layer(x, memory, mask, memory_mask);
      EXPECT_TRUE(all_close(got, want, 1e-12, 1e-12)) << norm_first << " " << masked;
    }
}

TEST(TransformerDecoderLayer, SequenceFirstIsTheSame) {
  manual_seed(1);
  nn::TransformerDecoderLayer a(4, 2, {.dim_feedforward = 6, .dtype = float64});
  manual_seed(1);
  nn::TransformerDecoderLayer b(4, 2, {.dim_feedforward = 6, .batch_first = true, .dtype = float64});
  nn::eval(a);
  nn::eval(b);
  const Tensor x = draw({3, 2, 4}, 3), memory = draw({5, 2, 4}, 4);
  EXPECT_TRUE(all_close(transpose(a(x, memory), 0, 1), b(transpose(x, 0, 1), transpose(memory, 0, 1)), 1e-12, 1e-12));
}

TEST(TransformerDecoderLayer, NamesOfParameters) {
  nn::TransformerDecoderLayer layer(4, 2, {.dim_feedforward = 6});
  std::vector<std::string> names;
  for (const auto& p : nn::named_parameters(layer)) names.push_back(p.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"self_attn.in_proj_weight",
                                      "self_attn.in_proj_bias",
                                      "self_attn.out_proj.weight",
                                      "self_attn.out_proj.bias",
                                      "multihead_attn.in_proj_weight",
                                      "multihead_attn.in_proj_bias",
                                      "multihead_attn.out_proj.weight",
                                      "multihead_attn.out_proj.bias",
                                      "linear1.weight",
                                      "linear1.bias",
                                      "linear2.weight",
                                      "linear2.bias",
                                      "norm1.weight",
                                      "norm1.bias",
                                      "norm2.weight",
                                      "norm2.bias",
                                      "norm3.weight",
                                      "norm3.bias"}));
}

}  // namespace
}  // namespace gradus

#include "gradus/nn/attention.h"

#include "errors.h"

#include "gradus/autograd.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace {

using gradus::tests::message_of;

using namespace gradus;

constexpr double kNowhere = -std::numeric_limits<double>::infinity();

Tensor draw(const Shape& shape) { return normal(shape, 0, 1, float64); }

/// Query 1 of 3 may look at no key.
Tensor allowed() { return tensor({{1, 1, 0, 0}, {0, 0, 0, 0}, {1, 0, 1, 1}}) > 0.5; }
Tensor added() { return where(allowed(), zeros({3, 4}, float64), kNowhere); }

TEST(EmptyRow, IsZeroAndTakesNoGradient) {
  for (const Tensor& mask : {allowed(), added()}) {
    Tensor q = leaf(draw({2, 3, 5})), k = leaf(draw({2, 4, 5})), v = leaf(draw({2, 4, 6}));
    const Tensor y = attention(q, k, v, {.mask = mask});
    EXPECT_TRUE(equal(select(y, 1, 1), zeros({2, 6}, float64)));
    // The other rows are as they are without it.
    const Tensor others = index_select(y, 1, tensor({0, 2}, int64));
    const Tensor rows = tensor({0, 2}, int64);
    const Tensor alone = attention(index_select(q, 1, rows), k, v, {.mask = index_select(mask, 0, rows)});
    EXPECT_TRUE(all_close(others, alone, 1e-12, 1e-12));

    const auto with = grad(sum(square(y)), {q, k, v}, {}, {.create_graph = true});
    const auto without = grad(sum(square(alone)), {q, k, v}, {}, {.create_graph = true});
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(all_close(with[i], without[i], 1e-12, 1e-12));
    EXPECT_TRUE(equal(select(with[0], 1, 1), zeros({2, 5}, float64)));
    Tensor a, b;
    for (std::size_t i = 0; i < 3; ++i) {
      a = i == 0 ? sum(square(with[i])) : a + sum(square(with[i]));
      b = i == 0 ? sum(square(without[i])) : b + sum(square(without[i]));
    }
    const auto second = grad(a, {q, k, v}), expected = grad(b, {q, k, v});
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(all_close(second[i], expected[i], 1e-10, 1e-10));
  }
}

TEST(EmptyRow, OfALearntMaskTakesNoGradient) {
  Tensor mask = leaf(added());
  const Tensor q = draw({3, 5}), k = draw({4, 5}), v = draw({4, 6});
  const Tensor g = grad(sum(square(attention(q, k, v, {.mask = mask}))), mask);
  EXPECT_TRUE(equal(select(g, 0, 1), zeros({4}, float64)));
  EXPECT_TRUE(all(isfinite(g)).item<bool>());
}

TEST(EmptyRow, CausalWithLeftPadding) {
  // Keys 0 and 1 are padding, so queries 0 and 1 have none.
  const Tensor mask = tensor({0, 0, 1, 1}) > 0.5;
  Tensor x = leaf(draw({4, 3}));
  const Tensor y = attention(x, x, x, {.mask = mask, .causal = true});
  EXPECT_TRUE(equal(slice(y, 0, 0, 2), zeros({2, 3}, float64)));
  EXPECT_TRUE(equal(select(y, 0, 2), select(x, 0, 2)));
  const Tensor g = grad(sum(y), x);
  EXPECT_TRUE(equal(slice(g, 0, 0, 2), zeros({2, 3}, float64)));
  EXPECT_TRUE(all(isfinite(g)).item<bool>());
}

TEST(EmptyRow, GradientCheck) {
  const auto f = [](const Tensor& q, const Tensor& k, const Tensor& v) {
    return attention(q, k, v, {.mask = allowed()});
  };
  EXPECT_TRUE(gradcheck(f, {draw({3, 2}), draw({4, 2}), draw({4, 3})}));
  EXPECT_TRUE(gradgradcheck(f, {draw({3, 2}), draw({4, 2}), draw({4, 3})}));
}

TEST(EmptyRow, OfMultiheadAttentionAndTheEncoderLayer) {
  manual_seed(3);
  const Tensor padding = tensor({{1, 1, 1}, {1, 0, 0}}) > 0.5;  // sample 0 is all padding
  const nn::AttentionMask by_keys{.key_padding = padding, .causal = true, .weights = true};
  const nn::AttentionMask by_number{
      .mask = reshape(where(reshape(padding, {2, 1, 1, 3}), kNowhere, zeros({2, 1, 3, 3}, float64)), {2, 1, 3, 3}),
      .weights = true};
  for (const nn::AttentionMask& mask : {by_keys, by_number}) {
    nn::MultiheadAttention attention(4, 2, {.batch_first = true, .dtype = float64});
    Tensor x = leaf(draw({2, 3, 4}));
    const nn::Attended r = attention(x, mask);
    EXPECT_TRUE(equal(select(r.weights, 0, 0), zeros({3, 3}, float64)));
    EXPECT_TRUE(equal(select(r.y, 0, 0), broadcast_to(attention.out_proj.bias, {3, 4})));
    const Tensor g = grad(sum(square(r.y)), x, {}, {.retain_graph = true});
    EXPECT_TRUE(equal(select(g, 0, 0), zeros({3, 4}, float64)));
    backward(sum(square(r.y)));
    for (const Parameter& p : parameters(attention)) EXPECT_TRUE(all(isfinite(gradient(p))).item<bool>());
  }
  for (bool norm_first : {false, true}) {
    nn::TransformerEncoderLayer layer(4, 2, {.dim_feedforward = 8, .batch_first = true, .norm_first = norm_first});
    const Tensor y = layer(normal({2, 3, 4}), nn::AttentionMask{.key_padding = padding});
    EXPECT_TRUE(all(isfinite(y)).item<bool>());
    backward(sum(square(y)));
    for (const Parameter& p : parameters(layer)) EXPECT_TRUE(all(isfinite(gradient(p))).item<bool>());
  }
}

TEST(AttentionMask, OtherShapesAreRefused) {
  const Tensor q = draw({2, 3, 5}), k = draw({2, 4, 5}), v = draw({2, 4, 6});
  for (const Shape& shape : {Shape{4}, {3, 4}, {1, 4}, {3, 1}, {2, 3, 4}, {1, 3, 4}})
    EXPECT_NO_THROW(attention(q, k, v, {.mask = zeros(shape, float64)}));
  for (const Shape& shape : {Shape{3}, {4, 3}, {3, 3, 4}, {2, 2, 3, 4}, {1, 2, 3, 4}})
    EXPECT_NE(message_of([&] {
                attention(q, k, v, {.mask = zeros(shape, float64)});
              }).find("attention: expected a mask that broadcasts to [2, 3, 4], got " + to_string(shape)),
              std::string::npos);
  EXPECT_THROW(attention(q, k, v, {.mask = zeros({3, 4}, float32)}), DTypeError);
  EXPECT_THROW(attention(q, k, v, {.mask = zeros({3, 4}, int64)}), DTypeError);
}

TEST(AttentionMask, OtherShapesAreRefusedByTheLayer) {
  nn::MultiheadAttention attention(4, 2, {.batch_first = true});  // two heads, two samples
  const Tensor x = normal({2, 3, 4});
  for (const Shape& shape : {Shape{3, 3}, {2, 1, 3, 3}})
    for (DType dtype : {boolean, float32})
      EXPECT_NO_THROW(attention(x, nn::AttentionMask{.mask = zeros(shape, dtype)}));
  for (const Shape& shape : {Shape{3}, {2, 3, 3}, {1, 3}, {2, 2, 3, 3}, {1, 1, 3, 3}, {4, 3, 3}})
    for (DType dtype : {boolean, float32})
      EXPECT_NE(message_of([&] {
                  attention(x, nn::AttentionMask{.mask = zeros(shape, dtype)});
                }).find("multihead_attention: expected a mask [3, 3] or [2, 1, 3, 3], got " + to_string(shape)),
                std::string::npos);
  EXPECT_THROW(attention(x, nn::AttentionMask{.mask = zeros({3, 3}, float64)}), DTypeError);
}

// More queries and scores than are taken at a time, heads beside one another, masks that broadcast: values and
// gradients against the products, with float's rounding.
TEST(Attention, OfManyQueriesIsThatOfTheProducts) {
  const auto drawn = [](const Shape& shape, DType dtype, std::uint64_t seed) {
    Generator generator(seed);
    return normal(shape, 0, 1, dtype, generator);
  };
  const auto heads = [](const Tensor& x) { return transpose(x, 1, 2); };
  const Tensor allowed = drawn({2, 1, 300, 300}, float64, 4) > -1.0, added = drawn({300, 300}, float64, 5);
  for (const DType dtype : {float64, float32})
    for (const bool causal : {false, true})
      for (const Tensor& mask : {Tensor(), allowed, leaf(clone(to(added, dtype)))}) {
        const Shape shape{2, 300, 3, 8};
        const Tensor q = leaf(drawn(shape, dtype, 1)), k = leaf(drawn(shape, dtype, 2)),
                     v = leaf(drawn(shape, dtype, 3)), g = drawn({2, 3, 300, 8}, dtype, 6);
        const Tensor y = attention(heads(q), heads(k), heads(v), {.mask = mask, .causal = causal});
        Tensor scores = matmul(heads(q), transpose(heads(k))) / std::sqrt(8.0);
        if (causal) scores = where(tril(ones({300, 300}, boolean)), scores, kNowhere);
        if (mask.defined()) scores = mask.dtype() == boolean ? where(mask, scores, kNowhere) : scores + mask;
        const Tensor want = matmul(softmax(scores, -1), heads(v));
        const double tolerance = dtype == float64 ? 1e-12 : 3e-5;
        EXPECT_TRUE(all_close(y, want, tolerance, tolerance));
        std::vector<Tensor> inputs{q, k, v};
        if (mask.defined() && mask.dtype() != boolean) inputs.push_back(mask);
        const auto gradients = grad(y, inputs, g), wanted = grad(want, inputs, g);
        for (std::size_t i = 0; i < inputs.size(); ++i)
          EXPECT_TRUE(all_close(gradients[i], wanted[i], tolerance, tolerance))
              << "input " << i << (causal ? ", causal" : "") << (mask.defined() ? ", mask" : "");
      }
}

}  // namespace

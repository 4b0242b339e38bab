#include "expect.h"
#include "flow.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/compare.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/norm.h>
#include <gradus/ops/sequence.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;
using ops_test::gradient;

TEST(Embedding, RowsOfATable) {
  const Tensor table = leaf(tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}, float64));
  const Tensor index = tensor({{2, 0}, {2, 1}});
  expect_tensor(embedding(index, table), float64, {2, 2, 2}, {5, 6, 1, 2, 5, 6, 3, 4});
  expect_tensor(gradient(embedding(index, table), table), float64, {3, 2}, {1, 1, 1, 1, 2, 2});
  for (const std::int64_t padding : {2, -1}) {
    const Tensor y = embedding(index, table, padding);
    expect_tensor(y, float64, {2, 2, 2}, {5, 6, 1, 2, 5, 6, 3, 4});
    expect_tensor(gradient(y, table), float64, {3, 2}, {1, 1, 1, 1, 0, 0});
  }
  EXPECT_THROW(embedding(tensor({3}), table), IndexError);
  EXPECT_THROW(embedding(tensor({-1}), table), IndexError);
  EXPECT_THROW(embedding(index, table, 3), IndexError);
  EXPECT_THROW(embedding(index, table, -4), IndexError);
  EXPECT_THROW(embedding(to(index, float32), table), DTypeError);
  EXPECT_THROW(embedding(index, zeros({3})), ShapeError);
}

TEST(EmbeddingBag, SumsMeansAndMaxima) {
  const Tensor table = leaf(tensor({{1.0, 8.0}, {3.0, 4.0}, {5.0, 6.0}}, float64));
  // Bags {2, 0, 0}, {} and {1}.
  const Tensor index = tensor({2, 0, 0, 1}), offsets = tensor({0, 3, 3});
  const auto bags = [&](BagMode mode) { return embedding_bag(index, offsets, table, mode); };
  expect_tensor(bags(BagMode::sum), float64, {3, 2}, {7, 22, 0, 0, 3, 4});
  expect_tensor(bags(BagMode::mean), float64, {3, 2}, {7.0 / 3, 22.0 / 3, 0, 0, 3, 4}, 1e-15);
  expect_tensor(bags(BagMode::max), float64, {3, 2}, {5, 8, 0, 0, 3, 4});
  EXPECT_TRUE(equal(embedding_bag(index, offsets, table), bags(BagMode::mean)));
  expect_tensor(gradient(bags(BagMode::sum), table), float64, {3, 2}, {2, 2, 1, 1, 1, 1});
  expect_tensor(gradient(bags(BagMode::max), table), float64, {3, 2}, {0, 1, 1, 1, 1, 0});
  EXPECT_THROW(embedding_bag(index, tensor({1}), table), IndexError);
  EXPECT_THROW(embedding_bag(index, tensor({0, 3, 2}), table), IndexError);
  EXPECT_THROW(embedding_bag(index, tensor({0, 5}), table), IndexError);
}

TEST(Attention, IsSoftmaxOfScoresTimesValues) {
  const Tensor q = draw({2, 3, 4}, 1), k = draw({2, 5, 4}, 2), v = draw({2, 5, 6}, 7);
  const Tensor scores = matmul(q, transpose(k));
  expect_near(attention(q, k, v), matmul(softmax(scores / 2, -1), v));
  expect_near(attention(q, k, v, {.scale = 0.3}), matmul(softmax(scores * 0.3, -1), v));
  const Tensor bias = draw({3, 5}, 8);
  expect_near(attention(q, k, v, {.mask = bias}), matmul(softmax(scores / 2 + bias, -1), v));
  // Query i looks at keys 0 … i.
  const Tensor causal = where(tril(ones({3, 5})) > 0.5, 0.0, full({3, 5}, -kInfinity, float64));
  expect_near(attention(q, k, v, {.causal = true}), matmul(softmax(scores / 2 + causal, -1), v));
  const Tensor some = tensor({{1, 0, 1, 1, 0}}) > 0.5;
  const Tensor hidden = where(some, 0.0, full({1, 5}, -kInfinity, float64));
  expect_near(attention(q, k, v, {.mask = some}), matmul(softmax(scores / 2 + hidden, -1), v));
  expect_near(attention(q, k, v, {.mask = some, .causal = true}), matmul(softmax(scores / 2 + hidden + causal, -1), v));
  EXPECT_THROW(attention(q, draw({2, 5, 3}), v), ShapeError);
  EXPECT_THROW(attention(q, k, draw({2, 4, 6})), ShapeError);
  EXPECT_THROW(attention(q, k, v, {.mask = draw({4, 5})}), ShapeError);
}

TEST(Bilinear, ByHand) {
  const Tensor a = tensor({{1.0, 2.0}}, float64), b = tensor({{3.0, 5.0, 7.0}}, float64);
  const Tensor weight = from_vector(std::vector<double>{1, 0, 0, 0, 0, 1, 0, 2, 0, -1, 0, 0}, {2, 2, 3});
  expect_tensor(bilinear(a, b, weight), float64, {1, 2}, {3 + 14, 10 - 6});
  expect_tensor(bilinear(a, b, weight, values({1, -1})), float64, {1, 2}, {18, 3});
  EXPECT_THROW(bilinear(b, a, weight), ShapeError);
  EXPECT_THROW(bilinear(a, b, weight, values({1, 2, 3})), ShapeError);
}

}  // namespace
}  // namespace gradus

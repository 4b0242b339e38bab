#include "checks.h"

#include <gradus/graph/node.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/index.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>

#include <gtest/gtest.h>

namespace gradus {
namespace {

using ops_test::expect_error;

using Ints = std::vector<std::int64_t>;

Ints ints(const Tensor& x) { return x.to_vector<std::int64_t>(); }
Tensor count(const Shape& shape, DType dtype = float32) { return reshape(arange(shape.numel(), dtype), shape); }
Tensor random_index(const Shape& shape, std::int64_t low, std::int64_t high, Generator& g) {
  Tensor index = empty(shape, int64);
  auto* data = index.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < index.numel(); ++i) data[i] = low + g.below(high - low);
  return index;
}

TEST(IndexSelect, TakesParts) {
  const Tensor x = count({3, 2});
  EXPECT_EQ(ints(index_select(x, 0, tensor({2, 0, -1}))), (Ints{4, 5, 0, 1, 4, 5}));
  EXPECT_EQ(ints(index_select(x, -1, tensor({1, 1, 0}))), (Ints{1, 1, 0, 3, 3, 2, 5, 5, 4}));
  EXPECT_EQ(ints(index_select(transpose(x), 1, tensor({2}))), (Ints{4, 5}));
  EXPECT_EQ(ints(index_select(x, 0, flip(tensor({0, 2}), {0}))), (Ints{4, 5, 0, 1}));
  EXPECT_EQ(index_select(x, 0, zeros({0}, int64)).shape(), (Shape{0, 2}));
  EXPECT_EQ(index_select(zeros({3, 0}), 0, tensor({1, 1})).shape(), (Shape{2, 0}));
  EXPECT_EQ(index_select(zeros({0, 3}), 1, tensor({1, 1})).shape(), (Shape{0, 2}));
  EXPECT_EQ(index_select(cast(x, boolean), 0, tensor({0})).dtype(), boolean);
}

TEST(IndexSelect, AgreesWithSelectInTheMiddle) {
  Generator g(1);
  const Tensor x = uniform({4, 5, 3}, 0, 1, float64, g);
  const Tensor index = random_index({7}, -5, 5, g);
  const Tensor y = index_select(x, 1, index);
  for (std::int64_t k = 0; k < 7; ++k)
    EXPECT_TRUE(equal(select(y, 1, k), clone(select(x, 1, ints(index)[static_cast<std::size_t>(k)]))));
}

TEST(IndexAdd, AddsParts) {
  const Tensor x = count({3, 2});
  const Tensor y = index_add(x, 0, tensor({0, -1, 0}), ones({3, 2}));
  EXPECT_EQ(ints(y), (Ints{2, 3, 2, 3, 5, 6}));
  EXPECT_EQ(ints(x), (Ints{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(ints(index_add(transpose(x), 1, tensor({1}), count({2, 1}))), (Ints{0, 2, 4, 1, 4, 5}));
  EXPECT_EQ(ints(index_add(count({2}, int64), 0, tensor({1, 1}), tensor({3, 4}))), (Ints{0, 8}));
  EXPECT_TRUE(equal(index_add(x, 0, zeros({0}, int64), zeros({0, 2})), x));
}

TEST(Gather, FollowsItsDefinition) {
  Generator g(2);
  const Tensor base = uniform({3, 4, 5}, 0, 1, float64, g);
  for (const Tensor& x : {base, transpose(base, 0, 2), flip(base, {1})})
    for (int axis = 0; axis < 3; ++axis) {
      Shape shape{2, 3, 3};
      shape[axis] = 7;
      const Tensor index = random_index(shape, -x.size(axis), x.size(axis), g);
      const Tensor y = gather(x, axis, index);
      ASSERT_EQ(y.shape(), shape);
      for (std::int64_t i = 0; i < shape[0]; ++i)
        for (std::int64_t j = 0; j < shape[1]; ++j)
          for (std::int64_t k = 0; k < shape[2]; ++k) {
            const auto at = [&](const Tensor& t, const Shape& p) {
              return select(select(select(t, 0, p[0]), 0, p[1]), 0, p[2]);
            };
            Shape place{i, j, k};
            place[axis] = at(index, {i, j, k}).item<std::int64_t>();
            EXPECT_EQ(at(y, {i, j, k}).item(), at(x, place).item());
          }
    }
  EXPECT_EQ(gather(zeros({3, 2}), 0, zeros({0, 2}, int64)).shape(), (Shape{0, 2}));
  EXPECT_EQ(gather(zeros({0, 2}), 1, zeros({0, 5}, int64)).shape(), (Shape{0, 5}));
}

TEST(Gather, OfTheMostDimensions) {
  const Shape shape{1, 1, 2, 1, 1, 1, 1, 3};
  const Tensor x = normal(shape), index = zeros(shape, int64);
  EXPECT_TRUE(equal(gather(x, -1, index), broadcast_to(slice(x, -1, 0, 1), shape)));
  EXPECT_TRUE(all_close(slice(scatter_add(zeros(shape), -1, index, x), -1, 0, 1), sum(x, -1, true)));
}

TEST(ScatterAdd, AddsAtPlaces) {
  const Tensor x = zeros({2, 3});
  const Tensor index = tensor({{0, -1, 0}, {1, 1, 1}});
  EXPECT_EQ(ints(scatter_add(x, 1, index, count({2, 3}) + 1)), (Ints{4, 0, 2, 0, 15, 0}));
  EXPECT_EQ(ints(scatter_add(x, 0, index, count({2, 3}) + 1)), (Ints{1, 0, 3, 4, 7, 6}));
  EXPECT_EQ(ints(scatter_add(x + 1, 1, slice(index, 1, 0, 1), count({2, 3}) + 1)), (Ints{2, 1, 1, 1, 5, 1}));
  EXPECT_EQ(ints(x), Ints(6, 0));
  EXPECT_EQ(ints(scatter_add(zeros({2}, int64), 0, tensor({1, 1}), tensor({3, 4}))), (Ints{0, 7}));
}

TEST(Indexing, IsTheSameForAnyNumberOfThreads) {
  Generator g(3);
  const int before = num_threads();
  const Tensor source = normal({2000, 300}, 0, 1, float32, g), x = zeros({50, 300});
  const Tensor rows = random_index({2000}, 0, 50, g), places = random_index({2000, 300}, 0, 50, g);
  set_num_threads(1);
  const Tensor added = index_add(x, 0, rows, source), scattered = scatter_add(x, 0, places, source);
  const Tensor taken = index_select(added, 0, rows);
  set_num_threads(2);
  EXPECT_TRUE(equal(added, index_add(x, 0, rows, source)));
  EXPECT_TRUE(equal(scattered, scatter_add(x, 0, places, source)));
  EXPECT_TRUE(equal(taken, index_select(added, 0, rows)));
  set_num_threads(before);
}

TEST(OneHot, MarksTheClass) {
  const Tensor y = one_hot(tensor({{0, 2}, {1, 1}}), 3);
  EXPECT_EQ(y.shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(y.dtype(), float32);
  EXPECT_EQ(ints(y), (Ints{1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0}));
  EXPECT_EQ(one_hot(tensor({1}), 2, boolean).dtype(), boolean);
  EXPECT_EQ(one_hot(zeros({0}, int64), 4).shape(), (Shape{0, 4}));
  EXPECT_EQ(one_hot(cast(scalar(1), int64), 2).shape(), (Shape{2}));
}

TEST(Indexing, RejectsIndicesOutOfRange) {
  const Tensor x = count({3, 2});
  expect_error<IndexError>(
      "index_select", "expected indices in -3..2, got 3", [&] { index_select(x, 0, tensor({0, 3})); });
  expect_error<IndexError>("gather", "expected indices in -2..1, got -3", [&] { gather(x, 1, tensor({{-3}})); });
  expect_error<IndexError>(
      "index_add", "expected indices in -3..2, got 7", [&] { index_add(x, 0, tensor({7}), zeros({1, 2})); });
  expect_error<IndexError>(
      "scatter_add", "expected indices in -3..2, got -4", [&] { scatter_add(x, 0, tensor({{-4}}), zeros({1, 1})); });
  expect_error<IndexError>("one_hot", "expected indices in 0..2, got -1", [] { one_hot(tensor({-1}), 3); });
  expect_error<IndexError>(
      "index_select", "expected no index into size 0, got 0", [] { index_select(zeros({0}), 0, tensor({0})); });
  expect_error<IndexError>("gather", "expected an axis in -2..1, got 2", [&] { gather(x, 2, zeros({1, 1}, int64)); });
}

TEST(Indexing, RejectsWhatDoesNotFit) {
  const Tensor x = count({3, 2}), index = tensor({0, 1});
  expect_error<DTypeError>(
      "index_select", "expected an int64 index, got float32", [&] { index_select(x, 0, ones({2})); });
  EXPECT_THROW(gather(x, 0, ones({1, 1})), DTypeError);
  EXPECT_THROW(one_hot(ones({1}), 2), DTypeError);
  EXPECT_THROW(scatter_add(x, 0, ones({1, 1}), x), DTypeError);
  expect_error<ShapeError>(
      "index_select", "expected an index of rank 1, got [1, 1]", [&] { index_select(x, 0, zeros({1, 1}, int64)); });
  expect_error<ShapeError>("gather", "expected an index no larger than [3, 2] but for axis 0, got [1, 3]", [&] {
    gather(x, 0, zeros({1, 3}, int64));
  });
  EXPECT_THROW(gather(x, 0, zeros({1}, int64)), ShapeError);
  expect_error<ShapeError>("scatter_add",
                           "expected an index no larger than [1, 2] and, but for axis 0, [3, 2], got [2, 2]",
                           [&] { scatter_add(x, 0, zeros({2, 2}, int64), zeros({1, 2})); });
  expect_error<ShapeError>(
      "index_add", "expected a source [2, 2] for [3, 2] and 2 indices, got [3, 2]", [&] { index_add(x, 0, index, x); });
  expect_error<DTypeError>("index_add", "expected tensors of one dtype, got float32 and float64", [&] {
    index_add(x, 0, index, zeros({2, 2}, float64));
  });
  EXPECT_THROW(scatter_add(cast(x, boolean), 0, zeros({1, 1}, int64), cast(x, boolean)), DTypeError);
  expect_error<ArgumentError>("one_hot", "expected classes >= 1, got 0", [&] { one_hot(index, 0); });
}

TEST(Indexing, GivesNoGradientToIndices) {
  const Tensor x = leaf(count({3, 2}));
  const Tensor y = gather(x, 0, tensor({{0, 1}}));
  EXPECT_EQ(node_of(y)->inputs()[0].node, node_of(x));
  EXPECT_EQ(node_of(y)->inputs()[1].node, nullptr);
  EXPECT_FALSE(requires_grad(one_hot(tensor({1}), 2)));
  EXPECT_STREQ(node_of(index_select(x, 1, tensor({0})))->name(), "index_select");
}

}  // namespace
}  // namespace gradus

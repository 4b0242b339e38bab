#include "expect.h"

#include <gradus/ops/index.h>
#include <gradus/ops/shape.h>
#include <gradus/ops/sort.h>
#include <gradus/tensor/random.h>

namespace gradus {
namespace {

TEST(Sort, IsStableWithNaNLast) {
  const Tensor x = values({2, kNaN, 1, 2, -kInfinity, 1});
  const Sorted up = sort(x), down = sort(x, 0, true);
  expect_tensor(up.values, float64, {6}, {-kInfinity, 1, 1, 2, 2, kNaN});
  expect_tensor(up.indices, int64, {6}, {4, 2, 5, 0, 3, 1});
  expect_tensor(down.values, float64, {6}, {kNaN, 2, 2, 1, 1, -kInfinity});
  expect_tensor(down.indices, int64, {6}, {1, 0, 3, 2, 5, 4});
  expect_tensor(argsort(tensor({true, false, true})), int64, {3}, {1, 0, 2});
}

TEST(Sort, AnyAxisOfViews) {
  Generator generator(2);
  const Tensor x = permute(normal({4, 5, 6}, 0, 1, float64, generator), {2, 0, 1});
  for (int axis = 0; axis < 3; ++axis) {
    const Sorted s = sort(x, axis);
    EXPECT_TRUE(equal(gather(x, axis, s.indices), s.values));
    EXPECT_TRUE(equal(s.values, transpose(sort(transpose(x, axis, -1)).values, axis, -1)));
    const std::int64_t n = x.size(axis);
    EXPECT_TRUE(equal(topk(x, 2, axis).values, flip(slice(s.values, axis, n - 2), {axis})));
    EXPECT_TRUE(equal(kthvalue(x, 3, axis).values, select(s.values, axis, 2)));
    EXPECT_TRUE(equal(median(x, axis).indices, select(s.indices, axis, (n - 1) / 2)));
  }
}

TEST(Sort, TopKOfManyIsPartOfTheWhole) {
  Generator generator(3);
  const Tensor x = normal({3, 1000}, 0, 1, float32, generator);
  EXPECT_TRUE(equal(topk(x, 9).indices, slice(argsort(x, 1, true), 1, 0, 9)));
}

TEST(Sort, MedianAndQuantile) {
  const Tensor x = values({4, 1, 3, 2});
  expect_tensor(median(x), float64, {}, {2});
  expect_tensor(median(x, 0, true).indices, int64, {1}, {3});
  expect_tensor(quantile(x, 0.5), float64, {}, {2.5});
  expect_tensor(quantile(x, 1), float64, {}, {4});
  expect_tensor(quantile(values({1, kInfinity}), 0), float64, {}, {1});
  expect_tensor(quantile(values({1, kNaN, 2}), 0), float64, {}, {kNaN});
  expect_tensor(median(values({1, kNaN, 2}), 0).values, float64, {}, {kNaN});
}

TEST(Sort, Errors) {
  const Tensor x = zeros({3});
  expect_error<ArgumentError>("topk", "expected k in 0..3, got 4", [&] { topk(x, 4); });
  expect_error<ArgumentError>("kthvalue", "expected k in 1..3, got 0", [&] { kthvalue(x, 0); });
  expect_error<ArgumentError>("quantile", "expected q in 0..1, got 2", [&] { quantile(x, 2); });
  expect_error<ArgumentError>("median", "expected at least one element, got [0]", [&] { median(zeros({0})); });
}

}  // namespace
}  // namespace gradus

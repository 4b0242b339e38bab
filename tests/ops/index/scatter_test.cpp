#include "expect.h"
#include "flow.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/index.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

TEST(Scatter, TheLastOfSeveralCounts) {
  const Tensor x = leaf(values({1, 2, 3})), source = leaf(values({10, 20, 30}));
  const Tensor y = scatter(x, 0, tensor({2, 0, -1}), source);
  expect_tensor(y, float64, {3}, {20, 2, 30});
  const Tensor g = values({5, 6, 7});
  expect_tensor(ops_test::gradient(y, x, g), float64, {3}, {0, 6, 0});
  expect_tensor(ops_test::gradient(y, source, g), float64, {3}, {0, 5, 7});
  expect_tensor(scatter(zeros({2, 3}), 1, tensor({{2}, {0}}), ones({2, 2})), float32, {2, 3}, {0, 0, 1, 1, 0, 0});
}

TEST(Scatter, IndexPut) {
  const Tensor x = zeros({2, 3}, int64);
  const Tensor at[] = {tensor({{0}, {1}}), tensor({0, -1})};
  expect_tensor(index_put(x, at, tensor({4, 5})), int64, {2, 3}, {4, 0, 5, 4, 0, 5});
  const Tensor rows[] = {tensor({1, 1})};
  expect_tensor(index_put(x, rows, tensor({1, 2, 3}), true), int64, {2, 3}, {0, 0, 0, 2, 4, 6});
  expect_error<ShapeError>(
      "index_put", "expected values that broadcast to [2, 3], got [2]", [&] { index_put(x, rows, tensor({1, 2})); });
  const Tensor far[] = {tensor({2})};
  expect_error<IndexError>("index_put", "expected indices in -2..1, got 2", [&] { index_put(x, far, tensor({1})); });
}

TEST(Scatter, FillsAndAssigns) {
  const Tensor x = arange(5);
  expect_tensor(index_fill(x, 0, tensor({1, -1}), 9), int64, {5}, {0, 9, 2, 3, 9});
  expect_tensor(slice_assign(x, tensor({8, 9}), 0, 1, 4, 2), int64, {5}, {0, 8, 2, 9, 4});
  expect_tensor(slice_assign(values({kInfinity, 1}), values({kNaN}), 0, 0, 1), float64, {2}, {kNaN, 1});
  expect_error<ShapeError>("slice_assign", "expected a source that broadcasts to [2], got [3]", [&] {
    slice_assign(x, tensor({1, 2, 3}), 0, 0, 2);
  });
}

TEST(Scatter, Masks) {
  const Tensor x = tensor({{1.0, kNaN}, {3.0, 4.0}}), mask = tensor({{true, false}, {false, true}});
  expect_tensor(masked_select(x, mask), float32, {2}, {1, 4});
  expect_tensor(masked_select(x, tensor({false, true})), float32, {2}, {kNaN, 4});
  expect_tensor(masked_select(x, tensor({false, false})), float32, {0}, {});
  expect_tensor(masked_fill(x, mask, -1), float32, {2, 2}, {-1, kNaN, 3, -1});
  expect_tensor(nonzero(mask), int64, {2, 2}, {0, 0, 1, 1});
  EXPECT_EQ(nonzero(zeros({2, 3})).shape(), (Shape{0, 2}));
  EXPECT_EQ(nonzero(scalar(3)).shape(), (Shape{1, 0}));
  expect_error<DTypeError>("masked_fill", "expected a bool mask, got float32", [&] { masked_fill(x, x, 0); });
  expect_error<ShapeError>("masked_fill", "expected a mask that broadcasts to [2, 2], got [3]", [&] {
    masked_fill(x, full({3}, 1, boolean), 0);
  });
}

}  // namespace
}  // namespace gradus

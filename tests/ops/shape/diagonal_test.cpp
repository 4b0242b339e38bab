#include "expect.h"

#include <gradus/ops/shape.h>

namespace gradus {
namespace {

Tensor counted(const Shape& shape) { return view_as(arange(shape.numel()), shape, contiguous_strides(shape)); }

TEST(Rearrange, DiagonalsAndTriangles) {
  const Tensor x = counted({2, 3});
  expect_tensor(diagonal(x), int64, {2}, {0, 4});
  expect_tensor(diagonal(x, 1), int64, {2}, {1, 5});
  expect_tensor(diagonal(x, -1), int64, {1}, {3});
  expect_tensor(diagonal(x, 5), int64, {0}, {});
  EXPECT_EQ(diagonal(counted({2, 3, 4}), 0, -1, 0).shape(), (Shape{3, 2}));
  EXPECT_EQ(diagonal(x).raw()->data, x.raw()->data);
  expect_tensor(diag(tensor({1, 2}), -1), int64, {3, 3}, {0, 0, 0, 1, 0, 0, 0, 2, 0});
  expect_tensor(diag(x, 2), int64, {1}, {2});
  expect_tensor(tril(x), int64, {2, 3}, {0, 0, 0, 3, 4, 0});
  expect_tensor(tril(x, 1), int64, {2, 3}, {0, 1, 0, 3, 4, 5});
  expect_tensor(triu(x, -1), int64, {2, 3}, {0, 1, 2, 3, 4, 5});
  expect_tensor(triu(x, 9), int64, {2, 3}, {0, 0, 0, 0, 0, 0});
  expect_tensor(triu(transpose(x), 1), int64, {3, 2}, {0, 3, 0, 0, 0, 0});
  expect_error<ShapeError>("tril", "expected a tensor of rank >= 2, got [2]", [] { tril(zeros({2})); });
  expect_error<ShapeError>("diag", "expected a vector or a matrix, got []", [] { diag(zeros({})); });
}

}  // namespace
}  // namespace gradus

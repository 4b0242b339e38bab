#include "matrix.h"

#include <gradus/ops/linalg.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

TEST(Products, OfMatricesByHand) {
  const Tensor a = matrix({1, 2, 3, 4}, 2), b = matrix({5, 6, 7, 8}, 2), v = values({1, -1});
  expect_tensor(mv(a, v), float64, {2}, {-1, -1});
  expect_tensor(dot(values({1, 2, 3}), values({4, 5, -6})), float64, {}, {-4});
  expect_tensor(outer(v, values({2, 3, 4})), float64, {2, 3}, {2, 3, 4, -2, -3, -4});
  expect_tensor(addmm(v, a, b), float64, {2, 2}, {20, 21, 44, 49});
  expect_tensor(addmm(v, a, b, 2, 10), float64, {2, 2}, {48, 34, 96, 90});
  // c is left out where beta is 0, NaN and all.
  expect_tensor(addmm(values({kNaN}), a, b, 1, 0), float64, {2, 2}, {19, 22, 43, 50});
  const Tensor two = stack({a, b}), swapped = stack({b, a});
  expect_tensor(bmm(two, swapped), float64, {2, 2, 2}, {19, 22, 43, 50, 23, 34, 31, 46});
  expect_tensor(baddbmm(ones({1}, float64), two, swapped, 1, -3), float64, {2, 2, 2}, {16, 19, 40, 47, 20, 31, 28, 43});
  expect_tensor(trace(two), float64, {2}, {5, 13});
  expect_tensor(trace(matrix({1, 2, 3, 4, 5, 6}, 3)), float64, {}, {6});
}

TEST(Products, Kronecker) {
  expect_tensor(kron(matrix({1, 2, 0, -1}, 2), matrix({3, 4}, 2)), float64, {2, 4}, {3, 4, 6, 8, 0, 0, -3, -4});
  // 1 is put in front of the shorter shape.
  expect_tensor(kron(values({1, 2}), matrix({3, 4}, 1)), float64, {2, 2}, {3, 6, 4, 8});
}

TEST(Products, Cross) {
  const Tensor x = values({1, 0, 0}), y = values({0, 1, 0}), v = values({2, 3, 5});
  expect_tensor(cross(x, y), float64, {3}, {0, 0, 1});
  expect_tensor(cross(y, x), float64, {3}, {0, 0, -1});
  expect_tensor(cross(v, values({7, 11, 13})), float64, {3}, {-16, 9, 1});
  expect_tensor(cross(unsqueeze(v, 1), matrix({7, 1, 11, 0, 13, 0}, 2), 0), float64, {3, 2}, {-16, 0, 9, 5, 1, -3});
}

TEST(Products, Errors) {
  const Tensor a = zeros({2, 3}), v = zeros({3}), batch = zeros({4, 2, 3});
  EXPECT_THROW(mv(a, zeros({2})), ShapeError);
  EXPECT_THROW(mv(v, v), ShapeError);
  EXPECT_THROW(dot(v, zeros({2})), ShapeError);
  EXPECT_THROW(dot(a, a), ShapeError);
  EXPECT_THROW(outer(a, v), ShapeError);
  EXPECT_THROW(bmm(batch, zeros({1, 3, 2})), ShapeError);
  EXPECT_THROW(bmm(a, transpose(a)), ShapeError);
  EXPECT_THROW(addmm(zeros({3}), a, transpose(a)), ShapeError);
  EXPECT_THROW(baddbmm(v, a, a), ShapeError);
  EXPECT_THROW(trace(v), ShapeError);
  EXPECT_THROW(cross(v, zeros({2})), ShapeError);
  EXPECT_THROW(cross(v, v, 1), IndexError);
}

}  // namespace
}  // namespace gradus

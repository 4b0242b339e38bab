#include "flow.h"
#include "matrix.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/linalg.h>

#include <cmath>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;

TEST(MatrixExp, ClosedForms) {
  expect_near(matrix_exp(zeros({2, 3, 3}, float64)), broadcast_to(identity(3), {2, 3, 3}), 1e-15);
  // Nilpotent: the series ends. A turn by an angle. A triangle with equal and with other eigenvalues.
  expect_near(matrix_exp(matrix({0, 1, 2, 0, 0, 3, 0, 0, 0}, 3)), matrix({1, 1, 3.5, 0, 1, 3, 0, 0, 1}, 3), 1e-15);
  for (const double t : {0.1, 1.0, 30.0})
    expect_near(
        matrix_exp(matrix({0, -t, t, 0}, 2)), matrix({std::cos(t), -std::sin(t), std::sin(t), std::cos(t)}, 2), 1e-13);
  const double e = std::exp(1), e2 = e * e;
  expect_near(matrix_exp(matrix({1, 5, 0, 1}, 2)), matrix({e, 5 * e, 0, e}, 2), 1e-14);
  expect_near(matrix_exp(matrix({1, 5, 0, 2}, 2)), matrix({e, 5 * (e2 - e), 0, e2}, 2), 1e-14);
}

// Sizes of every order of approximation: e^a e^-a is the identity.
TEST(MatrixExp, TimesThatOfTheNegativeIsTheIdentity) {
  for (const double size : {1e-3, 0.03, 0.2, 0.7, 2.0, 6.0}) {
    const Tensor a = size * draw({3, 5, 5}) / std::sqrt(5);
    expect_near(matmul(matrix_exp(a), matrix_exp(-a)), broadcast_to(identity(5), {3, 5, 5}), 1e-10);
    expect_near(matrix_exp(a), matmul(matrix_exp(a / 2), matrix_exp(a / 2)), 1e-10);
  }
}

TEST(MatrixExp, OfFloatsAndOfNothing) {
  const Tensor a = draw({4, 4}, 3, float32);
  expect_near(to(matrix_exp(a), float64), matrix_exp(to(a, float64)), 1e-5);
  EXPECT_EQ(matrix_exp(zeros({2, 0, 0})).shape(), (Shape{2, 0, 0}));
  EXPECT_THROW(matrix_exp(zeros({2, 3})), ShapeError);
  EXPECT_THROW(matrix_exp(zeros({2, 2}, int64)), DTypeError);
}

}  // namespace
}  // namespace gradus

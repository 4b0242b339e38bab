#include "matrix.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/lambda.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/spectral.h>

#include <cmath>

namespace gradus {
namespace {

using ops_test::expect_near;

/// Only functions that are not defined below 0 take eigenvalues of that size for rounding.
TEST(Spectral, KeepsEigenvaluesJustBelowZero) {
  const Tensor a = matrix({1, 0, 0, -1e-17}, 2);
  expect_near(spectral(a, [](auto x) { return 1e17 * x; }), matrix({1e17, 0, 0, -1}, 2), 1e-12);
  expect_near(matrix_sqrt(a), matrix({1, 0, 0, 0}, 2), 0);
}

TEST(Spectral, FunctionsOfEigenvalues) {
  // Eigenvalues 1 and 9 along (1, -1) and (1, 1).
  const Tensor a = matrix({5, 4, 4, 5}, 2);
  expect_near(matrix_sqrt(a), matrix({2, 1, 1, 2}, 2), 1e-14);
  expect_near(matrix_rsqrt(a), matrix({2, -1, -1, 2}, 2) / 3, 1e-14);
  const double l = std::log(9) / 2;
  expect_near(matrix_log(a), matrix({l, l, l, l}, 2), 1e-14);
  const double low = std::exp(0.1), high = std::exp(0.9);
  expect_near(spectral(a, [](auto x) { return exp(x / 10); }),
              matrix({high + low, high - low, high - low, high + low}, 2) / 2,
              1e-14);
  const auto cube = elementwise("cube", [](auto x) { return x * x * x; });
  expect_near(spectral(a, cube), matmul(a, matmul(a, a)), 1e-12);
}

TEST(Spectral, TakesTheSymmetricPart) {
  expect_near(matrix_sqrt(matrix({5, 8, 0, 5}, 2)), matrix({2, 1, 1, 2}, 2), 1e-14);
}

TEST(Spectral, EigenvaluesThatAreNotPositive) {
  const Tensor singular = matrix({1, 1, 1, 1}, 2), negative = matrix({1, 2, 2, 1}, 2);
  expect_near(matrix_sqrt(singular), singular / std::sqrt(2), 1e-7);
  EXPECT_TRUE(std::isnan(matrix_sqrt(negative).to_vector()[0]));
  EXPECT_TRUE(std::isnan(matrix_log(negative).to_vector()[0]));
  EXPECT_FALSE(std::isfinite(matrix_rsqrt(singular).to_vector()[0]));
  expect_tensor(matrix_sqrt(matrix({1, kNaN, 2, 1}, 2)), float64, {2, 2}, {kNaN, kNaN, kNaN, kNaN});
}

TEST(Spectral, BatchesFloatsAndErrors) {
  const Tensor a = matrix({5, 4, 4, 5}, 2);
  expect_near(select(matrix_sqrt(stack({identity(2), a})), 0, 1), matrix_sqrt(a), 1e-15);
  expect_near(matrix_sqrt(cast(a, float32)), cast(matrix_sqrt(a), float32), 1e-6);
  EXPECT_THROW(matrix_log(zeros({2, 3})), ShapeError);
  EXPECT_THROW(matrix_log(zeros({2, 2}, int64)), DTypeError);
}

}  // namespace
}  // namespace gradus

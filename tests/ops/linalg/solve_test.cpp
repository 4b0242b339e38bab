#include "flow.h"
#include "matrix.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/compare.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;
using ops_test::gradient;

TEST(Det, ValuesAndSigns) {
  const Tensor x = matrix({0, 2, 3, 0}, 2);
  expect_tensor(det(x), float64, {}, {-6}, 1e-15);
  expect_tensor(slogdet(x).sign, float64, {}, {-1});
  expect_tensor(slogdet(x).logabsdet, float64, {}, {std::log(6)}, 1e-15);
  expect_tensor(logdet(x), float64, {}, {kNaN});
  expect_tensor(logdet(-x * matrix({1, -1}, 2)), float64, {}, {std::log(6)}, 1e-15);
  const Tensor singular = matrix({1, 2, 2, 4}, 2);
  EXPECT_EQ(det(singular).item(), 0);
  expect_tensor(slogdet(singular).sign, float64, {}, {0});
  expect_tensor(slogdet(singular).logabsdet, float64, {}, {-kInfinity});
  expect_tensor(logdet(singular), float64, {}, {-kInfinity});
  expect_tensor(det(zeros({2, 0, 0}, float64)), float64, {2}, {1, 1});
  expect_tensor(det(matrix({kNaN, 1, 1, 1}, 2)), float64, {}, {kNaN});
  // Far beyond what det can hold.
  expect_near(slogdet(1e-3 * identity(200)).logabsdet, scalar(-200 * std::log(1e3), float64), 1e-11);
}

TEST(Det, GradientOfSingularMatrices) {
  const Tensor one = leaf(matrix({1, 2, 2, 4}, 2));
  expect_tensor(gradient(det(one), one), float64, {2, 2}, {4, -2, -2, 1});
  // Rank 2 of 3: cofactors by hand.
  const Tensor two = leaf(matrix({1, 2, 3, 2, 4, 6, 1, 0, 1}, 3));
  expect_near(gradient(det(two), two), matrix({4, 4, -4, -2, -2, 2, 0, 0, 0}, 3));
  const Tensor three = leaf(ones({3, 3}, float64));
  expect_near(gradient(det(three), three), zeros({3, 3}, float64));
  const Tensor zero = leaf(zeros({1, 1}, float64));
  expect_tensor(gradient(det(zero), zero), float64, {1, 1}, {1});
  // Beside a regular one.
  const Tensor both = leaf(stack({matrix({1, 2, 2, 4}, 2), matrix({1, 2, 3, 5}, 2)}));
  expect_near(gradient(det(both), both), stack({matrix({4, -2, -2, 1}, 2), matrix({5, -3, -2, 1}, 2)}));
}

TEST(Solve, Equations) {
  // Singular values about 5: the errors below are of eps times the condition, or its cube.
  const Tensor a = draw({3, 5, 5}, 1) + 5.0 * identity(5), b = draw({3, 5, 2}, 1), v = draw({5}, 1);
  expect_near(matmul(a, solve(a, b)), b, 1e-10);
  expect_near(matmul(a, unsqueeze(squeeze(solve(a, unsqueeze(v, 1)), -1), -1)),
              broadcast_to(unsqueeze(v, 1), {3, 5, 1}),
              1e-10);
  expect_near(matmul(select(a, 0, 0), solve(select(a, 0, 0), v)), v, 1e-10);
  expect_near(matmul(inverse(a), a), broadcast_to(identity(5), {3, 5, 5}), 1e-10);
  expect_near(matrix_power(select(a, 0, 1), 0), identity(5));
  expect_near(matmul(matrix_power(select(a, 0, 1), -3), matrix_power(select(a, 0, 1), 3)), identity(5), 1e-9);
  EXPECT_EQ(solve(zeros({0, 0}), zeros({0, 3})).shape(), (Shape{0, 3}));
}

// The factors that the rule takes are kept: by Eigen, and by LAPACK from 64 on where it is found.
TEST(Solve, GradientsByTheFactors) {
  for (const std::int64_t n : {5, 70})
    for (const std::int64_t k : {1, 3}) {
      const Tensor a = leaf(draw({2, n, n}, 1) + 5.0 * identity(n)), b = leaf(draw({2, n, k}, 2)), y = solve(a, b);
      const Tensor w = matmul(transpose(inverse(detach(a))), ones({2, n, k}, float64));
      expect_near(gradient(y, b), w, 1e-9);
      expect_near(gradient(y, a), -matmul(w, transpose(detach(y))), 1e-8);
    }
}

TEST(Solve, SingularMatricesAreNamed) {
  const Tensor a = stack({identity(2), identity(2), matrix({1, 2, 2, 4}, 2)});
  const std::string message = "expected a regular matrix, got a singular one";
  expect_error<ArgumentError>("inverse", message + " (batch 2)", [&] { inverse(a); });
  expect_error<ArgumentError>("solve", message, [&] { solve(select(a, 0, 2), ones({2}, float64)); });
  expect_error<ArgumentError>(
      "triangular_solve", message, [&] { triangular_solve(matrix({1, 0, 1, 0}, 2), identity(2)); });
  expect_error<ShapeError>("solve", "expected [*, 2, k] or [2], got [3]", [&] { solve(a, ones({3}, float64)); });
  expect_error<ShapeError>("inverse", "expected [*, n, n], got [2, 3]", [] { inverse(ones({2, 3})); });
  expect_error<DTypeError>("det", "expected float32 or float64, got int64", [] { det(zeros({2, 2}, int64)); });
}

TEST(Solve, TriangularReadsOneHalf) {
  const Tensor full = matrix({2, 9, 9, 1, 4, 9, 3, 5, 8}, 3), b = draw({3, 2}, 1);
  const Tensor lower = tril(full), upper = triu(full);
  expect_near(matmul(lower, triangular_solve(full, b)), b);
  expect_near(matmul(transpose(lower), triangular_solve(full, b, {.transpose = true})), b);
  expect_near(matmul(upper, triangular_solve(full, b, {.upper = true})), b);
  const Tensor unit = tril(full, -1) + identity(3);
  expect_near(matmul(unit, triangular_solve(full, b, {.unit = true})), b);
}

// ---- sizes that LAPACK is for, where it is found -------------------------------------------------

constexpr std::int64_t kLarge = 70;

TEST(LargeMatrices, Equations) {
  const Tensor a = draw({2, kLarge, kLarge}, 1) + 8.0 * identity(kLarge), b = draw({2, kLarge, 3}, 1);
  expect_near(matmul(a, solve(a, b)), b, 1e-9);
  const Tensor v = draw({kLarge}, 2), one = select(a, 0, 0);
  expect_near(matmul(one, solve(one, v)), v, 1e-9);
  expect_near(matmul(transpose(one), solve(transpose(one), v)), v, 1e-9);
  expect_near(matmul(a, inverse(a)), broadcast_to(identity(kLarge), a.shape()), 1e-9);
}

TEST(LargeMatrices, DeterminantsOfPermutations) {
  // Rotated by one place: an even number of swaps for odd n, times 2^n.
  for (const std::int64_t n : {kLarge, kLarge + 1}) {
    const Tensor x = 2.0 * roll(identity(n), 1, 0);
    const double sign = n % 2 == 0 ? -1 : 1;
    expect_tensor(det(x), float64, {}, {sign * std::pow(2, n)});
    expect_tensor(slogdet(x).sign, float64, {}, {sign});
    expect_near(slogdet(x).logabsdet, scalar(static_cast<double>(n) * std::log(2), float64), 1e-12);
  }
}

TEST(LargeMatrices, SingularOnesAreNamed) {
  const std::string message = "expected a regular matrix, got a singular one";
  for (const DType dtype : {float32, float64}) {
    const Tensor a = cast(draw({kLarge, kLarge}, 3), dtype);
    const Tensor row = cast(unsqueeze(1.0 - select(identity(kLarge), 0, 40), 1), dtype);  // 0 at one place
    for (const Tensor& x : {a * row, a * transpose(row), ones_like(a)}) {
      expect_error<ArgumentError>("inverse", message, [&] { inverse(x); });
      expect_error<ArgumentError>("solve", message, [&] { solve(x, ones({kLarge}, dtype)); });
      EXPECT_EQ(slogdet(x).sign.item(), 0);  // det may overflow on the way
    }
    const Tensor zero = a * cast(1.0 - identity(kLarge), dtype);
    expect_error<ArgumentError>("triangular_solve", message, [&] { triangular_solve(zero, a); });
  }
}

TEST(LargeMatrices, NotFinite) {
  for (const double bad : {kNaN, kInfinity}) {
    const Tensor a = where(greater(identity(kLarge), 0.0), bad, draw({kLarge, kLarge}, 4));
    EXPECT_FALSE(std::isfinite(det(a).item()));
    EXPECT_EQ(solve(a, ones({kLarge}, float64)).shape(), (Shape{kLarge}));
  }
}

TEST(LargeMatrices, Triangular) {
  const Tensor full = draw({kLarge, kLarge}, 5) / 20.0 + 2.0 * identity(kLarge), b = draw({kLarge, 3}, 1);
  const Tensor v = draw({kLarge}, 6);
  expect_near(matmul(tril(full), triangular_solve(full, b)), b, 1e-10);
  expect_near(matmul(tril(full), triangular_solve(full, v)), v, 1e-10);
  expect_near(matmul(triu(full), triangular_solve(full, b, {.upper = true})), b, 1e-10);
  expect_near(matmul(transpose(triu(full)), triangular_solve(full, b, {.upper = true, .transpose = true})), b, 1e-10);
}

}  // namespace
}  // namespace gradus

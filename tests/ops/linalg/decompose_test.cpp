#include "expect.h"
#include "flow.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>

namespace gradus {
namespace {

using ops_test::expect_near;
using ops_test::gradient;

Tensor drawn(const Shape& shape, std::uint64_t seed = 1) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}
Tensor identity(std::int64_t n) { return eye(n, -1, float64); }
Tensor matrix(const std::vector<double>& rows, std::int64_t n) {
  return reshape(values(rows), {-1, n});
}

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
  expect_near(
      slogdet(1e-3 * identity(200)).logabsdet, scalar(-200 * std::log(1e3), float64), 1e-11);
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
  expect_near(gradient(det(both), both),
              stack({matrix({4, -2, -2, 1}, 2), matrix({5, -3, -2, 1}, 2)}));
}

TEST(Solve, Equations) {
  // Singular values about 5: the errors below are of eps times the condition, or its cube.
  const Tensor a = drawn({3, 5, 5}) + 5.0 * identity(5), b = drawn({3, 5, 2}), v = drawn({5});
  expect_near(matmul(a, solve(a, b)), b, 1e-10);
  expect_near(matmul(a, unsqueeze(squeeze(solve(a, unsqueeze(v, 1)), -1), -1)),
              broadcast_to(unsqueeze(v, 1), {3, 5, 1}),
              1e-10);
  expect_near(matmul(select(a, 0, 0), solve(select(a, 0, 0), v)), v, 1e-10);
  expect_near(matmul(inverse(a), a), broadcast_to(identity(5), {3, 5, 5}), 1e-10);
  expect_near(matrix_power(select(a, 0, 1), 0), identity(5));
  expect_near(matmul(matrix_power(select(a, 0, 1), -3), matrix_power(select(a, 0, 1), 3)),
              identity(5),
              1e-9);
  EXPECT_EQ(solve(zeros({0, 0}), zeros({0, 3})).shape(), (Shape{0, 3}));
}

TEST(Solve, SingularMatricesAreNamed) {
  const Tensor a = stack({identity(2), identity(2), matrix({1, 2, 2, 4}, 2)});
  const std::string message = "expected a regular matrix, got a singular one";
  expect_error<ArgumentError>("inverse", message + " (batch 2)", [&] { inverse(a); });
  expect_error<ArgumentError>(
      "solve", message, [&] { solve(select(a, 0, 2), ones({2}, float64)); });
  expect_error<ArgumentError>("triangular_solve", message, [&] {
    triangular_solve(matrix({1, 0, 1, 0}, 2), identity(2));
  });
  expect_error<ShapeError>(
      "solve", "expected [*, 2, k] or [2], got [3]", [&] { solve(a, ones({3}, float64)); });
  expect_error<ShapeError>("inverse", "expected [*, n, n], got [2, 3]", [] {
    inverse(ones({2, 3}));
  });
  expect_error<DTypeError>("det", "expected float32 or float64, got int64", [] {
    det(zeros({2, 2}, int64));
  });
}

TEST(Solve, TriangularReadsOneHalf) {
  const Tensor full = matrix({2, 9, 9, 1, 4, 9, 3, 5, 8}, 3), b = drawn({3, 2});
  const Tensor lower = tril(full), upper = triu(full);
  expect_near(matmul(lower, triangular_solve(full, b)), b);
  expect_near(matmul(transpose(lower), triangular_solve(full, b, {.transpose = true})), b);
  expect_near(matmul(upper, triangular_solve(full, b, {.upper = true})), b);
  const Tensor unit = tril(full, -1) + identity(3);
  expect_near(matmul(unit, triangular_solve(full, b, {.unit = true})), b);
}

TEST(Cholesky, ReadsTheLowerHalf) {
  const Tensor x = matrix({4, 99, 2, 5}, 2);
  expect_tensor(cholesky(x), float64, {2, 2}, {2, 0, 1, 2});
  const Tensor a = drawn({70, 70}), square = matmul(a, transpose(a)) + identity(70);
  const Tensor y = cholesky(square);
  expect_near(matmul(y, transpose(y)), square, 1e-11);
}

TEST(Cholesky, NamesTheMinor) {
  const Tensor bad = matrix({1, 0, 0, 0, -1, 0, 0, 0, 1}, 3);
  expect_error<ArgumentError>("cholesky",
                              "expected a positive definite matrix, got one whose leading minor of "
                              "order 2 is not (batch 1)",
                              [&] {
                                cholesky(stack({identity(3), bad}));
                              });
}

TEST(Factors, AreOrthogonalAndMultiplyToTheMatrix) {
  for (const Shape& shape :
       {Shape{4, 4}, Shape{6, 3}, Shape{3, 6}, Shape{2, 40, 30}, Shape{3, 0}}) {
    const Tensor x = drawn(shape);
    const std::int64_t k = std::min(x.size(-1), x.size(-2));
    const Tensor one = broadcast_to(identity(k), matmul(transpose(qr(x).q), qr(x).q).shape());
    const auto [q, r] = qr(x);
    expect_near(matmul(transpose(q), q), one, 1e-12);
    expect_near(matmul(q, r), x, 1e-12);
    expect_near(triu(r), r, 0);
    const auto [u, s, vh] = svd(x);
    expect_near(matmul(transpose(u), u), one, 1e-12);
    expect_near(matmul(vh, transpose(vh)), one, 1e-12);
    expect_near(matmul(u * unsqueeze(s, -2), vh), x, 1e-12);
    const Tensor symmetric = matmul(transpose(x), x);
    const auto [w, v] = eigh(symmetric);
    expect_near(matmul(symmetric, v), v * unsqueeze(w, -2), 1e-10);
  }
  expect_tensor(svd(matrix({0, 3, -4, 0}, 2)).s, float64, {2}, {4, 3}, 1e-15);
  expect_tensor(eigh(matrix({2, 7, 1, 2}, 2)).values, float64, {2}, {1, 3}, 1e-14);
}

TEST(Factors, EqualValuesHaveFiniteGradients) {
  const Tensor x = leaf(2.0 * identity(3));
  expect_near(gradient(sum(eigh(x).values), x), identity(3));
  expect_near(gradient(sum(svd(x).s), x), identity(3));
}

TEST(Factors, NotFinite) {
  const Tensor x = matrix({1, kNaN, 2, kInfinity}, 2);
  expect_tensor(svd(x).s, float64, {2}, {kNaN, kNaN});
  expect_tensor(eigh(x).values, float64, {2}, {kNaN, kNaN});
  expect_tensor(pinverse(x), float64, {2, 2}, {kNaN, kNaN, kNaN, kNaN});
}

TEST(LeastSquares, SolvesTheNormalEquations) {
  const Tensor a = drawn({7, 3}), b = drawn({7}), y = lstsq(a, b);
  expect_near(matmul(transpose(a), matmul(a, y)), matmul(transpose(a), b), 1e-12);
  const Tensor wide = transpose(a), c = drawn({3}), z = lstsq(wide, c);
  expect_near(matmul(wide, z), c, 1e-12);
  expect_near(z, matmul(pinverse(wide), c), 1e-12);  // the shortest of them
}

TEST(LeastSquares, PseudoInverseOfRankOne) {
  const Tensor u = drawn({4}), v = drawn({3}, 2), x = outer(u, v);
  expect_near(pinverse(x), outer(v, u) / (dot(u, u) * dot(v, v)), 1e-12);
  expect_near(pinverse(matrix({4, 0, 0, 1}, 2), 0.5), matrix({0.25, 0, 0, 0}, 2));
  expect_near(pinverse(zeros({2, 3}, float64)), zeros({3, 2}, float64));
  EXPECT_EQ(pinverse(zeros({0, 3})).shape(), (Shape{3, 0}));
}

TEST(Factors, SameResultWhateverTheThreads) {
  const int before = num_threads();
  const Tensor x = drawn({2, 150, 150});
  std::vector<Tensor> results;
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    results.push_back(inverse(x));
    results.push_back(svd(x).s);
  }
  set_num_threads(before);
  EXPECT_TRUE(equal(results[0], results[2]));
  EXPECT_TRUE(equal(results[1], results[3]));
}

}  // namespace
}  // namespace gradus

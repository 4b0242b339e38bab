#include "flow.h"
#include "matrix.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/runtime.h>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;
using ops_test::gradient;

TEST(Factors, AreOrthogonalAndMultiplyToTheMatrix) {
  for (const Shape& shape : {Shape{4, 4}, Shape{6, 3}, Shape{3, 6}, Shape{2, 40, 30}, Shape{3, 0}}) {
    const Tensor x = draw(shape, 1);
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
  const Tensor large = draw({200, 200}, 1);
  const auto [w, v] = eigh(large);  // its lower half
  const Tensor symmetric = tril(large) + transpose(tril(large, -1));
  expect_near(matmul(symmetric, v), v * unsqueeze(w, -2), 1e-11);
  expect_near(matmul(transpose(v), v), identity(200), 1e-12);
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
  const Tensor large = full({200, 200}, kNaN, float64);
  EXPECT_TRUE(std::isnan(svd(large).s.to_vector()[0]));
  EXPECT_TRUE(std::isnan(eigh(large).values.to_vector()[0]));
}

TEST(LeastSquares, PseudoInverseOfRankOne) {
  const Tensor u = draw({4}, 1), v = draw({3}, 2), x = outer(u, v);
  expect_near(pinverse(x), outer(v, u) / (dot(u, u) * dot(v, v)), 1e-12);
  expect_near(pinverse(matrix({4, 0, 0, 1}, 2), 0.5), matrix({0.25, 0, 0, 0}, 2));
  expect_near(pinverse(zeros({2, 3}, float64)), zeros({3, 2}, float64));
  EXPECT_EQ(pinverse(zeros({0, 3})).shape(), (Shape{3, 0}));
}

TEST(Factors, SameResultWhateverTheThreads) {
  const int before = num_threads();
  const Tensor x = draw({2, 150, 150}, 1);
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

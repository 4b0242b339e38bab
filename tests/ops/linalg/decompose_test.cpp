#include "flow.h"
#include "matrix.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;
using ops_test::gradient;

TEST(Cholesky, ReadsTheLowerHalf) {
  const Tensor x = matrix({4, 99, 2, 5}, 2);
  expect_tensor(cholesky(x), float64, {2, 2}, {2, 0, 1, 2});
  const Tensor a = draw({70, 70}, 1), square = matmul(a, transpose(a)) + identity(70);
  const Tensor y = cholesky(square);
  expect_near(matmul(y, transpose(y)), square, 1e-11);
}

TEST(Cholesky, NamesTheMinor) {
  const Tensor bad = matrix({1, 0, 0, 0, -1, 0, 0, 0, 1}, 3);
  expect_error<ArgumentError>("cholesky",
                              "expected a positive definite matrix, got one whose leading minor of "
                              "order 2 is not (batch 1)",
                              [&] { cholesky(stack({identity(3), bad})); });
  const Tensor large = diag_embed(values(std::vector<double>(70, 1)) - 2.0 * select(identity(70), 0, 41));
  expect_error<ArgumentError>("cholesky",
                              "expected a positive definite matrix, got one whose leading minor of order 42 is not",
                              [&] { cholesky(large); });
  EXPECT_TRUE(std::isnan(cholesky(full({70, 70}, kNaN, float64)).to_vector()[0]));
}

TEST(LeastSquares, SolvesTheNormalEquations) {
  const Tensor a = draw({7, 3}, 1), b = draw({7}, 1), y = lstsq(a, b);
  expect_near(matmul(transpose(a), matmul(a, y)), matmul(transpose(a), b), 1e-12);
  const Tensor wide = transpose(a), c = draw({3}, 1), z = lstsq(wide, c);
  expect_near(matmul(wide, z), c, 1e-12);
  expect_near(z, matmul(pinverse(wide), c), 1e-12);  // the shortest of them
}

}  // namespace
}  // namespace gradus

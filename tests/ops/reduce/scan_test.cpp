#include "expect.h"
#include "flow.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/scan.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>

namespace gradus {
namespace {

using ops_test::expect_near;
using ops_test::gradient;

TEST(Scan, CumulativeSumsAndProducts) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  expect_tensor(cumsum(x, 1), int64, {2, 3}, {1, 3, 6, 4, 9, 15});
  expect_tensor(cumsum(x, 0, true), int64, {2, 3}, {5, 7, 9, 4, 5, 6});
  expect_tensor(cumsum(transpose(x), 0), int64, {3, 2}, {1, 4, 3, 9, 6, 15});
  expect_tensor(cumprod(x, -1), int64, {2, 3}, {1, 2, 6, 4, 20, 120});
  expect_tensor(cumsum(tensor({true, false, true}), 0), int64, {3}, {1, 1, 2});
  expect_tensor(cumprod(values({kInfinity, 2, 0, 1}), 0), float64, {4}, {kInfinity, kInfinity, kNaN, kNaN});
  EXPECT_EQ(cumsum(zeros({0, 3}), 0).shape(), (Shape{0, 3}));
}

TEST(Scan, ProductsWithZerosHaveTheirGradient) {
  const Tensor x = leaf(values({2, 0, 3, 0}));
  const Tensor g = gradient(cumprod(x, 0), x);
  // d/dx_1 of (2 x_1 + 6 x_1 + 6 x_1 x_3) = 8, of x_0: 1; the others stand behind a zero.
  expect_tensor(g, float64, {4}, {1, 8, 0, 0});
}

TEST(Scan, LinearRecurrence) {
  const Tensor a = full({4}, 0.5, float64), b = ones({4}, float64);
  expect_tensor(linear_recurrence(a, b, 0), float64, {4}, {1, 1.5, 1.75, 1.875});
  expect_tensor(linear_recurrence(a, b, 0, true), float64, {4}, {1.875, 1.75, 1.5, 1});
  expect_error<ShapeError>("linear_recurrence", "expected tensors of one shape, got [4] and [2]", [&] {
    linear_recurrence(a, ones({2}, float64), 0);
  });
}

TEST(Scan, LogCumSumExpDoesNotOverflow) {
  expect_tensor(logcumsumexp(values({1000, 1000, -1000}), 0),
                float64,
                {3},
                {1000, 1000 + std::log(2), 1000 + std::log(2)},
                1e-15);
  const Tensor x = leaf(values({-kInfinity, -kInfinity, 2, -3000}));
  const Tensor y = logcumsumexp(x, 0);
  expect_tensor(y, float64, {4}, {-kInfinity, -kInfinity, 2, 2});
  expect_tensor(gradient(slice(y, 0, 0, 3), x), float64, {4}, {0, 0, 1, 0});
  expect_tensor(logcumsumexp(values({1, kInfinity, kNaN}), 0), float64, {3}, {1, kInfinity, kNaN});
}

TEST(Scan, SameResultWhateverTheThreads) {
  Generator generator(1);
  const Tensor x = normal({60, 500, 7}, 0, 1, float32, generator);
  const int threads = num_threads();
  for (int axis = 0; axis < 3; ++axis) {
    set_num_threads(1);
    const Tensor one = cumsum(x, axis);
    set_num_threads(2);
    EXPECT_TRUE(equal(one, cumsum(x, axis)));
    expect_near(cumsum(x, axis), flip(cumsum(flip(x, {axis}), axis, true), {axis}), 0);
  }
  set_num_threads(threads);
}

}  // namespace
}  // namespace gradus

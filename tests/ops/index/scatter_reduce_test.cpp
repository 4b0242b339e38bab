#include "expect.h"
#include "flow.h"

#include <gradus/ops/index.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using ops_test::gradient;
using enum ScatterReduce;

const Tensor kX = values({2, 3, 4}), kIndex = tensor({0, -1, 0}), kSource = values({5, 6, 7});

TEST(ScatterReduce, ByHand) {
  const auto check = [](ScatterReduce how, bool self, const std::vector<double>& want) {
    expect_tensor(scatter_reduce(kX, 0, kIndex, kSource, how, self), float64, {3}, want, 1e-15);
  };
  check(sum, true, {14, 3, 10});
  check(prod, true, {70, 3, 24});
  check(mean, true, {14. / 3, 3, 5});
  check(max, true, {7, 3, 6});
  check(min, true, {2, 3, 4});
  check(sum, false, {12, 3, 6});
  check(prod, false, {35, 3, 6});
  check(mean, false, {6, 3, 6});
  check(max, false, {7, 3, 6});
  check(min, false, {5, 3, 6});
}

TEST(ScatterReduce, AlongAnAxisWithALargerSource) {
  const Tensor x = ones({2, 3}, int64), index = tensor({{2, 2}});
  const Tensor source = tensor({{3, 4, 5}, {6, 7, 8}});
  expect_tensor(scatter_reduce(x, 1, index, source, prod), int64, {2, 3}, {1, 1, 12, 1, 1, 1});
  expect_tensor(scatter_reduce(x, 0, tensor({{1, 0}}), source, max), int64, {2, 3}, {1, 4, 1, 3, 1, 1});
}

TEST(ScatterReduce, GradientOfProductsWithZeros) {
  const Tensor x = leaf(values({2, 0, 0})), source = leaf(values({0, 5, 3, 0}));
  const Tensor index = tensor({0, 0, 1, 2});
  const Tensor y = scatter_reduce(x, 0, index, source, prod);
  expect_tensor(detach(y), float64, {3}, {0, 0, 0});
  const Tensor g = values({1, 10, 100});
  expect_tensor(gradient(y, x, g), float64, {3}, {0, 30, 0});
  expect_tensor(gradient(y, source, g), float64, {4}, {10, 0, 0, 0});
}

TEST(ScatterReduce, EqualElementsShareTheGradient) {
  const Tensor x = leaf(values({5, 1, 1})), source = leaf(values({5, 5, 1, 9}));
  const Tensor index = tensor({0, 0, 2, 1});
  const Tensor y = scatter_reduce(x, 0, index, source, max), g = values({3, 4, 8});
  expect_tensor(gradient(y, x, g), float64, {3}, {1, 0, 4}, 1e-15);
  expect_tensor(gradient(y, source, g), float64, {4}, {1, 1, 4, 4}, 1e-15);
  const Tensor alone = scatter_reduce(x, 0, index, source, min, false);
  expect_tensor(gradient(alone, x, g), float64, {3}, {0, 0, 0});
  expect_tensor(gradient(alone, source, g), float64, {4}, {1.5, 1.5, 8, 4}, 1e-15);
}

TEST(ScatterReduce, NaNWins) {
  const Tensor x = leaf(values({kNaN, 1})), source = leaf(values({3, kNaN, 4}));
  const Tensor index = tensor({0, 1, 1});
  for (const auto how : {max, min}) {
    const Tensor y = scatter_reduce(x, 0, index, source, how);
    expect_tensor(detach(y), float64, {2}, {kNaN, kNaN});
    expect_tensor(gradient(y, x, values({1, 2})), float64, {2}, {1, 0});
    expect_tensor(gradient(y, source, values({1, 2})), float64, {3}, {0, 2, 0});
  }
}

TEST(ScatterReduce, Errors) {
  expect_error<IndexError>("scatter_reduce", "expected indices in -3..2, got 3", [] {
    scatter_reduce(kX, 0, tensor({0, 3, 0}), kSource, sum);
  });
  expect_error<DTypeError>("scatter_reduce", "expected a tensor of float32 or float64, got int64", [] {
    scatter_reduce(tensor({1}), 0, tensor({0}), tensor({1}), mean);
  });
  expect_error<DTypeError>("scatter_reduce", "expected a tensor of numbers, got bool", [] {
    scatter_reduce(tensor({true}), 0, tensor({0}), tensor({true}), max);
  });
  expect_error<ShapeError>("scatter_reduce",
                           "expected an index no larger than [2] and, but for axis 0, [3], got [3]",
                           [] { scatter_reduce(kX, 0, kIndex, values({1, 2}), sum); });
}

}  // namespace
}  // namespace gradus

#include "checks.h"

#include <gradus/ops/norm.h>
#include <gradus/ops/shape.h>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace gradus {
namespace {

using namespace ops_test;

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Softmax, ByTheDefinition) {
  for (const Shape& shape :
       {Shape{5}, Shape{3, 4}, Shape{130, 10}, Shape{2, 3, 300}, Shape{3, 5, 2, 2}, Shape{2, 3000}}) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const Tensor x = draw(shape, 1);
      const auto xs = x.to_vector(), y = softmax(x, axis).to_vector(),
                 l = log_softmax(x, axis - shape.rank()).to_vector();
      const auto size = static_cast<std::size_t>(shape[axis]);
      const auto inner = static_cast<std::size_t>(contiguous_strides(shape)[axis]);
      for (std::size_t i = 0; i < xs.size(); ++i) {
        const std::size_t first = i / (size * inner) * size * inner + i % inner;
        double sum = 0;
        for (std::size_t c = 0; c < size; ++c) sum += std::exp(xs[first + c * inner]);
        ASSERT_NEAR(y[i], std::exp(xs[i]) / sum, 1e-13);
        ASSERT_NEAR(l[i], xs[i] - std::log(sum), 1e-13);
      }
    }
  }
}

TEST(Softmax, LargeValuesAndInfinities) {
  for (const DType dtype : {float32, float64}) {
    for (const std::int64_t inner : {1, 9}) {  // rows, and lines with others beside them
      const auto lines = [&](const Tensor& x) { return broadcast_to(unsqueeze(x, 2), {x.size(0), x.size(1), inner}); };
      const Tensor x = tensor({{0.0, -kInf, 1000.0, 1000.0}, {-1000.0, -kInf, -1000.0, -2000.0}}, dtype);
      expect_near(softmax(lines(x), 1), lines(tensor({{0.0, 0.0, 0.5, 0.5}, {0.5, 0.0, 0.5, 0.0}}, dtype)));
      const Tensor l = select(log_softmax(lines(x), 1), 2, inner - 1);
      const double half = std::log(0.5);
      expect_near(l, tensor({{-1000 + half, -kInf, half, half}, {half, -kInf, half, -1000 + half}}, dtype), 1e-6);
      // As elsewhere: nothing but -inf leaves no sum to divide by, and NaN spoils its row alone.
      const Tensor bad = tensor({{-kInf, -kInf}, {1.0, std::nan("")}, {3.0, 3.0}}, dtype);
      const auto y = select(softmax(lines(bad), 1), 2, 0).to_vector();
      for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(y[i])) << i;
      EXPECT_EQ(y[4], 0.5);
    }
  }
}

TEST(Softmax, ScalesWithTheRowOnly) {
  const Tensor x = tensor({{1e4, 1e4 + 1, 1e4 - 1}, {0.0, 1.0, -1.0}}, float64);
  const Tensor y = softmax(x, 1);
  expect_near(select(y, 0, 0), select(y, 0, 1), 1e-12);
}

TEST(Softmax, FusedAndRecordedRulesAgree) {
  for (const Shape& shape : {Shape{5}, Shape{3, 4}, Shape{130, 10}, Shape{2, 3, 300}, Shape{3, 0}}) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const Tensor x = leaf(draw(shape, 1)), g = draw(shape, 2);
      for (const Tensor& cotangent : {g, broadcast_to(scalar(1, float64), shape)}) {
        expect_rules_agree(softmax(x, axis), cotangent);
        expect_rules_agree(log_softmax(x, axis), cotangent);
      }
    }
  }
  const Tensor x = leaf(transpose(draw({4, 3, 2}))), g = transpose(draw({4, 3, 2}, 5));
  expect_rules_agree(softmax(x, 1), g);
  expect_rules_agree(log_softmax(x, 1), g);
}

TEST(Softmax, Errors) {
  expect_error<IndexError>("softmax", "expected an axis in -2..1, got 2", [] { softmax(zeros({2, 3}), 2); });
  expect_error<IndexError>("log_softmax", "expected no axis for rank 0, got 0", [] { log_softmax(zeros({}), 0); });
  expect_error<DTypeError>("softmax", "expected float32 or float64, got int64", [] { softmax(zeros({2}, int64), 0); });
}

}  // namespace
}  // namespace gradus

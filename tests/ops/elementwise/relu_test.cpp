#include "expect.h"

#include <gradus/ops/activation.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

const std::vector<double> kSpecial{0, -0.0, 1000, -1000, kInfinity, -kInfinity, kNaN};

TEST(Relu, Values) {
  expect_tensor(relu(values({-2, 3, 0.5})), float64, {3}, {0, 3, 0.5});
  expect_tensor(relu(values(kSpecial)), float64, {7}, {0, -0.0, 1000, 0, kInfinity, 0, kNaN});
  expect_tensor(relu(values(kSpecial, float32)), float32, {7}, {0, -0.0, 1000, 0, kInfinity, 0, kNaN});
  expect_tensor(relu(zeros({2, 0})), float32, {2, 0}, {});
  const Tensor m = reshape(values({-1, 2, 3, -4}), {2, 2});
  expect_tensor(relu(transpose(m)), float64, {2, 2}, {0, 3, 2, 0});
}

TEST(LeakyRelu, Values) {
  expect_tensor(leaky_relu(values({-2, 3})), float64, {2}, {-0.02, 3}, 1e-15);
  expect_tensor(leaky_relu(values({-2, 3}), -0.5), float64, {2}, {1, 3});
  expect_tensor(leaky_relu(values(kSpecial), 0.5), float64, {7}, {0, -0.0, 1000, -500, kInfinity, -kInfinity, kNaN});
}

TEST(Elu, Values) {
  expect_tensor(elu(values({-2, 3})), float64, {2}, {std::expm1(-2), 3}, 1e-15);
  expect_tensor(elu(values({-1e-12, -40}), 2), float64, {2}, {2 * std::expm1(-1e-12), -2}, 1e-15);
  expect_tensor(elu(values(kSpecial), 2), float64, {7}, {0, -0.0, 1000, -2, kInfinity, -2, kNaN});
  expect_tensor(elu(values({-1e-6, -3}, float32)), float32, {2}, {std::expm1(-1e-6), std::expm1(-3)}, 3e-7);
}

TEST(Prelu, ASlopeForEachChannelOrOne) {
  const Tensor x = reshape(values({-1, 2, -3, 4, -5, 6, -7, -8}), {2, 2, 2});
  const Tensor y = prelu(x, values({0.5, 10}));
  expect_tensor(y, float64, {2, 2, 2}, {-0.5, 2, -30, 4, -2.5, 6, -70, -80});
  for (const Tensor& one : {values({2}), scalar(2, float64), reshape(values({2}), {1, 1})})
    expect_tensor(prelu(x, one), float64, {2, 2, 2}, {-2, 2, -6, 4, -10, 6, -14, -16});
  expect_tensor(prelu(values({-1, 1}), values({3})), float64, {2}, {-3, 1});
  expect_tensor(prelu(scalar(-1, float64), values({3})), float64, {}, {-3});
  expect_tensor(prelu(values({-1}, float32), values({3})), float64, {1}, {-3});
  expect_tensor(prelu(zeros({0, 3}), ones({3})), float32, {0, 3}, {});
  const Tensor m = reshape(values({-1, -2, -3, -4}), {2, 2});
  expect_tensor(prelu(transpose(m), values({1, 10})), float64, {2, 2}, {-1, -30, -2, -40});
}

TEST(Prelu, Errors) {
  expect_error<ShapeError>(
      "prelu", "expected weight [3] or [1] for input [2, 3, 4], got [4]", [] { prelu(zeros({2, 3, 4}), zeros({4})); });
  expect_error<ShapeError>(
      "prelu", "expected weight [1] or [1] for input [2], got [2]", [] { prelu(zeros({2}), zeros({2})); });
  expect_error<DTypeError>(
      "prelu", "expected float32 or float64, got int64", [] { prelu(zeros({2}), ones({1}, int64)); });
}

TEST(Maxout, TheLargestOfNeighbours) {
  const Tensor x = reshape(values({1, 5, 3, -1, -2, -9, 4, 4, kNaN, 0, 8, 7}), {2, 6});
  expect_tensor(maxout(x, 3), float64, {2, 2}, {5, -1, kNaN, 8});
  expect_tensor(maxout(x, 1), float64, {2, 6}, {1, 5, 3, -1, -2, -9, 4, 4, kNaN, 0, 8, 7});
  expect_tensor(maxout(x, 2, 0), float64, {1, 6}, {4, 5, kNaN, 0, 8, 7});
  expect_tensor(maxout(transpose(x), 2, 1), float64, {6, 1}, {4, 5, kNaN, 0, 8, 7});
  expect_tensor(maxout(zeros({2, 0}), 2), float32, {2, 0}, {});
}

TEST(Maxout, Errors) {
  const Tensor x = zeros({2, 6});
  expect_error<ShapeError>("maxout", "expected dimension 1 to be a multiple of 4, got [2, 6]", [&] { maxout(x, 4); });
  expect_error<ArgumentError>("maxout", "expected pieces >= 1, got 0", [&] { maxout(x, 0); });
  EXPECT_THROW(maxout(x, 2, 2), IndexError);
}

TEST(Activation, RejectsOtherTypes) {
  const Tensor x = tensor({1, 2});
  expect_error<DTypeError>("relu", "expected float32 or float64, got int64", [&] { relu(x); });
  expect_error<DTypeError>("leaky_relu", "expected float32 or float64, got int64", [&] { leaky_relu(x); });
  expect_error<DTypeError>("elu", "expected float32 or float64, got int64", [&] { elu(x); });
  expect_error<DTypeError>("prelu", "expected float32 or float64, got int64", [&] { prelu(x, ones({1})); });
}

TEST(Activation, GradientsAtTheKink) {
  const Tensor g = values({1, 1, 1, 1});
  const auto at = [] { return leaf(values({0, -0.0, 2, -1000})); };
  expect_tensor(pull(relu(at()), g)[0], float64, {4}, {0, 0, 1, 0});
  expect_tensor(pull(leaky_relu(at(), 0.25), g)[0], float64, {4}, {0.25, 0.25, 1, 0.25});
  expect_tensor(pull(leaky_relu(at(), -0.5), g)[0], float64, {4}, {-0.5, -0.5, 1, -0.5});
  expect_tensor(pull(elu(at(), 0.5), g)[0], float64, {4}, {0.5, 0.5, 1, 0});
  const Cotangents both = pull(prelu(at(), leaf(scalar(0.25, float64))), g);
  expect_tensor(both[0], float64, {4}, {0.25, 0.25, 1, 0.25});
  expect_tensor(both[1], float64, {4}, {0, -0.0, 0, -1000});
}

TEST(Activation, ManyElements) {
  const std::int64_t n = 100'003;  // more than one thread's share
  const Tensor x = arange(-50'000., 50'003., 1., float32);
  const Tensor y = relu(x), z = leaky_relu(x, 0.5);
  for (std::int64_t i = 0; i < n; ++i) {
    const float v = x.data<float>()[i];
    ASSERT_EQ(y.data<float>()[i], v > 0 ? v : 0);
    ASSERT_EQ(z.data<float>()[i], v > 0 ? v : v / 2);
  }
}

}  // namespace
}  // namespace gradus

#include "close.h"

#include "gradus/autograd/gradcheck.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/gradient.h"
#include "gradus/ops/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

using tests::expect_close, tests::vector;

TEST(GradientOps, GiveTheirInputAndChangeWhatFlowsBack) {
  const Tensor x = leaf(vector({1.0, -2.0, 0.5})), g = vector({3.0, -4.0, 12.0});
  const auto check = [&](const Tensor& y, const Tensor& expected) {
    EXPECT_TRUE(equal(y, x));
    EXPECT_FALSE(y.is_same(x));
    expect_close(grad(y, x, g), expected);
  };
  check(scale_gradient(x, -2), -2.0 * g);
  check(clip_gradient(x, -3.5, 5), vector({3.0, -3.5, 5.0}));
  check(clip_gradient_norm(x, 6.5), g / 2.0);
  check(clip_gradient_norm(x, 13.5), g);
  EXPECT_FALSE(requires_grad(stop_gradient(x)));
  EXPECT_TRUE(equal(stop_gradient(x), x));
  expect_close(grad(sum(x * stop_gradient(x)), x), detach(x));
}

TEST(GradientOps, OfHigherOrder) {
  const Tensor x = vector({1.0, -2.0, 0.5});
  // The derivative of what flows back, by the cotangent.
  const auto back = [&](auto f) {
    return [f, x](const Tensor& g) {
      const RecordingGuard on(true);
      const Tensor at = leaf(detach(x));
      return grad(f(at), at, g, {.create_graph = true});
    };
  };
  for (double max_norm : {1.0, 100.0})
    EXPECT_TRUE(gradcheck(back([=](const Tensor& t) { return clip_gradient_norm(t, max_norm); }), x));
  EXPECT_TRUE(gradcheck(back([](const Tensor& t) { return clip_gradient(t, -1, 0.7); }), x));
  EXPECT_TRUE(gradcheck(back([](const Tensor& t) { return scale_gradient(t, 3); }), x));
  const auto h = hvp([](const Tensor& t) { return sum(pow(scale_gradient(t, 2), 3)); }, x, x);
  expect_close(h, 24.0 * x * x);  // scaled at each order
}

TEST(GradientOps, OfSpecialCotangents) {
  const Tensor x = leaf(zeros({2}));
  const Tensor zero = zeros({2});
  expect_close(grad(clip_gradient_norm(x, 1), x, zero), zero);
  const Tensor g = leaf(zeros({2})), y = clip_gradient_norm(x, 1);
  const Tensor back = grad(y, x, g, {.create_graph = true});
  expect_close(grad(sum(back), g), ones({2}));  // at a norm of 0 too
  const double large = 1e30;                    // squares overflow a float
  EXPECT_TRUE(
      all_close(grad(clip_gradient_norm(x, large), x, full({2}, large)), full({2}, large / std::sqrt(2.0)), 1e-6));
  EXPECT_TRUE(
      std::isnan(sum(grad(clip_gradient(x, -1, 1), x, full({2}, std::numeric_limits<double>::quiet_NaN()))).item()));
}

TEST(GradientOps, Refuse) {
  const Tensor x = ones({2});
  EXPECT_THROW(scale_gradient(x, std::numeric_limits<double>::infinity()), ArgumentError);
  EXPECT_THROW(clip_gradient(x, 1, -1), ArgumentError);
  EXPECT_THROW(clip_gradient_norm(x, 0), ArgumentError);
  EXPECT_THROW(stop_gradient(tensor({1, 2})), DTypeError);
}

}  // namespace
}  // namespace gradus

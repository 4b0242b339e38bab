#include "gradus/autograd.h"
#include "gradus/ops.h"
#include "gradus/optim.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradus {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<Parameter> with_gradients(std::initializer_list<Tensor> gradients) {
  std::vector<Parameter> parameters;
  for (const Tensor& g : gradients) {
    parameters.push_back(Parameter(zeros_like(g)));
    set_gradient(parameters.back(), g);
  }
  return parameters;
}

TEST(ClipGradNorm, ScalesAllGradientsByTheSameFactor) {
  const auto p = with_gradients({tensor({3.0}, float64), tensor({{4.0, 0.0}}, float64)});
  EXPECT_DOUBLE_EQ(optim::clip_grad_norm(p, 1), 5);
  EXPECT_NEAR(gradient(p[0]).item(), 0.6, 1e-6);
  EXPECT_NEAR(gradient(p[1]).to_vector()[0], 0.8, 1e-6);
  EXPECT_NEAR(optim::clip_grad_norm(p, 100), 1, 1e-6);
  EXPECT_NEAR(gradient(p[0]).item(), 0.6, 1e-6);  // short enough: left alone
}

TEST(ClipGradNorm, KnowsOtherNorms) {
  const auto p = with_gradients({tensor({3.0, -4.0}, float64), tensor({1.0}, float64)});
  EXPECT_DOUBLE_EQ(optim::clip_grad_norm(p, 100, 1), 8);
  EXPECT_DOUBLE_EQ(optim::clip_grad_norm(p, 100, 3), std::cbrt(27 + 64 + 1));
  EXPECT_DOUBLE_EQ(optim::clip_grad_norm(p, 2, kInfinity), 4);
  EXPECT_NEAR(gradient(p[0]).to_vector()[1], -2, 1e-6);
}

TEST(ClipGradNorm, DoesNotOverflowNorVanish) {
  const auto large = with_gradients({tensor({3e200, 4e200}, float64)});
  EXPECT_NEAR(optim::clip_grad_norm(large, 1) / 5e200, 1, 1e-14);
  EXPECT_NEAR(gradient(large[0]).to_vector()[0], 0.6, 1e-6);
  const auto tiny = with_gradients({tensor({3e-200, 4e-200}, float64)});
  EXPECT_NEAR(optim::clip_grad_norm(tiny, 1) / 5e-200, 1, 1e-14);
  const auto single = with_gradients({tensor({3e30, 4e30}, float32)});
  EXPECT_NEAR(optim::clip_grad_norm(single, 1) / 5e30, 1, 1e-6);
}

TEST(ClipGradNorm, IsTheSameForAnyNumberOfThreads) {
  const auto p = with_gradients({normal({333, 333}), normal({70'001})});
  const int before = num_threads();
  double norms[2];
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    norms[threads - 1] = optim::clip_grad_norm(p, 1e9);
  }
  set_num_threads(before);
  EXPECT_EQ(norms[0], norms[1]);
  double squares = 0;
  for (const Parameter& q : p)
    for (double g : gradient(q).to_vector()) squares += g * g;
  EXPECT_NEAR(norms[0], std::sqrt(squares), 1e-9);
}

TEST(ClipGradNorm, SharedGradientsAreScaledOnce) {
  Parameter a = Parameter(zeros({3}, float64)), b = Parameter(zeros({3}, float64));
  backward(sum(a + b));
  optim::clip_grad_norm({a, b}, std::sqrt(6.0) / 2);
  for (const Parameter& p : {a, b}) EXPECT_TRUE(all_close(gradient(p), full({3}, 0.5, float64), 1e-5));
}

TEST(ClipGradNorm, WithoutGradientsItIsZero) {
  EXPECT_EQ(optim::clip_grad_norm({}, 1), 0);
  EXPECT_EQ(optim::clip_grad_norm({Parameter(zeros({2}))}, 1), 0);
  EXPECT_EQ(optim::clip_grad_norm(with_gradients({zeros({0, 3}), zeros({2})}), 1), 0);
}

TEST(ClipGradNorm, RefusesWhatIsNotFiniteOnlyIfAsked) {
  for (double bad : {kInfinity, std::nan("")}) {
    const auto p = with_gradients({tensor({1.0, bad}, float64)});
    EXPECT_THROW(optim::clip_grad_norm(p, 1, 2, true), ArgumentError);
    EXPECT_EQ(gradient(p[0]).to_vector()[0], 1);
    for (double type : {2.0, 3.0, kInfinity})
      EXPECT_EQ(std::isnan(optim::clip_grad_norm(with_gradients({tensor({bad, 1.0})}), 1, type)), std::isnan(bad));
  }
  EXPECT_THROW(optim::clip_grad_norm({}, -1), ArgumentError);
  EXPECT_THROW(optim::clip_grad_norm({}, std::nan("")), ArgumentError);
  EXPECT_THROW(optim::clip_grad_norm({}, 1, 0), ArgumentError);
}

TEST(ClipGradValue, RestrictsEachElement) {
  const auto p = with_gradients({tensor({-3.0, 0.5, 2.0, std::nan("")}, float64)});
  optim::clip_grad_value(p, 1);
  EXPECT_TRUE(equal(gradient(p[0]), tensor({-1.0, 0.5, 1.0, std::nan("")}, float64), /*nan_equal=*/true));
  EXPECT_THROW(optim::clip_grad_value(p, -1), ArgumentError);
}

}  // namespace
}  // namespace gradus

#include "gradus/autograd/backward.h"
#include "gradus/nn/model.h"
#include "gradus/nn/module.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/optim/optimizer.h"
#include "gradus/tensor/random.h"
#include "gradus/train/babysitter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

namespace gradus::train {
namespace {

constexpr std::int64_t kSize = 1000;

/// With the loss |x - at|^2 / 2 of a row the gradient is at - x: G = at - E x, and S is the covariance of the rows.
struct Point : nn::Module<Point> {
  Parameter at = zeros({kSize});
  Tensor forward(const Tensor& x) const { return x - at; }
};

struct Scales {
  double after_ten = 0, at_the_end = 0;
};
/// Rows about a point one unit away, each element of deviation `noise`, in batches of which only `rows` are told.
Scales scales(double noise, std::int64_t rows, std::int64_t steps) {
  Point net;
  Babysitter sitter(net, {.every = 2, .print = false});
  optim::Sgd sgd(nn::parameters(net), {.lr = 1e-9});
  Generator generator(3);
  Scales found;
  for (std::int64_t step = 1; step <= steps; ++step) {
    const Tensor x = normal({rows, kSize}, 1 / std::sqrt(static_cast<double>(kSize)), noise, float32, generator);
    sgd.zero_grad();
    const Tensor y = net(x);
    const Tensor loss = sum(square(y)) / (2.0 * static_cast<double>(rows));
    backward(loss);
    sitter.after_backward(loss, y, x);
    sgd.step();
    sitter.after_step(sgd);
    if (step == 10) found.after_ten = sitter.measurements().noise_scale;
  }
  EXPECT_EQ(sitter.measurements().batch, rows);
  found.at_the_end = sitter.measurements().noise_scale;
  return found;
}

TEST(GradientNoise, IsTheVarianceBySquareOfTheMean) {
  for (const double noise : {0.03, 0.1})
    for (const std::int64_t rows : {4, 32}) {
      const double expected = noise * noise * static_cast<double>(kSize);
      const Scales found = scales(noise, rows, 60);
      EXPECT_NEAR(found.at_the_end / expected, 1, 0.1) << noise << ", " << rows;
      EXPECT_TRUE(std::isnan(found.after_ten));  // steps 1 to 5 and 6 are five pairs, with 7, 9 and 11 eight
    }
}

}  // namespace
}  // namespace gradus::train

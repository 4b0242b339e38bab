// What biases, weights, noise and pictures do before or without training, against closed forms.
#include "starts.h"

#include "augmentations.h"
#include "noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace lecture6 {
namespace {

using gradus::Tensor;

class Starts : public testing::Test {
 protected:
  static const starts::Result& result() {
    static const auto r = starts::run();
    return r;
  }
};

// He's weights make z normal of variance 2, so P(z + b > 0) = Phi(b / sqrt 2) = (1 + erf(b / 2)) / 2. The share's
// standard error is that of 500 units and 500 rows, about 0.5 / sqrt(500) / 2.
TEST_F(Starts, APositiveBiasMakesMoreUnitsActive) {
  ASSERT_EQ(result().biases.size(), 4U);
  for (const auto& b : result().biases) EXPECT_NEAR(b.active, (1 + std::erf(b.bias / 2)) / 2, 0.02) << b.bias;
  EXPECT_GT(result().biases[3].active, result().biases[0].active + 0.2);
}

TEST_F(Starts, ButDecidesNothingWhereHesWeightsHold) {
  for (const auto& b : result().biases) EXPECT_NEAR(b.accuracy, result().biases[0].accuracy, 0.05) << b.bias;
}

// sigmoid' = s (1 - s) is 1/400 at |z| = log(1 / s - 1), s a root of that; z is normal of deviation scale sqrt(500).
TEST_F(Starts, LargeWeightsSaturateASigmoid) {
  const double s = (1 - std::sqrt(1 - 0.01)) / 2, border = std::log(1 / s - 1);
  double before = 0.25;
  for (const auto& w : result().saturations) {
    EXPECT_NEAR(w.saturated, std::erfc(border / (w.scale * std::sqrt(500) * std::sqrt(2))), 0.02) << w.scale;
    EXPECT_LT(w.slope, before);
    before = w.slope;
  }
  EXPECT_GT(result().saturations.back().saturated, 0.7);
  // For wide z the slope's mean is the density at 0, as sigmoid' has integral 1.
  EXPECT_NEAR(before, 1 / std::sqrt(2 * std::numbers::pi * 500), 0.002);
}

// In the limit of many units the cosine c of two rows becomes (sqrt(1 - c^2) + c (pi - acos c)) / pi in a layer of ReLU
// (Cho & Saul 2009, order 1), and that of all pairs is the share of the mean.
TEST_F(Starts, CentringHelpsOnlyTheFirstLayer) {
  for (const auto& o : result().offsets) {
    double c = o.offset * o.offset / (1 + o.offset * o.offset);
    for (std::size_t i = 0; i < o.shares.size(); ++i) {
      EXPECT_NEAR(o.shares[i], c, 0.06) << "mean " << o.offset << ", layer " << i + 1;
      c = (std::sqrt(1 - c * c) + c * (std::numbers::pi - std::acos(c))) / std::numbers::pi;
    }
  }
  const auto& centred = result().offsets[0].shares;
  EXPECT_LT(centred[0], 0.01);
  EXPECT_GT(centred[1], 0.25);
}

// exp(z) of a normal z is log-normal: deviation exp(m + s^2 / 2) sqrt(exp(s^2) - 1).
TEST(Noise, OfAUnitThatIsOff) {
  const noise::Options options{.deviations = {0, 2}, .rows = 500, .seeds = 1};
  const auto cases = noise::run(options);
  ASSERT_EQ(cases.size(), 4U);
  const double s = options.deviation;
  EXPECT_LT(cases[0].unit, 1e-6);
  EXPECT_NEAR(cases[1].unit, 0.01 * s, 1e-4);
  EXPECT_NEAR(cases[2].unit, 0.25 * s, 2e-3);
  EXPECT_NEAR(cases[3].unit, std::exp(options.at + s * s / 2) * std::sqrt(std::exp(s * s) - 1), 3e-4);
  EXPECT_LT(cases[3].unit, cases[2].unit / 5);  // robust beside a steep leak
  EXPECT_GT(cases[3].unit, cases[1].unit);      // not beside a slight one
  for (const auto& c : cases) EXPECT_GT(c.accuracies[0], c.accuracies[1] + 0.1) << c.nonlinearity;
}

const augmentations::Case& augmented(std::string_view name) {
  static const auto cases = augmentations::run();
  for (const auto& c : cases)
    if (c.name.starts_with(name)) return c;
  throw std::out_of_range(std::string(name));
}
double largest(const Tensor& difference) { return max(abs(difference)).item(); }

TEST(Augmentations, MirrorAndShift) {
  const auto& flipped = augmented("flip");
  EXPECT_EQ(largest(flip(flipped.after.inputs, {3}) - flipped.before.inputs), 0);
  EXPECT_EQ(largest(flip(augmented("vflip").after.inputs, {2}) - flipped.before.inputs), 0);
  const auto& crop = augmented("crop");
  // The middle 24 x 24 of each result stands in the picture, at most 4 away.
  for (std::int64_t i = 0; i < crop.after.inputs.size(0); ++i) {
    const Tensor wanted = slice(slice(select(crop.after.inputs, 0, i), 1, 4, 28), 2, 4, 28);
    double nearest = 1;
    for (std::int64_t y = 0; y <= 8; ++y)
      for (std::int64_t x = 0; x <= 8; ++x)
        nearest = std::min(
            nearest, largest(slice(slice(select(crop.before.inputs, 0, i), 1, y, y + 24), 2, x, x + 24) - wanted));
    EXPECT_EQ(nearest, 0) << i;
  }
}

TEST(Augmentations, LightEraseAndMix) {
  const auto& light = augmented("lighting");
  const Tensor added = light.after.inputs - light.before.inputs;  // one colour for a picture
  EXPECT_LT(largest(added - mean(added, {2, 3}, true)), 1e-6);
  EXPECT_GT(largest(added), 0.01);
  const auto& erased = augmented("erase");
  for (const double part : mean(to(erased.after.inputs == 0.0, gradus::float32), {1, 2, 3}).to_vector()) {
    EXPECT_GT(part, 0.01);
    EXPECT_LT(part, 0.36);
  }
  // Row i shows i, so targets say how much of each picture there is.
  const auto& mixed = augmented("mixup");
  const Tensor shares = slice(mixed.after.targets, 1, 0, mixed.before.inputs.size(0));
  EXPECT_LT(largest(matmul(shares, flatten(mixed.before.inputs)) - flatten(mixed.after.inputs)), 1e-5);
  EXPECT_GT(mixed.change, 0.01);
}

}  // namespace
}  // namespace lecture6

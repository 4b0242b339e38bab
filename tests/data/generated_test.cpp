#include "gradus/data/generated.h"

#include "files.h"

#include "gradus/tensor/runtime.h"

#include <cmath>
#include <limits>

namespace gradus::data {
namespace {

TEST(Spiral, FollowsItsFormula) {
  const Dataset arms = spiral({.classes = 3, .points = 5, .noise = 0});
  EXPECT_EQ(arms.inputs.shape(), Shape({15, 2}));
  EXPECT_EQ(arms.num_classes(), 3);
  const auto xy = arms.inputs.to_vector<double>();
  for (std::size_t row = 0; row < 15; ++row) {
    const double r = static_cast<double>(row % 5) / 4, t = 4 * static_cast<double>(row / 5) + 4 * r;
    EXPECT_NEAR(xy[2 * row], r * std::sin(t), 1e-6);
    EXPECT_NEAR(xy[2 * row + 1], r * std::cos(t), 1e-6);
    EXPECT_EQ(arms.targets.to_vector<std::int64_t>()[row], static_cast<std::int64_t>(row / 5));
  }
}

TEST(Spiral, NoiseTurnsButKeepsTheRadius) {
  Generator generator(1);
  const Dataset arms = spiral({.points = 1000, .noise = 0.2}, generator);
  const auto xy = arms.inputs.to_vector<double>();
  double sum = 0, squares = 0;
  for (std::size_t i = 1; i < 1000; ++i) {
    const double r = static_cast<double>(i) / 999;
    ASSERT_NEAR(std::hypot(xy[2 * i], xy[2 * i + 1]), r, 1e-6);
    const double turn = std::remainder(std::atan2(xy[2 * i], xy[2 * i + 1]) - 4 * r, 2 * std::acos(-1));
    sum += turn;
    squares += turn * turn;
  }
  EXPECT_NEAR(sum / 999, 0, 0.03);
  EXPECT_NEAR(std::sqrt(squares / 999), 0.2, 0.02);
}

TEST(TwoMoons, FollowItsFormula) {
  const Dataset moons = two_moons({.points = 3, .noise = 0});
  EXPECT_TRUE(
      all_close(moons.inputs, tensor({{1, 0}, {0, 1}, {-1, 0}, {0, 0.5}, {1, -0.5}, {2, 0.5}}, float32), 0, 1e-6));
  EXPECT_EQ(moons.targets.to_vector<std::int64_t>(), (std::vector<std::int64_t>{0, 0, 0, 1, 1, 1}));
}

TEST(Generated, OneSeedGivesOneResultOnAnyNumberOfThreads) {
  const auto make = [](std::uint64_t seed, int threads) {
    const int before = num_threads();
    set_num_threads(threads);
    Generator generator(seed);
    std::vector<Tensor> all{
        spiral({}, generator).inputs, two_moons({}, generator).inputs, drawn_digits({.count = 300}, generator).inputs};
    set_num_threads(before);
    return all;
  };
  const auto a = make(7, 1), b = make(7, 3), c = make(8, 1);
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(equal(a[i], b[i])) << i;
    EXPECT_FALSE(equal(a[i], c[i])) << i;
  }
}

TEST(Generated, RejectsSizesThatMakeNoSense) {
  EXPECT_THROW(spiral({.classes = 0}), ArgumentError);
  EXPECT_THROW(spiral({.points = 0}), ArgumentError);
  EXPECT_THROW(spiral({.noise = -1}), ArgumentError);
  EXPECT_THROW(two_moons({.points = -3}), ArgumentError);
  EXPECT_THROW(two_moons({.noise = std::nan("")}), ArgumentError);
  EXPECT_THROW(drawn_digits({.count = -1}), ArgumentError);
  EXPECT_THROW(drawn_digits({.size = 7}), ArgumentError);
  EXPECT_THROW(drawn_digits({.noise = -1}), ArgumentError);
  EXPECT_EQ(drawn_digits({.count = 0}).inputs.shape(), Shape({0, 1, 16, 16}));
}

TEST(DrawnDigits, ArePicturesOfStrokes) {
  Generator generator(1);
  const Dataset digits = drawn_digits({.count = 200, .size = 20, .noise = 0}, generator);
  EXPECT_EQ(digits.inputs.shape(), Shape({200, 1, 20, 20}));
  EXPECT_EQ(digits.num_classes(), 10);
  const auto pixels = digits.inputs.to_vector<float>();
  for (std::size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(digits.targets.to_vector<std::int64_t>()[i], static_cast<std::int64_t>(i % 10));
    int dark = 0, grey = 0, light = 0;
    for (std::size_t k = 0; k < 400; ++k) {
      const float v = pixels[400 * i + k];
      ASSERT_TRUE(v >= 0 && v <= 1);
      ++(v == 0 ? dark : v == 1 ? light : grey);
    }
    EXPECT_GT(dark, 200) << i;
    EXPECT_GT(light, 5) << i;
    EXPECT_GT(grey, 20) << i;  // the rims are smooth
  }
}

TEST(DrawnDigits, NoTwoAreAlikeButTheNearestOneShowsTheSameDigit) {
  Generator generator(11);
  const Dataset digits = drawn_digits({.count = 2300}, generator);
  constexpr std::int64_t kKnown = 2000, kPixels = 256;
  const float* x = digits.inputs.data<float>();
  int right = 0;
  for (std::int64_t i = kKnown; i < 2300; ++i) {
    std::int64_t nearest = 0;
    float least = std::numeric_limits<float>::max();
    for (std::int64_t k = 0; k < kKnown; ++k) {
      float distance = 0;
      for (std::int64_t p = 0; p < kPixels; ++p) {
        const float d = x[i * kPixels + p] - x[k * kPixels + p];
        distance += d * d;
      }
      if (distance < least) {
        least = distance;
        nearest = k;
      }
    }
    EXPECT_GT(least, 0.5f);
    right += nearest % 10 == i % 10 ? 1 : 0;
  }
  EXPECT_GT(right, 285);  // of 300
}

}  // namespace
}  // namespace gradus::data

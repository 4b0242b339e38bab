#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/image.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/shape.h>

#include <cmath>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;

Tensor line(const std::vector<double>& x) { return from_vector(x, {1, 1, static_cast<std::int64_t>(x.size())}); }

/// Keys' kernel with a = -0.75.
double cubic(double d) {
  const double a = -0.75;
  d = std::abs(d);
  return d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 : d < 2 ? a * (d * d * d - 5 * d * d + 8 * d - 4) : 0;
}

/// A line in another size, each new element read at `at(i)` with the kernel over all places, edges repeated.
std::vector<double> by_kernel(const std::vector<double>& x,
                              std::int64_t size,
                              const std::function<double(double)>& at) {
  std::vector<double> y;
  const auto n = static_cast<std::int64_t>(x.size());
  for (std::int64_t i = 0; i < size; ++i) {
    double sum = 0;
    for (std::int64_t k = -n - 4; k < 2 * n + 4; ++k)
      sum += cubic(at(static_cast<double>(i)) - static_cast<double>(k)) *
             x[static_cast<std::size_t>(std::clamp<std::int64_t>(k, 0, n - 1))];
    y.push_back(sum);
  }
  return y;
}

TEST(Interpolate, ByHand) {
  const Tensor x = from_vector(std::vector<double>{1, 2, 3, 4}, {1, 1, 2, 2});
  expect_near(interpolate(x, {4, 2}), from_vector(std::vector<double>{1, 2, 1, 2, 3, 4, 3, 4}, {1, 1, 4, 2}));
  const InterpolateOptions corners{.mode = Interpolation::linear, .align_corners = true};
  expect_near(interpolate(x, {3, 2}, corners), from_vector(std::vector<double>{1, 2, 2, 3, 3, 4}, {1, 1, 3, 2}));
  expect_near(interpolate(x, {2, 4}, {.mode = Interpolation::linear}),
              from_vector(std::vector<double>{1, 1.25, 1.75, 2, 3, 3.25, 3.75, 4}, {1, 1, 2, 4}));
}

TEST(Interpolate, CubicWeights) {
  // Twice as large, an impulse shows the kernel at 1.75, 1.25, 0.75 and 0.25.
  const std::vector<double> far{-0.03515625, -0.10546875}, near{0.26171875, 0.87890625};
  expect_tensor(interpolate(line({0, 0, 1, 0, 0}), {10}, {.mode = Interpolation::cubic}),
                float64,
                {1, 1, 10},
                {0, far[0], far[1], near[0], near[1], near[1], near[0], far[1], far[0], 0},
                1e-15);
}

TEST(Interpolate, CubicByTheKernel) {
  const std::vector<double> x = draw({6}, 1).to_vector();
  for (const std::int64_t size : {1, 3, 6, 7, 13}) {
    const double s = 6 / static_cast<double>(size);
    expect_near(interpolate(line(x), {size}, {.mode = Interpolation::cubic}),
                line(by_kernel(x, size, [=](double i) { return (i + 0.5) * s - 0.5; })));
    const double step = size > 1 ? 5 / static_cast<double>(size - 1) : 0;
    expect_near(interpolate(line(x), {size}, {.mode = Interpolation::cubic, .align_corners = true}),
                line(by_kernel(x, size, [=](double i) { return i * step; })));
  }
}

TEST(Interpolate, WeightsAddUpToOne) {
  for (const Interpolation mode : {Interpolation::nearest,
                                   Interpolation::nearest_exact,
                                   Interpolation::linear,
                                   Interpolation::cubic,
                                   Interpolation::area})
    expect_near(interpolate(full({1, 1, 5, 7}, 3, float64), {7, 3}, {.mode = mode}), full({1, 1, 7, 3}, 3, float64));
}

TEST(Interpolate, EachAxisByItself) {
  const Tensor x = draw({2, 2, 3, 4, 5}, 2);
  const InterpolateOptions o{.mode = Interpolation::linear};
  const Tensor depth = interpolate(x, {2, 4, 5}, o), height = interpolate(depth, {2, 6, 5}, o);
  expect_near(interpolate(x, {2, 6, 3}, o), interpolate(height, {2, 6, 3}, o));
}

TEST(Interpolate, NearestFromTheEdgeOrTheCentre) {
  // 2 elements as 3: from the edge at 0, 2/3 and 4/3, from the centre at 1/3, 1 and 5/3.
  const Tensor x = line({1, 2});
  expect_tensor(interpolate(x, {3}), float64, {1, 1, 3}, {1, 1, 2});
  expect_tensor(interpolate(x, {3}, {.mode = Interpolation::nearest_exact}), float64, {1, 1, 3}, {1, 2, 2});
}

TEST(Interpolate, AreaIsTheMeanOfWhatIsCovered) {
  const Tensor x = draw({2, 3, 5, 7}, 3);
  expect_near(interpolate(x, {2, 4}, {.mode = Interpolation::area}), adaptive_avg_pool2d(x, {2, 4}));
  expect_near(interpolate(x, {}, {.mode = Interpolation::area, .scale = {0.5}}), adaptive_avg_pool2d(x, {2, 3}));
}

TEST(Interpolate, Scale) {
  // 5 elements 1.3 times as many are 6, read at (i + 1/2) / 1.3 - 1/2, although 6 / 5 is not 1.3.
  const std::vector<double> x{3, 1, 4, 1, 5};
  std::vector<double> y;
  for (int i = 0; i < 6; ++i) {
    const double at = std::max(0.0, (i + 0.5) / 1.3 - 0.5), low = std::min(3.0, std::floor(at));
    y.push_back(x[static_cast<std::size_t>(low)] * (low + 1 - at) + x[static_cast<std::size_t>(low) + 1] * (at - low));
  }
  expect_near(interpolate(line(x), {}, {.mode = Interpolation::linear, .scale = {1.3}}), line(y));
  // Corners stay, whatever the scale.
  const InterpolateOptions corners{.mode = Interpolation::linear, .align_corners = true, .scale = {1.3}};
  expect_near(interpolate(line(x), {}, corners),
              interpolate(line(x), {6}, {.mode = Interpolation::linear, .align_corners = true}));
  // 49 (1 / 49) is less than 1 in float64.
  EXPECT_EQ(interpolate(line({1, 2}), {}, {.scale = {49}}).to_vector()[49], 2);
  // As many elements, but read at other places.
  EXPECT_NEAR(interpolate(line({1, 2}), {}, {.mode = Interpolation::linear, .scale = {1.25}}).to_vector()[1],
              1 + 1.5 / 1.25 - 0.5,
              1e-15);
  EXPECT_EQ(interpolate(zeros({1, 1, 4, 6}), {}, {.scale = {0.5, 2}}).shape(), (Shape{1, 1, 2, 12}));
}

TEST(Interpolate, Errors) {
  const Tensor x = zeros({1, 1, 4, 4});
  expect_error<ArgumentError>("interpolate", "expected align_corners with linear or cubic only, got another", [&] {
    interpolate(x, {2, 2}, {.align_corners = true});
  });
  expect_error<ArgumentError>(
      "interpolate", "expected a size or a scale, got both", [&] { interpolate(x, {2, 2}, {.scale = {2}}); });
  expect_error<ArgumentError>("interpolate", "expected a scale for one or 2 axes, got 3 numbers", [&] {
    interpolate(x, {}, {.scale = {2, 2, 2}});
  });
  for (const double s : {0.0, -1.0, kInfinity, kNaN, 1e300})
    EXPECT_THROW(interpolate(x, {}, {.scale = {s}}), ArgumentError) << s;
  expect_error<ArgumentError>(
      "interpolate", "expected sizes >= 1, got [0, 0]", [&] { interpolate(x, {}, {.scale = {0.2}}); });
  expect_error<ShapeError>("interpolate",
                           "expected an input [N, C, *] and a size for each of its 1 to 3 spatial "
                           "axes, got [4] and a scale",
                           [&] { interpolate(zeros({4}), {}, {.scale = {2}}); });
}

TEST(PixelShuffle, AndBack) {
  const Tensor x = draw({2, 8, 2, 3}, 1), y = pixel_shuffle(x, 2);
  EXPECT_EQ(y.shape(), (Shape{2, 2, 4, 6}));
  expect_near(pixel_unshuffle(y, 2), x);
  // Channel 1 of the four of the first image is the pixel on the right.
  EXPECT_EQ(y.to_vector()[1], x.to_vector()[6]);
}

}  // namespace
}  // namespace gradus

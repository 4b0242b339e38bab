#include "checks.h"

#include <gradus/ops/compare.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/pool.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace gradus {
namespace {

using namespace ops_test;

Tensor image(std::vector<double> values, const Shape& shape) { return from_vector(values, shape); }

TEST(Pool, ByHand) {
  const Tensor x = image({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3});
  expect_near(max_pool2d(x, 2, {.stride = 1}), image({5, 6, 8, 9}, {1, 1, 2, 2}));
  expect_near(max_pool2d(x, 2), image({5}, {1, 1, 1, 1}));
  expect_near(max_pool2d(x, 2, {.ceil_mode = true}), image({5, 6, 8, 9}, {1, 1, 2, 2}));
  expect_near(avg_pool2d(x, 2, {.stride = 1}), image({3, 4, 6, 7}, {1, 1, 2, 2}));
  expect_near(avg_pool2d(x, 2, {.padding = 1}), image({0.25, 1.25, 2.75, 7}, {1, 1, 2, 2}));
  expect_near(avg_pool2d(x, 2, {.padding = 1, .count_include_pad = false}), image({1, 2.5, 5.5, 7}, {1, 1, 2, 2}));
  expect_near(adaptive_avg_pool2d(x, {2, 1}), image({3.5, 6.5}, {1, 1, 2, 1}));
  expect_near(adaptive_max_pool2d(x, {1, 2}), image({8, 9}, {1, 1, 1, 2}));
  const Pooled pooled = max_pool2d_with_index(x, 2, {.stride = 1});
  EXPECT_EQ(pooled.indices.to_vector<std::int64_t>(), (std::vector<std::int64_t>{4, 5, 7, 8}));
}

TEST(Pool, PaddingIsNeverTheLargest) {
  const Tensor x = image({-1, -2, -3, -4}, {1, 1, 2, 2});
  expect_near(max_pool2d(x, 3, {.stride = 2, .padding = 1}), image({-1}, {1, 1, 1, 1}));
}

TEST(Pool, NaNIsTheLargest) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(max_pool2d(image({1, nan, 3, 4}, {1, 1, 2, 2}), 2).item<double>()));
}

/// The largest of a window, and its place, by the definition: the first of equal ones, the last NaN.
void expect_largest(const Tensor& x, std::int64_t kernel, std::int64_t padding) {
  const Pooled got = max_pool2d_with_index(x, kernel, {.stride = 2, .padding = padding});
  const auto in = x.to_vector(), values = got.values.to_vector();
  const auto places = got.indices.to_vector<std::int64_t>();
  const std::int64_t h = x.size(2), w = x.size(3), rows = got.values.size(2), width = got.values.size(3);
  for (std::int64_t at = 0; at < got.values.numel(); ++at) {
    const std::int64_t plane = at / (rows * width), top = at / width % rows * 2 - padding,
                       left = at % width * 2 - padding;
    std::int64_t best = -1;
    const auto value = [&](std::int64_t place) { return in[static_cast<std::size_t>(plane * h * w + place)]; };
    for (std::int64_t i = std::max<std::int64_t>(top, 0); i < std::min(top + kernel, h); ++i)
      for (std::int64_t j = std::max<std::int64_t>(left, 0); j < std::min(left + kernel, w); ++j)
        if (best < 0 || value(i * w + j) > value(best) || std::isnan(value(i * w + j))) best = i * w + j;
    ASSERT_EQ(places[static_cast<std::size_t>(at)], best) << to_string(x.shape()) << " at " << at;
    const double a = values[static_cast<std::size_t>(at)], b = value(best);
    ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b)));
  }
}

TEST(Pool, RowsOfWindowsAreAsSingleOnes) {
  for (const DType dtype : {float32, float64})
    for (const std::int64_t width : {3, 4, 7, 16, 33, 64, 301}) {
      // Few different values, so that many are equal, and some NaN.
      const Tensor steps = floor(uniform({2, 3, 7, width}, 0, 5, dtype));
      const Tensor x = where(steps == 3.0, std::nan(""), steps);
      for (const Tensor& image : {steps, x})
        for (const std::int64_t kernel : {2, 3}) {
          expect_largest(image, kernel, 0);
          expect_largest(image, kernel, 1);
        }
    }
}

TEST(Pool, TheFirstOfEqualOnesTakesTheGradient) {
  const Tensor x = leaf(zeros({1, 1, 2, 2}, float64));
  const Tensor y = max_pool2d(x, 2);
  expect_near(run_rule(y, ones_like(y), false)[0], image({1, 0, 0, 0}, {1, 1, 2, 2}));
}

TEST(Pool, Errors) {
  const Tensor x = zeros({1, 1, 4, 4});
  expect_error<ArgumentError>("max_pool2d", "expected a padding of at most half the kernel [2, 2], got [2, 2]", [&] {
    max_pool2d(x, 2, {.padding = 2});
  });
  expect_error<ShapeError>("max_pool2d",
                           "expected a kernel that reaches over at most 4 elements of spatial axis "
                           "0 (with padding), got 5 for input [1, 1, 4, 4]",
                           [&] { max_pool2d(x, 5); });
  expect_error<ArgumentError>(
      "avg_pool2d", "expected a divisor >= 1, got 0", [&] { avg_pool2d(x, 2, {.divisor = 0}); });
  expect_error<ShapeError>("avg_pool1d",
                           "expected an input with 3 or 2 dimensions ([N, C, *] or [C, *]), got [1, 1, 4, 4]",
                           [&] { avg_pool1d(x, 2); });
}

}  // namespace
}  // namespace gradus


#include "checks.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/compare.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/image.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>

#include <gtest/gtest.h>

namespace gradus {
namespace {

using namespace ops_test;

Tensor draw(const Shape& shape, std::uint64_t seed, DType dtype = float64) {
  Generator generator(seed);
  return normal(shape, 0, 1, dtype, generator);
}

/// The convolution by its definition, one image and one group at a time, in double.
Tensor by_definition(const Tensor& x, const Tensor& w, const ConvOptions& o) {
  const std::int64_t s = o.stride[0], p = o.padding.low()[0], d = o.dilation[0];
  const std::int64_t rows = (x.size(2) + 2 * p - d * (w.size(2) - 1) - 1) / s + 1;
  const std::int64_t columns = (x.size(3) + 2 * p - d * (w.size(3) - 1) - 1) / s + 1;
  const auto xs = x.to_vector(), ws = w.to_vector();
  const auto at =
      [](const Tensor& t, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t e) {
        return static_cast<std::size_t>(((a * t.size(1) + b) * t.size(2) + c) * t.size(3) + e);
      };
  std::vector<double> ys;
  for (std::int64_t n = 0; n < x.size(0); ++n)
    for (std::int64_t out = 0; out < w.size(0); ++out)
      for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j) {
          double sum = 0;
          for (std::int64_t c = 0; c < w.size(1); ++c)
            for (std::int64_t k = 0; k < w.size(2); ++k)
              for (std::int64_t l = 0; l < w.size(3); ++l) {
                const std::int64_t h = i * s + k * d - p, v = j * s + l * d - p;
                const std::int64_t channel = out / (w.size(0) / o.groups) * w.size(1) + c;
                if (h >= 0 && h < x.size(2) && v >= 0 && v < x.size(3))
                  sum += xs[at(x, n, channel, h, v)] * ws[at(w, out, c, k, l)];
              }
          ys.push_back(sum);
        }
  return from_vector(ys, {x.size(0), w.size(0), rows, columns});
}

struct Case {
  Shape x, w;
  ConvOptions options;
};
const std::vector<Case> kCases{
    {{2, 3, 5, 7}, {4, 3, 3, 2}, {}},
    {{3, 2, 6, 5}, {2, 2, 3, 3}, {.stride = 2, .padding = 1}},
    {{1, 2, 9, 8}, {3, 2, 2, 3}, {.stride = 3, .padding = 2, .dilation = 2}},
    {{2, 4, 5, 5}, {6, 2, 3, 3}, {.padding = 1, .groups = 2}},
    {{2, 3, 4, 4}, {3, 1, 3, 3}, {.padding = 4, .groups = 3}},
    {{2, 5, 4, 4}, {3, 5, 1, 1}, {}},
    {{17, 16, 12, 12}, {32, 16, 3, 3}, {.padding = 1}},
};

TEST(Conv, AgreesWithItsDefinition) {
  for (const Case& c : kCases) {
    const Tensor x = draw(c.x, 1), w = draw(c.w, 2);
    expect_near(conv2d(x, w, {}, c.options), by_definition(x, w, c.options), 1e-10);
  }
}

TEST(Conv, GradientsAreAdjoint) {
  // <conv(x, w), g> is linear in x and in w, so it is the product of each with its gradient.
  for (const Case& c : kCases) {
    const Tensor x = leaf(draw(c.x, 1)), w = leaf(draw(c.w, 2));
    const Tensor y = conv2d(x, w, {}, c.options), g = draw(y.shape(), 3);
    const double value = sum(y * g).item<double>();
    const Cotangents d = run_rule(y, g, false);
    EXPECT_NEAR(sum(x * d[0]).item<double>(), value, 1e-9 * std::abs(value) + 1e-9);
    EXPECT_NEAR(sum(w * d[1]).item<double>(), value, 1e-9 * std::abs(value) + 1e-9);
  }
}

TEST(Conv, SameKeepsSizesWithOneMoreBehind) {
  const Tensor x = reshape(arange(1, 6, 1, float64), {1, 1, 5}), w = ones({1, 1, 2}, float64);
  expect_near(conv1d(x, w, {}, {.padding = Padding::same}),
              reshape(from_vector(std::vector<double>{3, 5, 7, 9, 5}), {1, 1, 5}));
}

TEST(Conv, TransposedIsTheGradient) {
  const Tensor x = leaf(draw({2, 3, 7, 6}, 1)), w = draw({4, 3, 3, 2}, 2);
  const Tensor y = conv2d(x, w, {}, {.stride = 2, .padding = 1}), g = draw(y.shape(), 3);
  const Tensor back =
      conv_transpose2d(g, w, {}, {.stride = 2, .padding = 1, .output_padding = {0, 0}});
  const Tensor dx = run_rule(y, g, false)[0];
  expect_near(back, slice(slice(dx, 2, 0, back.size(2)), 3, 0, back.size(3)), 1e-12);
}

TEST(Conv, Errors) {
  const Tensor x = zeros({2, 3, 8, 8}), w = zeros({4, 3, 3, 3});
  expect_error<ShapeError>(
      "conv2d",
      "expected an input with 3 channels for weight [4, 3, 3, 3] and 1 groups, got [2, 4, 8, 8]",
      [&] {
        conv2d(zeros({2, 4, 8, 8}), w);
      });
  expect_error<ShapeError>(
      "conv2d", "expected bias [4], got [3]", [&] { conv2d(x, w, zeros({3})); });
  expect_error<ShapeError>("conv2d",
                           "expected a kernel that reaches over at most 8 elements of spatial axis "
                           "0 (with padding), got 9 for input [2, 3, 8, 8]",
                           [&] {
                             conv2d(x, zeros({4, 3, 9, 1}));
                           });
  expect_error<ArgumentError>(
      "conv2d", "expected stride >= 1, got 0", [&] { conv2d(x, w, {}, {.stride = 0}); });
  expect_error<ArgumentError>("conv2d", "expected stride 1 with padding same, got [2, 2]", [&] {
    conv2d(x, w, {}, {.stride = 2, .padding = Padding::same});
  });
  expect_error<DTypeError>("conv2d", "expected tensors of one dtype, got float32 and float64", [&] {
    conv2d(x, zeros({4, 3, 3, 3}, float64));
  });
  expect_error<ArgumentError>(
      "conv_transpose2d",
      "expected output_padding below stride [1, 1] or dilation [1, 1], got [1, 1]",
      [&] {
        conv_transpose2d(zeros({2, 4, 8, 8}), w, {}, {.output_padding = 1});
      });
}

TEST(Unfold, FoldIsItsAdjoint) {
  const UnfoldOptions o{.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}};
  const Tensor x = draw({2, 3, 6, 5}, 1), columns = unfold(x, {3, 2}, o),
               g = draw(columns.shape(), 2);
  const Tensor back = fold(g, {6, 5}, {3, 2}, o);
  EXPECT_NEAR(sum(columns * g).item<double>(), sum(x * back).item<double>(), 1e-10);
}

TEST(Unfold, TimesTheWeightIsTheConvolution) {
  const Tensor x = draw({2, 3, 6, 5}, 1), w = draw({4, 3, 3, 2}, 2);
  const Tensor y = matmul(reshape(w, {4, 18}), unfold(x, {3, 2}));
  expect_near(reshape(y, {2, 4, 4, 4}), conv2d(x, w), 1e-12);
}

Tensor image(std::vector<double> values, const Shape& shape) { return from_vector(values, shape); }

TEST(Pool, ByHand) {
  const Tensor x = image({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3});
  expect_near(max_pool2d(x, 2, {.stride = 1}), image({5, 6, 8, 9}, {1, 1, 2, 2}));
  expect_near(max_pool2d(x, 2), image({5}, {1, 1, 1, 1}));
  expect_near(max_pool2d(x, 2, {.ceil_mode = true}), image({5, 6, 8, 9}, {1, 1, 2, 2}));
  expect_near(avg_pool2d(x, 2, {.stride = 1}), image({3, 4, 6, 7}, {1, 1, 2, 2}));
  expect_near(avg_pool2d(x, 2, {.padding = 1}), image({0.25, 1.25, 2.75, 7}, {1, 1, 2, 2}));
  expect_near(avg_pool2d(x, 2, {.padding = 1, .count_include_pad = false}),
              image({1, 2.5, 5.5, 7}, {1, 1, 2, 2}));
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
  const std::int64_t h = x.size(2), w = x.size(3), rows = got.values.size(2),
                     width = got.values.size(3);
  for (std::int64_t at = 0; at < got.values.numel(); ++at) {
    const std::int64_t plane = at / (rows * width), top = at / width % rows * 2 - padding,
                       left = at % width * 2 - padding;
    std::int64_t best = -1;
    const auto value = [&](std::int64_t place) {
      return in[static_cast<std::size_t>(plane * h * w + place)];
    };
    for (std::int64_t i = std::max<std::int64_t>(top, 0); i < std::min(top + kernel, h); ++i)
      for (std::int64_t j = std::max<std::int64_t>(left, 0); j < std::min(left + kernel, w); ++j)
        if (best < 0 || value(i * w + j) > value(best) || std::isnan(value(i * w + j)))
          best = i * w + j;
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
  expect_error<ArgumentError>("max_pool2d",
                              "expected a padding of at most half the kernel [2, 2], got [2, 2]",
                              [&] { max_pool2d(x, 2, {.padding = 2}); });
  expect_error<ShapeError>("max_pool2d",
                           "expected a kernel that reaches over at most 4 elements of spatial axis "
                           "0 (with padding), got 5 for input [1, 1, 4, 4]",
                           [&] { max_pool2d(x, 5); });
  expect_error<ArgumentError>(
      "avg_pool2d", "expected a divisor >= 1, got 0", [&] { avg_pool2d(x, 2, {.divisor = 0}); });
  expect_error<ShapeError>(
      "avg_pool1d",
      "expected an input with 3 or 2 dimensions ([N, C, *] or [C, *]), got [1, 1, 4, 4]",
      [&] { avg_pool1d(x, 2); });
}

TEST(Interpolate, ByHand) {
  const Tensor x = image({1, 2, 3, 4}, {1, 1, 2, 2});
  expect_near(interpolate(x, {4, 2}), image({1, 2, 1, 2, 3, 4, 3, 4}, {1, 1, 4, 2}));
  const InterpolateOptions corners{.mode = Interpolation::linear, .align_corners = true};
  expect_near(interpolate(x, {3, 2}, corners), image({1, 2, 2, 3, 3, 4}, {1, 1, 3, 2}));
  expect_near(interpolate(x, {2, 4}, {.mode = Interpolation::linear}),
              image({1, 1.25, 1.75, 2, 3, 3.25, 3.75, 4}, {1, 1, 2, 4}));
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

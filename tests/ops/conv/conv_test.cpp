
#include "checks.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>

#include <gtest/gtest.h>

namespace gradus {
namespace {

using namespace ops_test;

/// The convolution by its definition, one image and one group at a time, in double.
Tensor by_definition(const Tensor& x, const Tensor& w, const ConvOptions& o) {
  const std::int64_t s = o.stride[0], p = o.padding.low()[0], d = o.dilation[0];
  const std::int64_t rows = (x.size(2) + 2 * p - d * (w.size(2) - 1) - 1) / s + 1;
  const std::int64_t columns = (x.size(3) + 2 * p - d * (w.size(3) - 1) - 1) / s + 1;
  const auto xs = x.to_vector(), ws = w.to_vector();
  const auto at = [](const Tensor& t, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t e) {
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
  const Tensor back = conv_transpose2d(g, w, {}, {.stride = 2, .padding = 1, .output_padding = {0, 0}});
  const Tensor dx = run_rule(y, g, false)[0];
  expect_near(back, slice(slice(dx, 2, 0, back.size(2)), 3, 0, back.size(3)), 1e-12);
}

TEST(Conv, Errors) {
  const Tensor x = zeros({2, 3, 8, 8}), w = zeros({4, 3, 3, 3});
  expect_error<ShapeError>("conv2d",
                           "expected an input with 3 channels for weight [4, 3, 3, 3] and 1 groups, got [2, 4, 8, 8]",
                           [&] { conv2d(zeros({2, 4, 8, 8}), w); });
  expect_error<ShapeError>("conv2d", "expected bias [4], got [3]", [&] { conv2d(x, w, zeros({3})); });
  expect_error<ShapeError>("conv2d",
                           "expected a kernel that reaches over at most 8 elements of spatial axis "
                           "0 (with padding), got 9 for input [2, 3, 8, 8]",
                           [&] { conv2d(x, zeros({4, 3, 9, 1})); });
  expect_error<ArgumentError>("conv2d", "expected stride >= 1, got 0", [&] { conv2d(x, w, {}, {.stride = 0}); });
  expect_error<ArgumentError>("conv2d", "expected stride 1 with padding same, got [2, 2]", [&] {
    conv2d(x, w, {}, {.stride = 2, .padding = Padding::same});
  });
  expect_error<DTypeError>("conv2d", "expected tensors of one dtype, got float32 and float64", [&] {
    conv2d(x, zeros({4, 3, 3, 3}, float64));
  });
  expect_error<ArgumentError>("conv_transpose2d",
                              "expected output_padding below stride [1, 1] or dilation [1, 1], got [1, 1]",
                              [&] { conv_transpose2d(zeros({2, 4, 8, 8}), w, {}, {.output_padding = 1}); });
}

}  // namespace
}  // namespace gradus

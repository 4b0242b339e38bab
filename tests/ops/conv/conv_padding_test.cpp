#include "flow.h"

#include <gradus/kernels/conv.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>

#include <gtest/gtest.h>

namespace gradus {
namespace {

using namespace ops_test;

Tensor row(std::vector<double> values, DType dtype) {
  const auto n = static_cast<std::int64_t>(values.size());
  return cast(from_vector(values, {1, 1, n}), dtype);
}

/// The same with the spatial axis as the last of `rank`.
Tensor lifted(Tensor x, int rank) {
  while (x.rank() < rank + 2) x = unsqueeze(x, 2);
  return x;
}

Tensor transposed(int rank, const Tensor& x, const Tensor& w, const Tensor& b, const ConvTransposeOptions& o) {
  return rank == 1   ? conv_transpose1d(x, w, b, o)
         : rank == 2 ? conv_transpose2d(x, w, b, o)
                     : conv_transpose3d(x, w, b, o);
}

// y = [x0, 0 + x1 …]: each x[i] puts 1 at i and 10 at i + 2; one 0 behind.
TEST(ConvTranspose, OutputPaddingFromStrideToDilation) {
  for (const auto backend : {kernels::ConvBackend::columns, kernels::ConvBackend::dnnl})
    for (const DType dtype : {float32, float64})
      for (int rank = 1; rank <= 3; ++rank) {
        const kernels::ConvBackendGuard guard(backend);
        const Tensor x = leaf(lifted(row({1, 2}, dtype), rank)), w = leaf(lifted(row({1, 10}, dtype), rank));
        std::vector<std::int64_t> dilation(static_cast<std::size_t>(rank), 1), more(static_cast<std::size_t>(rank), 0);
        dilation.back() = 2;
        more.back() = 1;
        const Tensor y = transposed(
            rank,
            x,
            w,
            {},
            {.output_padding = PerAxis(Shape(std::span(more))), .dilation = PerAxis(Shape(std::span(dilation)))});
        expect_near(y, lifted(row({1, 2, 10, 20, 0}, dtype), rank));
        const auto d = run_rule(y, ones_like(y), false);
        expect_near(d[0], lifted(row({11, 11}, dtype), rank));
        expect_near(d[1], lifted(row({3, 3}, dtype), rank));
      }
}

/// An element of a kernel of one is nothing to spread: what the padding adds is 0.
TEST(ConvTranspose, OutputPaddingOfAPointwiseKernel) {
  for (const DType dtype : {float32, float64}) {
    const Tensor y = conv_transpose1d(row({1, 2}, dtype), row({3}, dtype), {}, {.output_padding = 2, .dilation = 3});
    expect_near(y, row({3, 6, 0, 0}, dtype));
  }
}

/// A transposed convolution with `output_padding` is one without, and zeros behind it.
TEST(ConvTranspose, OutputPaddingIsZerosBehind) {
  for (const std::int64_t groups : {1, 2})
    for (const std::int64_t stride : {1, 2, 3})
      for (const std::int64_t more : {0, 1, 2, 3}) {
        const Tensor x = leaf(draw({2, 4, 3, 2}, 1)), w = leaf(draw({4, 1, 2, 3}, 2));
        ConvTransposeOptions o{.stride = stride, .dilation = 4, .groups = groups};
        const Tensor plain = conv_transpose2d(x, w, {}, o);
        o.output_padding = more;
        const Tensor y = conv_transpose2d(x, w, {}, o);
        const Tensor g = draw(y.shape(), 3);
        const auto inner = [&](const Tensor& t) { return narrow(narrow(t, 2, 0, plain.size(2)), 3, 0, plain.size(3)); };
        EXPECT_EQ(y.size(2), plain.size(2) + more);
        expect_near(inner(y), plain);
        EXPECT_NEAR(sum(y * y).item<double>(), sum(plain * plain).item<double>(), 1e-9);
        expect_near(gradient(y, x, g), gradient(plain, x, inner(g)));
        expect_near(gradient(y, w, g), gradient(plain, w, inner(g)));
      }
}

TEST(ConvPadding, AsymmetricIsPadding) {
  for (const DType dtype : {float32, float64}) {
    const Tensor x = draw({2, 3, 5, 6}, 1, dtype), w = draw({4, 3, 3, 2}, 2, dtype);
    const Tensor zeroed = pad(x, {1, 3, 2, 0});
    for (const std::int64_t stride : {1, 2}) {
      const Tensor got = conv2d(x, w, {}, {.stride = stride, .padding = Padding::asymmetric({2, 1}, {0, 3})});
      expect_near(got, conv2d(zeroed, w, {}, {.stride = stride}), dtype == float32 ? 1e-4 : 1e-12);
    }
  }
  // Causal: nothing is seen ahead.
  expect_near(conv1d(row({1, 2, 3}, float64), row({1, 10, 100}, float64), {}, {.padding = Padding::asymmetric(2, 0)}),
              row({100, 210, 321}, float64));
  const Tensor y = draw({1, 2, 4, 4}, 3), v = draw({2, 1, 3, 3}, 4);
  const Tensor whole = conv_transpose2d(y, v);
  expect_near(conv_transpose2d(y, v, {}, {.padding = Padding::asymmetric({1, 0}, {0, 2})}),
              narrow(narrow(whole, 2, 1, 5), 3, 0, 4));
}

TEST(ConvPadding, Errors) {
  const Tensor x = zeros({1, 1, 4}), w = zeros({1, 1, 2});
  expect_error<ArgumentError>(
      "conv1d", "expected padding >= 0, got -1", [&] { conv1d(x, w, {}, {.padding = Padding::asymmetric(0, -1)}); });
  expect_error<ArgumentError>("conv_transpose1d", "expected a padding in numbers, got same", [&] {
    conv_transpose1d(x, w, {}, {.padding = Padding::same});
  });
}

}  // namespace
}  // namespace gradus

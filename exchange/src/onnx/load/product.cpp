// Products and convolutions.

#include "onnx/load/windows.h"

#include "gradus/ops.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::onnx {
namespace {

PerAxis per_axis(const Integers& values) { return PerAxis(Shape(std::span(values))); }

/// α A' B' + β C
Tensor gemm(NodeCall& c) {
  const Tensor a = c.flag("transA") ? transpose(c.in(0)) : c.in(0);
  const double alpha = c.number("alpha", 1), beta = c.number("beta", 1);
  const Tensor& b = c.in(1);
  const bool is_layer = c.flag("transB") && alpha == 1 && beta == 1 && c.has_input(2) && c.in(2).rank() == 1 &&
                        c.in(2).size(0) == b.size(0) && a.rank() == 2;
  if (is_layer) return linear(a, b, c.in(2));
  Tensor y = matmul(a, c.flag("transB") ? transpose(b) : b);
  if (alpha != 1) y = y * alpha;
  if (c.has_input(2)) y = y + (beta == 1 ? c.in(2) : c.in(2) * beta);
  return y;
}

/// Of whole numbers by float64, which holds sums below 2^53.
Tensor product(NodeCall& c) {
  const Tensor &a = c.in(0), &b = c.in(1);
  if (is_floating(a.dtype())) return matmul(a, b);
  return cast(matmul(cast(a, float64), cast(b, float64)), int64);
}

Integers spatial_sizes(const Tensor& weight) {
  const Shape shape = weight.shape();
  return shape.rank() < 2 ? Integers() : Integers(shape.begin() + 2, shape.end());
}

Tensor convolution(NodeCall& c) {
  const Tensor &x = c.in(0), &weight = c.in(1);
  const LoadedWindows w = windows_of(c, x, spatial_sizes(weight));
  const ConvOptions options{.stride = per_axis(w.stride),
                            .padding = Padding::asymmetric(per_axis(w.low), per_axis(w.high)),
                            .dilation = per_axis(w.dilation),
                            .groups = c.integer("group", 1)};
  if (w.kernel.size() == 1) return conv1d(x, weight, c.maybe(2), options);
  return w.kernel.size() == 2 ? conv2d(x, weight, c.maybe(2), options) : conv3d(x, weight, c.maybe(2), options);
}

struct Cut {
  Integers low, high, more;  // more: behind what the windows reach
};

/// With output_shape or auto_pad the pads make up what is too much; an odd one is before, or behind with SAME_UPPER.
Cut cut_of(
    const NodeCall& c, const Tensor& x, const Integers& kernel, const Integers& stride, const Integers& dilation) {
  const std::size_t axes = kernel.size();
  Cut cut{Integers(axes, 0), Integers(axes, 0), c.integers("output_padding").value_or(Integers(axes, 0))};
  const std::string automatic = c.text("auto_pad", "NOTSET");
  const auto wanted = c.integers("output_shape");
  const Integers pads = c.integers("pads").value_or(Integers(2 * axes, 0));
  if (pads.size() != 2 * axes || cut.more.size() != axes || (wanted && wanted->size() < axes))
    c.fail(fmt::format("attributes for {} axes", axes), "others");
  for (std::size_t d = 0; d < axes; ++d) {
    const std::int64_t n = x.size(static_cast<std::int64_t>(d) + 2);
    const std::int64_t whole = (n - 1) * stride[d] + dilation[d] * (kernel[d] - 1) + 1 + cut.more[d];
    std::int64_t both = 0;
    if (wanted) {
      both = whole - (*wanted)[wanted->size() - axes + d];
    } else if (automatic.starts_with("SAME")) {
      both = whole - n * stride[d];
    } else {
      if (automatic == "NOTSET") cut.low[d] = pads[d], cut.high[d] = pads[d + axes];
      continue;
    }
    cut.more[d] += std::max<std::int64_t>(-both, 0);
    both = std::max<std::int64_t>(both, 0);
    cut.low[d] = automatic == "SAME_UPPER" ? both / 2 : both - both / 2;
    cut.high[d] = both - cut.low[d];
  }
  return cut;
}

Tensor transposed_convolution(NodeCall& c) {
  const Tensor &x = c.in(0), &weight = c.in(1);
  const Integers kernel = spatial_sizes(weight);
  const std::size_t axes = kernel.size();
  if (axes < 1 || axes > 3 || x.rank() != weight.rank())
    c.fail("x [N, C, *] with 1 to 3 spatial axes", to_string(x.shape()));
  const Integers stride = c.integers("strides").value_or(Integers(axes, 1));
  const Integers dilation = c.integers("dilations").value_or(Integers(axes, 1));
  if (stride.size() != axes || dilation.size() != axes) c.fail(fmt::format("{} strides and dilations", axes), "others");
  const Cut cut = cut_of(c, x, kernel, stride, dilation);
  const ConvTransposeOptions options{.stride = per_axis(stride),
                                     .padding = Padding::asymmetric(per_axis(cut.low), per_axis(cut.high)),
                                     .output_padding = per_axis(cut.more),
                                     .dilation = per_axis(dilation),
                                     .groups = c.integer("group", 1)};
  if (axes == 1) return conv_transpose1d(x, weight, c.maybe(2), options);
  return axes == 2 ? conv_transpose2d(x, weight, c.maybe(2), options)
                   : conv_transpose3d(x, weight, c.maybe(2), options);
}

// clang-format off
constexpr LoadRule kRules[] = {
    {"Conv", convolution, "auto_pad dilations group kernel_shape pads strides"},
    {"ConvTranspose", transposed_convolution, "auto_pad dilations group kernel_shape output_padding output_shape pads strides"},
    {"Det", [](NodeCall& c) { return det(c.in()); }},
    {"Einsum", [](NodeCall& c) { return einsum(c.text("equation"), c.all_inputs()); }, "equation"},
    {"Gemm", gemm, "alpha beta transA transB"},
    {"MatMul", product},
};
// clang-format on

}  // namespace

std::span<const LoadRule> load_product_rules() { return kRules; }

}  // namespace gradus::onnx

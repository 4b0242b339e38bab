#pragma once

#include "gradus/graph/arg.h"
#include "gradus/ops/spatial.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

struct ConvOptions {
  PerAxis stride = 1;
  Padding padding = 0;
  PerAxis dilation = 1;     // distance between the elements that a kernel touches
  std::int64_t groups = 1;  // parts of the channels that don't mix
};

/// The convolution of deep learning (a cross-correlation), plus a bias for each channel.
///   value     y[n, o, p] = bias[o] + sum_c sum_k weight[o, c, k] x[n, c, p stride + k dilation - low],
///             low the padding in front
///   shapes    x [N, C, *] or [C, *] with 1, 2 or 3 spatial axes; weight [O, C / groups, *kernel]; bias [O] or
///             undefined; y [N, O, *] with (size + low + high - dilation (kernel - 1) - 1) / stride + 1, rounded
///             down, along each spatial axis, high the padding behind
///   errors    ShapeError if these don't fit, or the kernel reaches beyond the padded input; ArgumentError
///             for a stride, dilation or number of groups below 1, a padding below 0, or `same` with a
///             stride; DTypeError unless all are of one floating dtype
///   source    Dumoulin and Visin 2016, arXiv:1603.07285
Tensor conv1d(Arg x, const Tensor& weight, const Tensor& bias = {}, const ConvOptions& = {});
Tensor conv2d(Arg x, const Tensor& weight, const Tensor& bias = {}, const ConvOptions& = {});
Tensor conv3d(Arg x, const Tensor& weight, const Tensor& bias = {}, const ConvOptions& = {});

struct ConvTransposeOptions {
  PerAxis stride = 1;
  Padding padding = 0;         // of the convolution whose gradient this is: cut off from the result
  PerAxis output_padding = 0;  // more elements behind, which a stride leaves open
  PerAxis dilation = 1;
  std::int64_t groups = 1;
};

/// The transposed convolution: what conv computes as the gradient of its input, plus a bias.
///   shapes    x [N, C, *] or [C, *]; weight [C, O / groups, *kernel]; bias [O] or undefined; y [N, O, *] with
///             (size - 1) stride - low - high + dilation (kernel - 1) + output_padding + 1 along each axis
///   errors    as conv; ArgumentError for padding `same`, or unless output_padding is below stride or dilation
Tensor conv_transpose1d(Arg x, const Tensor& weight, const Tensor& bias = {}, const ConvTransposeOptions& = {});
Tensor conv_transpose2d(Arg x, const Tensor& weight, const Tensor& bias = {}, const ConvTransposeOptions& = {});
Tensor conv_transpose3d(Arg x, const Tensor& weight, const Tensor& bias = {}, const ConvTransposeOptions& = {});

struct UnfoldOptions {
  PerAxis stride = 1;
  PerAxis padding = 0;
  PerAxis dilation = 1;
};

/// The patches that a kernel sees, one a column.
///   shapes    x [N, C, *] with 1 to 3 spatial axes; y [N, C prod(kernel), L], L the number of patches
///   errors    as conv
Tensor unfold(Arg x, const PerAxis& kernel, const UnfoldOptions& = {});
/// The adjoint of unfold: columns added up where their patches lie in an image of `size`.
///   shapes    x [N, C prod(kernel), L]; y [N, C, *size]; size gives the number of spatial axes
Tensor fold(Arg x, const Shape& size, const PerAxis& kernel, const UnfoldOptions& = {});

}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// What batch_norm gives. `mean` and `var` (with divisor n - 1, for running statistics) are those of the
/// batch, one a channel; they take no gradient.
struct BatchNormResult {
  Tensor y, mean, var;
};

/// Batch normalisation over every dimension but the second, with the statistics of the batch.
///   value     y = weight (x - mean) / sqrt(var + eps) + bias, var with divisor n
///   shapes    x [N, C, *], weight and bias [C] or undefined for 1 and 0, y like x, mean and var [C]
///   gradient  through mean and variance too
///   errors    ShapeError if x has no second dimension, weight or bias is not [C]; DTypeError unless all are of
///             one floating dtype; ArgumentError if a channel has fewer than 2 values, or eps < 0
///   source    Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1
BatchNormResult batch_norm(Arg x, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);

/// The same with given statistics [C]: running ones, in evaluation.
Tensor batch_norm_eval(Arg x,
                       const Tensor& mean,
                       const Tensor& var,
                       const Tensor& weight = {},
                       const Tensor& bias = {},
                       double eps = 1e-5);

/// Normalisation of each sample over its last dimensions.
///   value     y = weight (x - mean) / sqrt(var + eps) + bias, mean and var (with divisor n) over these dimensions
///   shapes    x [*, *normalized]; weight and bias [*normalized] or undefined for 1 and 0; y like x
///   gradient  through mean and variance too
///   errors    ShapeError if x doesn't end in `normalized`, or that is empty, or weight or bias is not like it;
///             DTypeError unless all are of one floating dtype; ArgumentError if eps < 0
///   source    Ba, Kiros & Hinton 2016, arXiv:1607.06450
Tensor layer_norm(
    Arg x, const Shape& normalized, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);

/// layer_norm without mean and bias: y = weight x / sqrt(mean(x^2) + eps).
///   source    Zhang & Sennrich 2019, arXiv:1910.07467
Tensor rms_norm(Arg x, const Shape& normalized, const Tensor& weight = {}, double eps = 1e-5);

/// Normalisation of each sample over groups of neighbouring channels and all spatial positions.
///   shapes    x [N, C, *]; weight and bias [C] or undefined; y like x
///   errors    as layer_norm; ShapeError unless groups divide C; ArgumentError if groups < 1
///   source    Wu & He 2018, arXiv:1803.08494
Tensor group_norm(Arg x, std::int64_t groups, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);

/// group_norm with a group for each channel.
///   source    Ulyanov et al. 2016, arXiv:1607.08022
Tensor instance_norm(Arg x, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);

struct LocalResponseOptions {
  double alpha = 1e-4, beta = 0.75, k = 1;
};

/// Each element divided by what its neighbours across `size` channels sum up to.
///   value     y = x / (k + alpha mean x^2)^beta, the mean over size / 2 channels before and (size - 1) / 2 behind,
///             with zeros beyond the ends
///   shapes    x [N, C, *], y like x
///   errors    ShapeError if x has no second dimension; ArgumentError if size < 1
///   source    Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks", 3.3
Tensor local_response_norm(Arg x, std::int64_t size, const LocalResponseOptions& = {});

/// Positive numbers that add up to 1 along an axis.
///   value     y = exp(x) / sum exp(x), without overflow; exactly 0 where x is -inf
///   gradient  y (g - sum g y)
///   errors    IndexError for an axis out of range; DTypeError unless x is floating
Tensor softmax(Arg x, std::int64_t axis);

/// The logarithm of softmax, without its loss of digits.
///   value     y = x - log sum exp(x)
///   gradient  g - exp(y) sum g
///   errors    as softmax
Tensor log_softmax(Arg x, std::int64_t axis);

}  // namespace gradus
GRADUS_EXPORT_END

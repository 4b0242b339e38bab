#pragma once

#include "gradus/graph/arg.h"

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
BatchNormResult batch_norm(Arg x,
                           const Tensor& weight = {},
                           const Tensor& bias = {},
                           double eps = 1e-5);

/// The same with given statistics [C]: running ones, in evaluation.
Tensor batch_norm_eval(Arg x,
                       const Tensor& mean,
                       const Tensor& var,
                       const Tensor& weight = {},
                       const Tensor& bias = {},
                       double eps = 1e-5);

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

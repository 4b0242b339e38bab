#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

namespace gradus {

// Activation functions; tanh, sigmoid and softplus are in elementwise.h. NaN gives NaN.
//   errors    DTypeError unless x is float32 or float64

/// max(x, 0); the gradient at 0 is 0.
Tensor relu(Arg x);
/// x where x > 0, else negative_slope x; the gradient at 0 is negative_slope.
Tensor leaky_relu(Arg x, double negative_slope = 0.01);
/// leaky_relu with a learnt slope.
///   shapes    weight [C] with C the size of dimension 1 of x, or one element; y like x
///   errors    ShapeError for another weight
///   source    He et al. 2015, arXiv:1502.01852
Tensor prelu(Arg x, const Tensor& weight);
/// x where x > 0, else alpha (e^x - 1); the gradient at 0 is alpha.
///   source    Clevert et al. 2016, arXiv:1511.07289
Tensor elu(Arg x, double alpha = 1);
/// The largest of each group of `pieces` neighbours along an axis, whose size is divided by `pieces`. Equal
/// elements share the gradient.
///   errors    ArgumentError if pieces < 1; ShapeError unless it divides the axis; IndexError for the axis
///   source    Goodfellow et al. 2013, arXiv:1302.4389
Tensor maxout(Arg x, std::int64_t pieces, std::int64_t axis = -1);

}  // namespace gradus

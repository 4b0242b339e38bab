#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
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

/// How gelu's normal distribution is computed: by erf, or by tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
enum class Approximate : std::uint8_t { none, tanh };

/// x times the standard normal distribution function at x.
///   source    Hendrycks and Gimpel 2016, arXiv:1606.08415
Tensor gelu(Arg x, Approximate approximate = Approximate::none);
/// x sigmoid(x), also called swish.
///   source    Elfwing et al. 2017, arXiv:1702.03118
Tensor silu(Arg x);
/// x tanh(softplus(x))
///   source    Misra 2019, arXiv:1908.08681
Tensor mish(Arg x);
/// 1.0507 (x where x > 0, else 1.6733 (e^x - 1)): layers of it keep mean 0 and variance 1.
///   source    Klambauer et al. 2017, arXiv:1706.02515
Tensor selu(Arg x);
/// x where x > 0, else alpha (e^(x / alpha) - 1): a smooth elu.
///   errors    ArgumentError unless alpha > 0
///   source    Barron 2017, arXiv:1704.07483
Tensor celu(Arg x, double alpha = 1);
/// x / (1 + |x|)
Tensor softsign(Arg x);
/// log(sigmoid(x)), accurate for any x.
Tensor log_sigmoid(Arg x);
/// x - tanh(x)
Tensor tanhshrink(Arg x);
/// 0 below -3, 1 above 3 and x / 6 + 1/2 between.
///   gradient  0 at the ends; its 1/6 is that of float32 in float64 too (3e-8 too large), as in PyTorch, so that
///             models trained there give the same numbers here
Tensor hardsigmoid(Arg x);
/// x hardsigmoid(x); the gradient at -3 is -1/2, at 3 it is 3/2.
///   source    Howard et al. 2019, arXiv:1905.02244
Tensor hardswish(Arg x);
/// x, or the bound it lies beyond; the gradient at the bounds is 0.
///   errors    ArgumentError if min > max
Tensor hardtanh(Arg x, double min = -1, double max = 1);
/// hardtanh from 0 to 6.
Tensor relu6(Arg x);
/// x where x > limit, else value.
Tensor threshold(Arg x, double limit, double value);
/// x moved towards 0 by lambda, and 0 from -lambda to lambda, where the gradient is 0.
///   errors    ArgumentError if lambda < 0
Tensor softshrink(Arg x, double lambda = 0.5);
/// x, and 0 from -lambda to lambda, where the gradient is 0.
///   errors    ArgumentError if lambda < 0
Tensor hardshrink(Arg x, double lambda = 0.5);
/// a sigmoid(b), a and b being the halves of x along the axis.
///   errors    ShapeError unless the axis has an even size; IndexError for the axis
///   source    Dauphin et al. 2017, arXiv:1612.08083
Tensor glu(Arg x, std::int64_t axis = -1);
/// softmax(-x)
Tensor softmin(Arg x, std::int64_t axis);

}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#include "gradus/graph/arg.h"
#include "gradus/tensor/random.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

/// Inverted dropout: in training, elements are set to 0 with probability p and the others divided by
/// 1 - p; otherwise x itself.
///   gradient  flows through the elements kept, with the same factor
///   errors    ArgumentError unless 0 <= p <= 1; DTypeError unless x is floating
///   source    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting"
Tensor dropout(Arg x, double p = 0.5, bool training = true, Generator& generator = default_generator());

/// dropout of whole channels.
///   shapes    x [N, C, *]
///   errors    as dropout; ShapeError if x has no second dimension
///   source    Tompson et al. 2014, arXiv:1411.4280
Tensor feature_dropout(Arg x, double p = 0.5, bool training = true, Generator& generator = default_generator());
/// dropout for selu: elements dropped become its limit at -infinity, and the result keeps mean and variance.
///   source    Klambauer et al. 2017, arXiv:1706.02515
Tensor alpha_dropout(Arg x, double p = 0.5, bool training = true, Generator& generator = default_generator());

/// leaky_relu with a slope that is drawn for each element in training, uniform in [lower, upper), and is their mean
/// in evaluation; x itself above 0, where no slope counts. At 0 the gradient is the slope.
///   errors    ArgumentError unless lower <= upper and both are finite; DTypeError unless x is floating
///   source    Xu et al. 2015, arXiv:1505.00853
Tensor rrelu(Arg x,
             double lower = 1.0 / 8,
             double upper = 1.0 / 3,
             bool training = true,
             Generator& generator = default_generator());

/// 1 with probability p[i], else 0; takes no gradient.
///   errors    ArgumentError for a p outside of 0..1; DTypeError unless p is floating
Tensor bernoulli(Arg p, Generator& generator = default_generator());

// Samples that can be differentiated with respect to their parameters, by Kingma & Welling 2013,
// arXiv:1312.6114, section 2.4. The two broadcast together.

/// mean + std e with e from the standard normal distribution.
Tensor normal(Arg mean, const Tensor& std, Generator& generator = default_generator());
/// low + (high - low) u with u uniform in [0, 1).
Tensor uniform(Arg low, const Tensor& high, Generator& generator = default_generator());

/// n draws for each row of weights, which need not add up to 1; int64, no gradient.
///   shapes    weights [*, C], y [*, n]
///   errors    ArgumentError if n < 1, for a weight that is negative or not finite, or without replacement for a
///             row with fewer than n weights above 0
Tensor multinomial(Arg weights, std::int64_t n, bool replacement = false, Generator& generator = default_generator());

}  // namespace gradus
GRADUS_EXPORT_END

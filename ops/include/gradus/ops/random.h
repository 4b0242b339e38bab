#pragma once

#include "gradus/graph/arg.h"
#include "gradus/tensor/random.h"

namespace gradus {

/// Inverted dropout: in training, elements are set to 0 with probability p and the others divided by
/// 1 - p; otherwise x itself.
///   gradient  flows through the elements kept, with the same factor
///   errors    ArgumentError unless 0 <= p <= 1; DTypeError unless x is floating
///   source    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting"
Tensor dropout(Arg x,
               double p = 0.5,
               bool training = true,
               Generator& generator = default_generator());

}  // namespace gradus

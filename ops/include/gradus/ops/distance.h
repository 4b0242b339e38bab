#pragma once

#include "gradus/graph/arg.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

/// The p-norms of the differences of all pairs of vectors, one of a and one of b.
///   value     y[i, j] = (sum_k |a[i, k] - b[j, k]|^p)^(1/p); the largest |a - b| for p = infinity, the number of
///             elements that differ for p = 0
///   shapes    a [*, P, D], b [*, R, D], y [*, P, R]; the leading dimensions broadcast
///   gradient  0 where two vectors are equal, and 0 along elements that are; infinite p share it among equal elements
///   errors    ShapeError if these don't fit; DTypeError unless both are of one floating dtype; ArgumentError unless
///             p >= 0
Tensor cdist(Arg a, const Tensor& b, double p = 2);
/// Those of all pairs of rows i < j of one matrix, in the order (0, 1), (0, 2), …, (1, 2), ….
///   shapes    x [N, D], y [N (N - 1) / 2]
Tensor pdist(Arg x, double p = 2);

}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

// Distances |u - v|_p between the rows of a [batch, rows, width] and of b [batch, others, width]: y [batch, rows,
// others].
// p is 0 (the number of unequal elements), positive or infinite. T is float or double.

#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// a is [batch, rows, width], b [batch, others, width] and y, their distances, [batch, rows, others].
struct DistanceSizes {
  std::int64_t batch, rows, others, width;
};

/// Scaled where squares or powers would leave the range.
template <class T>
void distances(const DistanceSizes& sizes, double p, const T* a, const T* b, T* y);

/// da = sum over the others of g d|u - v|_p / du, 0 where that is not unique; y are the distances. `transposed`: y and
/// g are [batch, others, rows], as the gradient of the other side needs them.
template <class T>
void distances_gradient(
    const DistanceSizes& sizes, double p, bool transposed, const T* a, const T* b, const T* y, const T* g, T* da);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

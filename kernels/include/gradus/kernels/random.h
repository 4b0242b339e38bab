#pragma once

#include "gradus/tensor/export.h"
#include "gradus/tensor/random.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// y_i = x_i factor_i for n elements, with factors 1 / (1 - p) at a chance of 1 - p, else 0. Element i has word i % 4 of the
/// generator's block i / 4, whatever the number of threads. T is float or double.
template <class T>
void dropout(const Generator& generator, double p, std::int64_t n, const T* x, T* y, T* factors);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

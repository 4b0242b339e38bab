#pragma once

#include "gradus/tensor/export.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <span>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

// Element i has word i % 4 of the generator's block i / 4, whatever the number of threads. T is float or double.

/// y_i = 1 at a chance of p_i, else 0.
template <class T>
void bernoulli(const Generator& generator, std::int64_t n, const T* p, T* y);
/// y_i = x_i factor_i, with factors 1 / (1 - p) at a chance of 1 - p, else 0.
template <class T>
void dropout(const Generator& generator, double p, std::int64_t n, const T* x, T* y, T* factors);

/// Places of `weights`, each at a chance of its share in them: `n` of them, one after the other. Without replacement a
/// weight is 0 once it is drawn. There are weights above 0 for as long as one is drawn.
void draw(Generator& generator, std::span<double> weights, bool replacement, std::int64_t n, std::int64_t* places);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

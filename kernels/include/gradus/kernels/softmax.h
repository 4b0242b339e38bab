#pragma once

// softmax and its logarithm along lines, logsumexp of rows. T is float or double; y or dx may not overlap what is read.

#include "gradus/kernels/lines.h"
#include "gradus/tensor/export.h"

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// y_i = exp(x_i - m) / sum_j exp(x_j - m), m being the line's largest element; with `log` (x_i - m) - log(sum_j
/// exp(x_j - m)).
template <class T>
void softmax(const Lines& lines, bool log, const T* x, T* y);
/// dx_i = y_i (g_i - sum_j g_j y_j); with `log` g_i - exp(y_i) sum_j g_j.
template <class T>
void softmax_gradient(const Lines& lines, bool log, const T* g, const T* y, T* dx);

/// y = m + log(sum_i exp(x_i - m)) for rows [rows, n], given in y their largest elements m; what is not finite stays.
template <class T>
void logsumexp(std::int64_t rows, std::int64_t n, const T* x, T* y);
/// dx_i = g exp(x_i - y), 0 where y is -inf.
template <class T>
void logsumexp_gradient(std::int64_t rows, std::int64_t n, const T* g, const T* x, const T* y, T* dx);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

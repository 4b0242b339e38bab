#pragma once

// Scans: what comes of the elements of each line so far. They start at its first element or, reversed, at its last.
// Carried in double, and for int64 modulo 2^64. T is float or double, and std::int64_t where it says numbers.

#include "gradus/kernels/lines.h"
#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// y_i = y_(i-1) + x_i. Numbers.
template <class T>
void cumulative_sum(const Lines& lines, bool reverse, const T* x, T* y);
/// y_i = factor_i y_(i-1) + term_i, the first being term_i. Numbers.
template <class T>
void linear_recurrence(const Lines& lines, bool reverse, const T* factors, const T* terms, T* y);
/// y_i = log(exp y_(i-1) + exp x_i)
template <class T>
void cumulative_logsumexp(const Lines& lines, const T* x, T* y);
/// Where in its line the largest (or smallest) element so far stands, the last of equal ones; a NaN is passed by none.
/// Numbers.
template <class T>
void cumulative_extreme(const Lines& lines, bool largest, const T* x, std::int64_t* places);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

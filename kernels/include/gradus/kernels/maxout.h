#pragma once

// The largest of groups of neighbours along lines; see Goodfellow et al. 2013, arXiv:1302.4389.

#include "gradus/kernels/lines.h"
#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// y [groups] = the largest of each group of `pieces` elements of x, whose lines are `pieces` times as long as those of
/// y. NaN counts as largest. T is float, double, int64 or bool.
template <class T>
void maxout(const Lines& groups, std::int64_t pieces, const T* x, T* y);
/// dx = g / count for each of the `count` elements of a group that are y, 0 for the others. T is float or double.
template <class T>
void maxout_gradient(const Lines& groups, std::int64_t pieces, const T* x, const T* y, const T* g, T* dx);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

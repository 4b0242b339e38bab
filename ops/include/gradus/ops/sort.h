#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus {

// Elements in order along an axis. NaN counts as larger than every number, equal elements keep their
// order. Gradients flow to the elements chosen.
//   errors    IndexError for an axis out of range

/// Elements and where they stand along the axis, int64.
struct Sorted {
  Tensor values, indices;
};

/// All elements, the smallest first or, `descending`, the largest.
Sorted sort(Arg x, std::int64_t axis = -1, bool descending = false);
/// Where they stand.
Tensor argsort(Arg x, std::int64_t axis = -1, bool descending = false);
/// The k largest, or smallest, elements in order from that end.
///   errors    ArgumentError unless k is in 0..n
Sorted topk(Arg x, std::int64_t k, std::int64_t axis = -1, bool largest = true);
/// The k-th smallest element, k from 1.
///   errors    ArgumentError unless k is in 1..n
Sorted kthvalue(Arg x, std::int64_t k, std::int64_t axis = -1, bool keepdim = false);
/// The middle element, the lower of two; NaN if there is one.
///   errors    ArgumentError over no elements
Sorted median(Arg x, std::int64_t axis, bool keepdim = false);
/// That of all elements.
Tensor median(Arg x);
/// The value at q (n - 1) of the n sorted elements, linear between two; NaN if there is one. Floating only.
///   errors    ArgumentError unless q is in 0..1, or over no elements
Tensor quantile(Arg x, double q, std::int64_t axis, bool keepdim = false);
/// That of all elements.
Tensor quantile(Arg x, double q);

}  // namespace gradus
GRADUS_EXPORT_END

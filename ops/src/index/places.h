#pragma once

// Indices as arguments.

#include "family.h"

namespace gradus::detail {

/// DTypeError unless it is int64.
void check_index(const char* op, const Tensor& index, CallSite site);
/// An int64 index without gaps, counted from the front. IndexError unless all is in lowest … n - 1.
Tensor places(const char* op, const Tensor& index, std::int64_t lowest, std::int64_t n);
inline Tensor places(const char* op, const Tensor& index, std::int64_t n) { return places(op, index, -n, n); }
/// For an op that writes `source` to x at an index along an axis. ShapeError unless the index is no larger than the
/// source and, but for the axis, than x.
void check_writes(const char* op, const Tensor& x, int axis, const Tensor& index, const Tensor& source, CallSite site);

}  // namespace gradus::detail

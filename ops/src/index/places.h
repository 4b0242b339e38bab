#pragma once

// Indices as arguments.

#include "family.h"

namespace gradus::detail {

/// DTypeError unless it is int64.
void check_index(const char* op, const Tensor& index, CallSite site);
/// An int64 index without gaps, counted from the front. IndexError unless all is in lowest … n - 1.
Tensor places(const char* op, const Tensor& index, std::int64_t lowest, std::int64_t n);
inline Tensor places(const char* op, const Tensor& index, std::int64_t n) {
  return places(op, index, -n, n);
}

}  // namespace gradus::detail

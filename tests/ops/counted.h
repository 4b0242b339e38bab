#pragma once

#include "checks.h"

#include <gradus/ops/shape.h>

#include <vector>

namespace gradus::ops_test {

using Ints = std::vector<std::int64_t>;

inline Ints ints(const Tensor& x) { return x.to_vector<std::int64_t>(); }
/// 0, 1, 2, … in row-major order.
inline Tensor count(const Shape& shape, DType dtype = float32) { return reshape(arange(shape.numel(), dtype), shape); }
inline bool share_storage(const Tensor& a, const Tensor& b) { return a.raw()->storage == b.raw()->storage; }

}  // namespace gradus::ops_test

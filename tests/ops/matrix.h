#pragma once

#include "expect.h"

#include <gradus/ops/shape.h>

namespace gradus {

inline Tensor identity(std::int64_t n) { return eye(n, -1, float64); }
inline Tensor matrix(const std::vector<double>& rows, std::int64_t n) { return reshape(values(rows), {-1, n}); }

}  // namespace gradus

#pragma once

#include "gradus/tensor/tensor.h"

#include <cstddef>

namespace gradus::detail {

/// A contiguous tensor with any values. ShapeError, named by `op`, for negative sizes and where memory
/// does not hold so many elements.
Tensor make_tensor(const char* op, const Shape& shape, DType dtype, CallSite site);

/// Whether elements lie one after another in row-major order.
bool is_row_major(const Shape& sizes, const Shape& strides);

/// Among `bytes` of a Storage: its data are somebody else's (gradus/tensor/foreign.h).
inline constexpr std::size_t kForeign = std::size_t{1} << 63;
void end_foreign(Storage& storage) noexcept;

}  // namespace gradus::detail

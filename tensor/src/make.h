#pragma once

#include "gradus/tensor/tensor.h"

namespace gradus::detail {

/// A contiguous tensor with any values. ShapeError, named by `op`, for negative sizes and where memory
/// does not hold so many elements.
Tensor make_tensor(const char* op, const Shape& shape, DType dtype, CallSite site);

}  // namespace gradus::detail

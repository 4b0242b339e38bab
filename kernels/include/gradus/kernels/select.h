#pragma once

#include "gradus/tensor/export.h"
#include "gradus/tensor/tensor.h"

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// y_i = condition_i ? a_i : b_i; all of one shape, broadcast ones with strides of 0. The condition is bool.
Tensor select(const Tensor& condition, const Tensor& a, const Tensor& b);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

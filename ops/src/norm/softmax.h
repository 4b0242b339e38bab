#pragma once

#include "gradus/ops/registry.h"

namespace gradus::detail {

/// The values of softmax and log_softmax: dense, nothing recorded. x is floating.
Tensor softmax_values(const Tensor& x, int axis);
Tensor log_softmax_values(const Tensor& x, int axis);

OpEntry softmax_entry();
OpEntry log_softmax_entry();

}  // namespace gradus::detail

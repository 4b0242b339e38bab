#pragma once

#include "gradus/train/rule.h"

namespace gradus::train {

/// Figures of inputs [N, …] by feature: of an element of a row, or with channels [N, C, H, W] of a channel.
InputsSeen look_at_inputs(const Tensor& inputs);

}  // namespace gradus::train

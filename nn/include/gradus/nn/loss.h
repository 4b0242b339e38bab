#pragma once

#include "gradus/ops/loss.h"

namespace gradus::nn {

// Losses are ops; here they stand under the name that users of other libraries look for.
using gradus::bce_with_logits;
using gradus::cross_entropy;
using gradus::l1_loss;
using gradus::mse_loss;
using gradus::nll_loss;

}  // namespace gradus::nn

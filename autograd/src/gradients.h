#pragma once

#include "gradus/autograd/functional.h"

namespace gradus::detail {

/// The gradients of several results for given cotangents; results that require none add nothing.
std::vector<Tensor> gradients(std::span<const Tensor> ys,
                              std::span<const Tensor> xs,
                              std::span<const Tensor> cotangents,
                              BackwardOptions options,
                              CallSite site);

/// The same where the tape up to node `start` is not looked at: each x counts as a leaf. Undefined where
/// nothing reached an x, or it requires no gradient.
Cotangents gradients_since(std::uint64_t start,
                           std::span<const Tensor> ys,
                           std::span<const Tensor> xs,
                           std::span<const Tensor> cotangents,
                           BackwardOptions options);

/// True for the op of `checkpoint`, whose rule runs other ops and rules.
bool is_checkpoint(const OpClass& op);

}  // namespace gradus::detail

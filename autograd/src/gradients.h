#pragma once

#include "gradus/autograd/functional.h"

namespace gradus::detail {

/// The gradients of several results for given cotangents; results that require none add nothing.
std::vector<Tensor> gradients(std::span<const Tensor> ys,
                              std::span<const Tensor> xs,
                              std::span<const Tensor> cotangents,
                              BackwardOptions options,
                              CallSite site);

}  // namespace gradus::detail

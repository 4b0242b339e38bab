#pragma once

#include "gradus/autograd/functional.h"

namespace gradus::detail {

/// An argument of a function that is differentiated: the same values, as a tensor of its own that requires a
/// gradient. What flows to it is told from what flows to `x` used besides. With `outer`, and if x is on the
/// tape, it flows on to x.
Tensor fresh_argument(const Tensor& x, bool outer, CallSite site);

/// The gradients of sum_k <cotangents[k], ys[k]> with each x held apart from the others: what flows to one does
/// not go on to what it was made from. The tape up to node `start` is not looked at. Undefined where nothing
/// reached an x, or it requires no gradient; ys that require none add nothing.
Cotangents partial_gradients(std::uint64_t start,
                             std::span<const Tensor> ys,
                             std::span<const Tensor> xs,
                             std::span<const Tensor> cotangents,
                             BackwardOptions options);

/// True if anything but the known tensors (and what is behind those) requires a gradient from y: other leaves,
/// or the tape up to node `start`.
bool reaches_others(const Tensor& y, std::span<const Tensor> known, std::uint64_t start);

/// Gives each result memory of its own: copies those that share theirs, or are views.
void make_own(std::span<Tensor> results);

/// True for the op of `checkpoint`, whose rule runs other ops and rules.
bool is_checkpoint(const OpClass& op);

}  // namespace gradus::detail

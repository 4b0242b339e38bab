#pragma once

#include "gradus/graph/node.h"

#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

struct BackwardOptions {
  /// Keeps saved tensors, so that another pass may follow. Implied by create_graph.
  bool retain_graph = false;
  /// Records the pass itself, so that its results can be differentiated. With `backward` a leaf's gradient
  /// then holds the tape that holds the leaf: zero_grad the leaf when done, or nothing of it is freed.
  bool create_graph = false;
};

/// Adds the gradient of `y` to each leaf it was made from.
///   value     leaf gradient += (dy/dleaf)^T cotangent; the cotangent is 1 if left out
///   errors    GradientError if y requires no gradient, if y has more than one element and no cotangent
///             is given, if the graph's saved tensors were used up or changed; ShapeError or DTypeError if
///             the cotangent is not like y. On any error no leaf's gradient has changed.
void backward(Arg y, const Tensor& cotangent = {}, BackwardOptions options = {});
inline void backward(Arg y, BackwardOptions options) { backward(y, {}, options); }

/// The gradients of `y` with respect to `xs`, leaves or results of ops on the way; leaves keep theirs.
///   value     (dy/dx)^T cotangent for each x; zeros where y doesn't depend on x
///   errors    as backward; GradientError if an x requires no gradient
std::vector<Tensor> grad(Arg y,
                         std::span<const Tensor> xs,
                         const Tensor& cotangent = {},
                         BackwardOptions options = {});
inline std::vector<Tensor> grad(Arg y,
                                std::initializer_list<Tensor> xs,
                                const Tensor& cotangent = {},
                                BackwardOptions options = {}) {
  return grad(y, std::span(xs.begin(), xs.size()), cotangent, options);
}
inline Tensor grad(Arg y,
                   const Tensor& x,
                   const Tensor& cotangent = {},
                   BackwardOptions options = {}) {
  return grad(y, std::span(&x, 1), cotangent, options)[0];
}

/// One pass from several results at once: the gradients of sum_k <cotangents[k], ys[k]>.
std::vector<Tensor> grad(std::span<const Tensor> ys,
                         std::span<const Tensor> xs,
                         std::span<const Tensor> cotangents,
                         BackwardOptions options = {},
                         CallSite site = CallSite::here());

namespace detail {

/// True if leaves other than the known tensors (and what is behind those) require a gradient from y.
bool reaches_other_leaves(const Tensor& y, std::span<const Tensor> known);

}  // namespace detail

/// The derivative of a function of one tensor as a function: `grad(f)(x)`. Can be differentiated further
/// with respect to all that requires a gradient, what `f` uses besides `x` included: `grad(grad(f))` works
/// where results have one element.
template <class F>
  requires std::is_invocable_r_v<Tensor, F, const Tensor&>
auto grad(F f) {
  return [f = std::move(f)](const Tensor& x) {
    const bool recording = is_recording(), outer = recording && requires_grad(x);
    const RecordingGuard on(true);
    const Tensor at = outer ? x : leaf(detach(x));
    const Tensor y = f(at);
    const bool further = outer || (recording && detail::reaches_other_leaves(y, {&at, 1}));
    return grad(y, at, {}, {.create_graph = further});
  };
}

}  // namespace gradus
GRADUS_EXPORT_END

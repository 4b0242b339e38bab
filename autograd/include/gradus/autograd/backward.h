#pragma once

#include "gradus/graph/node.h"

#include <functional>
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
///   value     (dy/dx)^T cotangent for each x; zeros where y doesn't depend on x. Total derivatives: an x
///             made from another x passes on what it gets
///   memory    each result has its own, and may be changed in place. Not with create_graph, where results are
///             part of the tape and may share memory with each other and with the cotangent
///   errors    as backward; GradientError if an x requires no gradient
std::vector<Tensor> grad(Arg y, std::span<const Tensor> xs, const Tensor& cotangent = {}, BackwardOptions options = {});
inline std::vector<Tensor> grad(Arg y,
                                std::initializer_list<Tensor> xs,
                                const Tensor& cotangent = {},
                                BackwardOptions options = {}) {
  return grad(y, std::span(xs.begin(), xs.size()), cotangent, options);
}
inline Tensor grad(Arg y, const Tensor& x, const Tensor& cotangent = {}, BackwardOptions options = {}) {
  return grad(y, std::span(&x, 1), cotangent, options)[0];
}

/// One pass from several results at once: the gradients of sum_k <cotangents[k], ys[k]>.
std::vector<Tensor> grad(std::span<const Tensor> ys,
                         std::span<const Tensor> xs,
                         std::span<const Tensor> cotangents,
                         BackwardOptions options = {},
                         CallSite site = CallSite::here());

namespace detail {
Tensor derivative(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, CallSite site);
}

/// The derivative of a function of one tensor (of one element) as a function: `grad(f)(x)`. `grad(grad(f))`
/// works where results have one element. See functional.h for what can be differentiated further.
template <class F>
  requires std::is_invocable_r_v<Tensor, F, const Tensor&>
auto grad(F f) {
  return [f = std::move(f)](const Tensor& x, CallSite site = CallSite::here()) {
    return detail::derivative(std::cref(f), x, site);
  };
}

}  // namespace gradus
GRADUS_EXPORT_END

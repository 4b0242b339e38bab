#pragma once

#include "gradus/autograd/functional.h"

#include <cstdint>
#include <functional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

struct ScanOptions {
  /// Steps, where there are no xs; else that of the xs.
  std::int64_t length = -1;
  /// From the last x to the first; ys stand beside their xs.
  bool reverse = false;
  /// Keeps of each so many steps the first carry only, and evaluates the others once more in the backward pass;
  /// 0 keeps all.
  std::int64_t checkpoint_every = 0;
  /// Over 1: a body that was recorded is called for each so many-th step and the last only, and what it does there must
  /// be what it did in the first: faster, for a function that does the same at every step. What it would have done
  /// otherwise in the steps between is not seen.
  std::int64_t compare_every = 1;
};

/// What a scan, or a step of it, gives.
struct Scanned {
  std::vector<Tensor> carry, ys;
};

namespace detail {

using ScanBody = std::function<Scanned(std::span<const Tensor> carry, std::span<const Tensor> x)>;

Scanned scan(const ScanBody& body,
             std::span<const Tensor> carry,
             std::span<const Tensor> xs,
             const ScanOptions& options,
             CallSite site);

/// A pair of tensors or lists of tensors.
template <class R>
Scanned as_step(R result) {
  if constexpr (std::is_same_v<R, Scanned>) {
    return result;
  } else {
    auto& [carry, ys] = result;
    return {as_list(std::move(carry)), as_list(std::move(ys))};
  }
}

}  // namespace detail

/// Steps of a recurrence, one after the other: (carry, ys[t]) = body(carry, xs[t]).
///
///     auto [h, hs] = scan([&](const Tensor& h, const Tensor& x) {
///       const Tensor y = tanh(linear(x, w) + linear(h, u));
///       return std::pair(y, y);
///     }, h0, xs);
///
///   body      takes the carry and one x, each a span of tensors, and gives the next carry and a list of ys, of any
///             number each. It may use whatever else it likes; what it uses gets its gradients too. It is copied, and
///             called once for each step, in order (but see compare_every);
///             with checkpoint_every once more in the backward pass where it is a loop, as by `checkpoint`
///   carry     of the same shapes and dtypes at each step
///   xs        [T, ...] each, of one T; x is [...]. There may be none: then options.length is T
///   value     the last carry, and each y of all steps stacked: [T, ...]. If T is 0, the carry itself, and ys of the
///             shapes that the body gives for an x of zeros, unrecorded
///   tape      a body of products, functions of elements and views is recorded once and then runs on plain memory, on
///             the whole as one node; calls of the body are compared with the recording, op by op, and where one
///             differs (another branch, another number, a result kept elsewhere) the step is recorded as any other
///             code. So is a body with other ops from the beginning: it is a loop
///   errors    ArgumentError if there are neither xs nor a length, or both and they differ, or carry or ys change their
///             number; ShapeError or DTypeError if one of them changes its shape or dtype, or the xs have no common T;
///             GradientError if a later step than the first changes a tensor of its own in place
/// The interface is that of lax.scan in Bradbury et al., JAX, 2018.
template <class F>
  requires std::is_invocable_v<F&, std::span<const Tensor>, std::span<const Tensor>>
Scanned scan(F body,
             std::span<const Tensor> carry,
             std::span<const Tensor> xs,
             const ScanOptions& options = {},
             CallSite site = CallSite::here()) {
  return detail::scan(
      [body = std::move(body)](std::span<const Tensor> c, std::span<const Tensor> x) mutable {
        return detail::as_step(body(c, x));
      },
      carry,
      xs,
      options,
      site);
}
/// The same with one carry, one x and one y: gives the last carry, and all ys.
template <class F>
  requires std::is_invocable_v<F&, const Tensor&, const Tensor&>
std::pair<Tensor, Tensor> scan(
    F body, const Tensor& carry, const Tensor& xs, const ScanOptions& options = {}, CallSite site = CallSite::here()) {
  Scanned all = detail::scan(
      [body = std::move(body)](std::span<const Tensor> c, std::span<const Tensor> x) mutable {
        return detail::as_step(body(c[0], x[0]));
      },
      {&carry, 1},
      {&xs, 1},
      options,
      site);
  return {std::move(all.carry[0]), std::move(all.ys[0])};
}

}  // namespace gradus
GRADUS_EXPORT_END

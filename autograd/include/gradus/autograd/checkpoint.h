#pragma once

#include "gradus/autograd/functional.h"

#include <concepts>
#include <span>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {
namespace detail {

std::vector<Tensor> checkpoint(Function f, std::span<const Tensor> xs, CallSite site);

/// A function that owns what it calls.
template <class F>
Function owning_function_of(F f) {
  return [f = std::move(f)](std::span<const Tensor> xs) mutable { return function_of(f)(xs); };
}

}  // namespace detail

/// True while a checkpoint evaluates its function once more, so that what it counts or averages on the way
/// (running statistics) takes a batch in only once.
bool is_recomputing();

/// f(xs), of which only the inputs are kept: the backward pass evaluates f again. Trades a second forward for
/// the memory of what its ops save.
///
///     h = checkpoint([&](const Tensor& x) { return block(x); }, h);
///
///   f         takes a span of tensors, or tensors one by one, and gives one or several floating ones. What
///             else it uses (parameters) gets its gradients too. It is copied and called once more in each
///             backward pass, with the default generator as it was at the first call; it must give the same
///             then. May checkpoint parts of itself.
///   value     the same bits with or without; so are gradients, unless a tensor is used both inside and
///             outside, or in several checkpoints, three times or more: the sum of its parts is then grouped
///             differently
///   errors    GradientError if the second call uses other tensors or gives other shapes or types, or if a
///             tensor it uses has changed in place since; DTypeError if a result isn't floating;
///             ArgumentError if there are more results than kMostResults
/// Chen et al. 2016, "Training deep nets with sublinear memory cost".
template <class F>
std::vector<Tensor> checkpoint(F f, std::span<const Tensor> xs, CallSite site = CallSite::here()) {
  return detail::checkpoint(detail::owning_function_of(std::move(f)), xs, site);
}
/// The same with inputs one by one: gives a tensor where f does, else a list.
template <class F, std::convertible_to<const Tensor&>... Rest>
  requires std::is_invocable_v<F&, const Tensor&, const Rest&...>
auto checkpoint(F f, Arg first, const Rest&... rest) {
  const Tensor xs[] = {first.tensor, rest...};
  std::vector<Tensor> ys = detail::checkpoint(detail::owning_function_of(std::move(f)), xs, first.site);
  if constexpr (std::is_invocable_r_v<Tensor, F&, const Tensor&, const Rest&...>)
    return std::move(ys[0]);
  else
    return ys;
}

}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#include "gradus/autograd/backward.h"

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace gradus {
namespace detail {

/// Any function of tensors, seen without its type.
using Function = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

[[noreturn]] void fail_argument_count(std::size_t got);

template <class F, std::size_t... I>
constexpr bool takes_tensors(std::index_sequence<I...>) {
  return std::is_invocable_v<F&, decltype((void(I), std::declval<const Tensor&>()))...>;
}

template <class R>
std::vector<Tensor> as_list(R&& result) {
  if constexpr (std::is_convertible_v<R&&, Tensor>)
    return {Tensor(std::forward<R>(result))};
  else if constexpr (requires { result.begin(); })
    return std::vector<Tensor>(result.begin(), result.end());
  else
    return std::apply([](const auto&... y) { return std::vector<Tensor>{y...}; }, result);
}

/// `f` as a Function that refers to it. It may take tensors one by one (up to eight) or as one span, and
/// give a tensor, a range of them, a pair or a tuple.
template <class F>
Function function_of(F& f) {
  using std::make_index_sequence;
  constexpr auto counts = make_index_sequence<8>{};
  constexpr bool one_by_one = []<std::size_t... N>(std::index_sequence<N...>) {
    return (takes_tensors<F>(make_index_sequence<N + 1>{}) || ...);
  }
  (counts);
  if constexpr (!one_by_one) {
    return [&f](std::span<const Tensor> xs) { return as_list(f(xs)); };
  } else {
    return [&f, counts](std::span<const Tensor> xs) {
      std::vector<Tensor> ys;
      bool called = false;
      const auto attempt = [&]<std::size_t... I>(std::index_sequence<I...> arguments) {
        if constexpr (takes_tensors<F>(arguments)) {
          if (xs.size() != sizeof...(I)) return;
          ys = as_list(f(xs[I]...));
          called = true;
        }
      };
      [&]<std::size_t... N>(std::index_sequence<N...>) {
        (attempt(make_index_sequence<N + 1>{}), ...);
      }
      (counts);
      if (!called) fail_argument_count(xs.size());
      return ys;
    };
  }
}

using List = std::vector<Tensor>;
std::pair<Tensor, List> vjp(const Function& f,
                            std::span<const Tensor> xs,
                            const Tensor& cotangent,
                            CallSite site);
std::pair<Tensor, Tensor> jvp(const Function& f,
                              std::span<const Tensor> xs,
                              std::span<const Tensor> vs,
                              CallSite site);
List hvp(const Function& f, std::span<const Tensor> xs, std::span<const Tensor> vs, CallSite site);
Tensor jacobian(const Function& f, const Tensor& x, CallSite site);

}  // namespace detail

// Derivatives of functions at a point. `f` takes one tensor, several, or a span of them, and may use other
// tensors; results can be differentiated further with respect to all that require a gradient.
//   errors    ShapeError or DTypeError if a direction or cotangent is not like what it belongs to

/// f(x), and J(x)^T cotangent. Of several inputs those that aren't floating are constants (their gradient
/// is undefined).
template <class F>
std::pair<Tensor, Tensor> vjp(F&& f,
                              const Tensor& x,
                              const Tensor& cotangent,
                              CallSite site = CallSite::here()) {
  auto [y, dx] = detail::vjp(detail::function_of(f), {&x, 1}, cotangent, site);
  return {std::move(y), std::move(dx[0])};
}
template <class F>
std::pair<Tensor, std::vector<Tensor>> vjp(F&& f,
                                           std::span<const Tensor> xs,
                                           const Tensor& cotangent,
                                           CallSite site = CallSite::here()) {
  return detail::vjp(detail::function_of(f), xs, cotangent, site);
}

/// f(x), and J(x) v: how f changes along v.
template <class F>
std::pair<Tensor, Tensor> jvp(F&& f,
                              const Tensor& x,
                              const Tensor& v,
                              CallSite site = CallSite::here()) {
  return detail::jvp(detail::function_of(f), {&x, 1}, {&v, 1}, site);
}
template <class F>
std::pair<Tensor, Tensor> jvp(F&& f,
                              std::span<const Tensor> xs,
                              std::span<const Tensor> vs,
                              CallSite site = CallSite::here()) {
  return detail::jvp(detail::function_of(f), xs, vs, site);
}

/// The Hessian of f (of one element) times v, without forming it.
template <class F>
Tensor hvp(F&& f, const Tensor& x, const Tensor& v, CallSite site = CallSite::here()) {
  return detail::hvp(detail::function_of(f), {&x, 1}, {&v, 1}, site)[0];
}
template <class F>
std::vector<Tensor> hvp(F&& f,
                        std::span<const Tensor> xs,
                        std::span<const Tensor> vs,
                        CallSite site = CallSite::here()) {
  return detail::hvp(detail::function_of(f), xs, vs, site);
}

/// `jacobian(f)(x)`: all derivatives dy[i]/dx[j], of shape [*y, *x].
template <class F>
auto jacobian(F f) {
  return [f = std::move(f)](const Tensor& x, CallSite site = CallSite::here()) {
    return detail::jacobian(detail::function_of(f), x, site);
  };
}

/// `hessian(f)(x)`: all second derivatives of f (of one element), of shape [*x, *x].
template <class F>
auto hessian(F f) {
  return jacobian(grad(std::move(f)));
}

}  // namespace gradus

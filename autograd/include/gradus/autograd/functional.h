#pragma once

#include "gradus/autograd/backward.h"

#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
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

/// True for functions of 1 to 8 tensors.
template <class F>
constexpr bool takes_one_by_one = []<std::size_t... N>(std::index_sequence<N...>) {
  return (takes_tensors<F>(std::make_index_sequence<N + 1>{}) || ...);
}(std::make_index_sequence<8>{});
template <class F>
constexpr bool takes_span = std::is_invocable_v<F&, std::span<const Tensor>>;
/// True for functions of nothing, which use the tensors in question by themselves.
template <class F>
constexpr bool takes_nothing = std::is_invocable_v<F&> && !takes_one_by_one<F> && !takes_span<F>;

/// `f` as a Function that refers to it. It may take tensors one by one (up to eight) or as one span, or
/// nothing, and give a tensor, a range of them, a pair or a tuple.
template <class F>
Function function_of(F& f) {
  using std::make_index_sequence;
  constexpr auto counts = make_index_sequence<8>{};
  if constexpr (takes_nothing<F>) {
    return [&f](std::span<const Tensor>) { return as_list(f()); };
  } else if constexpr (!takes_one_by_one<F>) {
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
      [&]<std::size_t... N>(std::index_sequence<N...>) { (attempt(make_index_sequence<N + 1>{}), ...); }(counts);
      if (!called) fail_argument_count(xs.size());
      return ys;
    };
  }
}

using List = std::vector<Tensor>;

/// A tensor, or a range of them (also of parameters).
template <class X>
constexpr bool is_tensor = std::is_base_of_v<Tensor, X>;
template <class X>
concept TensorOrList = is_tensor<X> || requires(const X& xs) {
  { *std::begin(xs) } -> std::convertible_to<const Tensor&>;
  std::end(xs);
};
template <class X>
List list_of(const X& xs) {
  if constexpr (is_tensor<X>)
    return {xs};
  else
    return List(std::begin(xs), std::end(xs));
}
/// A list, or the tensor in it.
template <bool One>
auto unlisted(List&& list) {
  if constexpr (One)
    return std::move(list[0]);
  else
    return std::move(list);
}

template <class F, std::size_t N = 1>
auto result_of() {
  if constexpr (takes_nothing<F>)
    return std::type_identity<std::invoke_result_t<F&>>{};
  else if constexpr (takes_span<F> && !takes_one_by_one<F>)
    return std::type_identity<std::invoke_result_t<F&, std::span<const Tensor>>>{};
  else if constexpr (takes_tensors<F>(std::make_index_sequence<N>{}))
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return std::type_identity<std::invoke_result_t<F&, decltype((void(I), std::declval<const Tensor&>()))...>>{};
    }(std::make_index_sequence<N>{});
  else
    return result_of<F, N + 1>();
}
/// True for functions that give a tensor, not a list.
template <class F>
constexpr bool gives_one = std::is_convertible_v<typename decltype(result_of<F>())::type, Tensor>;

/// A function, and where it is differentiated.
struct At {
  Function f;
  List xs;
  bool captured;  // f takes nothing
  CallSite site;
};
template <class F, class X>
At at(F& f, const X& xs, CallSite site) {
  return {function_of(f), list_of(xs), takes_nothing<F>, site};
}

List gradient(const At& a);
std::pair<List, List> vjp(const At& a, const List& cotangents);
std::pair<List, List> jvp(const At& a, const List& vs);
List hvp(const char* name, const At& a, const List& vs);
std::vector<List> jacobian(const At& a);
std::vector<List> hessian(const At& a);

/// Blocks by result and input, where there are several of each.
template <bool OneResult, bool OneInput>
auto blocks(std::vector<List>&& all) {
  if constexpr (OneResult) {
    return unlisted<OneInput>(std::move(all[0]));
  } else if constexpr (OneInput) {
    List column;
    for (List& row : all) column.push_back(std::move(row[0]));
    return column;
  } else {
    return std::move(all);
  }
}

}  // namespace detail

// Derivatives of functions at a point.
//
//   f         takes one tensor, several, or a span of them, and gives one tensor or several (a list, pair or
//             tuple). Its arguments are tensors of their own with the values of `xs`: derivatives are partial,
//             whatever the xs were made from and whatever else of the tape f uses.
//             Or it takes nothing and uses `xs` itself, tensors that require a gradient: `[&] { return
//             mse(net(x), y); }` with `parameters(net)`. One that was made from another counts as a variable
//             of its own; one given twice is differentiated by twice.
//   further   results can be differentiated with respect to all that require a gradient: xs, what f uses
//             besides, directions and cotangents. If f takes nothing they are plain values, unless a direction
//             or cotangent requires a gradient. Results that are no part of the tape have memory of their own
//   xs        a tensor, or a range of tensors or parameters. Where there are several, so are derivatives;
//             those with respect to inputs that aren't floating are undefined.
//   errors    ShapeError or DTypeError if a direction or cotangent is not like what it belongs to;
//             ArgumentError if there are more or fewer; GradientError if a tensor that f is to use by itself
//             requires no gradient

/// The gradient of f (of one element): `grad(loss, parameters(net))`.
template <class F, detail::TensorOrList X = std::initializer_list<Tensor>>
  requires(detail::takes_nothing<F> || detail::takes_one_by_one<F> || detail::takes_span<F>)
auto grad(F&& f, const X& xs, CallSite site = CallSite::here()) {
  return detail::unlisted<detail::is_tensor<X>>(detail::gradient(detail::at(f, xs, site)));
}

/// f, and J^T cotangent; one cotangent a result of f. The rule of an op whose result solves an equation may be
/// written with it: `vjp(f, {p.out(), p.in(0)}, v)`.
template <class F,
          detail::TensorOrList X = std::initializer_list<Tensor>,
          detail::TensorOrList C = std::initializer_list<Tensor>>
auto vjp(F&& f, const X& xs, const C& cotangents, CallSite site = CallSite::here()) {
  auto [y, dx] = detail::vjp(detail::at(f, xs, site), detail::list_of(cotangents));
  return std::pair(detail::unlisted<detail::gives_one<F>>(std::move(y)),
                   detail::unlisted<detail::is_tensor<X>>(std::move(dx)));
}

/// f, and J v: how its results change along v.
template <class F,
          detail::TensorOrList X = std::initializer_list<Tensor>,
          detail::TensorOrList V = std::initializer_list<Tensor>>
auto jvp(F&& f, const X& xs, const V& vs, CallSite site = CallSite::here()) {
  auto [y, dy] = detail::jvp(detail::at(f, xs, site), detail::list_of(vs));
  return std::pair(detail::unlisted<detail::gives_one<F>>(std::move(y)),
                   detail::unlisted<detail::gives_one<F>>(std::move(dy)));
}

/// The Hessian of f (of one element) times v, without forming it (Pearlmutter 1994, backward over
/// backward).
template <class F,
          detail::TensorOrList X = std::initializer_list<Tensor>,
          detail::TensorOrList V = std::initializer_list<Tensor>>
auto hvp(F&& f, const X& xs, const V& vs, CallSite site = CallSite::here()) {
  return detail::unlisted<detail::is_tensor<X>>(detail::hvp("hvp", detail::at(f, xs, site), detail::list_of(vs)));
}
/// v^T times the Hessian: the same, as the Hessian is symmetric.
template <class F,
          detail::TensorOrList X = std::initializer_list<Tensor>,
          detail::TensorOrList V = std::initializer_list<Tensor>>
auto vhp(F&& f, const X& xs, const V& vs, CallSite site = CallSite::here()) {
  return detail::unlisted<detail::is_tensor<X>>(detail::hvp("vhp", detail::at(f, xs, site), detail::list_of(vs)));
}

/// See `jacobian` and `hessian`.
template <class F, bool Second>
struct DerivativeFunction {
  F f;
  template <detail::TensorOrList X = std::initializer_list<Tensor>>
  auto operator()(const X& xs, CallSite site = CallSite::here()) const {
    constexpr bool one = detail::is_tensor<X>;
    const detail::At at = detail::at(f, xs, site);
    if constexpr (Second)
      return detail::blocks<one, one>(detail::hessian(at));
    else
      return detail::blocks<detail::gives_one<const F>, one>(detail::jacobian(at));
  }
};

/// `jacobian(f)(x)`: all derivatives dy[i]/dx[j], of shape [*y, *x]. Of several inputs a list of these; of
/// several results too, a list for each result.
template <class F>
DerivativeFunction<F, false> jacobian(F f) {
  return {std::move(f)};
}

/// `hessian(f)(x)`: all second derivatives of f (of one element), of shape [*x, *x]. Of several inputs the
/// blocks h[i][j].
template <class F>
DerivativeFunction<F, true> hessian(F f) {
  return {std::move(f)};
}

}  // namespace gradus
GRADUS_EXPORT_END

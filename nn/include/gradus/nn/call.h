#pragma once

#include "gradus/graph/arg.h"
#include "gradus/nn/visit.h"

#include <atomic>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
namespace gradus::graph {
class Scope;
}

/// How a module is called.
namespace gradus::nn::detail {

/// While a module is evaluated: its scope is the thread's, named after the field that it is in the
/// module around it, and ops bear `site`, or their own sites where it is null.
class Call {
 public:
  Call(ModuleRef module, const CallSite* site);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// Said by a container module before it calls its child number `index`, which then need not be
  /// looked for.
  static void expect_child(const void* container, ModuleRef child, std::size_t index);

 private:
  const graph::Scope* find_scope() const;
  static std::string spell(const void* scope);

  ModuleRef module_;
  Call* outer_;
  const void* expected_child_ = nullptr;
  std::size_t expected_index_ = 0;
  gradus::detail::Context before_;
  const graph::Scope* scope_;
};

template <class First>
struct Takes {
  static constexpr bool arg = std::is_same_v<std::remove_cvref_t<First>, Arg>;
  static constexpr bool tensor = !arg;
};
template <class C, class R, class First, class... Rest>
Takes<First> first_of(R (C::*)(First, Rest...));
template <class C, class R, class First, class... Rest>
Takes<First> first_of(R (C::*)(First, Rest...) const);
template <class R, class First, class... Rest>
Takes<First> first_of(R (*)(First, Rest...));

/// What the first parameter of F (a module, a function or a function object) is: an Arg, something
/// else, or unknown, where it is a template or overloaded.
struct TakesUnknown {
  static constexpr bool arg = false, tensor = false;
};
template <class F>
struct FirstParameter : TakesUnknown {};
template <class F>
  requires requires { first_of(&F::forward); }
struct FirstParameter<F> : decltype(first_of(&F::forward)){};
template <class F>
  requires(
      !requires { &F::forward; } && requires { first_of(&F::operator()); })
struct FirstParameter<F> : decltype(first_of(&F::operator())){};
template <class F>
  requires requires(F* f) { first_of(f); }
struct FirstParameter<F> : decltype(first_of(std::declval<F*>())){};
template <class F>
struct FirstParameter<F*> : FirstParameter<F> {};

// Hooks; see gradus/nn/hooks.h.
extern std::atomic<int> hook_count;  // of all modules
Tensor call_hooked(ModuleRef module, Arg x, Tensor (*forward)(void* callable, const Tensor& in), void* callable);
/// ArgumentError if the module has hooks.
void refuse_hooks(ModuleRef module);

/// Ops of a module that takes an Arg bear the line that the module is called on; of one that takes
/// tensors, their own.
template <class M, class... Rest>
decltype(auto) call_module(M& module, const Arg& x, Rest&&... rest) {
  using First = FirstParameter<std::remove_const_t<M>>;
  static_cast<void>(&is_remembered<std::remove_const_t<M>>);
  const Call call(detail::ref(module), First::tensor ? nullptr : &x.site);
  auto forward = [&](const Tensor& in) -> decltype(auto) {
    if constexpr (First::arg)
      return module.forward(Arg(in, x.site), std::forward<Rest>(rest)...);
    else
      return module.forward(in, std::forward<Rest>(rest)...);
  };
  if (hook_count.load(std::memory_order_relaxed) > 0) [[unlikely]] {
    if constexpr (std::is_same_v<decltype(forward(x.tensor)), Tensor>)
      return call_hooked(
          detail::ref(module),
          x,
          [](void* f, const Tensor& in) { return (*static_cast<decltype(forward)*>(f))(in); },
          &forward);
    else
      refuse_hooks(detail::ref(module));
  }
  return forward(x.tensor);
}
template <class M, class... Inputs>
decltype(auto) call_module_with(M& module, Inputs&&... inputs) {
  static_cast<void>(&is_remembered<std::remove_const_t<M>>);
  const Call call(detail::ref(module), nullptr);
  if (hook_count.load(std::memory_order_relaxed) > 0) [[unlikely]]
    refuse_hooks(detail::ref(module));
  return module.forward(std::forward<Inputs>(inputs)...);
}

}  // namespace gradus::nn::detail
GRADUS_EXPORT_END

#pragma once

#include "gradus/graph/arg.h"
#include "gradus/nn/visit.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::graph {
class Scope;
}

/// A model is a plain struct:
///
///     struct Net : nn::Module<Net> {
///       nn::Linear fc1{784, 256}, fc2{256, 10};
///       Tensor forward(const Tensor& x) { return fc2(relu(fc1(x))); }
///     };
///
/// Its parameters are found through its fields: parameters, buffers, modules, other structs of
/// these, and containers, optionals, variants, owning pointers and tuples of these; maps name them by
/// key. Numbers, strings, options, plain tensors, functions and pointers that don't own are passed
/// over. A copy of a model shares its parameters
/// and buffers and has everything else (flags, structure) of its own; `clone` makes an independent
/// one.
namespace gradus::nn {

// ---- modules ------------------------------------------------------------------------------------

namespace detail {

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
struct FirstParameter<F> : decltype(first_of(&F::forward)) {};
template <class F>
  requires(
      !requires { &F::forward; } && requires { first_of(&F::operator()); })
struct FirstParameter<F> : decltype(first_of(&F::operator())) {};
template <class F>
  requires requires(F* f) { first_of(f); }
struct FirstParameter<F> : decltype(first_of(std::declval<F*>())) {};
template <class F>
struct FirstParameter<F*> : FirstParameter<F> {};

// Hooks; see gradus/nn/hooks.h.
extern std::atomic<int> hook_count;  // of all modules
Tensor call_hooked(ModuleRef module, Arg x, const std::function<Tensor(const Tensor&)>& forward);
/// ArgumentError if the module has hooks.
void refuse_hooks(ModuleRef module);

/// So that a module inside a std::function or std::any is known for one.
bool remember_module(const std::type_info& type);
template <class M>
inline const bool is_remembered = remember_module(typeid(M));

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
      return call_hooked(detail::ref(module), x, std::ref(forward));
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

}  // namespace detail

/// The base of modules; Self is the module itself and has a function `forward`, which a call
/// evaluates.
template <class Self>
struct Module {
  template <class... Rest>
  decltype(auto) operator()(Arg x, Rest&&... rest) {
    return detail::call_module(static_cast<Self&>(*this), x, std::forward<Rest>(rest)...);
  }
  template <class... Rest>
  decltype(auto) operator()(Arg x, Rest&&... rest) const {
    return detail::call_module(static_cast<const Self&>(*this), x, std::forward<Rest>(rest)...);
  }
  /// For a forward that does not begin with a tensor.
  template <class First, class... Rest>
    requires(!std::is_convertible_v<First, Arg>)
  decltype(auto) operator()(First&& x, Rest&&... rest) {
    return detail::call_module_with(
        static_cast<Self&>(*this), std::forward<First>(x), std::forward<Rest>(rest)...);
  }
  template <class First, class... Rest>
    requires(!std::is_convertible_v<First, Arg>)
  decltype(auto) operator()(First&& x, Rest&&... rest) const {
    return detail::call_module_with(
        static_cast<const Self&>(*this), std::forward<First>(x), std::forward<Rest>(rest)...);
  }
};

// ---- walks --------------------------------------------------------------------------------------
// In the order of declaration. A tensor that occurs twice (tied weights) is listed once, under its
// first name. Names are those of fields, the keys of maps and the indices in other containers:
// "blocks.0.fc.weight".
//   errors    ArgumentError if two tensors have one name, if owning pointers go in a circle, or if a
//             module is in a std::function or std::any, where it can't be seen

struct NamedParameter {
  std::string name;
  Parameter parameter;
};
struct NamedBuffer {
  std::string name;
  Buffer buffer;
};
struct NamedModule {
  std::string name;  // empty for the model itself
  ModuleRef module;
};

namespace detail {

std::vector<Parameter> parameters(ModuleRef model);
std::vector<NamedParameter> named_parameters(ModuleRef model);
std::vector<Buffer> buffers(ModuleRef model);
std::vector<NamedBuffer> named_buffers(ModuleRef model);
std::vector<NamedModule> named_modules(ModuleRef model);
std::int64_t parameter_count(ModuleRef model);
void set_training(ModuleRef model, bool on);
void convert(ModuleRef model, DType dtype);
void zero_grad(ModuleRef model);
void freeze(ModuleRef model, bool on);
void label_parameters(ModuleRef model);
/// ArgumentError where a walk would fail: see the walks below.
void check(ModuleRef model);
void separate(ModuleRef copy);
std::string spell(ModuleRef model);
void print(ModuleRef model);

}  // namespace detail

template <Model M>
std::vector<Parameter> parameters(const M& model) {
  return detail::parameters(detail::ref(model));
}
template <Model M>
std::vector<NamedParameter> named_parameters(const M& model) {
  return detail::named_parameters(detail::ref(model));
}
template <Model M>
std::vector<Buffer> buffers(const M& model) {
  return detail::buffers(detail::ref(model));
}
template <Model M>
std::vector<NamedBuffer> named_buffers(const M& model) {
  return detail::named_buffers(detail::ref(model));
}
/// The model itself and every module in it, the outer before the inner.
template <Model M>
std::vector<NamedModule> named_modules(const M& model) {
  return detail::named_modules(detail::ref(model));
}
/// Elements of all parameters together.
template <Model M>
std::int64_t parameter_count(const M& model) {
  return detail::parameter_count(detail::ref(model));
}

namespace detail {
struct SetTraining {
  bool mode;
  template <Model M>
  void operator()(M& model) const {
    set_training(detail::ref(model), mode);
  }
  template <Model M>
  void operator()(M& model, bool on) const {
    set_training(detail::ref(model), on == mode);
  }
};
}  // namespace detail

/// nn::train(model, on = true) sets the mode of every module in the model that has a field `bool
/// training` or a function `train(bool)`; nn::eval(model) is nn::train(model, false). Modules begin
/// in training mode. Objects, so that a program's own train(net) and eval(net) are not overloads.
inline constexpr detail::SetTraining train{true}, eval{false};

/// Converts parameters, their gradients and floating buffers in place: every handle to them, those
/// of an optimiser too, sees the new type. DTypeError unless `dtype` is floating.
template <Model M>
void to(M& model, DType dtype) {
  detail::convert(detail::ref(model), dtype);
}

/// Freezes the parameters of a model or of a part of it, or takes that back: frozen ones require no
/// gradient, so the tape passes them over, and so do zero_grad, optimisers and clipping. Their gradients
/// are forgotten.
template <Model M>
void freeze(M& model, bool on = true) {
  detail::freeze(detail::ref(model), on);
}

/// Forgets the gradients.
template <Model M>
void zero_grad(const M& model) {
  detail::zero_grad(detail::ref(model));
}

/// Writes its name on each parameter, "net.fc1.weight", for pictures of graphs and messages.
template <Model M>
void label_parameters(const M& model) {
  detail::label_parameters(detail::ref(model));
}

/// A copy that shares nothing with the model. Tied weights stay tied.
template <Model M>
M clone(const M& model) {
  static_assert(detail::is_copyable<M>(), "this model can't be copied: it holds a std::unique_ptr");
  detail::check(detail::ref(model));
  M copy(model);
  detail::unshare(copy);
  detail::separate(detail::ref(copy));
  return copy;
}

/// A line for each module, with its name, type, what it says of itself and its number of
/// parameters.
template <Model M>
std::string to_string(const M& model) {
  return detail::spell(detail::ref(model));
}
/// The same on standard output.
template <Model M>
void print(const M& model) {
  detail::print(detail::ref(model));
}

// ---- parameters left out ------------------------------------------------------------------------

/// A parameter that a result depends on but that is none of the model's, so no optimiser of the
/// model's parameters will train it.
struct UnreachableParameter {
  Shape shape;
  std::string op;     // the first op that used it
  std::string scope;  // in which module
  CallSite site;
};
/// "a parameter [10] used by add in net.fc at model.cpp:12".
std::string to_string(const UnreachableParameter& parameter);

namespace detail {
std::vector<UnreachableParameter> unreachable_parameters(ModuleRef model, const Tensor& loss);
}
/// The leaves on the tape of `loss` that are not parameters of the model, in tape order.
template <Model M>
std::vector<UnreachableParameter> unreachable_parameters(const M& model, const Tensor& loss) {
  return detail::unreachable_parameters(detail::ref(model), loss);
}

}  // namespace gradus::nn
GRADUS_EXPORT_END

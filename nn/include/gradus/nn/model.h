#pragma once

#include "gradus/nn/visit.h"
#include "gradus/tensor/error.h"

#include <cstdint>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

// In the order of declaration. A tensor that occurs twice (tied weights) is listed once, under its
// first name. Names are those of fields, the keys of maps and the indices in other containers:
// "blocks.0.fc.weight".
//   errors    ArgumentError if two tensors have one name, if owning pointers go in a circle, or if a
//             module is in a std::function or std::any, where it can't be seen

/// A parameter and its path in the model.
struct NamedParameter {
  std::string name;
  Parameter parameter;
};
/// A buffer and its path in the model.
struct NamedBuffer {
  std::string name;
  Buffer buffer;
};
/// A module and its path in the model.
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

/// All parameters.
template <Model M>
std::vector<Parameter> parameters(const M& model) {
  return detail::parameters(detail::ref(model));
}
/// All parameters with their names.
template <Model M>
std::vector<NamedParameter> named_parameters(const M& model) {
  return detail::named_parameters(detail::ref(model));
}
/// All buffers.
template <Model M>
std::vector<Buffer> buffers(const M& model) {
  return detail::buffers(detail::ref(model));
}
/// All buffers with their names.
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
inline constexpr detail::SetTraining train{true};
/// nn::eval(model) is nn::train(model, false).
inline constexpr detail::SetTraining eval{false};

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

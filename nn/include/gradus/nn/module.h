#pragma once

#include "gradus/nn/call.h"
#include "gradus/nn/model.h"

#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
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
    return detail::call_module_with(static_cast<Self&>(*this), std::forward<First>(x), std::forward<Rest>(rest)...);
  }
  template <class First, class... Rest>
    requires(!std::is_convertible_v<First, Arg>)
  decltype(auto) operator()(First&& x, Rest&&... rest) const {
    return detail::call_module_with(
        static_cast<const Self&>(*this), std::forward<First>(x), std::forward<Rest>(rest)...);
  }
};

}  // namespace gradus::nn
GRADUS_EXPORT_END

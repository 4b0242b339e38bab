#pragma once

#include "gradus/nn/module.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

namespace detail {

/// While it lives, tensors stand in the place of parameters and buffers of a model.
class Substitution {
 public:
  Substitution(ModuleRef model, const std::map<std::string, Tensor>& tensors, CallSite site);
  ~Substitution();
  Substitution(const Substitution&) = delete;
  Substitution& operator=(const Substitution&) = delete;

 private:
  std::vector<std::pair<Tensor*, Tensor>> before_;  // a field, and what it was
};

}  // namespace detail

/// A call of a model with other tensors in the place of some of its parameters and buffers:
///
///     Tensor y = nn::functional_call(net, {{"fc.weight", w}}, x);
///
/// The tensors may be results of recorded ops, and gradients of any order flow to what they were made
/// of; a parameter assigned to is cut off from the tape. Names are those of named_parameters and
/// named_buffers. A layer that changes a buffer in training changes the tensor given for it. The model is
/// as before when the call ends, by an error too; while it lasts, no other thread may use the model.
///   errors    ArgumentError for a name that the model doesn't have or an undefined tensor; ShapeError and
///             DTypeError where a tensor differs from what it replaces
template <Model M, class... Rest>
decltype(auto) functional_call(M& model, const std::map<std::string, Tensor>& tensors, Arg x, Rest&&... rest) {
  const detail::Substitution substitution(detail::ref(model), tensors, x.site);
  return model(x, std::forward<Rest>(rest)...);
}
/// For a forward that does not begin with a tensor.
template <Model M, class First, class... Rest>
  requires(!std::is_convertible_v<First, Arg>)
decltype(auto) functional_call(M& model, const std::map<std::string, Tensor>& tensors, First&& x, Rest&&... rest) {
  const detail::Substitution substitution(detail::ref(model), tensors, {});
  return model(std::forward<First>(x), std::forward<Rest>(rest)...);
}

}  // namespace gradus::nn
GRADUS_EXPORT_END

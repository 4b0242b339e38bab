#include "gradus/nn/parameter.h"

#include "gradus/graph/node.h"
#include "gradus/tensor/warning.h"

#include <fmt/format.h>

#include <utility>

namespace gradus {

Parameter::Parameter(Tensor value) : Tensor(std::move(value)) {
  if (!defined() || is_leaf(*this)) return;
  if (requires_grad(*this))
    gradus::detail::warn(
        fmt::format("parameter: expected a leaf, got the result of {}; no gradient will pass through the "
                    "parameter to what it was made of (nn::functional_call calls a model with tensors in the "
                    "place of its parameters)",
                    node_of(*this)->name()));
  static_cast<Tensor&>(*this) = leaf(detach(*this));
}

Tensor gradient(const Parameter& p) { return is_leaf(p) ? gradient(static_cast<const Tensor&>(p)) : Tensor(); }

void zero_grad(const Parameter& p) {
  if (is_leaf(p)) zero_grad(static_cast<const Tensor&>(p));
}

Buffer::Buffer(Tensor value) : Tensor(std::move(value)) {
  if (defined() && requires_grad(*this)) static_cast<Tensor&>(*this) = detach(*this);
}

}  // namespace gradus

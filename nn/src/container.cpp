#include "gradus/nn/container.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>

namespace gradus::nn {

Tensor Residual::forward(Arg x) const {
  const Tensor y = module(x), around = shortcut ? shortcut(x) : x.tensor;
  if (y.shape() != around.shape())
    gradus::detail::fail<ShapeError>("residual",
                                     fmt::format("expected a result {} like the path around, got {}",
                                                 gradus::to_string(around.shape()),
                                                 gradus::to_string(y.shape())),
                                     x.site);
  return add(Arg(y, x.site), around);
}

Tensor Parallel::forward(Arg x) const {
  std::vector<Tensor> results;
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    if (modules_[i]) detail::Call::expect_child(this, modules_[i].held(), i);
    results.push_back(modules_[i](x));
  }
  return concat(results, axis_, x.site);
}

}  // namespace gradus::nn

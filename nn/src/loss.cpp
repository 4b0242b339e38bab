#include "gradus/nn/loss.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"

#include <fmt/format.h>

namespace gradus::nn::detail {

Tensor penalty(ModuleRef model, double strength, int power, PenaltyOptions options) {
  using gradus::detail::fail;
  if (!(strength >= 0)) fail<ArgumentError>("penalty", fmt::format("expected a strength >= 0, got {}", strength));
  Tensor total;
  for (const Parameter& p : parameters(model)) {
    if (p.rank() < 2 && !options.vectors) continue;
    const Tensor one = sum(power == 2 ? square(p) : abs(p));
    total = total.defined() ? add(total, one) : one;
  }
  if (!total.defined()) fail<ArgumentError>("penalty", "expected a model with weights, got none");
  return mul(total, strength);
}

}  // namespace gradus::nn::detail

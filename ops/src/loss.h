#pragma once

#include "kernels.h"

#include "gradus/ops/loss.h"
#include "gradus/ops/registry.h"
#include "gradus/tensor/tensor.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace gradus::detail {

inline const char* to_string(Reduction reduction) {
  return reduction == Reduction::mean ? "mean" : reduction == Reduction::sum ? "sum" : "none";
}

/// f(0) + … + f(n - 1), added up in T in blocks of 16 sums of 32, the blocks in double.
template <class T, class F>
double block_sum(std::int64_t n, F f) {
  constexpr std::int64_t kBlock = 512;
  double total = 0;
  for (std::int64_t i = 0; i < n; i += kBlock) {
    const std::int64_t stop = std::min(n, i + kBlock);
    std::array<T, 16> sums{};
    std::int64_t j = i;
    for (; j + 16 <= stop; j += 16)
      for (std::size_t k = 0; k < 16; ++k) sums[k] += f(j + static_cast<std::int64_t>(k));
    for (; j < stop; ++j) sums[0] += f(j);
    total += static_cast<double>(std::accumulate(sums.begin(), sums.end(), T(0)));
  }
  return total;
}

/// DTypeError or ShapeError unless x and target are floating and alike.
inline void check_pair(const char* op, Arg x, const Tensor& target) {
  check_floating(op, x);
  check_same_dtype(op, x, target);
  if (!same_layout(x, target))
    fail<ShapeError>(op,
                     fmt::format("expected a target {} like the input, got {}",
                                 to_string(x->shape()),
                                 to_string(target.shape())),
                     x.site);
}

/// w v, and 0 where w is 0 and v infinite: what does not count hides what it would weigh.
Tensor weighted(const Tensor& w, const Tensor& v);

OpEntry cross_entropy_entry();
OpEntry nll_loss_entry();
OpEntry multilabel_margin_loss_entry();

}  // namespace gradus::detail

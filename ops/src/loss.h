#pragma once

#include "gradus/ops/loss.h"
#include "gradus/ops/registry.h"
#include "gradus/tensor/tensor.h"

#include <algorithm>

namespace gradus::detail {

inline const char* to_string(Reduction reduction) {
  return reduction == Reduction::mean ? "mean" : reduction == Reduction::sum ? "sum" : "none";
}

/// f(0) + … + f(n - 1), added up in T in short blocks, the blocks in double.
template <class T, class F>
double block_sum(std::int64_t n, F f) {
  constexpr std::int64_t kBlock = 512;
  double total = 0;
  for (std::int64_t i = 0; i < n; i += kBlock) {
    const std::int64_t stop = std::min(n, i + kBlock);
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = i; j < stop; ++j) sum += f(j);
    total += static_cast<double>(sum);
  }
  return total;
}

OpEntry cross_entropy_entry();
OpEntry nll_loss_entry();

}  // namespace gradus::detail

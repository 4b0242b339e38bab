#pragma once

// Sums in short blocks, these in double, so that float sums over many elements stay accurate.

#include "gradus/tensor/export.h"
#include "gradus/tensor/memory.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

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

/// The same on several threads; the result does not depend on their number.
template <class T, class F>
double parallel_block_sum(std::int64_t n, F f) {
  constexpr std::int64_t kPart = 1 << 14;
  std::vector<double, detail::CachingAllocator<double>> parts(static_cast<std::size_t>((n + kPart - 1) / kPart));
  detail::parallel_for(std::ssize(parts), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      parts[static_cast<std::size_t>(i)] =
          block_sum<T>(std::min(kPart, n - i * kPart), [=](std::int64_t j) { return f(i * kPart + j); });
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

/// The sums of the columns of x [rows, columns]. T is float or double.
template <class T>
void sum_columns(std::int64_t rows, std::int64_t columns, const T* x, T* sums);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

#include "gradus/kernels/sum.h"

#include "gradus/kernels/loops.h"

namespace gradus::kernels {

template <class T>
void sum_columns(std::int64_t rows, std::int64_t columns, const T* x, T* sums) {
  constexpr std::int64_t kStrip = 64, kBlock = 64;
  if (rows == 1) {
    std::copy_n(x, columns, sums);
    return;
  }
  const std::int64_t strips = (columns + kStrip - 1) / kStrip;
  const std::int64_t grain = 1 + 4 * kGrain / (1 + rows * kStrip);
  parallel_for(strips, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t strip = begin; strip < end; ++strip) {
      const std::int64_t first = strip * kStrip, width = std::min(kStrip, columns - first);
      double total[kStrip] = {};
      for (std::int64_t i = 0; i < rows; i += kBlock) {
        T part[kStrip] = {};
        const std::int64_t last = std::min(rows, i + kBlock);
        for (std::int64_t r = i; r < last; ++r)
          for (std::int64_t j = 0; j < width; ++j) part[j] += x[r * columns + first + j];
        for (std::int64_t j = 0; j < width; ++j) total[j] += static_cast<double>(part[j]);
      }
      for (std::int64_t j = 0; j < width; ++j) sums[first + j] = static_cast<T>(total[j]);
    }
  });
}

template GRADUS_EXPORT void sum_columns(std::int64_t, std::int64_t, const float*, float*);
template GRADUS_EXPORT void sum_columns(std::int64_t, std::int64_t, const double*, double*);

}  // namespace gradus::kernels

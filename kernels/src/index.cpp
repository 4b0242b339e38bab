#include "gradus/kernels/index.h"

#include "gradus/kernels/loops.h"
#include "gradus/kernels/modular.h"

#include <algorithm>

namespace gradus::kernels {

template <class T>
void take(std::int64_t outer,
          std::int64_t n,
          std::int64_t inner,
          std::int64_t count,
          const std::int64_t* places,
          const T* x,
          T* y) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, inner));
  parallel_for(outer * count, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      std::copy_n(x + (row / count * n + places[row % count]) * inner, inner, y + row * inner);
  });
}

template <class T>
void add_at(std::int64_t outer,
            std::int64_t n,
            std::int64_t inner,
            std::int64_t count,
            const std::int64_t* places,
            const T* x,
            T* y) {
  const std::int64_t rows = outer * count;
  if (rows == 0) return;
  // Each thread takes columns of its own, so that the order of additions is fixed.
  const std::int64_t grain = std::max<std::int64_t>(64, kGrain / rows);
  parallel_for(inner, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = 0; row < rows; ++row) {
      T* to = y + (row / count * n + places[row % count]) * inner;
      for (std::int64_t j = begin; j < end; ++j) to[j] = modular_sum(to[j], x[row * inner + j]);
    }
  });
}

#define GRADUS_INDEX(T, function)       \
  template GRADUS_EXPORT void function( \
      std::int64_t, std::int64_t, std::int64_t, std::int64_t, const std::int64_t*, const T*, T*);
GRADUS_INDEX(float, take)
GRADUS_INDEX(double, take)
GRADUS_INDEX(std::int64_t, take)
GRADUS_INDEX(bool, take)
GRADUS_INDEX(float, add_at)
GRADUS_INDEX(double, add_at)
GRADUS_INDEX(std::int64_t, add_at)
#undef GRADUS_INDEX

}  // namespace gradus::kernels

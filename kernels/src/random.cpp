#include "gradus/kernels/random.h"

#include "gradus/kernels/loops.h"

#include <algorithm>
#include <cmath>

namespace gradus::kernels {

template <class T>
void dropout(const Generator& generator, double p, std::int64_t n, const T* x, T* y, T* factors) {
  // An element stays if its 32 random bits, as a number, are below this.
  const auto keep_below = static_cast<std::uint64_t>(std::llround((1 - p) * 0x1p32));
  const T factor = static_cast<T>(p < 1 ? 1 / (1 - p) : 0);
  parallel_for((n + 3) / 4, kGrain / 16, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const auto words = generator.block(static_cast<std::uint64_t>(b));
      for (std::int64_t i = 4 * b; i < std::min(n, 4 * b + 4); ++i) {
        factors[i] = words[static_cast<std::size_t>(i % 4)] < keep_below ? factor : T(0);
        y[i] = x[i] * factors[i];
      }
    }
  });
}

template GRADUS_EXPORT void dropout(
    const Generator&, double, std::int64_t, const float*, float*, float*);
template GRADUS_EXPORT void dropout(
    const Generator&, double, std::int64_t, const double*, double*, double*);

}  // namespace gradus::kernels

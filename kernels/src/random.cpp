#include "gradus/kernels/random.h"

#include "gradus/kernels/loops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace gradus::kernels {

namespace {

/// f(i, its 32 random bits) for n elements.
template <class F>
void for_each_word(const Generator& generator, std::int64_t n, F f) {
  constexpr std::int64_t kTogether = 64;  // blocks, which stay in the cache
  parallel_for((n + 3) / 4, kGrain / 16, [=](std::int64_t begin, std::int64_t end) {
    std::array<std::array<std::uint32_t, 4>, kTogether> blocks;
    for (; begin < end; begin += kTogether) {
      const std::int64_t count = std::min(kTogether, end - begin);
      generator.blocks(static_cast<std::uint64_t>(begin), std::span(blocks).first(static_cast<std::size_t>(count)));
      const std::uint32_t* const words = blocks[0].data();
      const std::int64_t first = 4 * begin, length = std::min(n - first, 4 * count);
      for (std::int64_t i = 0; i < length; ++i) f(first + i, words[i]);
    }
  });
}

}  // namespace

template <class T>
void bernoulli(const Generator& generator, std::int64_t n, const T* p, T* y) {
  for_each_word(generator, n, [=](std::int64_t i, std::uint32_t word) {
    y[i] = static_cast<double>(word) * 0x1p-32 < static_cast<double>(p[i]) ? T(1) : T(0);
  });
}

template <class T>
void dropout(const Generator& generator, double p, std::int64_t n, const T* x, T* y, T* factors) {
  // An element stays if its 32 random bits, as a number, are below `kept`.
  const auto kept = static_cast<std::uint64_t>(std::llround((1 - p) * 0x1p32));
  const auto last = static_cast<std::uint32_t>(std::max<std::uint64_t>(kept, 1) - 1);
  const T factor = static_cast<T>(kept > 0 ? 1 / (1 - p) : 0);
  for_each_word(generator, n, [=](std::int64_t i, std::uint32_t word) {
    factors[i] = word <= last ? factor : T(0);
    y[i] = x[i] * factors[i];
  });
}

void draw(Generator& generator, std::span<double> weights, bool replacement, std::int64_t n, std::int64_t* places) {
  for (std::int64_t k = 0; k < n; ++k) {
    double rest = generator.uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
    std::size_t last = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] == 0) continue;
      last = i;
      if (rest < weights[i]) break;
      rest -= weights[i];
    }
    places[k] = static_cast<std::int64_t>(last);
    if (!replacement) weights[last] = 0;
  }
}

template GRADUS_EXPORT void bernoulli(const Generator&, std::int64_t, const float*, float*);
template GRADUS_EXPORT void bernoulli(const Generator&, std::int64_t, const double*, double*);
template GRADUS_EXPORT void dropout(const Generator&, double, std::int64_t, const float*, float*, float*);
template GRADUS_EXPORT void dropout(const Generator&, double, std::int64_t, const double*, double*, double*);

}  // namespace gradus::kernels

#include "gradus/kernels/norm.h"

#include "buffer.h"

#include "gradus/kernels/loops.h"
#include "gradus/kernels/sum.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradus::kernels {
namespace {

using Sums = std::array<double, 2>;

constexpr std::int64_t kStrip = 64;  // channels that are added up at once

/// [N, C]: `width` neighbouring channels, row by row.
template <class T, class F, class G, class Done>
void sum_strip(const Lines& at, std::int64_t first, std::int64_t width, F f, G g, Done done) {
  constexpr std::int64_t kRows = 64;
  Sums totals[kStrip] = {};
  for (std::int64_t n = 0; n < at.outer; n += kRows) {
    T part0[kStrip] = {}, part1[kStrip] = {};
    for (std::int64_t r = n; r < std::min(at.outer, n + kRows); ++r) {
      const std::int64_t row = r * at.size + first;
#pragma omp simd
      for (std::int64_t j = 0; j < width; ++j) {
        part0[j] += f(row + j, first + j);
        part1[j] += g(row + j, first + j);
      }
    }
    for (std::int64_t j = 0; j < width; ++j) {
      totals[j][0] += static_cast<double>(part0[j]);
      totals[j][1] += static_cast<double>(part1[j]);
    }
  }
  for (std::int64_t j = 0; j < width; ++j) done(first + j, totals[j]);
}

/// [N, C, *]: the same, image by image, as they stand in memory.
template <class T, class F, class G, class Done>
void sum_slices(const Lines& at, std::int64_t first, std::int64_t width, F f, G g, Done done) {
  constexpr std::int64_t kRun = 512, kLanes = 32;
  Sums totals[kStrip] = {};
  for (std::int64_t n = 0; n < at.outer; ++n)
    for (std::int64_t c = 0; c < width; ++c) {
      const std::int64_t begin = (n * at.size + first + c) * at.inner;
      const std::int64_t end = begin + at.inner;
      for (std::int64_t i = begin; i < end; i += kRun) {
        const std::int64_t stop = std::min(end, i + kRun);
        T part0[kLanes] = {}, part1[kLanes] = {};
        const auto add = [&](std::int64_t from, std::int64_t lanes) {
#pragma omp simd
          for (std::int64_t l = 0; l < lanes; ++l) {
            part0[l] += f(from + l, first + c);
            part1[l] += g(from + l, first + c);
          }
        };
        std::int64_t k = i;
        for (; k + kLanes <= stop; k += kLanes) add(k, kLanes);
        add(k, stop - k);
        for (std::int64_t half = kLanes / 2; half > 0; half /= 2)
          for (std::int64_t l = 0; l < half; ++l) {
            part0[l] += part0[l + half];
            part1[l] += part1[l + half];
          }
        totals[c][0] += static_cast<double>(part0[0]);
        totals[c][1] += static_cast<double>(part1[0]);
      }
    }
  for (std::int64_t c = 0; c < width; ++c) done(first + c, totals[c]);
}

/// For each channel the sums over its elements i of f(i, channel) and of g(i, channel), as `done(channel, sums)`. They
/// are added up in short blocks, the blocks in double: float statistics stay accurate over many values.
template <class T, class F, class G, class Done>
void sum_channels(const Lines& at, F f, G g, Done done) {
  if (at.inner == 1) {
    const std::int64_t strips = (at.size + kStrip - 1) / kStrip;
    const std::int64_t grain = 1 + 2 * kGrain / (1 + at.outer * kStrip);
    parallel_for(strips, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t s = begin; s < end; ++s)
        sum_strip<T>(at, s * kStrip, std::min(kStrip, at.size - s * kStrip), f, g, done);
    });
  } else {
    const std::int64_t grain = 1 + 2 * kGrain / (1 + at.outer * at.inner);
    parallel_for(at.size, grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; c += kStrip) sum_slices<T>(at, c, std::min(kStrip, end - c), f, g, done);
    });
  }
}

/// out[i] = f(i, channel of i)
template <class T, class F>
void map_channels(const Lines& at, T* out, F f) {
  if (at.inner == 1) {
    parallel_for(at.outer, 1 + kGrain / (1 + at.size), [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const std::int64_t row = n * at.size;
#pragma omp simd
        for (std::int64_t c = 0; c < at.size; ++c) out[row + c] = f(row + c, c);
      }
    });
    return;
  }
  parallel_for(at.outer * at.size, 1 + kGrain / (1 + at.inner), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      const std::int64_t c = s % at.size;
#pragma omp simd
      for (std::int64_t i = s * at.inner; i < (s + 1) * at.inner; ++i) out[i] = f(i, c);
    }
  });
}

template <class F>
void for_rows(std::int64_t rows, std::int64_t n, F f) {
  parallel_for(rows, 1 + kGrain / (1 + n), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(i);
  });
}
/// The mean of f(0), …, f(n - 1).
template <class T, class F>
T mean_of(std::int64_t n, F f) {
  return static_cast<T>(block_sum<T>(n, f) / static_cast<double>(n));
}

}  // namespace

template <class T>
void channel_statistics(const Lines& at, double eps, const T* x, T* mean, T* variance, T* inverse) {
  const auto n = static_cast<double>(at.count());
  sum_channels<T>(
      at,
      [=](std::int64_t i, std::int64_t) { return x[i]; },
      [](std::int64_t, std::int64_t) { return T(0); },
      [=](std::int64_t k, const Sums& sums) { mean[k] = static_cast<T>(sums[0] / n); });
  sum_channels<T>(
      at,
      [=](std::int64_t i, std::int64_t k) { return x[i] - mean[k]; },
      [=](std::int64_t i, std::int64_t k) { return (x[i] - mean[k]) * (x[i] - mean[k]); },
      [=](std::int64_t k, const Sums& sums) {
        // The first sum is what rounding the mean has left.
        const double squares = std::max(0.0, sums[1] - sums[0] * sums[0] / n);
        variance[k] = static_cast<T>(squares / (n - 1));
        inverse[k] = static_cast<T>(1 / std::sqrt(squares / n + eps));
      });
}

template <class T>
void normalise_channels(
    const Lines& at, const T* x, const T* mean, const T* inverse, const T* weight, const T* bias, T* y) {
  const Buffer<T> table(2 * at.size);
  T *a = table.get(), *c = a + at.size;
  for (std::int64_t i = 0; i < at.size; ++i) {
    a[i] = weight != nullptr ? inverse[i] * weight[i] : inverse[i];
    c[i] = bias != nullptr ? bias[i] : T(0);
  }
  map_channels(at, y, [=](std::int64_t i, std::int64_t k) { return (x[i] - mean[k]) * a[k] + c[k]; });
}

template <class T>
void normalise_channels_gradient(const Lines& at, const ChannelGradients<T>& p) {
  const T *x = p.x, *g = p.g, *mean = p.mean, *inverse = p.inverse, *weight = p.weight;
  T *dw = p.dweight, *db = p.dbias;
  const Buffer<T> table(3 * at.size);
  T *a = table.get(), *b = a + at.size, *c = b + at.size;
  const auto n = static_cast<double>(at.count());
  // dx = a g + b (x - mean) + c
  const auto finish = [=](std::int64_t k, const Sums& sums) {
    const auto inverse_std = static_cast<double>(inverse[k]);
    if (dw != nullptr) dw[k] = static_cast<T>(sums[1] * inverse_std);
    if (db != nullptr) db[k] = static_cast<T>(sums[0]);
    const double factor = weight != nullptr ? inverse_std * static_cast<double>(weight[k]) : inverse_std;
    a[k] = static_cast<T>(factor);
    b[k] = static_cast<T>(-factor * inverse_std * inverse_std * sums[1] / n);
    c[k] = static_cast<T>(-factor * sums[0] / n);
  };
  if (p.of_batch || dw != nullptr || db != nullptr) {
    sum_channels<T>(
        at,
        [=](std::int64_t i, std::int64_t) { return g[i]; },
        [=](std::int64_t i, std::int64_t k) { return g[i] * (x[i] - mean[k]); },
        finish);
  } else {
    for (std::int64_t k = 0; k < at.size; ++k) finish(k, {});
  }
  if (p.dx == nullptr) return;
  if (p.of_batch)
    map_channels(
        at, p.dx, [=](std::int64_t i, std::int64_t k) { return a[k] * g[i] + (b[k] * (x[i] - mean[k]) + c[k]); });
  else
    map_channels(at, p.dx, [=](std::int64_t i, std::int64_t k) { return a[k] * g[i]; });
}

template <class T>
void normalise_rows(
    std::int64_t rows, std::int64_t n, double eps, bool centred, const T* x, T* y, T* mean, T* inverse) {
  for_rows(rows, n, [=](std::int64_t i) {
    const T* const v = x + i * n;
    T* const to = y + i * n;
    const T m = centred ? mean_of<T>(n, [=](std::int64_t j) { return v[j]; }) : T(0);
    const T var = mean_of<T>(n, [=](std::int64_t j) { return (v[j] - m) * (v[j] - m); });
    const T r = 1 / std::sqrt(var + static_cast<T>(eps));
    for (std::int64_t j = 0; j < n; ++j) to[j] = (v[j] - m) * r;
    mean[i] = m;
    inverse[i] = r;
  });
}

template <class T>
void normalise_rows_gradient(
    std::int64_t rows, std::int64_t n, bool centred, const T* g, const T* x, const T* mean, const T* inverse, T* dx) {
  for_rows(rows, n, [=](std::int64_t i) {
    const T *const u = g + i * n, *const v = x + i * n;
    T* const to = dx + i * n;
    const T m = mean[i], r = inverse[i];
    const T level = centred ? mean_of<T>(n, [=](std::int64_t j) { return u[j]; }) : T(0);
    const T along = mean_of<T>(n, [=](std::int64_t j) { return u[j] * ((v[j] - m) * r); });
    for (std::int64_t j = 0; j < n; ++j) to[j] = (u[j] - level - (v[j] - m) * r * along) * r;
  });
}

#define GRADUS_NORMS(T)                                                                                               \
  template GRADUS_EXPORT void channel_statistics(const Lines&, double, const T*, T*, T*, T*);                         \
  template GRADUS_EXPORT void normalise_channels(const Lines&, const T*, const T*, const T*, const T*, const T*, T*); \
  template GRADUS_EXPORT void normalise_channels_gradient(const Lines&, const ChannelGradients<T>&);                  \
  template GRADUS_EXPORT void normalise_rows(std::int64_t, std::int64_t, double, bool, const T*, T*, T*, T*);         \
  template GRADUS_EXPORT void normalise_rows_gradient(                                                                \
      std::int64_t, std::int64_t, bool, const T*, const T*, const T*, const T*, T*);
GRADUS_NORMS(float)
GRADUS_NORMS(double)
#undef GRADUS_NORMS

}  // namespace gradus::kernels

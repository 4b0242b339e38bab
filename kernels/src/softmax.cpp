#include "gradus/kernels/softmax.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/loops.h"
#include "gradus/tensor/intrinsics.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::kernels {
namespace {

/// out[i] = exp(x[i]) of x up to 0; in place if out is x.
template <class T>
void exp_values(const T* x, T* out, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) out[i] = elementary::exp_down(x[i]);
}

/// Calls `f(offset, width)` for groups of at most `kLanes` neighbouring lines along the axis, where inner > 1.
inline constexpr std::int64_t kLanes = 128;
template <class F>
void for_each_group(const Lines& at, F f) {
  const std::int64_t groups = (at.inner + kLanes - 1) / kLanes;
  parallel_for(at.outer * groups, 1 + kGrain / (4 * at.size * kLanes), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t lane = i % groups * kLanes;
      f(i / groups * at.size * at.inner + lane, std::min(kLanes, at.inner - lane));
    }
  });
}

/// Calls `f(first, last)` for runs of neighbouring rows, where inner is 1; a run of short rows is long enough
/// for vectors.
template <class F>
void for_each_run(const Lines& at, F f) {
  const std::int64_t run = std::clamp<std::int64_t>(1024 / at.size, 1, 64);
  const std::int64_t runs = (at.outer + run - 1) / run;
  parallel_for(runs, 1 + kGrain / (4 * at.size * run), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(i * run, std::min(at.outer, (i + 1) * run));
  });
}

template <class T>
T largest(const T* x, std::int64_t n) {
  return Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>(x, n).maxCoeff();
}

template <class T>
T total(const T* x, std::int64_t n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += x[i];
  return sum;
}

/// Rows of so many elements fill vectors by themselves.
constexpr std::int64_t kLong = 64;

/// sum_i exp(x_i - m), blocks of 128 in T, these in double; with `keep` the terms go to y.
template <bool keep, class T>
double sum_exp(const T* x, T m, std::int64_t n, T* y) {
  constexpr std::int64_t kBlock = 128;
  double total = 0;
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t last = std::min(n, first + kBlock);
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = first; i < last; ++i) {
      const T e = elementary::exp_down(x[i] - m);
      if constexpr (keep) y[i] = e;
      sum += e;
    }
    total += static_cast<double>(sum);
  }
  return total;
}

/// softmax, or its logarithm, of a row.
template <class T>
void forward_row(bool log, const T* x, T* y, std::int64_t n) {
  const T m = largest(x, n);
  if (log) {
    const auto l = static_cast<T>(std::log(sum_exp<false>(x, m, n, y)));
    for (std::int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) - l;
  } else {
    const auto scale = static_cast<T>(1 / sum_exp<true>(x, m, n, y));
    for (std::int64_t i = 0; i < n; ++i) y[i] *= scale;
  }
}

/// The same of all rows.
template <class T>
void forward_rows(const Lines& at, bool log, const T* x, T* y) {
  for_each_run(at, [=](std::int64_t first, std::int64_t last) {
    const std::int64_t n = at.size;
    if (n >= kLong) {
      for (std::int64_t r = first; r < last; ++r) forward_row(log, x + r * n, y + r * n, n);
      return;
    }
    T most[64];
    for (std::int64_t r = first; r < last; ++r) {
      const T m = most[r - first] = largest(x + r * n, n);
      for (std::int64_t i = r * n; i < (r + 1) * n; ++i) y[i] = x[i] - m;
    }
    exp_values(y + first * n, y + first * n, (last - first) * n);
    for (std::int64_t r = first; r < last; ++r) {
      const T sum = total(y + r * n, n), m = most[r - first];
      if (log) {
        const T l = std::log(sum);
        for (std::int64_t i = r * n; i < (r + 1) * n; ++i) y[i] = (x[i] - m) - l;
      } else {
        const T scale = 1 / sum;
        for (std::int64_t i = r * n; i < (r + 1) * n; ++i) y[i] *= scale;
      }
    }
  });
}

/// The same along an axis with others behind it.
template <class T>
void forward_groups(const Lines& at, bool log, const T* x, T* y) {
  for_each_group(at, [=](std::int64_t offset, std::int64_t width) {
    T most[kLanes], sums[kLanes] = {};
    std::fill_n(most, width, -std::numeric_limits<T>::infinity());
    for (std::int64_t c = 0; c < at.size; ++c) {
      const T* in = x + offset + c * at.inner;
      for (std::int64_t j = 0; j < width; ++j) most[j] = in[j] > most[j] ? in[j] : most[j];
    }
    for (std::int64_t c = 0; c < at.size; ++c) {
      const T* in = x + offset + c * at.inner;
      T* out = y + offset + c * at.inner;
      for (std::int64_t j = 0; j < width; ++j) out[j] = in[j] - most[j];
      exp_values(out, out, width);
      for (std::int64_t j = 0; j < width; ++j) sums[j] += out[j];
    }
    for (std::int64_t j = 0; j < width; ++j) sums[j] = log ? std::log(sums[j]) : 1 / sums[j];
    for (std::int64_t c = 0; c < at.size; ++c) {
      const T* in = x + offset + c * at.inner;
      T* out = y + offset + c * at.inner;
      if (log) {
        for (std::int64_t j = 0; j < width; ++j) out[j] = (in[j] - most[j]) - sums[j];
      } else {
        for (std::int64_t j = 0; j < width; ++j) out[j] *= sums[j];
      }
    }
  });
}

/// y (g - sum g y), or g - exp(y) sum g.
template <class T>
void backward_rows(const Lines& at, bool log, const T* g, const T* y, T* dx) {
  for_each_run(at, [=](std::int64_t first, std::int64_t last) {
    const std::int64_t n = at.size;
    const bool apart = log && n < kLong;
    if (apart) exp_values(y + first * n, dx + first * n, (last - first) * n);
    for (std::int64_t r = first; r < last; ++r) {
      const T *gr = g + r * n, *yr = y + r * n;
      T* out = dx + r * n;
      T sum = 0;
      if (log) {
        sum = total(gr, n);
        if (apart) {
          for (std::int64_t i = 0; i < n; ++i) out[i] = gr[i] - out[i] * sum;
        } else {
#pragma omp simd
          for (std::int64_t i = 0; i < n; ++i) out[i] = gr[i] - elementary::exp_down(yr[i]) * sum;
        }
      } else {
#pragma omp simd reduction(+ : sum)
        for (std::int64_t i = 0; i < n; ++i) sum += gr[i] * yr[i];
        for (std::int64_t i = 0; i < n; ++i) out[i] = yr[i] * (gr[i] - sum);
      }
    }
  });
}

template <class T>
void backward_groups(const Lines& at, bool log, const T* g, const T* y, T* dx) {
  for_each_group(at, [=](std::int64_t offset, std::int64_t width) {
    T sums[kLanes] = {};
    for (std::int64_t c = 0; c < at.size; ++c) {
      const std::int64_t i = offset + c * at.inner;
      if (log) {
        for (std::int64_t j = 0; j < width; ++j) sums[j] += g[i + j];
      } else {
        for (std::int64_t j = 0; j < width; ++j) sums[j] += g[i + j] * y[i + j];
      }
    }
    for (std::int64_t c = 0; c < at.size; ++c) {
      const std::int64_t i = offset + c * at.inner;
      if (log) {
        exp_values(y + i, dx + i, width);
        for (std::int64_t j = 0; j < width; ++j) dx[i + j] = g[i + j] - dx[i + j] * sums[j];
      } else {
        for (std::int64_t j = 0; j < width; ++j) dx[i + j] = y[i + j] * (g[i + j] - sums[j]);
      }
    }
  });
}

}  // namespace

template <class T>
void softmax(const Lines& lines, bool log, const T* x, T* y) {
  if (lines.count() * lines.size == 0) return;
  lines.inner == 1 ? forward_rows(lines, log, x, y) : forward_groups(lines, log, x, y);
}
template <class T>
void softmax_gradient(const Lines& lines, bool log, const T* g, const T* y, T* dx) {
  if (lines.count() * lines.size == 0) return;
  lines.inner == 1 ? backward_rows(lines, log, g, y, dx) : backward_groups(lines, log, g, y, dx);
}

template <class T>
void logsumexp(std::int64_t rows, std::int64_t n, const T* x, T* y) {
  parallel_for(rows, 1 + kGrain / (1 + 4 * n), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      if (const T m = y[r]; std::isfinite(m))
        y[r] = m + static_cast<T>(std::log(sum_exp<false, T>(x + r * n, m, n, nullptr)));
  });
}
template <class T>
void logsumexp_gradient(std::int64_t rows, std::int64_t n, const T* g, const T* x, const T* y, T* dx) {
  parallel_for(rows, 1 + kGrain / (1 + 4 * n), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* const row = x + r * n;
      T* const out = dx + r * n;
      // Where all are -inf every weight is 0.
      const T factor = g[r], level = y[r] == -std::numeric_limits<T>::infinity() ? 0 : y[r];
#pragma omp simd
      for (std::int64_t i = 0; i < n; ++i) out[i] = elementary::exp_down(row[i] - level) * factor;
    }
  });
}

#define GRADUS_SOFTMAX(T)                                                                   \
  template GRADUS_EXPORT void softmax(const Lines&, bool, const T*, T*);                    \
  template GRADUS_EXPORT void softmax_gradient(const Lines&, bool, const T*, const T*, T*); \
  template GRADUS_EXPORT void logsumexp(std::int64_t, std::int64_t, const T*, T*);          \
  template GRADUS_EXPORT void logsumexp_gradient(std::int64_t, std::int64_t, const T*, const T*, const T*, T*);
GRADUS_SOFTMAX(float)
GRADUS_SOFTMAX(double)
#undef GRADUS_SOFTMAX

}  // namespace gradus::kernels

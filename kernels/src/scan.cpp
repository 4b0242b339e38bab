#include "gradus/kernels/scan.h"

#include "gradus/kernels/loops.h"
#include "gradus/kernels/modular.h"

#include <algorithm>
#include <cmath>

namespace gradus::kernels {
namespace {

/// For every line, and each place of it in order, calls f(i, first, carried): the offset of the element, whether it is
/// the line's first, and what the line has come to.
template <class T, class F>
void scan_lines(const Lines& lines, bool reverse, const F& f) {
  constexpr std::int64_t kWidth = 128;
  const std::int64_t n = lines.size, inner = lines.inner;
  if (n == 0) return;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / 4 / n);
  const std::int64_t first = reverse ? (n - 1) * inner : 0, step = reverse ? -inner : inner;
  parallel_for(lines.count(), grain, [=, &f](std::int64_t begin, std::int64_t end) {
    if (inner == 1) {
      const auto side_by_side = [&]<std::int64_t lines>() {  // each waits for its own sums only
        for (; begin + lines <= end; begin += lines) {
          Accumulator<T> carried[lines] = {};
          for (std::int64_t k = 0; k < lines; ++k) f((begin + k) * n + first, true, carried[k]);
          for (std::int64_t i = 1; i < n; ++i)
#pragma GCC unroll 8
            for (std::int64_t k = 0; k < lines; ++k) f((begin + k) * n + first + i * step, false, carried[k]);
        }
      };
      side_by_side.template operator()<2>();
      side_by_side.template operator()<1>();
      return;
    }
    while (begin < end) {
      const std::int64_t column = begin % inner, base = begin / inner * inner * n + column + first;
      const std::int64_t width = std::min({inner - column, end - begin, kWidth});
      Accumulator<T> carried[kWidth];
      for (std::int64_t j = 0; j < width; ++j) f(base + j, true, carried[j]);
      for (std::int64_t i = 1; i < n; ++i)
#pragma omp simd
        for (std::int64_t j = 0; j < width; ++j) f(base + i * step + j, false, carried[j]);
      begin += width;
    }
  });
}

}  // namespace

template <class T>
void cumulative_sum(const Lines& lines, bool reverse, const T* x, T* y) {
  using S = Accumulator<T>;
  scan_lines<T>(lines, reverse, [=](std::int64_t i, bool first, S& sum) {
    sum = first ? static_cast<S>(x[i]) : sum + static_cast<S>(x[i]);
    y[i] = static_cast<T>(sum);
  });
}

template <class T>
void linear_recurrence(const Lines& lines, bool reverse, const T* factors, const T* terms, T* y) {
  using S = Accumulator<T>;
  scan_lines<T>(lines, reverse, [=](std::int64_t i, bool first, S& s) {
    s = first ? static_cast<S>(terms[i]) : static_cast<S>(factors[i]) * s + static_cast<S>(terms[i]);
    y[i] = static_cast<T>(s);
  });
}

template <class T>
void cumulative_logsumexp(const Lines& lines, const T* x, T* y) {
  scan_lines<T>(lines, false, [=](std::int64_t i, bool first, double& s) {
    const double u = s, v = static_cast<double>(x[i]);
    if (first) {
      s = v;
    } else {
      const double top = u > v || u != u ? u : v;
      s = std::isinf(top) && u == u && v == v ? top : top + std::log1p(std::exp(-std::abs(u - v)));
    }
    y[i] = static_cast<T>(s);
  });
}

template <class T>
void cumulative_extreme(const Lines& lines, bool largest, const T* x, std::int64_t* places) {
  const std::int64_t n = lines.size, step = lines.inner;
  if (n == 0) return;
  parallel_for(lines.count(), std::max<std::int64_t>(1, kGrain / n), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t base = lines.start(line);
      std::int64_t best = 0;
      T top = x[base];
      for (std::int64_t i = 0; i < n; ++i) {
        const T v = x[base + i * step];
        if (v != v || (top == top && (largest ? v >= top : v <= top))) best = i, top = v;
        places[base + i * step] = best;
      }
    }
  });
}

#define GRADUS_SCANS(T)                                                                      \
  template GRADUS_EXPORT void cumulative_sum(const Lines&, bool, const T*, T*);              \
  template GRADUS_EXPORT void linear_recurrence(const Lines&, bool, const T*, const T*, T*); \
  template GRADUS_EXPORT void cumulative_extreme(const Lines&, bool, const T*, std::int64_t*);
GRADUS_SCANS(float)
GRADUS_SCANS(double)
GRADUS_SCANS(std::int64_t)
#undef GRADUS_SCANS
template GRADUS_EXPORT void cumulative_logsumexp(const Lines&, const float*, float*);
template GRADUS_EXPORT void cumulative_logsumexp(const Lines&, const double*, double*);

}  // namespace gradus::kernels

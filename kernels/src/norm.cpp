#include "gradus/kernels/norm.h"

#include "buffer.h"

#include "gradus/kernels/loops.h"

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

/// The sums of f(i) and of g(i) for i from `begin` to `end`: short runs in T, the runs in double.
template <class T, class F, class G>
Sums sum_range(std::int64_t begin, std::int64_t end, F f, G g) {
  constexpr std::int64_t kRun = 256;
  Sums total = {};
  for (std::int64_t i = begin; i < end; i += kRun) {
    const std::int64_t stop = std::min(end, i + kRun);
    T part0 = 0, part1 = 0;
#pragma omp simd reduction(+ : part0, part1)
    for (std::int64_t k = i; k < stop; ++k) part0 += f(k), part1 += g(k);
    total[0] += static_cast<double>(part0);
    total[1] += static_cast<double>(part1);
  }
  return total;
}

/// The mean of some values and the sum of the squares of their differences from it.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  /// With those of n more values whose differences from `from`, and the squares of these, have the given sums; by Chan,
  /// Golub and LeVeque 1983, eq. 2.1. Where `from` is the mean so far, or theirs, nothing is lost that counts: a
  /// distance between the two is in `squares` itself.
  void add(double n, double from, const Sums& sums) {
    const double all = count + n, rest = sums[0] / n, step = from + rest - mean;
    squares += std::max(sums[1] - sums[0] * rest, 0.0) + step * step * (count * n / all);
    mean += step * (n / all);
    count = all;
  }
};

/// The sums of n neighbours' differences from m, and of their squares.
template <class T>
Sums differences(const T* v, std::int64_t n, T m) {
  return sum_range<T>(
      0, n, [=](std::int64_t i) { return v[i] - m; }, [=](std::int64_t i) { return (v[i] - m) * (v[i] - m); });
}
template <class T>
T mean_of(const T* v, std::int64_t n) {
  const Sums sums = sum_range<T>(0, n, [=](std::int64_t i) { return v[i]; }, [](std::int64_t) { return T(0); });
  return static_cast<T>(sums[0] / static_cast<double>(n));
}

/// [N, C, *]: the same as sum_strip, image by image, as they stand in memory.
template <class T, class F, class G, class Done>
void sum_slices(const Lines& at, std::int64_t first, std::int64_t width, F f, G g, Done done) {
  Sums totals[kStrip] = {};
  for (std::int64_t n = 0; n < at.outer; ++n)
    for (std::int64_t c = 0; c < width; ++c) {
      const std::int64_t begin = (n * at.size + first + c) * at.inner;
      const Sums sums = sum_range<T>(
          begin,
          begin + at.inner,
          [=](std::int64_t i) { return f(i, first + c); },
          [=](std::int64_t i) { return g(i, first + c); });
      totals[c][0] += sums[0];
      totals[c][1] += sums[1];
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

/// [N, C, *]: the moments of `width` channels.
template <class T>
void add_moments_of_slices(const Lines& at, std::int64_t first, std::int64_t width, const T* x, Moments* totals) {
  for (std::int64_t n = 0; n < at.outer; ++n)
    for (std::int64_t c = 0; c < width; ++c) {
      const T* const v = x + (n * at.size + first + c) * at.inner;
      const T from = n == 0 ? mean_of(v, at.inner) : static_cast<T>(totals[c].mean);
      totals[c].add(static_cast<double>(at.inner), static_cast<double>(from), differences(v, at.inner, from));
    }
}

/// [N, C]: the same.
template <class T>
void add_moments_of_strip(const Lines& at, std::int64_t first, std::int64_t width, const T* x, Moments* totals) {
  constexpr std::int64_t kRows = 64;
  T means[kStrip] = {};
  for (std::int64_t n = 0; n < at.outer; n += kRows) {
    const std::int64_t rows = std::min(kRows, at.outer - n);
    const T* const from = x + n * at.size + first;
    for (std::int64_t r = 0; n == 0 && r < rows; ++r)
      for (std::int64_t j = 0; j < width; ++j) means[j] += from[r * at.size + j] / static_cast<T>(rows);
    T sums[kStrip] = {}, squares[kStrip] = {};
    for (std::int64_t r = 0; r < rows; ++r)
#pragma omp simd
      for (std::int64_t j = 0; j < width; ++j) {
        const T rest = from[r * at.size + j] - means[j];
        sums[j] += rest;
        squares[j] += rest * rest;
      }
    for (std::int64_t j = 0; j < width; ++j) {
      totals[j].add(static_cast<double>(rows),
                    static_cast<double>(means[j]),
                    {static_cast<double>(sums[j]), static_cast<double>(squares[j])});
      means[j] = static_cast<T>(totals[j].mean);
    }
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

// ---- rows ----------------------------------------------------------------------------------------

/// `values`, or n times `instead` in `room` where there are none.
template <class T>
const T* values_or(const T* values, T instead, std::int64_t n, const Buffer<T>& room) {
  if (values == nullptr) std::fill_n(room.get(), n, instead);
  return values == nullptr ? room.get() : values;
}

/// Parts of the rows that are added up apart: few where each must have sums of its own for all channels.
std::int64_t parts_of(const NormRows& at, bool own_sums) {
  const std::int64_t most = std::clamp<std::int64_t>(own_sums ? at.rows / 4 : at.rows, 1, 64);
  return std::clamp<std::int64_t>(at.rows * at.size / kGrain, 1, most);
}

/// The gradients of row i, the means of whose g w and g w (x - m) r are known:
/// dx = (g w - mean(g w) - (x - m) r mean(g w (x - m) r)) r = r w g + (b (x - m) + c).
template <class T>
struct RowGradient {
  const T *x, *g;
  T* dx;
  T m, r, b = 0, c = 0;

  RowGradient(const NormRows& at, const RowGradients<T>& of, std::int64_t i)
      : x(of.x + i * at.size),
        g(of.g + i * at.size),
        dx(of.dx == nullptr ? nullptr : of.dx + i * at.size),
        m(of.mean[i]),
        r(of.inverse[i]) {}
  /// `sums` are those of g w and of g w (x - m).
  void set_means(const NormRows& at, const Sums& sums) {
    const auto n = static_cast<double>(at.size), inverse = static_cast<double>(r);
    b = static_cast<T>(-inverse * inverse * inverse * sums[1] / n);
    c = at.centred ? static_cast<T>(-inverse * sums[0] / n) : T(0);
  }
};

/// Some of the rows, and the sums of g (x - m) r and of g by channel that they add to; null where not wanted.
struct Part {
  std::int64_t begin, end;
  double *dw, *db;
};

/// The gradients of rows where each element has a channel of its own: sums of 16 in T, these in double.
template <class T>
void gradients_of_elements(const NormRows& at, const RowGradients<T>& of, const T* weight, const Part& part) {
  const auto [begin, end, dw, db] = part;
  const std::int64_t n = at.size, all = at.groups * n, block = 16 * at.groups;
  const Buffer<T> room(2 * all + n);
  T *const sums_w = room.get(), *const sums_b = sums_w + all, *const unwanted = sums_b + all;
  for (std::int64_t first = begin; first < end; first += block) {
    std::fill_n(sums_w, 2 * all, T(0));
    const std::int64_t last = std::min(end, first + block);
    for (std::int64_t i = first; i < last; ++i) {
      RowGradient<T> row(at, of, i);
      const std::int64_t channel = i % at.groups * n;
      const T *const x = row.x, *const g = row.g, *const w = weight + channel;
      T *const pw = sums_w + channel, *const pb = sums_b + channel;
      T* const dx = row.dx != nullptr ? row.dx : unwanted;
      const T m = row.m, r = row.r;
      row.set_means(at,
                    sum_range<T>(
                        0,
                        n,
                        [=](std::int64_t j) { return g[j] * w[j]; },
                        [=](std::int64_t j) { return g[j] * w[j] * (x[j] - m); }));
      const T b = row.b, c = row.c;
#pragma omp simd
      for (std::int64_t j = 0; j < n; ++j) {
        const T d = x[j] - m;
        pw[j] += g[j] * (d * r);
        pb[j] += g[j];
        dx[j] = r * (g[j] * w[j]) + (b * d + c);
      }
    }
    if (dw == nullptr) continue;
    for (std::int64_t j = 0; j < all; ++j) {
      dw[j] += static_cast<double>(sums_w[j]);
      db[j] += static_cast<double>(sums_b[j]);
    }
  }
}

/// The same where several elements belong to a channel.
template <class T>
void gradients_of_channels(const NormRows& at, const RowGradients<T>& of, const T* weight, const Part& part) {
  const auto [begin, end, dw, db] = part;
  const std::int64_t inner = at.size / at.channels;
  for (std::int64_t i = begin; i < end; ++i) {
    RowGradient<T> row(at, of, i);
    const T *const x = row.x, *const g = row.g;
    const T m = row.m, r = row.r;
    const std::int64_t first = i % at.groups * at.channels;
    Sums all = {};
    for (std::int64_t k = 0; k < at.channels; ++k) {
      const Sums sums = sum_range<T>(
          k * inner,
          (k + 1) * inner,
          [=](std::int64_t j) { return g[j]; },
          [=](std::int64_t j) { return g[j] * (x[j] - m); });
      const auto w = static_cast<double>(weight[first + k]);
      all[0] += w * sums[0];
      all[1] += w * sums[1];
      if (dw == nullptr) continue;
      dw[first + k] += static_cast<double>(r) * sums[1];
      db[first + k] += sums[0];
    }
    if (row.dx == nullptr) continue;
    row.set_means(at, all);
    T* const dx = row.dx;
    const T b = row.b, c = row.c;
    for (std::int64_t k = 0; k < at.channels; ++k) {
      const T a = r * weight[first + k];
#pragma omp simd
      for (std::int64_t j = k * inner; j < (k + 1) * inner; ++j) dx[j] = a * g[j] + (b * (x[j] - m) + c);
    }
  }
}

}  // namespace

template <class T>
void channel_statistics(const Lines& at, double eps, const T* x, T* mean, T* variance, T* inverse) {
  const auto finish = [=](std::int64_t k, const Moments& all) {
    mean[k] = static_cast<T>(all.mean);
    variance[k] = static_cast<T>(all.squares / (all.count - 1));
    inverse[k] = static_cast<T>(1 / std::sqrt(all.squares / all.count + eps));
  };
  const std::int64_t grain = 1 + 2 * kGrain / (1 + at.count());
  parallel_for(at.size, std::max(grain, at.inner == 1 ? kStrip : 1), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += kStrip) {
      const std::int64_t width = std::min(kStrip, end - first);
      Moments totals[kStrip];
      if (at.inner == 1)
        add_moments_of_strip(at, first, width, x, totals);
      else
        add_moments_of_slices(at, first, width, x, totals);
      for (std::int64_t k = 0; k < width; ++k) finish(first + k, totals[k]);
    }
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
    const NormRows& at, double eps, const T* x, const T* weight, const T* bias, T* y, T* mean, T* inverse) {
  const std::int64_t n = at.size, channels = at.groups * at.channels, inner = n / at.channels;
  const Buffer<T> ones(channels), zeros(channels);
  const T* const w = values_or(weight, T(1), channels, ones);
  const T* const b = values_or(bias, T(0), channels, zeros);
  const auto normalise = [=](std::int64_t i) {
    const T* const v = x + i * n;
    T* const to = y + i * n;
    const auto count = static_cast<double>(n);
    const T m = at.centred ? mean_of(v, n) : T(0);
    const Sums sums = differences(v, n, m);
    // The first sum is what rounding the mean has left.
    const double rest = at.centred ? sums[0] * sums[0] / count : 0;
    const auto r = static_cast<T>(1 / std::sqrt(std::max(sums[1] - rest, 0.0) / count + eps));
    const std::int64_t first = i % at.groups * at.channels;
    if (inner == 1) {
#pragma omp simd
      for (std::int64_t j = 0; j < n; ++j) to[j] = (v[j] - m) * r * w[first + j] + b[first + j];
    } else {
      for (std::int64_t k = 0; k < at.channels; ++k) {
        const T a = r * w[first + k], c = b[first + k];
#pragma omp simd
        for (std::int64_t j = k * inner; j < (k + 1) * inner; ++j) to[j] = (v[j] - m) * a + c;
      }
    }
    mean[i] = m;
    inverse[i] = r;
  };
  parallel_for(at.rows, 1 + kGrain / (1 + n), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) normalise(i);
  });
}

template <class T>
void normalise_rows_gradient(const NormRows& at, const RowGradients<T>& of) {
  const std::int64_t channels = at.groups * at.channels;
  const Buffer<T> ones(channels);
  const T* const w = values_or(of.weight, T(1), channels, ones);
  const bool affine = of.dweight != nullptr || of.dbias != nullptr;
  const std::int64_t parts = parts_of(at, affine), wide = affine ? 2 * channels : 0;
  const Buffer<double> sums(parts * wide);  // of dweight and dbias, part by part
  double* const total = sums.get();
  std::fill_n(total, parts * wide, 0.0);
  parallel_for(parts, 1, [&, w](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      double* const dw = affine ? total + part * wide : nullptr;
      double* const db = affine ? dw + channels : nullptr;
      const auto gradients = at.channels == at.size ? gradients_of_elements<T> : gradients_of_channels<T>;
      gradients(at, of, w, {at.rows * part / parts, at.rows * (part + 1) / parts, dw, db});
    }
  });
  for (std::int64_t part = 1; part < parts; ++part)
    for (std::int64_t k = 0; k < wide; ++k) total[k] += total[part * wide + k];
  for (std::int64_t k = 0; k < channels; ++k) {
    if (of.dweight != nullptr) of.dweight[k] = static_cast<T>(total[k]);
    if (of.dbias != nullptr) of.dbias[k] = static_cast<T>(total[channels + k]);
  }
}

#define GRADUS_NORMS(T)                                                                                               \
  template GRADUS_EXPORT void channel_statistics(const Lines&, double, const T*, T*, T*, T*);                         \
  template GRADUS_EXPORT void normalise_channels(const Lines&, const T*, const T*, const T*, const T*, const T*, T*); \
  template GRADUS_EXPORT void normalise_channels_gradient(const Lines&, const ChannelGradients<T>&);                  \
  template GRADUS_EXPORT void normalise_rows(const NormRows&, double, const T*, const T*, const T*, T*, T*, T*);      \
  template GRADUS_EXPORT void normalise_rows_gradient(const NormRows&, const RowGradients<T>&);
GRADUS_NORMS(float)
GRADUS_NORMS(double)
#undef GRADUS_NORMS

}  // namespace gradus::kernels

#include "gradus/kernels/attention.h"

#include "buffer.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/gemm.h"
#include "gradus/kernels/loops.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::kernels {
namespace {

/// Scores of so many queries and so many keys are made at a time: those, and what they are made of, stay in the cache.
constexpr std::int64_t kTile = 128;

/// Some queries and some keys of one matrix.
struct Tile {
  std::int64_t batch, first, rows, first_key, keys;
};

/// f(first, count) for parts of at most kTile of n.
template <class F>
void for_each_part(std::int64_t n, F f) {
  for (std::int64_t first = 0; first < n; first += kTile) f(first, std::min(kTile, n - first));
}

/// Scores of a tile, [rows, keys], without masks.
template <class T>
void scores_of(
    const AttentionSizes& at, const Tile& b, const Matrices<const T>& q, const Matrices<const T>& k, T* scores) {
  const T *queries = q(b.batch) + b.first * q.row, *keys = k(b.batch) + b.first_key * k.row;
  const auto scale = static_cast<T>(at.scale);
  gemm<T>(false, true, b.rows, b.keys, at.width, scale, queries, q.row, keys, k.row, 0, scores, b.keys);
}

/// Masks the scores of a query.
template <class T>
void mask_row(const Masks<T>& masks, const Tile& b, std::int64_t row, T* scores) {
  constexpr T nowhere = -std::numeric_limits<T>::infinity();
  if (masks.begin != nullptr) {
    const std::int64_t step = masks.column;
    const std::int64_t at = masks.begin[b.batch] + (b.first + row) * masks.row + b.first_key * step;
    if (masks.allowed != nullptr) {
      const bool* allowed = masks.allowed + at;
      for (std::int64_t j = 0; j < b.keys; ++j) scores[j] = allowed[j * step] ? scores[j] : nowhere;
    } else {
      const T* added = masks.added + at;
      for (std::int64_t j = 0; j < b.keys; ++j) scores[j] += added[j * step];
    }
  }
  if (!masks.causal) return;
  const std::int64_t seen = std::clamp<std::int64_t>(b.first + row + 1 - b.first_key, 0, b.keys);
  std::fill(scores + seen, scores + b.keys, nowhere);
}

/// x_j = exp(x_j - shift), in place; gives their sum.
template <class T>
[[gnu::noinline]] T exponentials(T* x, std::int64_t n, T shift) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = 0; j < n; ++j) {
    x[j] = elementary::exp_down(x[j] - shift);
    sum += x[j];
  }
  return sum;
}

template <class T>
T largest(const T* x, std::int64_t n, T start) {
  T most = start;
#pragma omp simd reduction(max : most)
  for (std::int64_t j = 0; j < n; ++j) most = x[j] > most ? x[j] : most;
  return most;
}

/// ds = p (d - shift), over d.
template <class T>
[[gnu::noinline]] void scores_gradient(const T* p, T* __restrict d, std::int64_t n, T shift) {
  for (std::int64_t j = 0; j < n; ++j) d[j] = p[j] * (d[j] - shift);
}

template <class T>
T dot(const T* a, const T* b, std::int64_t n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

template <class T>
void scale_row(T* x, std::int64_t n, T factor) {
  for (std::int64_t j = 0; j < n; ++j) x[j] *= factor;
}

/// The softmax of some queries as it has come to, key by key: the largest score, and the sum of exp(score - largest).
template <class T>
struct Running {
  T most[kTile];
  double sum[kTile];

  Running() {
    std::fill_n(most, kTile, -std::numeric_limits<T>::infinity());
    std::fill_n(sum, kTile, 0.0);
  }
  /// Takes in the scores of a query, which become exp(score - largest), where y is what was added up so far.
  void take(std::int64_t row, T* scores, std::int64_t n, T* y, std::int64_t width) {
    const T before = most[row], now = largest(scores, n, before);
    const T shift = now == -std::numeric_limits<T>::infinity() ? T(0) : now;
    most[row] = now;
    if (now != before) {
      const T factor = elementary::exp_down(before - shift);
      scale_row(y, width, factor);
      sum[row] *= static_cast<double>(factor);
    }
    sum[row] += static_cast<double>(exponentials(scores, n, shift));
  }
};

}  // namespace

template <class T>
void attention(const AttentionSizes& at,
               const Masks<T>& masks,
               const Matrices<const T>& q,
               const Matrices<const T>& k,
               const Matrices<const T>& v,
               T* y,
               T* l) {
  const std::int64_t parts = (at.rows + kTile - 1) / kTile, e = at.value_width;
  parallel_for(at.batch * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    const Buffer<T> buffer(kTile * kTile);
    T* scores = buffer.get();
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t batch = i / parts, first = i % parts * kTile, rows = std::min(kTile, at.rows - first);
      T *out = y + (batch * at.rows + first) * e, *sums = l + batch * at.rows + first;
      std::fill_n(out, rows * e, T(0));
      Running<T> running;
      for_each_part(masks.causal ? std::min(at.keys, first + rows) : at.keys, [&](std::int64_t key, std::int64_t keys) {
        const Tile tile{batch, first, rows, key, keys};
        scores_of(at, tile, q, k, scores);
        for (std::int64_t row = 0; row < rows; ++row) {
          mask_row(masks, tile, row, scores + row * keys);
          running.take(row, scores + row * keys, keys, out + row * e, e);
        }
        gemm<T>(false, false, rows, e, keys, 1, scores, keys, v(batch) + key * v.row, v.row, 1, out, e);
      });
      for (std::int64_t row = 0; row < rows; ++row) {
        const bool none = masks.begin != nullptr && running.sum[row] == 0;
        sums[row] =
            none ? std::numeric_limits<T>::infinity() : running.most[row] + static_cast<T>(std::log(running.sum[row]));
        if (!none && at.keys > 0) scale_row(out + row * e, e, static_cast<T>(1 / running.sum[row]));
      }
    }
  });
}

namespace {

/// Adds what the queries and keys of a tile give to the gradients; `weights` and `d` hold a tile.
template <class T>
void add_gradients(const AttentionSizes& at,
                   const Masks<T>& masks,
                   const AttentionGradient<T>& p,
                   const Tile& b,
                   const T* shifts,
                   T* weights,
                   T* d) {
  const std::int64_t first = b.batch * at.rows + b.first, first_key = b.batch * at.keys + b.first_key;
  const std::int64_t e = at.value_width, w = at.width, n = b.keys, m = b.rows;
  const T *g = p.g + first * e, *queries = p.q(b.batch) + b.first * p.q.row,
          *keys = p.k(b.batch) + b.first_key * p.k.row, *values = p.v(b.batch) + b.first_key * p.v.row;
  const auto scale = static_cast<T>(at.scale);
  scores_of(at, b, p.q, p.k, weights);
  for (std::int64_t row = 0; row < m; ++row) {
    mask_row(masks, b, row, weights + row * n);
    exponentials(weights + row * n, n, p.l[first + row]);
  }
  if (p.dv != nullptr) gemm<T>(true, false, n, e, m, 1, weights, n, g, e, 1, p.dv + first_key * e, e);
  if (p.dq == nullptr && p.dk == nullptr && p.dmask == nullptr) return;
  gemm<T>(false, true, m, n, e, 1, g, e, values, p.v.row, 0, d, n);
  for (std::int64_t row = 0; row < m; ++row) {
    scores_gradient(weights + row * n, d + row * n, n, shifts[b.first + row]);
    if (p.dmask != nullptr) std::copy_n(d + row * n, n, p.dmask + (first + row) * at.keys + b.first_key);
  }
  if (p.dq != nullptr) gemm<T>(false, false, m, w, n, scale, d, n, keys, p.k.row, 1, p.dq + first * w, w);
  if (p.dk != nullptr) gemm<T>(true, false, n, w, m, scale, d, n, queries, p.q.row, 1, p.dk + first_key * w, w);
}

}  // namespace

template <class T>
void attention_gradient(const AttentionSizes& at, const Masks<T>& masks, const AttentionGradient<T>& p) {
  const std::int64_t e = at.value_width;
  const auto clear = [](T* x, std::int64_t batch, std::int64_t n) {
    if (x != nullptr) std::fill_n(x + batch * n, n, T(0));
  };
  parallel_for(at.batch, 1, [&](std::int64_t begin, std::int64_t end) {
    const Buffer<T> of_weights(kTile * kTile), of_d(kTile * kTile), of_shifts(at.rows);
    for (std::int64_t batch = begin; batch < end; ++batch) {
      clear(p.dq, batch, at.rows * at.width);
      clear(p.dk, batch, at.keys * at.width);
      clear(p.dv, batch, at.keys * e);
      if (masks.causal) clear(p.dmask, batch, at.rows * at.keys);
      for (std::int64_t i = 0; i < at.rows; ++i) {
        const std::int64_t row = (batch * at.rows + i) * e;
        of_shifts.get()[i] = dot(p.g + row, p.y + row, e);
      }
      for_each_part(at.keys, [&](std::int64_t key, std::int64_t keys) {
        for_each_part(at.rows, [&](std::int64_t first, std::int64_t rows) {
          if (masks.causal && key >= first + rows) return;  // no query of these sees any key of those
          const Tile tile{batch, first, rows, key, keys};
          add_gradients(at, masks, p, tile, of_shifts.get(), of_weights.get(), of_d.get());
        });
      });
    }
  });
}

#define GRADUS_ATTENTION(T)                                       \
  template GRADUS_EXPORT void attention(const AttentionSizes&,    \
                                        const Masks<T>&,          \
                                        const Matrices<const T>&, \
                                        const Matrices<const T>&, \
                                        const Matrices<const T>&, \
                                        T*,                       \
                                        T*);                      \
  template GRADUS_EXPORT void attention_gradient(const AttentionSizes&, const Masks<T>&, const AttentionGradient<T>&);
GRADUS_ATTENTION(float)
GRADUS_ATTENTION(double)
#undef GRADUS_ATTENTION

}  // namespace gradus::kernels

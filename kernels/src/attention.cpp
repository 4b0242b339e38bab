#include "gradus/kernels/attention.h"

#include "buffer.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/gemm.h"
#include "gradus/kernels/loops.h"
#include "gradus/kernels/softmax.h"

#include <algorithm>
#include <limits>

namespace gradus::kernels {
namespace {

/// So many scores at a time stay in the cache.
constexpr std::int64_t kScores = 1 << 16;

/// How many queries are taken at a time.
std::int64_t queries_at_once(const AttentionSizes& at) {
  return std::clamp<std::int64_t>(kScores / std::max<std::int64_t>(1, at.keys), 8, 128);
}

/// Some queries of a matrix, and how many keys one of them may see.
struct Block {
  std::int64_t batch, first, rows, keys;
};
Block block_of(const AttentionSizes& at, bool causal, std::int64_t batch, std::int64_t first) {
  const std::int64_t rows = std::min(queries_at_once(at), at.rows - first);
  return {batch, first, rows, causal ? std::min(at.keys, first + rows) : at.keys};
}

/// Scores of a block, [rows, keys], without masks.
template <class T>
void scores_of(
    const AttentionSizes& at, const Block& b, const Matrices<const T>& q, const Matrices<const T>& k, T* scores) {
  gemm<T>(false,
          true,
          b.rows,
          b.keys,
          at.width,
          static_cast<T>(at.scale),
          q(b.batch) + b.first * q.row,
          q.row,
          k(b.batch),
          k.row,
          0,
          scores,
          b.keys);
}

/// How many keys a query of the block sees at most.
template <class T>
std::int64_t visible(const Masks<T>& masks, const Block& b, std::int64_t row) {
  return masks.causal ? std::min(b.keys, b.first + row + 1) : b.keys;
}

/// Masks the scores of a query, of n keys.
template <class T>
void mask_row(const Masks<T>& masks, const Block& b, std::int64_t row, std::int64_t n, T* scores) {
  constexpr T nowhere = -std::numeric_limits<T>::infinity();
  if (masks.begin == nullptr) return;
  const std::int64_t at = masks.begin[b.batch] + (b.first + row) * masks.row, step = masks.column;
  if (masks.allowed != nullptr) {
    const bool* allowed = masks.allowed + at;
    for (std::int64_t j = 0; j < n; ++j) scores[j] = allowed[j * step] ? scores[j] : nowhere;
  } else {
    const T* added = masks.added + at;
    for (std::int64_t j = 0; j < n; ++j) scores[j] += added[j * step];
  }
}

/// p_j = exp(s_j - l), in place.
template <class T>
[[gnu::noinline]] void weights_of(T* s, std::int64_t n, T l) {
#pragma omp simd
  for (std::int64_t j = 0; j < n; ++j) s[j] = elementary::exp(s[j] - l);
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

/// The weights of a block in place of its scores; those of keys that a query doesn't see are 0.
template <class T, class F>
void for_each_query(const Masks<T>& masks, const Block& b, T* scores, F f) {
  for (std::int64_t row = 0; row < b.rows; ++row) {
    T* s = scores + row * b.keys;
    const std::int64_t n = visible(masks, b, row);
    mask_row(masks, b, row, n, s);
    f(row, s, n);
    std::fill(s + n, s + b.keys, T(0));
  }
}

}  // namespace

template <class T>
void attention(const AttentionSizes& at,
               const Masks<T>& masks,
               const Matrices<const T>& q,
               const Matrices<const T>& k,
               const Matrices<const T>& v,
               T* y,
               T* l) {
  const std::int64_t each = queries_at_once(at), blocks = (at.rows + each - 1) / each;
  parallel_for(at.batch * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    const Buffer<T> buffer(each * at.keys);
    T* scores = buffer.get();
    for (std::int64_t i = begin; i < end; ++i) {
      const Block b = block_of(at, masks.causal, i / blocks, i % blocks * each);
      scores_of(at, b, q, k, scores);
      T *sums = l + b.batch * at.rows + b.first, *out = y + (b.batch * at.rows + b.first) * at.value_width;
      for_each_query(masks, b, scores, [&](std::int64_t row, T* s, std::int64_t n) {
        sums[row] = softmax_row(s, n);
        if (masks.begin == nullptr || sums[row] != -std::numeric_limits<T>::infinity()) return;
        sums[row] = std::numeric_limits<T>::infinity();
        std::fill_n(s, n, T(0));
      });
      gemm<T>(
          false, false, b.rows, at.value_width, b.keys, 1, scores, b.keys, v(b.batch), v.row, 0, out, at.value_width);
    }
  });
}

namespace {

/// Adds what a block of queries gives to the gradients.
template <class T>
void add_gradients(
    const AttentionSizes& at, const Masks<T>& masks, const AttentionGradient<T>& p, const Block& b, T* weights, T* d) {
  const std::int64_t first = b.batch * at.rows + b.first, e = at.value_width, w = at.width, n = b.keys, m = b.rows;
  const T *l = p.l + first, *g = p.g + first * e, *y = p.y + first * e, scale = static_cast<T>(at.scale);
  scores_of(at, b, p.q, p.k, weights);
  for_each_query(masks, b, weights, [&](std::int64_t row, T* s, std::int64_t seen) { weights_of(s, seen, l[row]); });
  if (p.dv != nullptr) gemm<T>(true, false, n, e, m, 1, weights, n, g, e, 1, p.dv + b.batch * at.keys * e, e);
  if (p.dq == nullptr && p.dk == nullptr) return;
  gemm<T>(false, true, m, n, e, 1, g, e, p.v(b.batch), p.v.row, 0, d, n);
  for (std::int64_t row = 0; row < m; ++row)
    scores_gradient(weights + row * n, d + row * n, n, dot(g + row * e, y + row * e, e));
  if (p.dq != nullptr) gemm<T>(false, false, m, w, n, scale, d, n, p.k(b.batch), p.k.row, 0, p.dq + first * w, w);
  if (p.dk != nullptr) {
    const T* queries = p.q(b.batch) + b.first * p.q.row;
    gemm<T>(true, false, n, w, m, scale, d, n, queries, p.q.row, 1, p.dk + b.batch * at.keys * w, w);
  }
}

}  // namespace

template <class T>
void attention_gradient(const AttentionSizes& at, const Masks<T>& masks, const AttentionGradient<T>& p) {
  const std::int64_t each = queries_at_once(at);
  parallel_for(at.batch, 1, [&](std::int64_t begin, std::int64_t end) {
    const Buffer<T> of_weights(each * at.keys), of_d(each * at.keys);
    for (std::int64_t batch = begin; batch < end; ++batch) {
      if (p.dk != nullptr) std::fill_n(p.dk + batch * at.keys * at.width, at.keys * at.width, T(0));
      if (p.dv != nullptr) std::fill_n(p.dv + batch * at.keys * at.value_width, at.keys * at.value_width, T(0));
      for (std::int64_t first = 0; first < at.rows; first += each)
        add_gradients(at, masks, p, block_of(at, masks.causal, batch, first), of_weights.get(), of_d.get());
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

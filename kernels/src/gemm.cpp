#include "gradus/kernels/gemm.h"

#include "openblas.h"

#include "gradus/tensor/intrinsics.h"
#include "gradus/tensor/runtime.h"

#include <Eigen/Core>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#ifdef GRADUS_HAVE_DNNL
#include <dnnl.h>
#endif

namespace gradus::kernels {
using namespace detail;

namespace {

/// Products of at most so many multiplications are done by loops here: a library call costs more.
constexpr std::int64_t kLoopsUpTo = 1 << 13;
/// Below this a second thread gains nothing.
constexpr std::int64_t kThreadsFrom = 1 << 19;
/// From here on OpenBLAS is faster than Eigen.
constexpr std::int64_t kOpenBlasFrom = 1 << 15;
/// The tiles of a deterministic product; its rounding depends on them.
constexpr std::int64_t kTileRows = 64, kTileColumns = 128;

template <class T>
struct Product {
  bool ta, tb;
  std::int64_t m, n, k;
  T alpha;
  const T* a;
  std::int64_t lda;
  const T* b;
  std::int64_t ldb;
  T beta;
  T* c;
  std::int64_t ldc;
};

template <class T>
void scale_row(T* c, std::int64_t n, T beta) {
  if (beta == T(0)) {
    std::fill_n(c, n, T(0));
  } else if (beta != T(1)) {
    for (std::int64_t j = 0; j < n; ++j) c[j] *= beta;
  }
}

/// c = alpha sum + beta c, one element.
template <class T>
void store(const Product<T>& p, T* c, T sum) {
  *c = p.beta == T(0) ? p.alpha * sum : p.alpha * sum + p.beta * *c;
}

/// R rows and W columns of c, kept in registers, from row i and column j; b is not transposed.
template <int R, int W, class T>
void tile(const Product<T>& p, std::int64_t i, std::int64_t j) {
  using Row = Eigen::Array<T, W, 1>;
  const std::int64_t row = p.ta ? 1 : p.lda, step = p.ta ? p.lda : 1;
  const T *a = p.a + i * row, *b = p.b + j;
  Row sums[R];
  for (int r = 0; r < R; ++r) sums[r].setZero();
  for (std::int64_t l = 0; l < p.k; ++l, a += step, b += p.ldb) {
    const Row values = Eigen::Map<const Row>(b);
    for (int r = 0; r < R; ++r) sums[r] += a[r * row] * values;
  }
  for (int r = 0; r < R; ++r) {
    Eigen::Map<Row> c(p.c + (i + r) * p.ldc + j);
    if (p.beta == T(0))
      c = p.alpha * sums[r];
    else
      c = p.alpha * sums[r] + p.beta * c;
  }
}

template <int R, class T>
void row_of_tiles(const Product<T>& p, std::int64_t i) {
  std::int64_t j = 0;
  for (; j + 16 <= p.n; j += 16) tile<R, 16>(p, i, j);
  if (p.n - j >= 8) tile<R, 8>(p, i, std::exchange(j, j + 8));
  if (p.n - j >= 4) tile<R, 4>(p, i, std::exchange(j, j + 4));
  if (p.n - j >= 2) tile<R, 2>(p, i, std::exchange(j, j + 2));
  if (p.n - j >= 1) tile<R, 1>(p, i, j);
}

/// b is not transposed.
template <class T>
void tiles(const Product<T>& p) {
  std::int64_t i = 0;
  for (; i + 4 <= p.m; i += 4) row_of_tiles<4>(p, i);
  for (; i < p.m; ++i) row_of_tiles<1>(p, i);
}

/// One row times the rows of b.
template <class T>
void dots(const Product<T>& p) {
  const T* const a = p.a;
  std::int64_t j = 0;
  if (p.k < 8) {
    for (; j < p.n; ++j) {
      const T* const b = p.b + j * p.ldb;
      T sum = a[0] * b[0];
      for (std::int64_t l = 1; l < p.k; ++l) sum += a[l] * b[l];
      store(p, p.c + j, sum);
    }
    return;
  }
  for (; j + 4 <= p.n; j += 4) {
    const T *b0 = p.b + j * p.ldb, *b1 = b0 + p.ldb, *b2 = b1 + p.ldb, *b3 = b2 + p.ldb;
    T s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (std::int64_t l = 0; l < p.k; ++l) {
      s0 += a[l] * b0[l];
      s1 += a[l] * b1[l];
      s2 += a[l] * b2[l];
      s3 += a[l] * b3[l];
    }
    store(p, p.c + j, s0);
    store(p, p.c + j + 1, s1);
    store(p, p.c + j + 2, s2);
    store(p, p.c + j + 3, s3);
  }
  for (; j < p.n; ++j) {
    const T* const b = p.b + j * p.ldb;
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t l = 0; l < p.k; ++l) sum += a[l] * b[l];
    store(p, p.c + j, sum);
  }
}

template <class T>
void by_loops(Product<T> p) {
  if (p.n == 1 && p.ldc == 1 && p.m > 1) {  // a column: the row of the transposed product
    std::swap(p.a, p.b);
    std::swap(p.lda, p.ldb);
    std::swap(p.m, p.n);
    const bool ta = p.ta;
    p.ta = !p.tb;
    p.tb = !ta;
  }
  if (p.ta && p.m == 1 && p.lda == 1) p.ta = false;
  if (!p.tb) return tiles(p);
  if (!p.ta && p.m == 1) return dots(p);
  if (p.n * p.k <= kLoopsUpTo / 2) {
    T turned[kLoopsUpTo / 2];
    for (std::int64_t j = 0; j < p.n; ++j)
      for (std::int64_t l = 0; l < p.k; ++l) turned[l * p.n + j] = p.b[j * p.ldb + l];
    p.b = turned;
    p.ldb = p.n;
    p.tb = false;
    return tiles(p);
  }
  const std::int64_t row = p.ta ? 1 : p.lda, step = p.ta ? p.lda : 1;
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      T sum = 0;
      for (std::int64_t l = 0; l < p.k; ++l) sum += p.a[i * row + l * step] * p.b[j * p.ldb + l];
      store(p, p.c + i * p.ldc + j, sum);
    }
  }
}

/// A column times a row without gaps, a row of c at a time.
template <class T>
void outer_product(const Product<T>& p) {
  const std::int64_t step = p.ta ? 1 : p.lda;
  parallel_for(p.m, std::max<std::int64_t>(1, kThreadsFrom / p.n), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const T v = p.a[i * step], *const b = p.b;
      T* const c = p.c + i * p.ldc;
      if (p.beta == T(0))
        for (std::int64_t j = 0; j < p.n; ++j) c[j] = p.alpha * (v * b[j]);
      else
        for (std::int64_t j = 0; j < p.n; ++j) c[j] = p.alpha * (v * b[j]) + p.beta * c[j];
    }
  });
}

template <class T>
void by_eigen(const Product<T>& p) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Stride = Eigen::OuterStride<>;
  using In = Eigen::Map<const Matrix, Eigen::Unaligned, Stride>;
  const In a(p.a, p.ta ? p.k : p.m, p.ta ? p.m : p.k, Stride(p.lda));
  const In b(p.b, p.tb ? p.n : p.k, p.tb ? p.k : p.n, Stride(p.ldb));
  Eigen::Map<Matrix, Eigen::Unaligned, Stride> c(p.c, p.m, p.n, Stride(p.ldc));
  for (std::int64_t i = 0; i < p.m; ++i) scale_row(p.c + i * p.ldc, p.n, p.beta);
  if (p.ta && p.tb)
    c.noalias() += p.alpha * (a.transpose() * b.transpose());
  else if (p.ta)
    c.noalias() += p.alpha * (a.transpose() * b);
  else if (p.tb)
    c.noalias() += p.alpha * (a * b.transpose());
  else
    c.noalias() += p.alpha * (a * b);
}

template <class T>
void by_dnnl(const Product<T>& p) {
#ifdef GRADUS_HAVE_DNNL
  if constexpr (std::is_same_v<T, float>) {
    if (dnnl_sgemm(
            p.ta ? 'T' : 'N', p.tb ? 'T' : 'N', p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, p.c, p.ldc) ==
        dnnl_success)
      return;
  }
#endif
  by_eigen(p);
}

template <class T>
void by_openblas(const Product<T>& p) {
  const OpenBlas* const blas = openblas();
  constexpr std::int64_t limit = std::numeric_limits<int>::max();
  if (blas == nullptr || std::max({p.m, p.n, p.k, p.lda, p.ldb, p.ldc}) > limit) return by_eigen(p);
  const OneBlasThread one(*blas);
  const auto size = [](std::int64_t n) { return static_cast<int>(n); };
  const auto turned = [](bool t) { return t ? kTransposed : kPlain; };
  blas->of<T>().gemm(kRowMajor,
                     turned(p.ta),
                     turned(p.tb),
                     size(p.m),
                     size(p.n),
                     size(p.k),
                     p.alpha,
                     p.a,
                     size(p.lda),
                     p.b,
                     size(p.ldb),
                     p.beta,
                     p.c,
                     size(p.ldc));
}

template <class T>
void by_library(const Product<T>& p, GemmBackend backend) {
  if (backend == GemmBackend::openblas)
    by_openblas(p);
  else
    backend == GemmBackend::dnnl ? by_dnnl(p) : by_eigen(p);
}

/// Each tile of c, at most `rows` by `columns`, on one thread.
template <class T>
void by_tiles(const Product<T>& p, GemmBackend backend, std::int64_t rows, std::int64_t columns) {
  const std::int64_t across = (p.n + columns - 1) / columns;
  const std::int64_t tiles = (p.m + rows - 1) / rows * across;
  parallel_for(tiles, 1, [&](std::int64_t begin, std::int64_t end) {
    const ThreadLimit limit(1);
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const std::int64_t i = tile / across * rows, j = tile % across * columns;
      Product<T> part = p;
      part.m = std::min(rows, p.m - i);
      part.n = std::min(columns, p.n - j);
      part.a += p.ta ? i : i * p.lda;
      part.b += p.tb ? j * p.ldb : j;
      part.c += i * p.ldc + j;
      by_library(part, backend);
    }
  });
}

/// A tile for each thread, across the longer side of c.
template <class T>
void by_bands(const Product<T>& p, GemmBackend backend) {
  const auto band = [](std::int64_t n) { return (n + num_threads() - 1) / num_threads(); };
  p.m >= p.n ? by_tiles(p, backend, band(p.m), p.n) : by_tiles(p, backend, p.m, band(p.n));
}

/// Are OpenBLAS's vectors as wide as those of the others? Eigen's are what this file is compiled for; oneDNN asks the
/// processor.
template <class T>
bool openblas_is_as_wide() {
#if defined(__AVX512F__)
  return openblas()->avx512;
#elif defined(__x86_64__)
  return openblas()->avx512 || !std::is_same_v<T, float> || __builtin_cpu_supports("avx512f") == 0;
#else
  return true;
#endif
}

/// oneDNN walks down the columns of some operands, which is slow where these hit the same lines of the cache.
template <class T>
bool suits_dnnl(const Product<T>& p) {
  const auto even = [](std::int64_t ld) { return ld % 512 == 0; };
  return p.k < 256 || ((p.tb || !even(p.ldb)) && (!p.ta || !even(p.lda)));
}

template <class T>
GemmBackend choose(const Product<T>& p) {
  const std::int64_t work = p.m * p.n * p.k;
  if (work <= kLoopsUpTo) return GemmBackend::loops;
  const bool dnnl = has_gemm_backend<T>(GemmBackend::dnnl);
  if (dnnl && suits_dnnl(p)) return GemmBackend::dnnl;
  const bool vector = p.m == 1 || p.n == 1;
  if (!vector && work >= kOpenBlasFrom && openblas() != nullptr && openblas_is_as_wide<T>())
    return GemmBackend::openblas;
  return dnnl ? GemmBackend::dnnl : GemmBackend::eigen;
}

}  // namespace

template <class T>
bool has_gemm_backend(GemmBackend backend) {
  if (backend == GemmBackend::openblas) return openblas() != nullptr;
#ifdef GRADUS_HAVE_DNNL
  return backend != GemmBackend::dnnl || std::is_same_v<T, float>;
#else
  return backend != GemmBackend::dnnl;
#endif
}

template <class T>
void gemm(bool transpose_a,
          bool transpose_b,
          std::int64_t m,
          std::int64_t n,
          std::int64_t k,
          T alpha,
          const T* a,
          std::int64_t lda,
          const T* b,
          std::int64_t ldb,
          T beta,
          T* c,
          std::int64_t ldc,
          GemmBackend backend) {
  const Product<T> p{transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc};
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (std::int64_t i = 0; i < m; ++i) scale_row(c + i * ldc, n, beta);
    return;
  }
  const std::int64_t work = m * n * k;
  if (backend == GemmBackend::automatic) {
    if (k == 1 && work > kLoopsUpTo && (!transpose_b || ldb == 1)) return outer_product(p);
    backend = choose(p);
  }
  if (backend == GemmBackend::loops) return by_loops(p);
  if (is_deterministic() && work >= kThreadsFrom) return by_tiles(p, backend, kTileRows, kTileColumns);
  if (backend == GemmBackend::openblas && work >= kThreadsFrom && num_threads() > 1) return by_bands(p, backend);
  const ThreadLimit limit(work < kThreadsFrom ? 1 : num_threads());
  by_library(p, backend);
}

template GRADUS_EXPORT bool has_gemm_backend<float>(GemmBackend);
template GRADUS_EXPORT bool has_gemm_backend<double>(GemmBackend);
template GRADUS_EXPORT void gemm(bool,
                                 bool,
                                 std::int64_t,
                                 std::int64_t,
                                 std::int64_t,
                                 float,
                                 const float*,
                                 std::int64_t,
                                 const float*,
                                 std::int64_t,
                                 float,
                                 float*,
                                 std::int64_t,
                                 GemmBackend);
template GRADUS_EXPORT void gemm(bool,
                                 bool,
                                 std::int64_t,
                                 std::int64_t,
                                 std::int64_t,
                                 double,
                                 const double*,
                                 std::int64_t,
                                 const double*,
                                 std::int64_t,
                                 double,
                                 double*,
                                 std::int64_t,
                                 GemmBackend);

}  // namespace gradus::kernels

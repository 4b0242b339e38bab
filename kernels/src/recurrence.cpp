#include "gradus/kernels/recurrence.h"

#include "buffer.h"
#include "panels.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/gemm.h"
#include "gradus/kernels/loops.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>

namespace gradus::kernels {
namespace {

/// Some rows of the batch, which go through all steps by themselves.
struct Slice {
  const Steps& at;
  std::int64_t first, rows;

  /// The slice's rows of a step in a tensor with `width` numbers a row; the initial ones for step -1. Null stays.
  template <class T>
  T* of_step(T* x, std::int64_t t, std::int64_t width, T* initial = nullptr) const {
    T* const base = t < 0 ? initial : x;
    return base == nullptr ? nullptr : base + (std::max<std::int64_t>(t, 0) * at.batch + first) * width;
  }

  /// Visits steps in their order, or from the last to the first of them, with the numbers of the step and of the one
  /// before it, which is -1 for the first.
  template <class F>
  void for_each_step(bool backward, F f) const {
    for (std::int64_t i = 0; i < at.steps; ++i) {
      const std::int64_t place = backward ? at.steps - 1 - i : i;
      const std::int64_t t = at.reverse ? at.steps - 1 - place : place;
      f(t, place == 0 ? -1 : at.reverse ? t + 1 : t - 1);
    }
  }
};

/// f(slice) for the batch, in as many slices as threads serve.
template <class F>
void for_each_slice(const Steps& at, std::int64_t width, F f) {
  const std::int64_t work_of_row = std::max<std::int64_t>(1, at.steps * at.hidden * width);
  parallel_for(at.batch, 1 + (std::int64_t{1} << 19) / work_of_row, [&](std::int64_t begin, std::int64_t end) {
    const detail::ThreadLimit limit(1);
    f(Slice{at, begin, end - begin});
  });
}

// Rows are functions of their own, so that the compiler knows that nothing overlaps.

template <class T>
[[gnu::noinline]] void lstm_row(
    std::int64_t n, const T* x, T* __restrict gates, const T* c_before, T* __restrict c, T* __restrict h) {
  T *i = gates, *f = i + n, *g = f + n, *o = g + n;
  const T *xi = x, *xf = xi + n, *xg = xf + n, *xo = xg + n;
#pragma omp simd
  for (std::int64_t j = 0; j < n; ++j) {
    i[j] = elementary::sigmoid(xi[j] + i[j]);
    f[j] = elementary::sigmoid(xf[j] + f[j]);
    g[j] = elementary::tanh(xg[j] + g[j]);
    o[j] = elementary::sigmoid(xo[j] + o[j]);
    c[j] = f[j] * c_before[j] + i[j] * g[j];
    h[j] = o[j] * elementary::tanh(c[j]);
  }
}

/// dc is what flows back to c_t and leaves as what flows back to c_{t-1}.
template <class T>
[[gnu::noinline]] void lstm_row_gradient(std::int64_t n,
                                         const T* gates,
                                         const T* c_before,
                                         const T* c,
                                         const T* dh,
                                         T* __restrict dc,
                                         T* __restrict dgates) {
  const T *i = gates, *f = i + n, *g = f + n, *o = g + n;
  T *di = dgates, *df = di + n, *dg = df + n, *d_o = dg + n;
#pragma omp simd
  for (std::int64_t j = 0; j < n; ++j) {
    const T t = elementary::tanh(c[j]), to_c = dc[j] + dh[j] * o[j] * (1 - t * t);
    d_o[j] = dh[j] * t * o[j] * (1 - o[j]);
    di[j] = to_c * g[j] * i[j] * (1 - i[j]);
    df[j] = to_c * c_before[j] * f[j] * (1 - f[j]);
    dg[j] = to_c * i[j] * (1 - g[j] * g[j]);
    dc[j] = to_c * f[j];
  }
}

template <class T>
[[gnu::noinline]] void gru_row(std::int64_t n,
                               const T* x,
                               const T* products,
                               const T* bias,
                               const T* before,
                               T* __restrict gates,
                               T* __restrict q,
                               T* __restrict h) {
  T *r = gates, *z = r + n, *m = z + n;
#pragma omp simd
  for (std::int64_t j = 0; j < n; ++j) {
    r[j] = elementary::sigmoid(x[j] + products[j] + bias[j]);
    z[j] = elementary::sigmoid(x[j + n] + products[j + n] + bias[j + n]);
    q[j] = products[j + 2 * n] + bias[j + 2 * n];
    m[j] = elementary::tanh(x[j + 2 * n] + r[j] * q[j]);
    h[j] = m[j] + z[j] * (before[j] - m[j]);
  }
}

/// dh is what flows back to h_t and leaves as what flows back to h_{t-1} but for the product.
template <class T>
[[gnu::noinline]] void gru_row_gradient(std::int64_t n,
                                        const T* gates,
                                        const T* q,
                                        const T* before,
                                        T* __restrict dh,
                                        T* __restrict dinputs,
                                        T* __restrict dproducts) {
  const T *r = gates, *z = r + n, *m = z + n;
#pragma omp simd
  for (std::int64_t j = 0; j < n; ++j) {
    const T dm = dh[j] * (1 - z[j]) * (1 - m[j] * m[j]), dr = dm * elementary::finite(q[j]) * r[j] * (1 - r[j]);
    const T dz = dh[j] * (before[j] - m[j]) * z[j] * (1 - z[j]);
    dinputs[j] = dproducts[j] = dr;
    dinputs[j + n] = dproducts[j + n] = dz;
    dinputs[j + 2 * n] = dm;
    dproducts[j + 2 * n] = dm * r[j];
    dh[j] *= z[j];
  }
}

/// Zeros: an initial state that is not given, what has not flowed back yet.
template <class T>
struct Zeros : Buffer<T> {
  explicit Zeros(std::int64_t n) : Buffer<T>(n) { std::fill_n(this->get(), n, T(0)); }
};

/// The matrix op(b) that every step multiplies by: k by n, its rows `ldb` apart as in gemm.
template <class T>
struct Weight {
  bool transpose;
  std::int64_t k, n;
  const T* b;
  Panels<T> panels{transpose, k, n, b, transpose ? k : n};

  /// c = a op(b) + beta c; from so many rows on a library is faster.
  void multiply(std::int64_t rows, const T* a, T beta, T* c) const {
    if (rows < 64)
      panels.multiply(rows, a, beta, c);
    else
      gemm<T>(false, transpose, rows, n, k, 1, a, k, b, transpose ? k : n, beta, c, n);
  }
  /// The same for beta = 0, and zeros without a.
  void multiply(std::int64_t rows, const T* a, T* c) const {
    if (a == nullptr)
      std::fill_n(c, rows * n, T(0));
    else
      multiply(rows, a, T(0), c);
  }
};

/// sum += x, if there is an x.
template <class T>
void add_if_any(const T* x, std::int64_t n, T* sum) {
  if (x == nullptr) return;
  for (std::int64_t j = 0; j < n; ++j) sum[j] += x[j];
}

}  // namespace

template <class T>
void lstm(const Steps& at, const LstmForward<T>& p) {
  const std::int64_t n = at.hidden;
  const Zeros<T> zeros(at.batch * n);
  const T* c0 = p.c0 == nullptr ? zeros.get() : p.c0;
  const Weight<T> weight{true, n, 4 * n, p.weight};
  for_each_slice(at, 4 * n, [&](const Slice& s) {
    s.for_each_step(false, [&](std::int64_t t, std::int64_t before) {
      const T *x = s.of_step(p.from_inputs, t, 4 * n), *c_before = s.of_step<const T>(p.c, before, n, c0);
      T *gates = s.of_step(p.gates, t, 4 * n), *c = s.of_step(p.c, t, n), *h = s.of_step(p.h, t, n);
      weight.multiply(s.rows, s.of_step<const T>(p.h, before, n, p.h0), gates);
      for (std::int64_t i = 0; i < s.rows * n; i += n)
        lstm_row(n, x + 4 * i, gates + 4 * i, c_before + i, c + i, h + i);
    });
  });
}

template <class T>
void lstm_gradient(const Steps& at, const LstmGradient<T>& p) {
  const std::int64_t n = at.hidden, all = at.batch * n;
  const Zeros<T> zeros(all), to_h(all), to_c(all);
  const T* c0 = p.c0 == nullptr ? zeros.get() : p.c0;
  const Weight<T> weight{false, 4 * n, n, p.weight};
  for_each_slice(at, 4 * n, [&](const Slice& s) {
    T *dh = s.of_step(to_h.get(), 0, n), *dc = s.of_step(to_c.get(), 0, n);
    s.for_each_step(true, [&](std::int64_t t, std::int64_t before) {
      const T *gates = s.of_step(p.gates, t, 4 * n), *c = s.of_step(p.c, t, n);
      const T* c_before = s.of_step(p.c, before, n, c0);
      T* dgates = s.of_step(p.dgates, t, 4 * n);
      add_if_any(s.of_step(p.dh, t, n), s.rows * n, dh);
      add_if_any(s.of_step(p.dc, t, n), s.rows * n, dc);
      for (std::int64_t i = 0; i < s.rows * n; i += n)
        lstm_row_gradient(n, gates + 4 * i, c_before + i, c + i, dh + i, dc + i, dgates + 4 * i);
      if (before >= 0 || p.dh0 != nullptr) weight.multiply(s.rows, dgates, T(0), dh);
    });
  });
  if (p.dh0 != nullptr) std::copy_n(to_h.get(), all, p.dh0);
  if (p.dc0 != nullptr) std::copy_n(to_c.get(), all, p.dc0);
}

template <class T>
void gru(const Steps& at, const GruForward<T>& p) {
  const std::int64_t n = at.hidden;
  const Buffer<T> of_products(at.batch * 3 * n);
  const Zeros<T> zeros(std::max<std::int64_t>(at.batch, 3) * n);
  const T* bias = p.bias == nullptr ? zeros.get() : p.bias;
  const Weight<T> weight{true, n, 3 * n, p.weight};
  for_each_slice(at, 3 * n, [&](const Slice& s) {
    T* products = s.of_step(of_products.get(), 0, 3 * n);
    s.for_each_step(false, [&](std::int64_t t, std::int64_t step_before) {
      const T *x = s.of_step(p.from_inputs, t, 3 * n), *known = s.of_step<const T>(p.h, step_before, n, p.h0);
      const T* before = known == nullptr ? zeros.get() : known;
      T *gates = s.of_step(p.gates, t, 3 * n), *q = s.of_step(p.q, t, n), *h = s.of_step(p.h, t, n);
      weight.multiply(s.rows, known, products);
      for (std::int64_t i = 0; i < s.rows * n; i += n)
        gru_row(n, x + 3 * i, products + 3 * i, bias, before + i, gates + 3 * i, q + i, h + i);
    });
  });
}

template <class T>
void gru_gradient(const Steps& at, const GruGradient<T>& p) {
  const std::int64_t n = at.hidden, all = at.batch * n;
  const Zeros<T> zeros(all), to_h(all);
  const T* h0 = p.h0 == nullptr ? zeros.get() : p.h0;
  const Weight<T> weight{false, 3 * n, n, p.weight};
  for_each_slice(at, 3 * n, [&](const Slice& s) {
    T* dh = s.of_step(to_h.get(), 0, n);
    s.for_each_step(true, [&](std::int64_t t, std::int64_t step_before) {
      const T *gates = s.of_step(p.gates, t, 3 * n), *q = s.of_step(p.q, t, n);
      const T* before = s.of_step(p.h, step_before, n, h0);
      T *dinputs = s.of_step(p.dinputs, t, 3 * n), *dproducts = s.of_step(p.dproducts, t, 3 * n);
      add_if_any(s.of_step(p.dh, t, n), s.rows * n, dh);
      for (std::int64_t i = 0; i < s.rows * n; i += n)
        gru_row_gradient(n, gates + 3 * i, q + i, before + i, dh + i, dinputs + 3 * i, dproducts + 3 * i);
      if (step_before >= 0 || p.dh0 != nullptr) weight.multiply(s.rows, dproducts, T(1), dh);
    });
  });
  if (p.dh0 != nullptr) std::copy_n(to_h.get(), all, p.dh0);
}

template <class T>
void recurrent_weight_gradient(
    const Steps& at, std::int64_t width, const T* dproducts, const T* h0, const T* h, T* dweight) {
  const std::int64_t n = at.hidden, first = at.reverse ? at.steps - 1 : 0;
  const std::int64_t rest = std::max<std::int64_t>(at.steps - 1, 0) * at.batch;
  const auto add = [&](std::int64_t rows, const T* d, const T* before, T beta) {
    gemm<T>(true, false, width, n, rows, 1, d, width, before, n, beta, dweight, n);
  };
  // h_{t-1} of all steps but the first stand in one block, beside dproducts of the steps that follow them.
  add(rest, at.reverse ? dproducts : dproducts + at.batch * width, at.reverse ? h + at.batch * n : h, T(0));
  if (h0 != nullptr && at.steps > 0) add(at.batch, dproducts + first * at.batch * width, h0, T(1));
}

#define GRADUS_RECURRENCE(T)                                                       \
  template GRADUS_EXPORT void lstm(const Steps&, const LstmForward<T>&);           \
  template GRADUS_EXPORT void lstm_gradient(const Steps&, const LstmGradient<T>&); \
  template GRADUS_EXPORT void gru(const Steps&, const GruForward<T>&);             \
  template GRADUS_EXPORT void gru_gradient(const Steps&, const GruGradient<T>&);   \
  template GRADUS_EXPORT void recurrent_weight_gradient(const Steps&, std::int64_t, const T*, const T*, const T*, T*);
GRADUS_RECURRENCE(float)
GRADUS_RECURRENCE(double)
#undef GRADUS_RECURRENCE

}  // namespace gradus::kernels

#include "gradus/kernels/recurrence.h"

#include "buffer.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/gemm.h"
#include "gradus/kernels/loops.h"

#include <algorithm>

namespace gradus::kernels {
namespace {

/// Visits steps in their order, or from the last to the first of them, with the numbers of the step and of the one
/// before it, which is -1 for the first.
template <class F>
void for_each_step(const Steps& at, bool backward, F f) {
  for (std::int64_t i = 0; i < at.steps; ++i) {
    const std::int64_t place = backward ? at.steps - 1 - i : i;
    const std::int64_t t = at.reverse ? at.steps - 1 - place : place;
    f(t, place == 0 ? -1 : at.reverse ? t + 1 : t - 1);
  }
}

/// The rows of a step in a tensor with `width` numbers a row; the initial ones for step -1.
template <class T>
T* of_step(const Steps& at, T* x, std::int64_t t, std::int64_t width, T* initial = nullptr) {
  if (t < 0) return initial;
  return x == nullptr ? nullptr : x + t * at.batch * width;
}

/// f(row) for the rows of a step.
template <class F>
void for_each_row(const Steps& at, F f) {
  parallel_for(at.batch, 1 + kGrain / (1 + 16 * at.hidden), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) f(n);
  });
}

/// out = h weight^T, or zeros without h.
template <class T>
void product(const Steps& at, std::int64_t width, const T* h, const T* weight, T* out) {
  if (h == nullptr)
    std::fill_n(out, at.batch * width, T(0));
  else
    gemm<T>(false, true, at.batch, width, at.hidden, 1, h, at.hidden, weight, at.hidden, 0, out, width);
}

/// out = d weight + beta out
template <class T>
void product_back(const Steps& at, std::int64_t width, const T* d, const T* weight, T beta, T* out) {
  gemm<T>(false, false, at.batch, at.hidden, width, 1, d, width, weight, at.hidden, beta, out, at.hidden);
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
  for_each_step(at, false, [&](std::int64_t t, std::int64_t before) {
    const T *x = of_step(at, p.from_inputs, t, 4 * n), *c_before = of_step<const T>(at, p.c, before, n, c0);
    T *gates = of_step(at, p.gates, t, 4 * n), *c = of_step(at, p.c, t, n), *h = of_step(at, p.h, t, n);
    product(at, 4 * n, of_step<const T>(at, p.h, before, n, p.h0), p.weight, gates);
    for_each_row(at, [=](std::int64_t row) {
      const std::int64_t i = row * n;
      lstm_row(n, x + 4 * i, gates + 4 * i, c_before + i, c + i, h + i);
    });
  });
}

template <class T>
void lstm_gradient(const Steps& at, const LstmGradient<T>& p) {
  const std::int64_t n = at.hidden, all = at.batch * n;
  const Zeros<T> zeros(all), to_h(all), to_c(all);
  const T* c0 = p.c0 == nullptr ? zeros.get() : p.c0;
  T *dh = to_h.get(), *dc = to_c.get();
  for_each_step(at, true, [&](std::int64_t t, std::int64_t before) {
    const T *gates = of_step(at, p.gates, t, 4 * n), *c = of_step(at, p.c, t, n);
    const T* c_before = of_step(at, p.c, before, n, c0);
    T* dgates = of_step(at, p.dgates, t, 4 * n);
    add_if_any(of_step(at, p.dh, t, n), all, dh);
    add_if_any(of_step(at, p.dc, t, n), all, dc);
    for_each_row(at, [=](std::int64_t row) {
      const std::int64_t i = row * n;
      lstm_row_gradient(n, gates + 4 * i, c_before + i, c + i, dh + i, dc + i, dgates + 4 * i);
    });
    if (before >= 0 || p.dh0 != nullptr) product_back(at, 4 * n, dgates, p.weight, T(0), dh);
  });
  if (p.dh0 != nullptr) std::copy_n(dh, all, p.dh0);
  if (p.dc0 != nullptr) std::copy_n(dc, all, p.dc0);
}

template <class T>
void gru(const Steps& at, const GruForward<T>& p) {
  const std::int64_t n = at.hidden;
  const Buffer<T> of_products(at.batch * 3 * n);
  const Zeros<T> zeros(std::max<std::int64_t>(at.batch, 3) * n);
  const T* bias = p.bias == nullptr ? zeros.get() : p.bias;
  T* products = of_products.get();
  for_each_step(at, false, [&](std::int64_t t, std::int64_t step_before) {
    const T *x = of_step(at, p.from_inputs, t, 3 * n), *known = of_step<const T>(at, p.h, step_before, n, p.h0);
    const T* before = known == nullptr ? zeros.get() : known;
    T *gates = of_step(at, p.gates, t, 3 * n), *q = of_step(at, p.q, t, n), *h = of_step(at, p.h, t, n);
    product(at, 3 * n, known, p.weight, products);
    for_each_row(at, [=](std::int64_t row) {
      const std::int64_t i = row * n;
      gru_row(n, x + 3 * i, products + 3 * i, bias, before + i, gates + 3 * i, q + i, h + i);
    });
  });
}

template <class T>
void gru_gradient(const Steps& at, const GruGradient<T>& p) {
  const std::int64_t n = at.hidden, all = at.batch * n;
  const Zeros<T> zeros(all), to_h(all);
  const T* h0 = p.h0 == nullptr ? zeros.get() : p.h0;
  T* dh = to_h.get();
  for_each_step(at, true, [&](std::int64_t t, std::int64_t step_before) {
    const T *gates = of_step(at, p.gates, t, 3 * n), *q = of_step(at, p.q, t, n);
    const T* before = of_step(at, p.h, step_before, n, h0);
    T *dinputs = of_step(at, p.dinputs, t, 3 * n), *dproducts = of_step(at, p.dproducts, t, 3 * n);
    add_if_any(of_step(at, p.dh, t, n), all, dh);
    for_each_row(at, [=](std::int64_t row) {
      const std::int64_t i = row * n;
      gru_row_gradient(n, gates + 3 * i, q + i, before + i, dh + i, dinputs + 3 * i, dproducts + 3 * i);
    });
    if (step_before >= 0 || p.dh0 != nullptr) product_back(at, 3 * n, dproducts, p.weight, T(1), dh);
  });
  if (p.dh0 != nullptr) std::copy_n(dh, all, p.dh0);
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

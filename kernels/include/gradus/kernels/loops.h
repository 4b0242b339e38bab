#pragma once

// Elementwise loops over tensors, on several threads where they are long.

#include "gradus/tensor/export.h"
#include "gradus/tensor/runtime.h"
#include "gradus/tensor/strided.h"
#include "gradus/tensor/tensor.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

using detail::Loops;
using detail::parallel_for;

/// Elements from which an elementwise loop is worth a second thread.
inline constexpr std::int64_t kGrain = 1 << 15;

// Rows are functions of their own: out of reach of the closure that calls them, the compiler knows that
// nothing overlaps the result, keeps f in registers and vectorises.

/// out[i] = f(in[i])
template <class In, class Out, class F>
[[gnu::noinline]] void map_row(Out* __restrict out, const In* in, std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(in[i]);
}
/// The same where elements of `in` lie apart.
template <class In, class Out, class F>
[[gnu::noinline]] void map_row(Out* __restrict out, const In* in, std::int64_t n, std::int64_t stride, F f) {
  if (stride == 1) return map_row(out, in, n, f);
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(in[i * stride]);
}
/// out[i] = f(a[i], b[i])
template <class In, class Out, class F>
[[gnu::noinline]] void map_row(Out* __restrict out, const In* a, const In* b, std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
}
template <class In, class Out, class F>
[[gnu::noinline]] void map_row(
    Out* __restrict out, const In* a, const In* b, std::int64_t n, std::int64_t s, std::int64_t t, F f) {
  if (s == 1 && t == 1) return map_row(out, a, b, n, f);
  if (s == 1 && t == 0) return map_row(out, a, n, [f, v = *b](In u) { return f(u, v); });
  if (s == 0 && t == 1) return map_row(out, b, n, [f, u = *a](In v) { return f(u, v); });
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i * s], b[i * t]);
}

/// f.operator()<T>() with the type of a dtype other than bool.
template <class F>
decltype(auto) dispatch_numbers(DType dtype, F&& f) {
  if (dtype == int64) return f.template operator()<std::int64_t>();
  return dispatch_floating(dtype, f);
}

/// x without gaps; undefined if x is.
inline Tensor dense(const Tensor& x) { return !x.defined() || x.is_contiguous() ? x : clone(x); }

/// Whether elements lie closer along another axis than along the last, as in a transposed matrix.
bool is_transposed(const Tensor& x);
/// x, or a copy without gaps if it is transposed, so that loops over rows don't jump.
inline Tensor by_rows(const Tensor& x) { return is_transposed(x) ? clone(x) : x; }

/// y[i] = f(x[i]), a scalar function.
template <class In, class Out, class F>
Tensor map(const Tensor& x, F f) {
  if (!x.is_contiguous() && is_transposed(x)) return map<In, Out>(clone(x), f);
  Tensor y = std::is_same_v<In, Out> ? empty_like(x) : empty(x.shape(), dtype_of<Out>);
  const In* in = x.data<In>();
  Out* out = y.mutable_data<Out>();
  if (x.is_contiguous()) {
    parallel_for(x.numel(), kGrain, [=](std::int64_t begin, std::int64_t end) {
      map_row(out + begin, in + begin, end - begin, f);
    });
    return y;
  }
  const Loops<2> loops(x.rank(), x.raw()->sizes(), {y.raw()->strides(), x.raw()->strides()});
  parallel_rows(loops, kGrain, [=, s = loops.inner_stride(1)](const auto& at, std::int64_t n) {
    map_row(out + at[0], in + at[1], n, s, f);
  });
  return y;
}

/// ShapeError unless both are of one shape.
void check_one_shape(const Tensor& a, const Tensor& b);

/// y[i] = f(a[i], b[i]); both of one shape (broadcast ones have stride 0).
template <class In, class Out, class F>
Tensor map(const Tensor& a, const Tensor& b, F f) {
  check_one_shape(a, b);
  const bool dense = a.is_contiguous() && b.is_contiguous();
  if (!dense && (is_transposed(a) || is_transposed(b))) return map<In, Out>(by_rows(a), by_rows(b), f);
  Tensor y = std::is_same_v<In, Out> && dense ? empty_like(a) : empty(a.shape(), dtype_of<Out>);
  const In *p = a.data<In>(), *q = b.data<In>();
  Out* out = y.mutable_data<Out>();
  if (dense) {
    parallel_for(y.numel(), kGrain, [=](std::int64_t begin, std::int64_t end) {
      map_row(out + begin, p + begin, q + begin, end - begin, f);
    });
    return y;
  }
  const Loops<3> loops(a.rank(), a.raw()->sizes(), {y.raw()->strides(), a.raw()->strides(), b.raw()->strides()});
  parallel_rows(
      loops, kGrain, [=, s = loops.inner_stride(1), t = loops.inner_stride(2)](const auto& at, std::int64_t n) {
        map_row(out + at[0], p + at[1], q + at[2], n, s, t, f);
      });
  return y;
}

/// y[i] = f(x[i]) for functions that cost more than a copy: views are made dense first.
template <class T, class F>
Tensor map_dense(const Tensor& x, F f) {
  const Tensor dense = kernels::dense(x);
  Tensor y = empty_like(dense);
  const T* in = dense.data<T>();
  T* out = y.mutable_data<T>();
  parallel_for(x.numel(), kGrain / 4, [=](std::int64_t begin, std::int64_t end) {
    map_row(out + begin, in + begin, end - begin, f);
  });
  return y;
}

}  // namespace gradus::kernels
GRADUS_EXPORT_END

#pragma once

// Elementwise functions of floating tensors, by scalar functions.

#include "kernels.h"

namespace gradus::detail {

/// y[i] = f(x[i]) for functions that cost more than a copy: views are made dense first.
template <class T, class F>
Tensor map_dense(const Tensor& x, F f) {
  const Tensor dense = detail::dense(x);
  Tensor y = empty_like(dense);
  const T* in = dense.data<T>();
  T* out = y.mutable_data<T>();
  parallel_for(x.numel(), kGrain / 4, [=](std::int64_t begin, std::int64_t end) {
    map_row(out + begin, in + begin, end - begin, f);
  });
  return y;
}

template <class F>
Tensor floating(const Tensor& x, F f) {
  return dispatch_floating(x.dtype(), [&]<class T>() { return map_dense<T>(x, f); });
}
template <class F>
Tensor floating(const Tensor& a, const Tensor& b, F f) {
  return dispatch_floating(a.dtype(), [&]<class T>() { return map<T, T>(a, b, f); });
}
/// int64 as well.
template <class F>
Tensor numbers(const Tensor& x, F f) {
  return x.dtype() == int64 ? map_dense<std::int64_t>(x, f) : floating(x, f);
}

template <class O>
Tensor apply_floating(Arg x) {
  check_floating(O::info.name, x);
  return apply(O{}, x);
}
template <class O>
Tensor apply_numbers(Arg x) {
  check_scalar(O::info.name, x, 0);
  return apply(O{}, x);
}

}  // namespace gradus::detail

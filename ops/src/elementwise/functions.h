#pragma once

// Ops that are a scalar function of each element, or of each pair.

#include "family.h"

#include "gradus/ops/elementwise.h"

#include <algorithm>
#include <array>
#include <limits>

namespace gradus::detail {

template <class F>
Tensor floating(const Tensor& x, F f) {
  return dispatch_floating(x.dtype(), [&]<class T>() { return map_dense<T>(x, f); });
}
template <class F>
Tensor floating(const Tensor& a, const Tensor& b, F f) {
  return dispatch_floating(a.dtype(), [&]<class T>() { return map<T, T>(a, b, f); });
}
/// y of x by rows of numbers: f(y, x, n).
template <class F>
Tensor by_row(const Tensor& x, F f) {
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const Tensor dense = kernels::dense(x);
    Tensor y = empty_like(dense);
    const T* in = dense.data<T>();
    T* out = y.mutable_data<T>();
    parallel_for(
        x.numel(), kGrain / 4, [=](std::int64_t begin, std::int64_t end) { f(out + begin, in + begin, end - begin); });
    return y;
  });
}
/// combine(g[i], y[i]), y as above; a block at a time.
template <class F, class Combine>
Tensor by_row(const Tensor& g, const Tensor& x, F f, Combine combine) {
  if (!g.is_contiguous()) return floating(g, by_row(x, f), combine);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    constexpr std::int64_t block = 512;
    const Tensor dense = kernels::dense(x);
    Tensor y = empty_like(dense);
    const T *in = dense.data<T>(), *factor = g.data<T>();
    T* out = y.mutable_data<T>();
    parallel_for(x.numel(), kGrain / 4, [=](std::int64_t begin, std::int64_t end) {
      std::array<T, block> part;
      for (std::int64_t at = begin; at < end; at += block) {
        const std::int64_t n = std::min(block, end - at);
        f(part.data(), in + at, n);
        map_row(out + at, factor + at, part.data(), n, combine);
      }
    });
    return y;
  });
}
/// x with the largest numbers in place of infinite ones, for products that tend to 0 there.
inline Tensor finite(const Tensor& x) {
  const double most =
      x.dtype() == float32 ? double{std::numeric_limits<float>::max()} : std::numeric_limits<double>::max();
  return clamp(x, -most, most);
}
/// The same for rules whose first derivative needs no such care.
inline Tensor finite_if_recorded(const Tensor& x) { return is_recording() ? finite(x) : x; }

/// int64 as well.
template <class F>
Tensor numbers(const Tensor& x, F f) {
  return dispatch_numbers(x.dtype(), [&]<class T>() { return map_dense<T>(x, f); });
}

template <class O>
Tensor apply_floating(Arg x) {
  check_floating(O::info.name, x);
  return apply(O{}, x);
}
/// Of two floating tensors.
template <class O>
Tensor apply_floating(Arg a, const Tensor& b) {
  const DType dtype = promote(a->dtype(), b.dtype());
  if (!is_floating(dtype))
    fail<DTypeError>(
        O::info.name,
        fmt::format("expected float32 or float64, got {} and {}", to_string(a->dtype()), to_string(b.dtype())),
        a.site);
  return apply_matched<O>(a, b);
}

template <class O>
Tensor apply_numbers(Arg x) {
  check_scalar(O::info.name, x, 0);
  return apply(O{}, x);
}

}  // namespace gradus::detail

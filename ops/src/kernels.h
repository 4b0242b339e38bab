#pragma once

// What the families share: loops over elements, argument checks and table entries.

#include "gradus/graph/op.h"
#include "gradus/ops/registry.h"
#include "gradus/tensor/intrinsics.h"
#include "gradus/tensor/runtime.h"
#include "gradus/tensor/strided.h"
#include "gradus/tensor/tensor.h"

#include <Eigen/Core>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gradus::detail {

/// Elements from which an elementwise loop is worth a second thread.
inline constexpr std::int64_t kGrain = 1 << 15;

// ---- loops ---------------------------------------------------------------------------------------

// Rows are functions of their own: out of reach of the closure that calls them, the compiler knows that
// nothing overlaps the result, keeps f in registers and vectorises.

/// out[i] = f(in[i])
template <class In, class Out, class F>
[[gnu::noinline]] void map_row(Out* __restrict out, const In* in, std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(in[i]);
}
/// The same where elements of `in` lie apart.
template <class In, class Out, class F>
[[gnu::noinline]] void map_row(
    Out* __restrict out, const In* in, std::int64_t n, std::int64_t stride, F f) {
  if (stride == 1) return map_row(out, in, n, f);
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(in[i * stride]);
}
/// out[i] = f(a[i], b[i])
template <class In, class Out, class F>
[[gnu::noinline]] void map_row(Out* __restrict out, const In* a, const In* b, std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
}
template <class In, class Out, class F>
[[gnu::noinline]] void map_row(Out* __restrict out,
                               const In* a,
                               const In* b,
                               std::int64_t n,
                               std::int64_t s,
                               std::int64_t t,
                               F f) {
  if (s == 1 && t == 1) return map_row(out, a, b, n, f);
  if (s == 1 && t == 0) return map_row(out, a, n, [f, v = *b](In u) { return f(u, v); });
  if (s == 0 && t == 1) return map_row(out, b, n, [f, u = *a](In v) { return f(u, v); });
  for (std::int64_t i = 0; i < n; ++i) out[i] = f(a[i * s], b[i * t]);
}

/// x without gaps; undefined if x is.
inline Tensor dense(const Tensor& x) { return !x.defined() || x.is_contiguous() ? x : clone(x); }

/// y[i] = f(x[i]), a scalar function.
template <class In, class Out, class F>
Tensor map(const Tensor& x, F f) {
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
  const std::int64_t n = loops.inner_size(), s = loops.inner_stride(1);
  loops.for_each_row([&](const auto& at) { map_row(out + at[0], in + at[1], n, s, f); });
  return y;
}

/// y = f(x) with f written on Eigen arrays: `[](const auto& a) { return a.exp(); }`.
template <class T, class F>
Tensor map_array(const Tensor& x, F f) {
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  const Tensor dense = detail::dense(x);
  Tensor y = empty_like(dense);
  const T* in = dense.data<T>();
  T* out = y.mutable_data<T>();
  parallel_for(x.numel(), kGrain / 4, [=](std::int64_t begin, std::int64_t end) {
    Eigen::Map<Array>(out + begin, end - begin) =
        f(Eigen::Map<const Array>(in + begin, end - begin));
  });
  return y;
}

/// ShapeError unless both are of one shape.
inline void check_one_shape(const Tensor& a, const Tensor& b) {
  TensorImpl *p = a.impl(), *q = b.impl();
  if (p->rank != q->rank || !std::equal(p->sizes(), p->sizes() + p->rank, q->sizes()))
    fail<ShapeError>("elementwise",
                     fmt::format("expected inputs of one shape, got {} and {}",
                                 to_string(a.shape()),
                                 to_string(b.shape())));
}

/// y[i] = f(a[i], b[i]); both of one shape (broadcast ones have stride 0).
template <class In, class Out, class F>
Tensor map(const Tensor& a, const Tensor& b, F f) {
  check_one_shape(a, b);
  const bool dense = a.is_contiguous() && b.is_contiguous();
  Tensor y = std::is_same_v<In, Out> && dense ? empty_like(a) : empty(a.shape(), dtype_of<Out>);
  const In *p = a.data<In>(), *q = b.data<In>();
  Out* out = y.mutable_data<Out>();
  if (dense) {
    parallel_for(y.numel(), kGrain, [=](std::int64_t begin, std::int64_t end) {
      map_row(out + begin, p + begin, q + begin, end - begin, f);
    });
    return y;
  }
  const Loops<3> loops(
      a.rank(), a.raw()->sizes(), {y.raw()->strides(), a.raw()->strides(), b.raw()->strides()});
  const std::int64_t n = loops.inner_size(), s = loops.inner_stride(1), t = loops.inner_stride(2);
  if (loops.rank == 1) {  // a number beside a dense tensor, most often
    parallel_for(n, kGrain, [=](std::int64_t begin, std::int64_t end) {
      map_row(out + begin, p + begin * s, q + begin * t, end - begin, s, t, f);
    });
    return y;
  }
  loops.for_each_row(
      [&](const auto& at) { map_row(out + at[0], p + at[1], q + at[2], n, s, t, f); });
  return y;
}

// ---- checks --------------------------------------------------------------------------------------

inline void check_floating(const char* op, Arg x) {
  if (!is_floating(x->dtype()))
    fail<DTypeError>(
        op, fmt::format("expected float32 or float64, got {}", to_string(x->dtype())), x.site);
}

/// For what a rule alone hands over.
inline void check_shape(const char* op, const Tensor& x, const Shape& shape) {
  if (x.shape() != shape)
    fail<ShapeError>(
        op, fmt::format("expected shape {}, got {}", to_string(shape), to_string(x.shape())));
}
inline void check_rank(const char* op, const Tensor& x, int rank) {
  if (x.rank() != rank)
    fail<ShapeError>(op, fmt::format("expected {} axes, got {}", rank, to_string(x.shape())));
}

inline void check_same_dtype(const char* op, Arg a, const Tensor& b) {
  if (a->dtype() != b.dtype())
    fail<DTypeError>(op,
                     fmt::format("expected tensors of one dtype, got {} and {}",
                                 to_string(a->dtype()),
                                 to_string(b.dtype())),
                     a.site);
}

/// normalize_axis with the caller's line.
inline int check_axis(const char* op, Arg x, std::int64_t axis, int rank) {
  const SitePin pin(x.site);
  return normalize_axis(axis, rank, op);
}

inline bool same_layout(const Tensor& a, const Tensor& b) {
  TensorImpl *p = a.impl(), *q = b.impl();
  if (p->dtype != q->dtype || p->rank != q->rank) return false;
  for (int d = 0; d < p->rank; ++d)
    if (p->sizes()[d] != q->sizes()[d]) return false;
  return true;
}

/// Two operands with one dtype and one shape, by promotion and broadcasting (recorded).
std::pair<Tensor, Tensor> match(const char* op, Arg a, const Tensor& b);
/// match, then the op.
template <class O>
Tensor apply_matched(Arg a, const Tensor& b) {
  if (same_layout(a, b)) return apply(O{}, a, b);
  const auto [x, y] = match(O::info.name, a, b);
  return apply(O{}, Arg(x, a.site), y);
}

/// A number as an element of `x`'s dtype; DTypeError where an int64 tensor would cut it off.
double check_scalar(const char* op, Arg x, double value);

// ---- table entries -------------------------------------------------------------------------------

using UnaryFunction = Tensor (*)(Arg);
using BinaryFunction = Tensor (*)(Arg, const Tensor&);

/// An elementwise function of one tensor, sampled from its domain.
template <class O, UnaryFunction function>
OpEntry unary_entry() {
  return {O::info.name, &op_class<O>, [] {
            return std::vector<Example>{{"",
                                         {{{2, 3}, O::info.domain}},
                                         [](std::span<const Tensor> in) { return function(in[0]); },
                                         true,
                                         O::info.differentiable}};
          }};
}

/// An elementwise function of two tensors, both sampled from the op's domain.
template <class O, BinaryFunction function, Sample::Kind kind = Sample::Kind::real>
OpEntry binary_entry() {
  return {O::info.name, &op_class<O>, [] {
            return std::vector<Example>{
                {"",
                 {{{2, 3}, O::info.domain, kind}, {{2, 3}, O::info.domain, kind}},
                 [](std::span<const Tensor> in) { return function(in[0], in[1]); },
                 true,
                 O::info.differentiable}};
          }};
}

// The families' tables, joined by all_ops().
std::span<const OpEntry> arithmetic_ops();
std::span<const OpEntry> compare_ops();
std::span<const OpEntry> elementwise_ops();
std::span<const OpEntry> function_ops();
std::span<const OpEntry> special_ops();
std::span<const OpEntry> ternary_ops();
std::span<const OpEntry> logical_ops();
std::span<const OpEntry> relu_ops();
std::span<const OpEntry> activation_ops();
std::span<const OpEntry> reduce_ops();
std::span<const OpEntry> shape_ops();
std::span<const OpEntry> index_ops();
std::span<const OpEntry> linalg_ops();
std::span<const OpEntry> norm_ops();
std::span<const OpEntry> layer_norm_ops();
std::span<const OpEntry> loss_ops();
std::span<const OpEntry> margin_loss_ops();
std::span<const OpEntry> random_ops();
std::span<const OpEntry> scan_ops();
std::span<const OpEntry> sort_ops();
std::span<const OpEntry> decompose_ops();
std::span<const OpEntry> einsum_ops();
std::span<const OpEntry> rearrange_ops();
std::span<const OpEntry> scatter_ops();
std::span<const OpEntry> sequence_ops();
std::span<const OpEntry> conv_ops();
std::span<const OpEntry> patch_ops();
std::span<const OpEntry> pool_ops();
std::span<const OpEntry> image_ops();
std::span<const OpEntry> gradient_ops();
std::span<const OpEntry> grid_ops();
std::span<const OpEntry> unpool_ops();
std::span<const OpEntry> distance_ops();
std::span<const OpEntry> ctc_ops();
std::span<const OpEntry> scatter_reduce_ops();
std::span<const OpEntry> unique_ops();
std::span<const OpEntry> rotary_ops();

}  // namespace gradus::detail

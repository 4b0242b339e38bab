#include "softmax.h"

#include "elementary.h"
#include "kernels.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"

#include <cmath>
#include <limits>

namespace gradus {
namespace detail {
namespace {

/// out[i] = exp(x[i]); in place if out is x.
template <class T>
void exp_values(const T* x, T* out, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) out[i] = elementary::exp(x[i]);
}

/// A dense tensor as [outer, size, inner] around an axis.
struct Around {
  std::int64_t outer = 1, size = 1, inner = 1;

  Around(const Tensor& x, int axis) {
    const std::int64_t* sizes = x.raw()->sizes();
    for (int d = 0; d < axis; ++d) outer *= sizes[d];
    if (x.rank() > 0) size = sizes[axis];
    for (int d = axis + 1; d < x.rank(); ++d) inner *= sizes[d];
  }
};

/// Calls `f(offset, width)` for groups of at most `kLanes` neighbouring lines along the axis, where inner > 1.
inline constexpr std::int64_t kLanes = 128;
template <class F>
void for_each_group(const Around& at, F f) {
  const std::int64_t groups = (at.inner + kLanes - 1) / kLanes;
  parallel_for(at.outer * groups,
               1 + kGrain / (4 * at.size * kLanes),
               [=](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t lane = i % groups * kLanes;
                   f(i / groups * at.size * at.inner + lane, std::min(kLanes, at.inner - lane));
                 }
               });
}

/// Calls `f(first, last)` for runs of neighbouring rows, where inner is 1; a run of short rows is long enough
/// for vectors.
template <class F>
void for_each_run(const Around& at, F f) {
  const std::int64_t run = std::clamp<std::int64_t>(1024 / at.size, 1, 64);
  const std::int64_t runs = (at.outer + run - 1) / run;
  parallel_for(runs, 1 + kGrain / (4 * at.size * run), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(i * run, std::min(at.outer, (i + 1) * run));
  });
}

template <class T>
T largest(const T* x, std::int64_t n) {
  return Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>(x, n).maxCoeff();
}

template <class T>
T total(const T* x, std::int64_t n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += x[i];
  return sum;
}

/// softmax, or its logarithm, of rows.
template <class T>
void forward_rows(const Around& at, bool log, const T* x, T* y) {
  for_each_run(at, [=](std::int64_t first, std::int64_t last) {
    const std::int64_t n = at.size;
    T most[64];
    for (std::int64_t r = first; r < last; ++r) {
      const T m = most[r - first] = largest(x + r * n, n);
      for (std::int64_t i = r * n; i < (r + 1) * n; ++i) y[i] = x[i] - m;
    }
    exp_values(y + first * n, y + first * n, (last - first) * n);
    for (std::int64_t r = first; r < last; ++r) {
      const T sum = total(y + r * n, n), m = most[r - first];
      if (log) {
        const T l = std::log(sum);
        for (std::int64_t i = r * n; i < (r + 1) * n; ++i) y[i] = (x[i] - m) - l;
      } else {
        const T scale = 1 / sum;
        for (std::int64_t i = r * n; i < (r + 1) * n; ++i) y[i] *= scale;
      }
    }
  });
}

/// The same along an axis with others behind it.
template <class T>
void forward_groups(const Around& at, bool log, const T* x, T* y) {
  for_each_group(at, [=](std::int64_t offset, std::int64_t width) {
    T most[kLanes], sums[kLanes] = {};
    std::fill_n(most, width, -std::numeric_limits<T>::infinity());
    for (std::int64_t c = 0; c < at.size; ++c) {
      const T* in = x + offset + c * at.inner;
      for (std::int64_t j = 0; j < width; ++j) most[j] = in[j] > most[j] ? in[j] : most[j];
    }
    for (std::int64_t c = 0; c < at.size; ++c) {
      const T* in = x + offset + c * at.inner;
      T* out = y + offset + c * at.inner;
      for (std::int64_t j = 0; j < width; ++j) out[j] = in[j] - most[j];
      exp_values(out, out, width);
      for (std::int64_t j = 0; j < width; ++j) sums[j] += out[j];
    }
    for (std::int64_t j = 0; j < width; ++j) sums[j] = log ? std::log(sums[j]) : 1 / sums[j];
    for (std::int64_t c = 0; c < at.size; ++c) {
      const T* in = x + offset + c * at.inner;
      T* out = y + offset + c * at.inner;
      if (log) {
        for (std::int64_t j = 0; j < width; ++j) out[j] = (in[j] - most[j]) - sums[j];
      } else {
        for (std::int64_t j = 0; j < width; ++j) out[j] *= sums[j];
      }
    }
  });
}

Tensor forward_values(const Tensor& x, int axis, bool log) {
  const Tensor dense = detail::dense(x);
  Tensor y = empty_like(dense);
  if (y.numel() == 0) return y;
  const Around at(dense, axis);
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T* in = dense.data<T>();
    at.inner == 1 ? forward_rows(at, log, in, y.mutable_data<T>())
                  : forward_groups(at, log, in, y.mutable_data<T>());
  });
  return y;
}

/// y (g - sum g y), or g - exp(y) sum g.
template <class T>
void backward_rows(const Around& at, bool log, const T* g, const T* y, T* dx) {
  for_each_run(at, [=](std::int64_t first, std::int64_t last) {
    const std::int64_t n = at.size;
    if (log) exp_values(y + first * n, dx + first * n, (last - first) * n);
    for (std::int64_t r = first; r < last; ++r) {
      const T *gr = g + r * n, *yr = y + r * n;
      T* out = dx + r * n;
      T sum = 0;
      if (log) {
        sum = total(gr, n);
        for (std::int64_t i = 0; i < n; ++i) out[i] = gr[i] - out[i] * sum;
      } else {
#pragma omp simd reduction(+ : sum)
        for (std::int64_t i = 0; i < n; ++i) sum += gr[i] * yr[i];
        for (std::int64_t i = 0; i < n; ++i) out[i] = yr[i] * (gr[i] - sum);
      }
    }
  });
}

template <class T>
void backward_groups(const Around& at, bool log, const T* g, const T* y, T* dx) {
  for_each_group(at, [=](std::int64_t offset, std::int64_t width) {
    T sums[kLanes] = {};
    for (std::int64_t c = 0; c < at.size; ++c) {
      const std::int64_t i = offset + c * at.inner;
      if (log) {
        for (std::int64_t j = 0; j < width; ++j) sums[j] += g[i + j];
      } else {
        for (std::int64_t j = 0; j < width; ++j) sums[j] += g[i + j] * y[i + j];
      }
    }
    for (std::int64_t c = 0; c < at.size; ++c) {
      const std::int64_t i = offset + c * at.inner;
      if (log) {
        exp_values(y + i, dx + i, width);
        for (std::int64_t j = 0; j < width; ++j) dx[i + j] = g[i + j] - dx[i + j] * sums[j];
      } else {
        for (std::int64_t j = 0; j < width; ++j) dx[i + j] = y[i + j] * (g[i + j] - sums[j]);
      }
    }
  });
}

Tensor gradient_values(const Tensor& g, const Tensor& y, int axis, bool log) {
  const Tensor dense = detail::dense(g);
  Tensor dx = empty_like(dense);
  if (dx.numel() == 0) return dx;
  const Around at(dense, axis);
  dispatch_floating(g.dtype(), [&]<class T>() {
    const T *in = dense.data<T>(), *result = y.data<T>();
    at.inner == 1 ? backward_rows(at, log, in, result, dx.mutable_data<T>())
                  : backward_groups(at, log, in, result, dx.mutable_data<T>());
  });
  return dx;
}

struct AxisOp : Op {
  int axis = 0;
  template <class V>
  void visit(V&& v) const {
    v("axis", axis);
  }
};

struct Softmax : AxisOp {
  static constexpr OpInfo info{.name = "softmax", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return softmax_values(x, axis); }
  Cotangents vjp(const Pullback& p) const {
    if (!is_recording()) return {gradient_values(p.g, p.out(), axis, false)};
    const Tensor y = p.out();
    return {mul(y, sub(p.g, sum(mul(p.g, y), axis, true)))};
  }
};

struct LogSoftmax : AxisOp {
  static constexpr OpInfo info{.name = "log_softmax", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return log_softmax_values(x, axis); }
  Cotangents vjp(const Pullback& p) const {
    if (!is_recording()) return {gradient_values(p.g, p.out(), axis, true)};
    return {sub(p.g, mul(exp(p.out()), sum(p.g, axis, true)))};
  }
};

template <class O>
Tensor apply_along(Arg x, std::int64_t axis) {
  check_floating(O::info.name, x);
  O op;
  op.axis = check_axis(O::info.name, x, axis, x->rank());
  return apply(op, x);
}

template <class O, Tensor (*function)(Arg, std::int64_t)>
OpEntry axis_entry() {
  return {O::info.name, &op_class<O>, [] {
            const auto along = [](std::int64_t axis) {
              return [=](std::span<const Tensor> in) { return function(in[0], axis); };
            };
            return std::vector<Example>{
                {"last axis", {{{3, 4}}}, along(-1)},
                {"axis 0", {{{3, 4}}}, along(0)},
                {"axis in the middle", {{{2, 3, 4}}}, along(1)},
                {"vector", {{{5}}}, along(0)},
                {"size 1", {{{3, 1}}}, along(1)},
                {"size 0", {{{3, 0}}}, along(1)},
                {"no rows", {{{0, 3}}}, along(1)},
                {"far apart", {{{2, 3}, domain(-5, 5)}}, along(1)},
            };
          }};
}

}  // namespace

Tensor softmax_values(const Tensor& x, int axis) { return forward_values(x, axis, false); }
Tensor log_softmax_values(const Tensor& x, int axis) { return forward_values(x, axis, true); }

}  // namespace detail

using namespace detail;

Tensor softmax(Arg x, std::int64_t axis) { return apply_along<Softmax>(x, axis); }
Tensor log_softmax(Arg x, std::int64_t axis) { return apply_along<LogSoftmax>(x, axis); }

namespace detail {

OpEntry softmax_entry() { return axis_entry<Softmax, softmax>(); }
OpEntry log_softmax_entry() { return axis_entry<LogSoftmax, log_softmax>(); }

}  // namespace detail
}  // namespace gradus

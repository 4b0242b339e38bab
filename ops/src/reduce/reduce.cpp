#include "gradus/ops/reduce.h"

#include "axes.h"
#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/elementary.h"
#include "gradus/kernels/reduce.h"
#include "gradus/kernels/softmax.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <limits>

namespace gradus {

std::uint32_t Axes::mask(int rank, const char* op, CallSite site) const {
  if (all_) return (1U << rank) - 1;
  std::uint32_t mask = 0;
  const detail::SitePin pin(site);
  for (std::int64_t axis : axes_) {
    const std::uint32_t bit = 1U << normalize_axis(axis, rank, op);
    if ((mask & bit) != 0) detail::fail<IndexError>(op, "expected each axis once, got " + to_string(axes_));
    mask |= bit;
  }
  return mask;
}

namespace detail {
namespace {

/// The base of reductions over a set of axes.
struct Reduction : Op {
  std::uint32_t mask = 0;
  bool keepdim = false;

  Shape result_shape(const Tensor& x) const { return reduced_shape(x, mask, keepdim); }
  Axes axes() const { return Axes(axes_of(mask)); }
  /// A result with the reduced axes back in the shape with size 1, to broadcast over x's shape.
  Tensor keep(const Tensor& y, const Shape& shape) const {
    const bool leading = (mask & (mask + 1)) == 0;
    if (keepdim || leading) return y;
    Shape kept = shape;
    for (int d = 0; d < kept.rank(); ++d)
      if ((mask >> d & 1) != 0) kept[d] = 1;
    return reshape(y, kept);
  }
  /// The cotangent of the result repeated for each element of x.
  Tensor spread(const Tensor& g, const Shape& shape) const { return broadcast_to(keep(g, shape), shape); }
  /// The number of elements of `shape` that come together in one result.
  double count(const Shape& shape) const {
    std::int64_t n = 1;
    for (int d = 0; d < shape.rank(); ++d)
      if ((mask >> d & 1) != 0) n *= shape[d];
    return static_cast<double>(n);
  }
  template <class V>
  void visit(V&& v) const {
    v("axes", axes_of(mask));
    v("keepdim", keepdim);
  }
};

/// x - y, with y reduced from it with size 1 in place of the axes in `mask`. Not recorded.
template <class T>
Tensor centred(const Tensor& x, const Tensor& y, std::uint32_t mask) {
  Shape strides = y.strides();
  for (int d = 0; d < x.rank(); ++d)
    if ((mask >> d & 1) != 0) strides[d] = 0;
  return map<T, T>(x, view_as(y, x.shape(), strides), [](T a, T b) { return a - b; });
}

// clang-format off
struct SumOp : Reduction {
  static constexpr OpInfo info{.name = "sum", .linearity = Linearity::linear};
  Tensor forward(const Tensor& x) const { return sum_over(x, mask, result_shape(x)); }
  Cotangents vjp(const Pullback& p) const { return {spread(p.g, p.shape())}; }
};

struct Mean : Reduction {
  static constexpr OpInfo info{.name = "mean", .linearity = Linearity::linear};
  Tensor forward(const Tensor& x) const { return sum_over(x, mask, result_shape(x), count(x.shape())); }
  Cotangents vjp(const Pullback& p) const {
    const Shape shape = p.shape();
    return {spread(div(p.g, count(shape)), shape)};
  }
};
// clang-format on

/// Along the last axis, for each element the product of all others. The elements are paired, and so are
/// the pairs: what is outside a pair times one of the two is what is outside the other. There is no
/// division, so zeros do no harm in derivatives of any order.
Tensor product_of_others(const Tensor& x) {
  const std::int64_t n = x.shape().back(), half = n / 2;
  if (n <= 1) return ones_like(x);
  const Tensor left = slice(x, -1, 0, half), right = slice(x, -1, half, 2 * half);
  if (n == 2) return concat({right, left}, -1);
  const bool odd = n % 2 != 0;
  const Tensor pairs = mul(left, right);
  const Tensor outside = product_of_others(odd ? concat({pairs, slice(x, -1, 2 * half)}, -1) : pairs);
  const Tensor around = slice(outside, -1, 0, half);
  const Tensor of_left = mul(around, right), of_right = mul(around, left);
  if (odd) return concat({of_left, of_right, slice(outside, -1, half)}, -1);
  return concat({of_left, of_right}, -1);
}

struct Prod : Reduction {
  static constexpr OpInfo info{.name = "prod", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return prod_over(x, mask, result_shape(x)); }
  Cotangents vjp(const Pullback& p) const {
    // The reduced axes are moved to the end and made one.
    const Tensor x = p.in(0);
    Shape order, sizes;
    for (int d = 0; d < x.rank(); ++d)
      if ((mask >> d & 1) == 0) order.push_back(d);
    for (int d = 0; d < order.rank(); ++d) sizes.push_back(x.shape()[static_cast<int>(order[d])]);
    sizes.push_back(reduced_count(x, mask));
    const int kept = order.rank();
    for (std::int64_t axis : axes_of(mask)) order.push_back(axis);
    const Tensor moved = permute(x, order);
    const Tensor others = product_of_others(reshape(moved, sizes));
    Shape back = order;
    for (int d = 0; d < order.rank(); ++d) back[static_cast<int>(order[d])] = d;
    sizes[kept] = 1;
    const Tensor dx = mul(others, reshape(p.g, sizes));
    return {permute(reshape(dx, moved.shape()), back)};
  }
};

// clang-format off
template <bool largest>
struct ExtremeOp : Reduction {
  static constexpr OpInfo info{.name = largest ? "max" : "min", .saves = Saves::input0 | Saves::output};
  Tensor forward(const Tensor& x) const {
    return largest ? max_over(x, mask, result_shape(x)) : min_over(x, mask, result_shape(x));
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0);
    const Tensor chosen = to(equal_to(x, keep(detach(p.out()), x.shape())), x.dtype());
    const Tensor share = div(keep(p.g, x.shape()), keep(sum(chosen, axes(), keepdim), x.shape()));
    return {mul(chosen, share)};
  }
};

/// Where the first extreme of each row along an axis stands; with a negative axis, of the whole tensor.
template <bool largest>
struct ArgExtreme : Op {
  static constexpr OpInfo info{.name = largest ? "argmax" : "argmin", .differentiable = false};
  int axis = -1;
  bool keepdim = false;
  template <class V> void visit(V&& v) const { v("axis", axis); v("keepdim", keepdim); }

  Tensor forward(const Tensor& x) const {
    if (axis < 0) {
      ArgExtreme row;
      row.axis = 0;
      return row.forward(view_as(contiguous(x), {x.numel()}, {1}));
    }
    return first_extreme(x, axis, largest, reduced_shape(x, 1U << axis, keepdim));
  }
};

struct Var : Reduction {
  static constexpr OpInfo info{.name = "var", .saves = Saves::input0};
  std::int64_t ddof = 1;
  double freedom(const Shape& shape) const { return std::max(0.0, count(shape) - static_cast<double>(ddof)); }
  Tensor forward(const Tensor& x) const {
    const Tensor mean = sum_over(x, mask, reduced_shape(x, mask, true), count(x.shape()));
    const Tensor off = dispatch_floating(x.dtype(), [&]<class T>() { return centred<T>(x, mean, mask); });
    return sum_squares_over(off, mask, result_shape(x), freedom(x.shape()));
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0);
    const Tensor scaled = mul(keep(p.g, x.shape()), 2 / freedom(x.shape()));
    return {mul(sub(x, mean(x, axes(), true)), scaled)};
  }
  template <class V> void visit(V&& v) const { Reduction::visit(v); v("ddof", ddof); }
};

struct LogSumExp : Reduction {
  static constexpr OpInfo info{.name = "logsumexp", .saves = Saves::input0 | Saves::output};
  /// Whether what comes together is a row of a dense x, long enough for vectors.
  bool by_rows(const Tensor& x) const {
    const std::uint32_t kept = ~mask & ((1U << x.rank()) - 1);
    return x.is_contiguous() && (kept & (kept + 1)) == 0 && reduced_count(x, mask) >= 16;
  }
  Tensor forward(const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      if (by_rows(x)) {
        Tensor y = max_over(x, mask, result_shape(x));
        kernels::logsumexp(y.numel(), reduced_count(x, mask), x.data<T>(), y.mutable_data<T>());
        return y;
      }
      const Tensor top = max_over(x, mask, reduced_shape(x, mask, true));
      const Tensor terms = map_dense<T>(centred<T>(x, top, mask), [](T v) { return elementary::exp_down(v); });
      const Tensor sums = sum_over(terms, mask, result_shape(x));
      return map<T, T>(view_as(top, sums.shape(), sums.strides()), sums, [](T most, T sum) {
        return std::isfinite(most) ? most + elementary::log(sum) : most;
      });
    });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0), y = p.out();
    if (!is_recording() && by_rows(x)) {
      const Tensor g = dense(p.g);
      Tensor dx = empty_like(x);
      dispatch_floating(x.dtype(), [&]<class T>() {
        logsumexp_gradient(
            y.numel(), reduced_count(x, mask), g.data<T>(), x.data<T>(), y.data<T>(), dx.mutable_data<T>());
      });
      return {dx};
    }
    constexpr double none = -std::numeric_limits<double>::infinity();
    // Over nothing but -inf the result is -inf as well: 0 in its place makes every weight 0.
    const Tensor finite = where(equal_to(y, none), 0.0, y);
    return {mul(exp(sub(x, keep(finite, x.shape()))), keep(p.g, x.shape()))};
  }
};
// clang-format on

template <class O>
Tensor reduced(Arg x, const Axes& axes, bool keepdim, O op = {}) {
  op.mask = axes.mask(x->rank(), O::info.name, x.site);
  op.keepdim = keepdim;
  return apply(op, x);
}

/// ArgumentError unless there is an element to choose.
void check_some(const char* op, Arg x, std::uint32_t mask) {
  if (reduced_count(x, mask) == 0)
    fail<ArgumentError>(op, "expected at least one element to choose from, got " + to_string(x->shape()), x.site);
}

template <class O>
Tensor extreme(Arg x, const Axes& axes, bool keepdim) {
  check_some(O::info.name, x, axes.mask(x->rank(), O::info.name, x.site));
  return reduced<O>(x, axes, keepdim);
}

template <class O>
Tensor arg_extreme(Arg x, std::int64_t axis, bool keepdim) {
  O op;
  op.axis = check_axis(O::info.name, x, axis, x->rank());
  op.keepdim = keepdim;
  check_some(O::info.name, x, 1U << op.axis);
  return apply(op, x);
}

template <class O>
Tensor arg_extreme(Arg x) {
  check_some(O::info.name, x, (1U << x->rank()) - 1);
  return apply(O{}, x);
}

template <class O>
Extremum with_index(const char* name, Arg x, std::int64_t axis, bool keepdim) {
  O op;
  op.axis = check_axis(name, x, axis, x->rank());
  op.keepdim = true;
  check_some(name, x, 1U << op.axis);
  const Tensor place = apply(op, x), value = gather(x, op.axis, place);
  if (keepdim) return {value, place};
  return {squeeze(Arg(value, x.site), op.axis), squeeze(Arg(place, x.site), op.axis)};
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor sum(Arg x, const Axes& axes, bool keepdim) { return reduced<SumOp>(x, axes, keepdim); }

Tensor nansum(Arg x, const Axes& axes, bool keepdim) {
  if (!is_floating(x->dtype())) return sum(x, axes, keepdim);
  const SitePin pin(x.site);
  return sum(where(isnan(x), 0.0, x), axes, keepdim);
}

Tensor mean(Arg x, const Axes& axes, bool keepdim) {
  check_floating("mean", x);
  return reduced<Mean>(x, axes, keepdim);
}

Tensor prod(Arg x, const Axes& axes, bool keepdim) { return reduced<Prod>(x, axes, keepdim); }

Tensor max(Arg x, const Axes& axes, bool keepdim) { return extreme<ExtremeOp<true>>(x, axes, keepdim); }
Tensor min(Arg x, const Axes& axes, bool keepdim) { return extreme<ExtremeOp<false>>(x, axes, keepdim); }

Tensor argmax(Arg x, std::int64_t axis, bool keepdim) { return arg_extreme<ArgExtreme<true>>(x, axis, keepdim); }
Tensor argmin(Arg x, std::int64_t axis, bool keepdim) { return arg_extreme<ArgExtreme<false>>(x, axis, keepdim); }
Tensor argmax(Arg x) { return arg_extreme<ArgExtreme<true>>(x); }
Tensor argmin(Arg x) { return arg_extreme<ArgExtreme<false>>(x); }

Extremum max_with_index(Arg x, std::int64_t axis, bool keepdim) {
  return with_index<ArgExtreme<true>>("max_with_index", x, axis, keepdim);
}
Extremum min_with_index(Arg x, std::int64_t axis, bool keepdim) {
  return with_index<ArgExtreme<false>>("min_with_index", x, axis, keepdim);
}

Tensor var(Arg x, const Axes& axes, bool keepdim, std::int64_t ddof) {
  check_floating("var", x);
  Var op;
  op.ddof = ddof;
  return reduced(x, axes, keepdim, op);
}

Tensor logsumexp(Arg x, const Axes& axes, bool keepdim) {
  check_floating("logsumexp", x);
  return reduced<LogSumExp>(x, axes, keepdim);
}

namespace detail {

std::vector<OpEntry> reduce_examples();  // in examples/reduce.cpp

std::span<const OpEntry> reduce_ops() {
  static const auto table =
      typed<SumOp, Mean, Prod, ExtremeOp<true>, ExtremeOp<false>, ArgExtreme<true>, ArgExtreme<false>, Var, LogSumExp>(
          reduce_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus

// Reductions made of others: norms, stddev, any, all and the like.

#include "axes.h"
#include "elementwise/functions.h"
#include "family.h"

#include "gradus/kernels/reduce.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace detail {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// (sum |x|^p)^(1/p) for a finite p other than 0.
struct Norm : Op {
  static constexpr OpInfo info{.name = "norm", .saves = Saves::input0 | Saves::output, .flops = 2};
  double p = 2;
  std::uint32_t mask = 0;
  bool keepdim = false;

  template <class V>
  void visit(V&& v) const {
    v("p", p);
    v("axes", axes_of(mask));
    v("keepdim", keepdim);
  }
  Tensor forward(const Tensor& x) const {
    const Shape shape = reduced_shape(x, mask, keepdim);
    const Tensor s = powers(x, shape);
    if (reduced_count(x, mask) == 0 || in_range(s)) return root(s);
    // Powers of huge or tiny numbers overflow or vanish: again in units of the one that counts most.
    const Tensor size = abs(x);
    Tensor unit = (p > 0 ? max_over : min_over)(size, mask, reduced_shape(x, mask, true));
    unit = where(logical_and(isfinite(unit), greater(unit, 0)), unit, 1.0);
    return mul(root(powers(div(size, unit), shape)), reshape(unit, shape));
  }
  Cotangents vjp(const Pullback& pull) const {
    const Tensor x = pull.in(0);
    const Shape kept = reduced_shape(x, mask, true);
    const Tensor y = reshape(pull.out(), kept), none = equal_to(y, 0), at = where(none, 1.0, finite(y));
    const Tensor g = where(none, 0.0, reshape(pull.g, kept));
    if (p == 2) return {mul(g, div(all_finite(y) ? x : finite(x), at))};
    const Tensor part = div(finite(abs(where(equal_to(x, 0), 1.0, x))), at);
    return {mul(g, mul(sign(x), pow(part, p - 1)))};
  }

 private:
  Tensor powers(const Tensor& x, const Shape& shape) const {
    return p == 2 ? sum_squares_over(x, mask, shape) : sum_over(pow(abs(x), p), mask, shape);
  }
  Tensor root(const Tensor& s) const { return p == 2 ? sqrt(s) : pow(s, 1 / p); }
  /// NaN apart.
  static bool in_range(const Tensor& s) {
    return dispatch_floating(s.dtype(), [&]<class T>() {
      using Limits = std::numeric_limits<T>;
      const T least = Limits::min() / Limits::epsilon();
      const T* v = s.data<T>();
      return std::none_of(v, v + s.numel(), [=](T a) { return a < least || a > Limits::max(); });
    });
  }
  static bool all_finite(const Tensor& y) { return !any(isinf(y)).item<bool>(); }
};

Tensor not_zero(const Tensor& x) { return x.dtype() == boolean ? x : not_equal_to(x, 0.0); }

}  // namespace
}  // namespace detail

using namespace detail;

Tensor stddev(Arg x, const Axes& axes, bool keepdim, std::int64_t ddof) {
  check_floating("stddev", x);
  axes.mask(x->rank(), "stddev", x.site);
  const SitePin pin(x.site);
  // By the norm, which doesn't overflow where the variance does.
  const std::int64_t n = reduced_count(x, axes.mask(x->rank(), "stddev"));
  const Tensor length = norm(sub(x, mean(x, axes, true)), 2, axes, keepdim);
  return div(length, std::sqrt(static_cast<double>(std::max<std::int64_t>(0, n - ddof))));
}

Tensor amax(Arg x, const Axes& axes, bool keepdim) { return max(x, axes, keepdim); }
Tensor amin(Arg x, const Axes& axes, bool keepdim) { return min(x, axes, keepdim); }

Tensor count_nonzero(Arg x, const Axes& axes, bool keepdim) {
  axes.mask(x->rank(), "count_nonzero", x.site);
  return sum(Arg(not_zero(x), x.site), axes, keepdim);
}

Tensor any(Arg x, const Axes& axes, bool keepdim) {
  axes.mask(x->rank(), "any", x.site);
  return not_equal_to(Arg(count_nonzero(x, axes, keepdim), x.site), 0.0);
}

Tensor all(Arg x, const Axes& axes, bool keepdim) {
  axes.mask(x->rank(), "all", x.site);
  return equal_to(Arg(sum(equal_to(to(not_zero(x), int64), 0.0), axes, keepdim), x.site), 0.0);
}

Tensor norm(Arg x, double p, const Axes& axes, bool keepdim) {
  check_floating("norm", x);
  const std::uint32_t mask = axes.mask(x->rank(), "norm", x.site);
  if (p != p) fail<ArgumentError>("norm", "expected a number p, got nan", x.site);
  const SitePin pin(x.site);
  if (std::isinf(p)) {
    for (int d = 0; d < x->rank(); ++d)
      if ((mask >> d & 1) != 0 && x->shape()[d] == 0)
        fail<ArgumentError>("norm", "expected at least one element, got " + to_string(x->shape()));
    return p > 0 ? max(abs(x), axes, keepdim) : min(abs(x), axes, keepdim);
  }
  if (p == 0) return to(count_nonzero(x, axes, keepdim), x->dtype());
  if (p == 1) return sum(abs(x), axes, keepdim);
  Norm op;
  op.p = p;
  op.mask = mask;
  op.keepdim = keepdim;
  return apply(op, x);
}

Tensor normalize(Arg x, double p, std::int64_t axis, double eps) {
  check_floating("normalize", x);
  const int d = check_axis("normalize", x, axis, x->rank());
  if (!(eps >= 0)) fail<ArgumentError>("normalize", fmt::format("expected eps >= 0, got {}", eps), x.site);
  const SitePin pin(x.site);
  return div(x, clamp(norm(x, p, d, true), eps));
}

namespace detail {

std::vector<OpEntry> composed_reduce_examples();  // in examples/composed.cpp

std::span<const OpEntry> composed_reduce_ops() {
  static const auto table = typed<Norm>(composed_reduce_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus

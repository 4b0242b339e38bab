// Scans along an axis, and the reductions made of others.

#include "gradus/ops/scan.h"

#include "axes.h"
#include "kernels.h"
#include "unary.h"

#include "gradus/kernels/reduce.h"
#include "gradus/kernels/scan.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <limits>

namespace gradus {
namespace detail {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class F>
void dispatch_numbers(DType dtype, F&& f) {
  if (dtype == int64) return f.template operator()<std::int64_t>();
  dispatch_floating(dtype, f);
}

/// Moved by one place along an axis, away from the end where the scan starts; the first is 0.
Tensor moved_on(const Tensor& x, int axis, bool reverse) {
  const std::int64_t n = x.shape()[axis];
  if (n == 0) return x;
  return reverse ? slice_put(slice(x, axis, 1, n), x.shape(), axis, 0, n - 1)
                 : slice_put(slice(x, axis, 0, n - 1), x.shape(), axis, 1, n);
}

// clang-format off
struct CumSum : Op {
  static constexpr OpInfo info{.name = "cumsum", .linearity = Linearity::linear};
  int axis = 0;
  bool reverse = false;
  Tensor forward(const Tensor& x) const {
    const Tensor dense = contiguous(x);
    Tensor y = empty(x.shape(), x.dtype());
    dispatch_numbers(x.dtype(), [&]<class T>() {
      kernels::cumulative_sum(Lines(x.shape(), axis), reverse, dense.data<T>(), y.mutable_data<T>());
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const { return {cumsum(p.g, axis, !reverse)}; }
  template <class V> void visit(V&& v) const { v("axis", axis); v("reverse", reverse); }
};

struct LinearRecurrence : Op {
  static constexpr OpInfo info{.name = "linear_recurrence", .arity = 2, .saves = Saves::input0 | Saves::output, .flops = 2};
  int axis = 0;
  bool reverse = false;
  Tensor forward(const Tensor& a, const Tensor& b) const {
    const Tensor factors = contiguous(a), terms = contiguous(b);
    Tensor y = empty(b.shape(), b.dtype());
    dispatch_numbers(y.dtype(), [&]<class T>() {
      kernels::linear_recurrence(Lines(y.shape(), axis), reverse, factors.data<T>(), terms.data<T>(), y.mutable_data<T>());
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor d = linear_recurrence(moved_on(p.in(0), axis, !reverse), p.g, axis, !reverse);
    return {p.needs(0) ? mul(moved_on(p.out(), axis, reverse), d) : Tensor(), d};
  }
  template <class V> void visit(V&& v) const { v("axis", axis); v("reverse", reverse); }
};

struct LogCumSumExp : Op {
  static constexpr OpInfo info{.name = "logcumsumexp", .saves = Saves::input0 | Saves::output, .flops = 20};
  int axis = 0;
  Tensor forward(const Tensor& x) const {
    const Tensor dense = contiguous(x);
    Tensor y = empty(x.shape(), x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::cumulative_logsumexp(Lines(x.shape(), axis), dense.data<T>(), y.mutable_data<T>());
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    // sum over i >= k of g_i exp(y_k - y_i) is a recurrence with factors of at most 1; their products are as exact
    // as the y are only in float64.
    const Tensor y = to(p.out(), float64), finite = where(equal_to(y, -kInfinity), 0.0, y);
    const std::int64_t n = y.shape()[axis];
    const Tensor factors = exp(sub(slice(y, axis, 0, n - 1), slice(finite, axis, 1, n)));
    const Tensor sums = linear_recurrence(slice_put(factors, y.shape(), axis, 0, n - 1), to(p.g, float64), axis, true);
    return {to(mul(exp(sub(to(p.in(0), float64), finite)), sums), p.g.dtype())};
  }
  template <class V> void visit(V&& v) const { v("axis", axis); }
};
// clang-format on

Extremum so_far(const char* name, bool largest, Arg x, std::int64_t axis) {
  const int at = check_axis(name, x, axis, x->rank());
  if (x->dtype() == boolean)
    fail<DTypeError>(name, "expected a tensor of numbers, got bool", x.site);
  const Tensor dense = contiguous(x.tensor);
  Tensor places = empty(x->shape(), int64);
  dispatch_numbers(x->dtype(), [&]<class T>() {
    kernels::cumulative_extreme(
        Lines(x->shape(), at), largest, dense.data<T>(), places.mutable_data<std::int64_t>());
  });
  return {gather(x, at, places), places};
}

/// int64 for bool.
Tensor as_number(Arg x) { return x->dtype() == boolean ? to(x, int64) : x.tensor; }

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
    const Tensor y = reshape(pull.out(), kept), none = equal_to(y, 0),
                 at = where(none, 1.0, finite(y));
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

Tensor cumsum(Arg x, std::int64_t axis, bool reverse) {
  CumSum op;
  op.axis = check_axis("cumsum", x, axis, x->rank());
  op.reverse = reverse;
  return apply(op, Arg(as_number(x), x.site));
}

Tensor linear_recurrence(Arg a, const Tensor& b, std::int64_t axis, bool reverse) {
  constexpr auto name = "linear_recurrence";
  LinearRecurrence op;
  op.axis = check_axis(name, a, axis, a->rank());
  op.reverse = reverse;
  check_same_dtype(name, a, b);
  if (a->dtype() == boolean)
    fail<DTypeError>(name, "expected tensors of numbers, got bool", a.site);
  if (a->shape() != b.shape())
    fail<ShapeError>(name,
                     fmt::format("expected tensors of one shape, got {} and {}",
                                 to_string(a->shape()),
                                 to_string(b.shape())),
                     a.site);
  return apply(op, a, b);
}

Tensor cumprod(Arg x, std::int64_t axis) {
  const int d = check_axis("cumprod", x, axis, x->rank());
  const SitePin pin(x.site);
  const Tensor a = as_number(x);
  const std::int64_t n = a.shape()[d];
  return linear_recurrence(a, n == 0 ? a : slice_put(slice(a, d, 0, 1), a.shape(), d, 0, 1), d);
}

Extremum cummax(Arg x, std::int64_t axis) { return so_far("cummax", true, x, axis); }
Extremum cummin(Arg x, std::int64_t axis) { return so_far("cummin", false, x, axis); }

Tensor logcumsumexp(Arg x, std::int64_t axis) {
  check_floating("logcumsumexp", x);
  LogCumSumExp op;
  op.axis = check_axis("logcumsumexp", x, axis, x->rank());
  return apply(op, x);
}

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
  if (!(eps >= 0))
    fail<ArgumentError>("normalize", fmt::format("expected eps >= 0, got {}", eps), x.site);
  const SitePin pin(x.site);
  return div(x, clamp(norm(x, p, d, true), eps));
}

namespace detail {

using In = std::span<const Tensor>;
using Examples = std::vector<Example>;

/// Examples for functions of `(x, axes, keepdim)`.
template <auto function>
static Examples over_axes(Sample::Kind kind = Sample::Kind::real, bool differentiable = true) {
  return {{"all",
           {{{2, 3}, {}, kind}},
           [](In in) { return function(in[0], Axes(), false); },
           false,
           differentiable},
          {"axis 0, keepdim",
           {{{3, 2}, {}, kind}},
           [](In in) { return function(in[0], Axes(0), true); },
           false,
           differentiable},
          {"axes 0 and -1",
           {{{2, 3, 2}, {}, kind}},
           [](In in) {
             return function(in[0], Axes({0, -1}), false);
           },
           false,
           differentiable}};
}

/// Examples for functions of `(x, axis)`.
template <auto function>
static Examples along_axis(Domain domain = {}, Sample::Kind kind = Sample::Kind::real) {
  return {{"axis 0", {{{4, 2}, domain, kind}}, [](In in) { return function(in[0], 0); }},
          {"axis -2", {{{2, 3, 2}, domain, kind}}, [](In in) { return function(in[0], -2); }},
          {"one", {{{2, 1}, domain, kind}}, [](In in) { return function(in[0], 1); }},
          {"no results", {{{0, 3}, domain, kind}}, [](In in) { return function(in[0], 1); }},
          {"of nothing", {{{0, 3}, domain, kind}}, [](In in) { return function(in[0], 0); }}};
}
static Tensor cummax_values(Arg x, std::int64_t axis) { return cummax(x, axis).values; }
static Tensor cummin_values(Arg x, std::int64_t axis) { return cummin(x, axis).values; }

static Tensor cumsum_of(Arg x, std::int64_t axis) { return cumsum(x, axis); }
static Tensor biased_std(Arg x, const Axes& axes, bool keepdim) {
  return stddev(x, axes, keepdim, 0);
}
template <int p>
static Tensor norm_of(Arg x, const Axes& axes, bool keepdim) {
  return norm(x, p, axes, keepdim);
}

std::span<const OpEntry> scan_ops() {
  using Kind = Sample::Kind;
  static constexpr Domain kinked = domain(-2, 2, {0});
  static const OpEntry table[] = {
      {"cumsum",
       &op_class<CumSum>,
       [] {
         Examples all = along_axis<&cumsum_of>();
         all.push_back({"reverse", {{{2, 3}}}, [](In in) { return cumsum(in[0], 1, true); }});
         return all;
       }},
      {"cumprod",
       nullptr,
       [] {
         Examples all = along_axis<&cumprod>();
         all.push_back({"with zeros", {{{2, 4}}}, [](In in) {
                          return cumprod(mul(in[0], cast(tensor({1, 0, 1, 0}), in[0].dtype())), 1);
                        }});
         return all;
       }},
      {"logcumsumexp", &op_class<LogCumSumExp>, [] { return along_axis<&logcumsumexp>(); }},
      {"cummax", nullptr, [] { return along_axis<&cummax_values>(domain(-2, 2), Kind::distinct); }},
      {"cummin", nullptr, [] { return along_axis<&cummin_values>(domain(-2, 2), Kind::distinct); }},
      {"linear_recurrence",
       &op_class<LinearRecurrence>,
       [] {
         return Examples{{"axis 1",
                          {{{2, 4}}, {{2, 4}}},
                          [](In in) { return linear_recurrence(in[0], in[1], 1); }},
                         {"axis 0, reverse",
                          {{{3, 2}}, {{3, 2}}},
                          [](In in) { return linear_recurrence(in[0], in[1], 0, true); }},
                         {"of nothing", {{{0, 2}}, {{0, 2}}}, [](In in) {
                            return linear_recurrence(in[0], in[1], 0);
                          }}};
       }},
      {"stddev", nullptr, [] { return over_axes<&biased_std>(Kind::distinct); }},
      {"norm",
       &op_class<Norm>,
       [] {
         Examples all = over_axes<&norm_of<2>>();
         all.push_back({"p 1", {{{2, 3}, kinked}}, [](In in) { return norm(in[0], 1, 0); }});
         all.push_back({"p 3", {{{2, 3}, kinked}}, [](In in) { return norm(in[0], 3, -1); }});
         all.push_back({"p 0.5", {{{2, 3}, kinked}}, [](In in) { return norm(in[0], 0.5); }});
         all.push_back({"p -1.5", {{{2, 3}, kinked}}, [](In in) { return norm(in[0], -1.5, 1); }});
         all.push_back(
             {"p 0", {{{2, 3}, kinked}}, [](In in) { return norm(in[0], 0, 1); }, false, false});
         const Domain positive = domain(0.5, 3);
         all.push_back({"p inf", {{{2, 3}, positive, Kind::distinct}}, [](In in) {
                          return norm(in[0], kInfinity, 1, true);
                        }});
         all.push_back({"p -inf", {{{2, 3}, positive, Kind::distinct}}, [](In in) {
                          return norm(in[0], -kInfinity, 0);
                        }});
         return all;
       }},
      {"normalize",
       nullptr,
       [] {
         return Examples{
             {"p 2, axis 1", {{{2, 3}, domain(0.5, 2)}}, [](In in) { return normalize(in[0]); }},
             {"p 3, axis 0",
              {{{2, 3}, domain(0.5, 2)}},
              [](In in) { return normalize(in[0], 3, 0); }},
             {"below eps", {{{2, 3}}}, [](In in) { return normalize(in[0], 2, 1, 100); }}};
       }},
      {"amax", nullptr, [] { return over_axes<&amax>(Kind::distinct); }},
      {"amin", nullptr, [] { return over_axes<&amin>(Kind::distinct); }},
      {"any", nullptr, [] { return over_axes<&any>(Kind::flag, false); }},
      {"all", nullptr, [] { return over_axes<&gradus::all>(Kind::flag, false); }},
      {"count_nonzero", nullptr, [] { return over_axes<&count_nonzero>(Kind::real, false); }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "gradus/ops/scan.h"

#include "axes.h"
#include "elementwise/functions.h"
#include "family.h"

#include "gradus/kernels/reduce.h"
#include "gradus/kernels/scan.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <limits>

namespace gradus {
namespace detail {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

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
  if (x->dtype() == boolean) fail<DTypeError>(name, "expected a tensor of numbers, got bool", x.site);
  const Tensor dense = contiguous(x.tensor);
  Tensor places = empty(x->shape(), int64);
  dispatch_numbers(x->dtype(), [&]<class T>() {
    kernels::cumulative_extreme(Lines(x->shape(), at), largest, dense.data<T>(), places.mutable_data<std::int64_t>());
  });
  return {gather(x, at, places), places};
}

/// int64 for bool.
Tensor as_number(Arg x) { return x->dtype() == boolean ? to(x, int64) : x.tensor; }

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
  if (a->dtype() == boolean) fail<DTypeError>(name, "expected tensors of numbers, got bool", a.site);
  if (a->shape() != b.shape())
    fail<ShapeError>(
        name,
        fmt::format("expected tensors of one shape, got {} and {}", to_string(a->shape()), to_string(b.shape())),
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

namespace detail {

using In = std::span<const Tensor>;
using Examples = std::vector<Example>;

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
std::span<const OpEntry> scan_ops() {
  using Kind = Sample::Kind;
  static const OpEntry table[] = {
      {"cumsum",
       &op_class<CumSum>,
       {"y_i = x_1 + … + x_i", "sums of g from the back"},
       [] {
         Examples all = along_axis<&cumsum_of>();
         all.push_back({"reverse", {{{2, 3}}}, [](In in) { return cumsum(in[0], 1, true); }});
         return all;
       }},
      {"cumprod",
       nullptr,
       {"y_i = x_1 … x_i", "Σ_(j≥i) g_j times the product without x_i"},
       [] {
         Examples all = along_axis<&cumprod>();
         all.push_back({"with zeros", {{{2, 4}}}, [](In in) {
                          return cumprod(mul(in[0], cast(tensor({1, 0, 1, 0}), in[0].dtype())), 1);
                        }});
         return all;
       }},
      {"logcumsumexp",
       &op_class<LogCumSumExp>,
       {"y_i = ln(e^x_1 + … + e^x_i)", "Σ_(j≥i) g_j e^(x_i - y_j)"},
       [] { return along_axis<&logcumsumexp>(); }},
      {"cummax",
       nullptr,
       {"the greatest of x_1 … x_i, and where it stands last", "g there"},
       [] { return along_axis<&cummax_values>(domain(-2, 2), Kind::distinct); }},
      {"cummin",
       nullptr,
       {"the least of x_1 … x_i, and where it stands last", "g there"},
       [] { return along_axis<&cummin_values>(domain(-2, 2), Kind::distinct); }},
      {"linear_recurrence",
       &op_class<LinearRecurrence>,
       {"y_i = a_i y_(i-1) + b_i", "d_i y_(i-1), d_i = g_i + a_(i+1) d_(i+1)"},
       [] {
         return Examples{
             {"axis 1", {{{2, 4}}, {{2, 4}}}, [](In in) { return linear_recurrence(in[0], in[1], 1); }},
             {"axis 0, reverse", {{{3, 2}}, {{3, 2}}}, [](In in) { return linear_recurrence(in[0], in[1], 0, true); }},
             {"of nothing", {{{0, 2}}, {{0, 2}}}, [](In in) { return linear_recurrence(in[0], in[1], 0); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "gradus/ops/sort.h"

#include "axes.h"
#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/sort.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"

#include <cmath>

namespace gradus {
namespace detail {
namespace {

/// Where the first `count` elements of an axis in order stand.
struct ArgSort : Op {
  static constexpr OpInfo info{.name = "argsort", .differentiable = false};
  int axis = 0;
  bool descending = false;
  std::int64_t count = 0;
  template <class V>
  void visit(V&& v) const {
    v("axis", axis);
    v("descending", descending);
    v("count", count);
  }

  Tensor forward(const Tensor& x) const {
    Shape shape = x.shape();
    const std::int64_t n = std::exchange(shape[axis], count);
    Tensor y = empty(shape, int64);
    if (y.numel() == 0) return y;
    const Tensor dense = contiguous(transpose(x, axis, -1));
    const Tensor rows = axis == x.rank() - 1 ? y : empty(transpose(y, axis, -1).shape(), int64);
    dispatch(x.dtype(), [&]<class T>() {
      kernels::argsort(
          dense.numel() / n, n, count, descending, dense.data<T>(), Tensor(rows).mutable_data<std::int64_t>());
    });
    if (axis != x.rank() - 1) copy_into(y, transpose(rows, axis, -1));
    return y;
  }
};

Tensor order_of(const char* name, Arg x, std::int64_t axis, bool descending) {
  ArgSort op;
  op.axis = check_axis(name, x, axis, x->rank());
  op.descending = descending;
  op.count = x->shape()[op.axis];
  return apply(op, x);
}

/// The elements of an axis at `places`, and these.
Sorted taken(Arg x, int axis, const Tensor& places, bool keepdim = true) {
  const Tensor values = gather(x, axis, places);
  if (keepdim) return {values, places};
  return {squeeze(Arg(values, x.site), axis), squeeze(Arg(places, x.site), axis)};
}

void check_some(const char* op, Arg x, std::int64_t n) {
  if (n == 0) fail<ArgumentError>(op, "expected at least one element, got " + to_string(x->shape()), x.site);
}

/// For each sorted line, the place to take: `place`, or the last, where there is NaN.
Tensor unless_nan(const Tensor& x, int axis, const Tensor& order, std::int64_t place) {
  const Tensor last = slice(order, axis, -1), value = gather(detach(x), axis, last);
  return where(not_equal_to(value, value), last, narrow(order, axis, place, 1));
}

}  // namespace
}  // namespace detail

using namespace detail;

Sorted sort(Arg x, std::int64_t axis, bool descending) {
  const Tensor order = order_of("sort", x, axis, descending);
  return taken(x, normalize_axis(axis, x->rank(), "sort"), order);
}

Tensor argsort(Arg x, std::int64_t axis, bool descending) { return order_of("argsort", x, axis, descending); }

Sorted topk(Arg x, std::int64_t k, std::int64_t axis, bool largest) {
  ArgSort op;
  op.axis = check_axis("topk", x, axis, x->rank());
  op.descending = largest;
  op.count = k;
  const std::int64_t n = x->shape()[op.axis];
  if (k < 0 || k > n) fail<ArgumentError>("topk", fmt::format("expected k in 0..{}, got {}", n, k), x.site);
  return taken(x, op.axis, apply(op, x));
}

Sorted kthvalue(Arg x, std::int64_t k, std::int64_t axis, bool keepdim) {
  ArgSort op;
  op.axis = check_axis("kthvalue", x, axis, x->rank());
  op.count = k;
  const std::int64_t n = x->shape()[op.axis];
  check_some("kthvalue", x, n);
  if (k < 1 || k > n) fail<ArgumentError>("kthvalue", fmt::format("expected k in 1..{}, got {}", n, k), x.site);
  return taken(x, op.axis, slice(apply(op, x), op.axis, k - 1, k), keepdim);
}

Sorted median(Arg x, std::int64_t axis, bool keepdim) {
  const int d = check_axis("median", x, axis, x->rank());
  const std::int64_t n = x->shape()[d];
  check_some("median", x, n);
  const SitePin pin(x.site);
  return taken(x, d, unless_nan(x, d, order_of("median", x, d, false), (n - 1) / 2), keepdim);
}

Tensor median(Arg x) {
  check_some("median", x, x->numel());
  const SitePin pin(x.site);
  return median(reshape(x, {-1}), 0).values;
}

Tensor quantile(Arg x, double q, std::int64_t axis, bool keepdim) {
  check_floating("quantile", x);
  const int d = check_axis("quantile", x, axis, x->rank());
  const std::int64_t n = x->shape()[d];
  check_some("quantile", x, n);
  if (!(q >= 0 && q <= 1)) fail<ArgumentError>("quantile", fmt::format("expected q in 0..1, got {}", q), x.site);
  const SitePin pin(x.site);
  const Tensor order = order_of("quantile", x, d, false);
  const double at = q * static_cast<double>(n - 1), weight = at - std::floor(at);
  const auto low = static_cast<std::int64_t>(at);
  const auto value = [&](std::int64_t place) { return taken(x, d, unless_nan(x, d, order, place), keepdim).values; };
  return weight == 0 ? value(low) : add(mul(value(low), 1 - weight), mul(value(low + 1), weight));
}

Tensor quantile(Arg x, double q) {
  check_floating("quantile", x);
  check_some("quantile", x, x->numel());
  const SitePin pin(x.site);
  return quantile(reshape(x, {-1}), q, 0);
}

namespace detail {

std::vector<OpEntry> sort_examples();  // in examples/sort.cpp

std::span<const OpEntry> sort_ops() {
  static const auto table = typed<ArgSort>(sort_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus

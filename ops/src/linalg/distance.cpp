#include "gradus/ops/distance.h"

#include "family.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/distance.h"
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

/// Of a [*, P, D] and b [*, R, D] with one batch shape.
struct Cdist : Op {
  static constexpr OpInfo info{.name = "cdist", .arity = 2, .saves = Saves::input0 | Saves::input1 | Saves::output};
  double p = 2;
  template <class V>
  void visit(V&& v) const {
    v("p", p);
  }
  double flops(const OpShapes& s) const { return 3.0 * static_cast<double>(s.out[0].numel() * s.in[0].back()); }

  Tensor forward(const Tensor& a, const Tensor& b) const {
    const Tensor left = dense(a), right = dense(b);
    const DistanceSizes sizes = sizes_of(a, b);
    Shape shape = a.shape();
    shape[a.rank() - 1] = sizes.others;
    Tensor y = empty(shape, a.dtype());
    dispatch_floating(a.dtype(),
                      [&]<class T>() { distances(sizes, p, left.data<T>(), right.data<T>(), y.mutable_data<T>()); });
    return y;
  }

  Cotangents vjp(const Pullback& q) const {
    const Tensor a = q.in(0), b = q.in(1), y = q.out();
    return is_recording() ? composed(q, a, b, y) : fused(q, dense(a), dense(b), dense(y));
  }

 private:
  static DistanceSizes sizes_of(const Tensor& a, const Tensor& b) {
    const std::int64_t rows = a.size(-2), width = a.size(-1);
    std::int64_t batch = 1;
    for (int d = 0; d < a.rank() - 2; ++d) batch *= a.size(d);
    return {.batch = batch, .rows = rows, .others = b.size(-2), .width = width};
  }

  Cotangents fused(const Pullback& q, const Tensor& a, const Tensor& b, const Tensor& y) const {
    Cotangents result(2);
    const Tensor g = dense(q.g);
    for (int i = 0; i < 2; ++i) {
      if (!q.needs(i)) continue;
      const Tensor &here = i == 0 ? a : b, &there = i == 0 ? b : a;
      Tensor d = empty(here.shape(), here.dtype());
      dispatch_floating(a.dtype(), [&]<class T>() {
        distances_gradient(sizes_of(here, there),
                           p,
                           i == 1,
                           here.data<T>(),
                           there.data<T>(),
                           y.data<T>(),
                           g.data<T>(),
                           d.mutable_data<T>());
      });
      result[i] = d;
    }
    return result;
  }

  Cotangents composed(const Pullback& q, const Tensor& a, const Tensor& b, const Tensor& y) const {
    const Tensor d = sub(unsqueeze(a, -2), unsqueeze(b, -3)), each = unsqueeze(y, -1);
    const Tensor w = mul(unsqueeze(q.g, -1), slope(d, each));
    return {q.needs(0) ? sum(w, -2) : Tensor(), q.needs(1) ? neg(sum(w, -3)) : Tensor()};
  }
  /// The derivative of |d|_p = y with respect to d, 0 where that is not unique.
  Tensor slope(const Tensor& d, const Tensor& y) const {
    if (p == 0) return zeros_like(d);
    if (p == 1) return sign(detach(d));
    if (p == kInfinity) {
      const Tensor side = mul(to(equal_to(abs(detach(d)), y), d.dtype()), sign(detach(d)));
      return div(side, clamp(sum(abs(side), -1, true), 1));
    }
    const Tensor none = equal_to(y, 0.0), size = where(none, 1.0, y);
    if (p == 2) return where(none, 0.0, div(d, size));
    const Tensor zero = equal_to(d, 0.0), ratio = div(where(zero, 1.0, abs(d)), size);
    return where(zero, 0.0, mul(sign(detach(d)), pow(ratio, p - 1)));
  }
};

void check_p(const char* op, double p, CallSite site) {
  if (!(p >= 0)) fail<ArgumentError>(op, fmt::format("expected p >= 0, got {}", p), site);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor cdist(Arg a, const Tensor& b, double p) {
  check_floating("cdist", a);
  check_same_dtype("cdist", a, b);
  check_p("cdist", p, a.site);
  if (a->rank() < 2 || b.rank() < 2 || a->size(-1) != b.size(-1))
    fail<ShapeError>(
        "cdist",
        fmt::format(
            "expected vectors [*, P, D] and [*, R, D], got {} and {}", to_string(a->shape()), to_string(b.shape())),
        a.site);
  const auto batch_of = [](const Tensor& x) {
    Shape shape = x.shape();
    shape.erase(shape.rank() - 1);
    shape.erase(shape.rank() - 1);
    return shape;
  };
  const Shape batch = broadcast_shapes(batch_of(a), batch_of(b), "cdist", a.site);
  const auto spread = [&](const Tensor& x) {
    Shape shape = batch;
    shape.push_back(x.size(-2));
    shape.push_back(x.size(-1));
    return broadcast_to(Arg(x, a.site), shape);
  };
  Cdist op;
  op.p = p;
  return apply(op, Arg(spread(a), a.site), spread(b));
}

Tensor pdist(Arg x, double p) {
  check_floating("pdist", x);
  check_p("pdist", p, x.site);
  if (x->rank() != 2)
    fail<ShapeError>("pdist", fmt::format("expected vectors [N, D], got {}", to_string(x->shape())), x.site);
  const SitePin pin(x.site);
  const std::int64_t n = std::max<std::int64_t>(x->size(0), 1) - 1;  // all but the last, all but the first
  std::vector<std::int64_t> pairs;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = i; j < n; ++j) pairs.push_back(i * n + j);
  const Tensor all = cdist(narrow(x, 0, 0, n), narrow(x, 0, x->size(0) - n, n), p);
  return index_select(reshape(all, {n * n}), 0, from_vector(pairs));
}

namespace detail {

std::span<const OpEntry> distance_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {"cdist",
       &op_class<Cdist>,
       {"|a_i - b_j|_p for all pairs", "Σ g sign(a - b) (|a - b| / y)^(p-1), and its negative"},
       [] {
         const auto call = [](double p) { return [=](In in) { return cdist(in[0], in[1], p); }; };
         constexpr auto distinct = Sample::Kind::distinct;
         // No two elements are equal: differences have no kink nearby.
         const std::vector<Sample> apart{{{2, 3, 2}, domain(0, 1), distinct}, {{2, 2, 2}, domain(1.2, 2), distinct}};
         return Examples{{"p 2", {{{3, 2}}, {{4, 2}}}, call(2)},
                         {"p 1", apart, call(1)},
                         {"p 3", apart, call(3)},
                         {"p 1.5", apart, call(1.5)},
                         {"p inf",
                          {{{2, 2}, domain(0, 1)}, {{3, 2}, domain(1.2, 2)}},
                          [](In in) {
                            const Tensor step = cast(tensor({0.0, 4.0}), in[0].dtype());
                            return cdist(in[0], add(in[1], step), kInfinity);
                          }},
                         {"p 0", apart, call(0), false, false},
                         {"broadcast", {{{2, 1, 3, 2}}, {{3, 2, 2}}}, call(2)},
                         {"no vectors", {{{0, 2}}, {{3, 2}}}, call(2)},
                         {"of nothing", {{{2, 0}}, {{3, 0}}}, call(2)}};
       }},
      {"pdist",
       nullptr,
       {"|x_i - x_j|_p for all i < j", "as cdist"},
       [] {
         return Examples{
             {"p 2", {{{4, 2}}}, [](In in) { return pdist(in[0]); }},
             {"p 3", {{{3, 2}, domain(-2, 2), Sample::Kind::distinct}}, [](In in) { return pdist(in[0], 3); }},
             {"no pairs", {{{1, 2}}}, [](In in) { return pdist(in[0]); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

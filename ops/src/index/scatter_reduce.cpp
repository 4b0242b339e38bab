// Scatter with a reduction of what meets at one place.

#include "index/places.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/index.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/index.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace detail {
namespace {

constexpr auto kName = "scatter_reduce";

/// For each element of the source, in row-major order, the place it goes to, counted in row-major order.
Tensor places_of(const Shape& shape, int axis, const Tensor& index) {
  const Tensor at = places(kName, index, shape[axis]);
  Tensor y = empty(index.shape(), int64);
  take_along(axis, at, view_as(arange(shape.numel()), shape, contiguous_strides(shape)), y);
  return reshape(y, {y.numel()});
}

/// 1 for each place that is written to, of n.
Tensor written(std::int64_t n, const Tensor& places) {
  Tensor y = zeros({n}, boolean);
  bool* out = y.mutable_data<bool>();
  for (const std::int64_t place : places.to_vector<std::int64_t>()) out[place] = true;
  return y;
}

/// The largest or smallest of what meets at each place of x [n]: x's own and source [m] at places [m].
struct ScatterExtremum : Op {
  static constexpr OpInfo info{.name = "scatter_extremum", .arity = 3, .saves = Saves::inputs | Saves::output};
  bool largest = true, include_self = true;
  template <class V>
  void visit(V&& v) const {
    v("largest", largest);
    v("include_self", include_self);
  }

  Tensor forward(const Tensor& x, const Tensor& places, const Tensor& source) const {
    Tensor y = clone(x);
    const Tensor at = contiguous(places), from = contiguous(source);
    dispatch_numbers(x.dtype(), [&]<class T>() {
      extreme_at(
          largest, include_self, y.numel(), from.numel(), at.data<std::int64_t>(), from.data<T>(), y.mutable_data<T>());
    });
    return y;
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0), places = p.in(1), source = p.in(2), y = detach(p.out());
    const auto wins = [](const Tensor& v, const Tensor& best) {
      return logical_or(equal_to(v, best), logical_and(isnan(v), isnan(best)));
    };
    const Tensor self = include_self ? wins(x, y) : logical_not(written(x.numel(), places));
    const Tensor mine = to(self, y.dtype()), theirs = to(wins(source, gather(y, 0, places)), y.dtype());
    const Tensor share = div(p.g, scatter_add(mine, 0, places, theirs));
    return {mul(share, mine), {}, mul(gather(share, 0, places), theirs)};
  }
};

Tensor extremum(const Tensor& x, const Tensor& places, const Tensor& source, bool largest, bool include_self) {
  ScatterExtremum op;
  op.largest = largest;
  op.include_self = include_self;
  return apply(op, x, places, source);
}

/// Products by a recurrence that begins anew at each place, over all factors in the order of their places.
Tensor products(const Tensor& x, const Tensor& places, const Tensor& source, bool include_self) {
  const std::int64_t n = x.numel();
  const auto at = places.to_vector<std::int64_t>();
  std::vector<std::vector<std::int64_t>> factors(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < at.size(); ++i)
    factors[static_cast<std::size_t>(at[i])].push_back(n + static_cast<std::int64_t>(i));
  std::vector<std::int64_t> order, begins, ends;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& own = factors[static_cast<std::size_t>(i)];
    const std::size_t first = order.size();
    if (include_self || own.empty()) order.push_back(i);
    order.insert(order.end(), own.begin(), own.end());
    begins.resize(order.size(), 0);
    begins[first] = 1;
    ends.push_back(static_cast<std::int64_t>(order.size()) - 1);
  }
  const Tensor values = index_select(concat({x, source}), 0, from_vector(order)),
               begin = not_equal_to(from_vector(begins), 0.0);
  const Tensor y = linear_recurrence(where(begin, 0.0, values), where(begin, values, 0.0), 0);
  return index_select(y, 0, from_vector(ends));
}

Tensor sums(const Tensor& x, const Tensor& places, const Tensor& source, bool include_self) {
  const Tensor base = include_self ? x : where(written(x.numel(), places), 0.0, x);
  return scatter_add(base, 0, places, source);
}

Tensor means(const Tensor& x, const Tensor& places, const Tensor& source, bool include_self) {
  std::vector<double> counts(static_cast<std::size_t>(x.numel()), include_self ? 1 : 0);
  for (const std::int64_t place : places.to_vector<std::int64_t>()) ++counts[static_cast<std::size_t>(place)];
  for (double& count : counts) count = std::max(count, 1.0);
  return div(sums(x, places, source, include_self), cast(from_vector(counts), x.dtype()));
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor scatter_reduce(
    Arg x, std::int64_t axis, const Tensor& index, const Tensor& source, ScatterReduce reduce, bool include_self) {
  check_index(kName, index, x.site);
  check_same_dtype(kName, x, source);
  if (x->dtype() == boolean || (reduce == ScatterReduce::mean && x->dtype() == int64))
    fail<DTypeError>(kName,
                     fmt::format("expected a tensor of {}, got {}",
                                 reduce == ScatterReduce::mean ? "float32 or float64" : "numbers",
                                 to_string(x->dtype())),
                     x.site);
  const int d = check_axis(kName, x, axis, x->rank());
  check_writes(kName, x, d, index, source, x.site);
  const SitePin pin(x.site);
  Tensor part = source;
  for (int i = 0; i < part.rank(); ++i) part = narrow(part, i, 0, index.shape()[i]);
  const Tensor places = places_of(x->shape(), d, index), from = reshape(part, {index.numel()}),
               flat = reshape(x, {x->numel()});
  const bool self = include_self;
  const Tensor y = reduce == ScatterReduce::sum    ? sums(flat, places, from, self)
                   : reduce == ScatterReduce::mean ? means(flat, places, from, self)
                   : reduce == ScatterReduce::prod ? products(flat, places, from, self)
                                                   : extremum(flat, places, from, reduce == ScatterReduce::max, self);
  return reshape(y, x->shape());
}

namespace detail {

std::span<const OpEntry> scatter_reduce_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  using Kind = Sample::Kind;
  static const OpEntry table[] = {
      {"scatter_extremum",
       &op_class<ScatterExtremum>,
       {"max or min of x and the a written at i", "g for the greatest or least, shared among equals"},
       [] {
         return Examples{{"of vectors",
                          {{{3}, domain(-2, 2), Kind::distinct},
                           {{5}, domain(-3, 3), Kind::index},
                           {{5}, domain(2.1, 4), Kind::distinct}},
                          [](In in) { return scatter_reduce(in[0], 0, in[1], in[2], ScatterReduce::max); }}};
       }},
      {kName,
       nullptr,
       {"Σ, Π, mean, max or min of x and the a written at i", "that of the reduction, at i"},
       [] {
         const auto call = [](int axis, ScatterReduce reduce, bool include_self) {
           return [=](In in) { return scatter_reduce(in[0], axis, in[1], in[2], reduce, include_self); };
         };
         const std::vector<Sample> inputs{{{3, 2}, domain(-2, 0), Kind::distinct},
                                          {{5, 2}, domain(-3, 3), Kind::index},
                                          {{5, 3}, domain(0.2, 2), Kind::distinct}};
         return Examples{{"sum", inputs, call(0, ScatterReduce::sum, true)},
                         {"prod", inputs, call(0, ScatterReduce::prod, true)},
                         {"mean", inputs, call(0, ScatterReduce::mean, true)},
                         {"max", inputs, call(0, ScatterReduce::max, true)},
                         {"min", inputs, call(0, ScatterReduce::min, true)},
                         {"sum without x", inputs, call(0, ScatterReduce::sum, false)},
                         {"prod without x", inputs, call(0, ScatterReduce::prod, false)},
                         {"mean without x", inputs, call(0, ScatterReduce::mean, false)},
                         {"min without x", inputs, call(0, ScatterReduce::min, false)},
                         {"nothing",
                          {{{3, 2}}, {{0, 2}, domain(0, 3), Kind::index}, {{0, 2}}},
                          call(0, ScatterReduce::prod, true)}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

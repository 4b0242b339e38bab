#include "gradus/ops/distance.h"

#include "kernels.h"

#include "gradus/graph/node.h"
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

template <class T>
using Vector = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;

/// The largest |u - v|; NaN wins.
template <class T>
T largest_of(const Vector<T>& u, const Vector<T>& v) {
  T most = 0;
  for (Eigen::Index k = 0; k < u.size(); ++k) {
    const T d = std::abs(u[k] - v[k]);
    if (d > most || d != d) most = d;
    if (most != most) break;
  }
  return most;
}

/// |u - v|_p with the largest difference taken out, so that no power leaves the range.
template <class T>
T scaled_distance(const Vector<T>& u, const Vector<T>& v, double p) {
  const double most = static_cast<double>(largest_of(u, v));
  if (!(most > 0 && most < kInfinity)) return static_cast<T>(most);
  double sum = 0;
  for (Eigen::Index k = 0; k < u.size(); ++k)
    sum += std::pow(static_cast<double>(std::abs(u[k] - v[k])) / most, p);
  return static_cast<T>(most * std::pow(sum, 1 / p));
}

template <class T>
T distance(const Vector<T>& u, const Vector<T>& v, double p) {
  if (p == 2) {
    const T sum = (u - v).square().sum(), least = std::numeric_limits<T>::min() * T(0x1p40);
    return sum > least && sum < std::numeric_limits<T>::max() ? std::sqrt(sum)
                                                              : scaled_distance(u, v, p);
  }
  if (p == 1) return (u - v).abs().sum();
  if (p == 0) return static_cast<T>((u != v).count());
  return p == kInfinity ? largest_of(u, v) : scaled_distance(u, v, p);
}

/// sum += g d|u - v|_p / du, with y the norm.
template <class T>
void add_slope(const Vector<T>& u,
               const Vector<T>& v,
               T y,
               T g,
               double p,
               Eigen::Array<double, Eigen::Dynamic, 1>& sum) {
  if (y == 0 || p == 0) return;
  if (p == 2) {
    sum += ((u - v) / y * g).template cast<double>();
  } else if (p == 1) {
    sum += ((u - v).sign() * g).template cast<double>();
  } else if (p == kInfinity) {
    const T share = g / static_cast<T>(((u - v).abs() == y).count());
    sum += ((u - v).abs() == y).select((u - v).sign() * share, T(0)).template cast<double>();
  } else {
    for (Eigen::Index k = 0; k < u.size(); ++k) {
      const double d = static_cast<double>(u[k] - v[k]);
      if (d != 0)
        sum[k] += static_cast<double>(g) * std::copysign(1.0, d) *
                  std::pow(std::abs(d) / static_cast<double>(y), p - 1);
    }
  }
}

/// Sizes of one side of a batch of pairs, and how its cotangents lie.
struct Side {
  std::int64_t batch, rows, others, width, row_step, other_step;
};

/// The gradient of `a` [batch, rows, width]; b is [batch, others, width].
template <class T>
void slopes(const Side& s, double p, const T* a, const T* b, const T* y, const T* g, T* da) {
  const std::int64_t grain =
      std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, s.others * s.width));
  parallel_for(s.batch * s.rows, grain, [=](std::int64_t begin, std::int64_t end) {
    Eigen::Array<double, Eigen::Dynamic, 1> sum(s.width);
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t n = row / s.rows,
                         first = n * s.rows * s.others + row % s.rows * s.row_step;
      sum.setZero();
      for (std::int64_t j = 0; j < s.others; ++j) {
        const std::int64_t at = first + j * s.other_step;
        add_slope<T>({a + row * s.width, s.width},
                     {b + (n * s.others + j) * s.width, s.width},
                     y[at],
                     g[at],
                     p,
                     sum);
      }
      for (std::int64_t k = 0; k < s.width; ++k)
        da[row * s.width + k] = static_cast<T>(sum[static_cast<Eigen::Index>(k)]);
    }
  });
}

/// Of a [*, P, D] and b [*, R, D] with one batch shape.
struct Cdist : Op {
  static constexpr OpInfo info{
      .name = "cdist", .arity = 2, .saves = Saves::input0 | Saves::input1 | Saves::output};
  double p = 2;
  template <class V>
  void visit(V&& v) const {
    v("p", p);
  }
  double flops(const OpShapes& s) const {
    return 3.0 * static_cast<double>(s.out[0].numel() * s.in[0].back());
  }

  Tensor forward(const Tensor& a, const Tensor& b) const {
    const Tensor left = dense(a), right = dense(b);
    const int rank = a.rank();
    const std::int64_t rows = a.size(rank - 2), others = b.size(rank - 2), width = a.size(rank - 1);
    Shape shape = a.shape();
    shape[rank - 1] = others;
    Tensor y = empty(shape, a.dtype());
    if (y.numel() == 0) return y;
    dispatch_floating(a.dtype(), [&]<class T>() {
      const T *u = left.data<T>(), *v = right.data<T>();
      T* out = y.mutable_data<T>();
      const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (others * (width + 1)));
      parallel_for(y.numel() / others, grain, [=, this](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
          for (std::int64_t j = 0; j < others; ++j)
            out[row * others + j] = distance<T>(
                {u + row * width, width}, {v + (row / rows * others + j) * width, width}, p);
      });
    });
    return y;
  }

  Cotangents vjp(const Pullback& q) const {
    const Tensor a = q.in(0), b = q.in(1), y = q.out();
    return is_recording() ? composed(q, a, b, y) : fused(q, dense(a), dense(b), dense(y));
  }

 private:
  Cotangents fused(const Pullback& q, const Tensor& a, const Tensor& b, const Tensor& y) const {
    Cotangents result(2);
    const Tensor g = dense(q.g);
    const int rank = a.rank();
    const std::int64_t rows = a.size(rank - 2), others = b.size(rank - 2), width = a.size(rank - 1);
    for (int i = 0; i < 2; ++i) {
      if (!q.needs(i)) continue;
      const Tensor &here = i == 0 ? a : b, &there = i == 0 ? b : a;
      Tensor d = zeros(here.shape(), here.dtype());
      if (d.numel() > 0 && y.numel() > 0) {
        const std::int64_t batch = y.numel() / (rows * others);
        const Side side = i == 0 ? Side{batch, rows, others, width, others, 1}
                                 : Side{batch, others, rows, width, 1, others};
        dispatch_floating(a.dtype(), [&]<class T>() {
          slopes<T>(side,
                    p,
                    here.data<T>(),
                    there.data<T>(),
                    y.data<T>(),
                    g.data<T>(),
                    d.mutable_data<T>());
        });
      }
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
    fail<ShapeError>("cdist",
                     fmt::format("expected vectors [*, P, D] and [*, R, D], got {} and {}",
                                 to_string(a->shape()),
                                 to_string(b.shape())),
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
    fail<ShapeError>(
        "pdist", fmt::format("expected vectors [N, D], got {}", to_string(x->shape())), x.site);
  const SitePin pin(x.site);
  const std::int64_t n =
      std::max<std::int64_t>(x->size(0), 1) - 1;  // all but the last, all but the first
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
       [] {
         const auto call = [](double p) { return [=](In in) { return cdist(in[0], in[1], p); }; };
         constexpr auto distinct = Sample::Kind::distinct;
         // No two elements are equal: differences have no kink nearby.
         const std::vector<Sample> apart{{{2, 3, 2}, domain(0, 1), distinct},
                                         {{2, 2, 2}, domain(1.2, 2), distinct}};
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
       [] {
         return Examples{{"p 2", {{{4, 2}}}, [](In in) { return pdist(in[0]); }},
                         {"p 3",
                          {{{3, 2}, domain(-2, 2), Sample::Kind::distinct}},
                          [](In in) { return pdist(in[0], 3); }},
                         {"no pairs", {{{1, 2}}}, [](In in) { return pdist(in[0]); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "suite.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"

#include <cmath>

namespace gradus::op_suite {
namespace {

constexpr double kAccepted = 1e-11;

Tensor dot(const Tensor& a, const Tensor& b) { return sum(a * b); }

Tensor dot(const List& a, const List& b) {
  Tensor total = dot(a[0], b[0]);
  for (std::size_t k = 1; k < a.size(); ++k) total = total + dot(a[k], b[k]);
  return total;
}

/// `xs` moved along `vs` by t, which is 0: each made from t and from the one before it.
List on_tape(const List& xs, const List& vs, const Tensor& t) {
  List zs;
  Tensor step = t;
  for (std::size_t k = 0; k < xs.size(); ++k) {
    zs.push_back(xs[k] + step * vs[k]);
    if (xs[k].numel() > 0) step = dot(zs[k] - xs[k], vs[k]) / dot(vs[k], vs[k]);
  }
  return zs;
}

List scaled(const List& xs, double factor) {
  List result;
  for (const Tensor& x : xs) result.push_back(x * factor);
  return result;
}

List joined(List a, const List& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// What has to come out, found where nothing is on the tape.
struct Expected {
  List xs, vs;       // where, and a direction
  Tensor c, y, jv;   // a cotangent; f; J v
  List jc, hv;       // J^T c; the Hessian of <c, f> times v
  double vhv, size;  // v^T of that; the size of what is summed up
};

class Arguments {
 public:
  Arguments(const Subject& subject, Failures& failures)
      : failures_(failures), point_(draw(subject)), f_(function_at(subject, point_)) {
    e_.xs = pick(point_.inputs, point_.real);
    for (const Tensor& x : e_.xs) e_.vs.push_back(draw_cotangent(x.shape(), x.dtype(), 7 + e_.vs.size()));
    auto [y, jv] = jvp(f_, e_.xs, e_.vs);
    e_.y = y[0];
    e_.jv = jv[0];
    e_.c = draw_cotangent(e_.y.shape(), e_.y.dtype());
    e_.jc = vjp(f_, e_.xs, e_.c).second;
    e_.hv = hvp([&](std::span<const Tensor> in) { return dot(f_(in)[0], e_.c); }, e_.xs, e_.vs);
    e_.vhv = dot(e_.hv, e_.vs).item();
    e_.size = dot(abs(e_.jv), abs(e_.c)).item();
    for (std::size_t k = 0; k < e_.hv.size(); ++k) e_.size += dot(abs(e_.hv[k]), abs(e_.vs[k])).item();
    t_ = leaf(zeros({}, float64));
    zs_ = on_tape(e_.xs, e_.vs, t_);
  }

  /// 2 f(a) + 3 f(b) + 5 f(z), at a = b = z: the same tensors given twice, and used besides.
  void check_partial() {
    const std::size_t n = zs_.size();
    const auto f = [&](std::span<const Tensor> in) {
      return 2.0 * f_(in.first(n))[0] + 3.0 * f_(in.last(n))[0] + 5.0 * f_(zs_)[0];
    };
    const List at = joined(zs_, zs_), none = scaled(e_.vs, 0), one = joined(e_.vs, none);
    const List dx = vjp(f, at, e_.c).second;
    same("vjp", dx, joined(scaled(e_.jc, 2), scaled(e_.jc, 3)));
    flows("vjp", dot(dx, joined(e_.vs, e_.vs)), 5 * e_.vhv);
    const Tensor dy = jvp(f, at, one).second;
    same("jvp", {dy}, {2.0 * e_.jv});
    flows("jvp", dot(dy, e_.c), 2 * e_.vhv);
    same("hvp",
         hvp([&](std::span<const Tensor> in) { return dot(f(in), e_.c); }, at, one),
         joined(scaled(e_.hv, 2), none));
  }

  /// J^T c and J v as functions of c and v.
  void check_cotangents() {
    const Tensor c = leaf(clone(e_.c));
    same("the derivative of a vjp by its cotangent", derivatives(dot(vjp(f_, e_.xs, c).second, e_.vs), {c}), {e_.jv});
    List vs;
    for (const Tensor& v : e_.vs) vs.push_back(leaf(clone(v)));
    same("the derivative of a jvp by its direction", derivatives(dot(jvp(f_, e_.xs, vs).second[0], e_.c), vs), e_.jc);
  }

  /// The rule itself, with inputs made from each other.
  void check_rule() {
    const Tensor y = dot(f_(zs_)[0], e_.c);
    flows("the result", y, dot(e_.jv, e_.c).item());
    if (requires_grad(y)) flows("the gradient", grad(y, t_, {}, {.create_graph = true}), e_.vhv);
  }

 private:
  static List derivatives(const Tensor& y, const List& xs) {
    if (requires_grad(y)) return grad(y, xs, {}, {.retain_graph = true});
    List zero;
    for (const Tensor& x : xs) zero.push_back(zeros_like(x));
    return zero;
  }

  void same(const char* what, const List& got, const List& expected) {
    for (std::size_t k = 0; k < expected.size(); ++k)
      if (const auto d = difference(got[k], expected[k], kAccepted))
        fail(failures_, "{}, number {}, with arguments on the tape: {}", what, k, *d);
  }
  /// The derivative by t.
  void flows(const char* what, const Tensor& y, double expected) {
    const double got = derivatives(y, {t_})[0].item();
    if (!(std::abs(got - expected) <= 1e-9 * e_.size))
      fail(failures_,
           "the derivative of {} by what its arguments are made from: expected {:.12g}, got {:.12g}",
           what,
           expected,
           got);
  }

  Failures& failures_;
  Point point_;
  gradus::detail::Function f_;
  Expected e_;
  Tensor t_;
  List zs_;
};

}  // namespace

void check_arguments(const Subject& subject, Failures& failures) {
  if (!has_derivative(subject)) return;
  Arguments check(subject, failures);
  check.check_partial();
  check.check_cotangents();
  check.check_rule();
}

}  // namespace gradus::op_suite

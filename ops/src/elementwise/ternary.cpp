#include "elementwise/functions.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

// Functions of elements of three tensors.

namespace gradus {
namespace detail {
namespace {

/// a + w (b - a) from the nearer end.
Tensor lerp_values(const Tensor& a, const Tensor& b, const Tensor& w) {
  const Tensor d = sub(b, a);
  Tensor y = where(less(w, 0.5), add(a, mul(d, w)), sub(b, mul(d, sub(1, w))));
  if (all(isfinite(d)).item<bool>()) return y;
  // The difference may be infinite where its parts aren't, and an end is one whatever the other is. The share of a
  // finite one counts less than an infinite one, even if it overflows.
  const auto share = [](const Tensor& x, const Tensor& part) {
    return where(isfinite(x), finite(mul(x, finite(part))), mul(x, part));
  };
  const Tensor apart = where(isfinite(d), y, add(share(a, sub(1, w)), share(b, w)));
  return where(equal_to(w, 0), a, where(equal_to(w, 1), b, apart));
}

struct Lerp : Op {
  static constexpr OpInfo info{.name = "lerp", .arity = 3, .saves = Saves::inputs, .flops = 3};
  Tensor forward(const Tensor& a, const Tensor& b, const Tensor& w) const { return lerp_values(a, b, w); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor w = p.in(2);
    return {p.needs(0) ? mul(p.g, sub(1, w)) : Tensor(),
            p.needs(1) ? mul(p.g, w) : Tensor(),
            p.needs(2) ? mul(p.g, sub(p.in(1), p.in(0))) : Tensor()};
  }
};

struct LerpScalar : Op {
  static constexpr OpInfo info{.name = "lerp_scalar", .arity = 2, .linearity = Linearity::linear, .flops = 3};
  double weight = 0;
  template <class V>
  void visit(V&& v) const {
    v("weight", weight);
  }
  Tensor forward(const Tensor& a, const Tensor& b) const { return lerp_values(a, b, scalar(weight, a.dtype())); }
  Cotangents vjp(const Pullback& p) const {
    return {p.needs(0) ? mul(p.g, 1 - weight) : Tensor(), p.needs(1) ? mul(p.g, weight) : Tensor()};
  }
};

/// ShapeError unless the three broadcast together; their shape.
Shape check_broadcast(const char* op, Arg x, const Tensor& a, const Tensor& b) {
  return broadcast_shapes(x->shape(), broadcast_shapes(a.shape(), b.shape(), op, x.site), op, x.site);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor lerp(Arg a, const Tensor& b, double w) {
  constexpr auto name = LerpScalar::info.name;
  check_floating(name, a);
  LerpScalar op;
  op.weight = w;
  const auto [x, y] = match(name, a, b);
  return apply(op, Arg(x, a.site), y);
}

Tensor lerp(Arg a, const Tensor& b, const Tensor& w) {
  check_floating("lerp", a);
  const Shape shape = check_broadcast("lerp", a, b, w);
  const DType dtype = promote(promote(a->dtype(), b.dtype()), w.dtype());
  const SitePin pin(a.site);
  const auto fit = [&](const Tensor& x) {
    const Tensor y = to(x, dtype);
    return y.shape() == shape ? y : broadcast_to(y, shape);
  };
  return apply(Lerp{}, Arg(fit(a), a.site), fit(b), fit(w));
}

Tensor addcmul(Arg x, const Tensor& a, const Tensor& b, double value) {
  check_broadcast("addcmul", x, a, b);
  const SitePin pin(x.site);
  return add(x, mul(mul(a, b), value));
}

Tensor addcdiv(Arg x, const Tensor& a, const Tensor& b, double value) {
  check_floating("addcdiv", x);
  check_broadcast("addcdiv", x, a, b);
  const SitePin pin(x.site);
  return add(x, mul(div(a, b), value));
}

namespace detail {

std::span<const OpEntry> ternary_ops() {
  using Inputs = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {"lerp",
       &op_class<Lerp>,
       {"a + w (b - a)", "g (1 - w), g w, g (b - a)"},
       [] {
         return Examples{{"",
                          {{}, {}, {.domain = domain(0, 1, {0.5})}},
                          [](Inputs in) { return lerp(in[0], in[1], in[2]); },
                          true}};
       }},
      {"lerp_scalar",
       &op_class<LerpScalar>,
       {"a + c (b - a)", "g (1 - c), g c"},
       [] {
         const auto by = [](double w) { return [=](Inputs in) { return lerp(in[0], in[1], w); }; };
         return Examples{{"w 0.3", {{}, {}}, by(0.3), true}, {"w 0.8", {{}, {}}, by(0.8), true}};
       }},
      {"addcmul",
       nullptr,
       {"x + c a b", "g, c g b, c g a"},
       [] { return Examples{{"", {{}, {}, {}}, [](Inputs in) { return addcmul(in[0], in[1], in[2], 0.7); }, true}}; }},
      {"addcdiv",
       nullptr,
       {"x + c a / b", "g, c g / b, -c g a / b²"},
       [] {
         return Examples{{"",
                          {{}, {}, {.domain = domain(0.5, 2)}},
                          [](Inputs in) { return addcdiv(in[0], in[1], in[2], 0.7); },
                          true}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

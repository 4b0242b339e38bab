#include "elementwise/functions.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/power.h"
#include "gradus/kernels/trigonometric.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <numbers>

// Transcendental functions that are met less often than those of elementwise.cpp.

namespace gradus {
namespace detail {
namespace {

/// 1 - x^2, accurate near 1.
Tensor one_less_square(const Tensor& x) { return mul(sub(1, x), add(x, 1)); }

// clang-format off

// ---- exponentials and logarithms -----------------------------------------------------------------

struct Exp2 : Op {
  static constexpr OpInfo info{.name = "exp2", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::exp2(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(mul(p.g, p.out()), std::numbers::ln2)}; }
};

struct Log2 : Op {
  static constexpr OpInfo info{.name = "log2", .saves = Saves::input0, .domain = domain(0.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::log2(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(mul(p.g, std::numbers::log2e), p.in(0))}; }
};

struct Log10 : Op {
  static constexpr OpInfo info{.name = "log10", .saves = Saves::input0, .domain = domain(0.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::log10(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(mul(p.g, std::numbers::log10e), p.in(0))}; }
};

// ---- trigonometric and hyperbolic ----------------------------------------------------------------

struct Tan : Op {
  static constexpr OpInfo info{.name = "tan", .saves = Saves::output, .domain = domain(-1.2, 1.2)};
  Tensor forward(const Tensor& x) const {
    return by_row(x, [](auto* y, const auto* v, std::int64_t n) { tan_row(y, v, n); });
  }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, add(square(p.out()), 1))}; }
};

struct Asin : Op {
  static constexpr OpInfo info{.name = "asin", .saves = Saves::input0, .domain = domain(-0.8, 0.8)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::asin(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, rsqrt(one_less_square(p.in(0))))}; }
};

struct Acos : Op {
  static constexpr OpInfo info{.name = "acos", .saves = Saves::input0, .domain = domain(-0.8, 0.8)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::acos(v); }); }
  Cotangents vjp(const Pullback& p) const { return {neg(mul(p.g, rsqrt(one_less_square(p.in(0)))))}; }
};

struct Atan : Op {
  static constexpr OpInfo info{.name = "atan", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::atan(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, add(square(finite_if_recorded(p.in(0))), 1))}; }
};

struct Sinh : Op {
  static constexpr OpInfo info{.name = "sinh", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::sinh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, cosh(p.in(0)))}; }
};

struct Cosh : Op {
  static constexpr OpInfo info{.name = "cosh", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::cosh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, sinh(p.in(0)))}; }
};

struct Asinh : Op {
  static constexpr OpInfo info{.name = "asinh", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::asinh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, hypot(p.in(0), scalar(1, p.dtype())))}; }
};

struct Acosh : Op {
  static constexpr OpInfo info{.name = "acosh", .saves = Saves::input0, .domain = domain(1.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::acosh(v); }); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0);
    return {mul(p.g, mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1))))};
  }
};

struct Atanh : Op {
  static constexpr OpInfo info{.name = "atanh", .saves = Saves::input0, .domain = domain(-0.8, 0.8)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::atanh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, one_less_square(p.in(0)))}; }
};

// ---- functions of two ----------------------------------------------------------------------------

struct Atan2 : Op {
  static constexpr OpInfo info{.name = "atan2", .arity = 2, .saves = Saves::inputs, .domain = domain(0.4, 2)};
  Tensor forward(const Tensor& y, const Tensor& x) const { return floating(y, x, [](auto u, auto v) { return std::atan2(u, v); }); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.in(0), x = p.in(1), r = hypot(y, x);
    if (!is_recording())
      return {p.needs(0) ? mul(p.g, floating(x, r, slope)) : Tensor(), p.needs(1) ? neg(mul(p.g, floating(y, r, slope))) : Tensor()};
    // At the origin and at infinity the derivative is 0; numbers in their place keep the quotients finite.
    const Tensor flat = logical_or(equal_to(r, 0), isinf(r)), size = where(flat, 1.0, r);
    const auto part = [&](const Tensor& v) { return mul(p.g, div(div(where(flat, 0.0, v), size), size)); };
    return {p.needs(0) ? part(x) : Tensor(), p.needs(1) ? neg(part(y)) : Tensor()};
  }
  /// v / r^2
  static constexpr auto slope = [](auto v, auto r) { return r == 0 || std::isinf(r) ? decltype(r)(0) : v / r / r; };
};

struct Hypot : Op {
  static constexpr OpInfo info{.name = "hypot", .arity = 2, .saves = Saves::inputs | Saves::output, .domain = domain(0.4, 2)};
  Tensor forward(const Tensor& a, const Tensor& b) const { return floating(a, b, [](auto u, auto v) { return std::hypot(u, v); }); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out();
    // The quotient first: neither 1 / y nor g / y need be finite.
    const auto part = [&](const Tensor& v) {
      if (is_recording()) return mul(p.g, div(finite(v), where(equal_to(y, 0), 1.0, finite(y))));
      return mul(p.g, floating(v, y, [](auto u, auto r) {
        return r == 0 ? r : elementary::finite(u) / elementary::finite(r);
      }));
    };
    return {p.needs(0) ? part(p.in(0)) : Tensor(), p.needs(1) ? part(p.in(1)) : Tensor()};
  }
};

struct Logaddexp : Op {
  static constexpr OpInfo info{.name = "logaddexp", .arity = 2, .saves = Saves::inputs};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return floating(a, b, [](auto u, auto v) {
      const auto low = u < v ? u : v, high = u < v ? v : u;
      const auto y = high + elementary::softplus(low - high);
      return u == v ? u + std::numbers::ln2_v<decltype(u)> : y;  // infinities too
    });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor a = p.in(0), b = p.in(1);
    // inf - inf is no number: infinite ones share evenly, and of two zeros (e^-inf) none has a part.
    const Tensor same = logical_and(equal_to(a, b), isinf(a)), d = where(same, 0.0, sub(a, b));
    const Tensor g = where(logical_and(same, less(a, 0)), 0.0, p.g);
    return {p.needs(0) ? mul(g, sigmoid(d)) : Tensor(), p.needs(1) ? mul(g, sigmoid(neg(d))) : Tensor()};
  }
};

struct Xlogy : Op {
  static constexpr OpInfo info{.name = "xlogy", .arity = 2, .saves = Saves::inputs, .domain = domain(0.4, 2)};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return floating(a, b, [](auto u, auto v) {
      const auto y = u * elementary::log(v);
      return u == 0 && !std::isnan(v) ? decltype(u)(0) : y;
    });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor none = logical_and(equal_to(p.in(0), 0), less_equal(p.in(1), 0));
    const Tensor a = where(none, 0.0, p.in(0)), b = where(none, 1.0, p.in(1));
    return {p.needs(0) ? mul(p.g, log(b)) : Tensor(), p.needs(1) ? mul(p.g, div(a, b)) : Tensor()};
  }
};
// clang-format on

}  // namespace
}  // namespace detail

using namespace detail;

Tensor exp2(Arg x) { return apply_floating<Exp2>(x); }
Tensor log2(Arg x) { return apply_floating<Log2>(x); }
Tensor log10(Arg x) { return apply_floating<Log10>(x); }
Tensor tan(Arg x) { return apply_floating<Tan>(x); }
Tensor asin(Arg x) { return apply_floating<Asin>(x); }
Tensor acos(Arg x) { return apply_floating<Acos>(x); }
Tensor atan(Arg x) { return apply_floating<Atan>(x); }
Tensor sinh(Arg x) { return apply_floating<Sinh>(x); }
Tensor cosh(Arg x) { return apply_floating<Cosh>(x); }
Tensor asinh(Arg x) { return apply_floating<Asinh>(x); }
Tensor acosh(Arg x) { return apply_floating<Acosh>(x); }
Tensor atanh(Arg x) { return apply_floating<Atanh>(x); }
Tensor atan2(Arg y, const Tensor& x) { return apply_floating<Atan2>(y, x); }
Tensor hypot(Arg a, const Tensor& b) { return apply_floating<Hypot>(a, b); }
Tensor logaddexp(Arg a, const Tensor& b) { return apply_floating<Logaddexp>(a, b); }
Tensor xlogy(Arg a, const Tensor& b) { return apply_floating<Xlogy>(a, b); }
namespace detail {
std::span<const OpEntry> transcendental_ops() {
  static const OpEntry table[] = {
      unary_entry<Exp2, exp2>({"2^x", "g y ln 2"}),
      unary_entry<Log2, log2>({"log₂ x", "g / (x ln 2)"}),
      unary_entry<Log10, log10>({"log₁₀ x", "g / (x ln 10)"}),
      unary_entry<Tan, tan>({"tan x", "g (1 + y²)"}),
      unary_entry<Asin, asin>({"arcsin x", "g / √(1 - x²)"}),
      unary_entry<Acos, acos>({"arccos x", "-g / √(1 - x²)"}),
      unary_entry<Atan, atan>({"arctan x", "g / (1 + x²)"}),
      unary_entry<Sinh, sinh>({"sinh x", "g cosh x"}),
      unary_entry<Cosh, cosh>({"cosh x", "g sinh x"}),
      unary_entry<Asinh, asinh>({"arsinh x", "g / √(1 + x²)"}),
      unary_entry<Acosh, acosh>({"arcosh x", "g / √(x² - 1)"}),
      unary_entry<Atanh, atanh>({"artanh x", "g / (1 - x²)"}),
      binary_entry<Atan2, atan2>({"angle of the point (b, a)", "g b / (a² + b²), -g a / (a² + b²); 0 at the origin"}),
      binary_entry<Hypot, hypot>({"√(a² + b²)", "g a / y, g b / y"}),
      binary_entry<Logaddexp, logaddexp>({"ln(e^a + e^b)", "g σ(a - b), g σ(b - a)"}),
      binary_entry<Xlogy, xlogy>({"a ln b, 0 where a = 0", "g ln b, g a / b; 0 where a = 0 and b ≤ 0"}),
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

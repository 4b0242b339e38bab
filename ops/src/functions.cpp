#include "unary.h"

#include "gradus/kernels/elementary.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <limits>
#include <numbers>

// Functions of elements that are met less often than those of elementwise.cpp.

namespace gradus {
namespace detail {
namespace {

/// 1 - x^2, accurate near 1.
Tensor one_less_square(const Tensor& x) { return mul(sub(1, x), add(x, 1)); }

// clang-format off

// ---- exponentials and logarithms -----------------------------------------------------------------

struct Exp2 : Op {
  static constexpr OpInfo info{.name = "exp2", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::exp2(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(mul(p.g, p.out()), std::numbers::ln2)}; }
};

struct Log2 : Op {
  static constexpr OpInfo info{.name = "log2", .saves = Saves::input0, .domain = domain(0.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::log2(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(mul(p.g, std::numbers::log2e), p.in(0))}; }
};

struct Log10 : Op {
  static constexpr OpInfo info{.name = "log10", .saves = Saves::input0, .domain = domain(0.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::log10(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(mul(p.g, std::numbers::log10e), p.in(0))}; }
};

// ---- trigonometric and hyperbolic ----------------------------------------------------------------

struct Tan : Op {
  static constexpr OpInfo info{.name = "tan", .saves = Saves::output, .domain = domain(-1.2, 1.2)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::tan(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, add(square(p.out()), 1))}; }
};

struct Asin : Op {
  static constexpr OpInfo info{.name = "asin", .saves = Saves::input0, .domain = domain(-0.8, 0.8)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::asin(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, rsqrt(one_less_square(p.in(0))))}; }
};

struct Acos : Op {
  static constexpr OpInfo info{.name = "acos", .saves = Saves::input0, .domain = domain(-0.8, 0.8)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::acos(v); }); }
  Cotangents vjp(const Pullback& p) const { return {neg(mul(p.g, rsqrt(one_less_square(p.in(0)))))}; }
};

struct Atan : Op {
  static constexpr OpInfo info{.name = "atan", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::atan(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, add(square(finite_if_recorded(p.in(0))), 1))}; }
};

struct Sinh : Op {
  static constexpr OpInfo info{.name = "sinh", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::sinh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, cosh(p.in(0)))}; }
};

struct Cosh : Op {
  static constexpr OpInfo info{.name = "cosh", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::cosh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, sinh(p.in(0)))}; }
};

struct Asinh : Op {
  static constexpr OpInfo info{.name = "asinh", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::asinh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, hypot(p.in(0), scalar(1, p.dtype())))}; }
};

struct Acosh : Op {
  static constexpr OpInfo info{.name = "acosh", .saves = Saves::input0, .domain = domain(1.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::acosh(v); }); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0);
    return {mul(p.g, mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1))))};
  }
};

struct Atanh : Op {
  static constexpr OpInfo info{.name = "atanh", .saves = Saves::input0, .domain = domain(-0.8, 0.8)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::atanh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, one_less_square(p.in(0)))}; }
};

// ---- rounding ------------------------------------------------------------------------------------

constexpr Domain kBetweenWhole = domain(-1.5, 1.5, {-1, 0, 1});

/// int64 stays as it is.
template <class F>
Tensor rounded(const Tensor& x, F f) {
  return numbers(x, [f](auto v) { if constexpr (std::is_integral_v<decltype(v)>) return v; else return f(v); });
}

struct Rounding : Op {
  Cotangents vjp(const Pullback&) const { return {Tensor()}; }
};

struct Floor : Rounding {
  static constexpr OpInfo info{.name = "floor", .domain = kBetweenWhole};
  Tensor forward(const Tensor& x) const { return rounded(x, [](auto v) { return std::floor(v); }); }
};

struct Ceil : Rounding {
  static constexpr OpInfo info{.name = "ceil", .domain = kBetweenWhole};
  Tensor forward(const Tensor& x) const { return rounded(x, [](auto v) { return std::ceil(v); }); }
};

struct Round : Rounding {
  static constexpr OpInfo info{.name = "round", .domain = domain(-1.4, 1.4, {-0.5, 0.5})};
  Tensor forward(const Tensor& x) const { return rounded(x, [](auto v) { return std::nearbyint(v); }); }
};

struct Trunc : Rounding {
  static constexpr OpInfo info{.name = "trunc", .domain = kBetweenWhole};
  Tensor forward(const Tensor& x) const { return rounded(x, [](auto v) { return std::trunc(v); }); }
};

struct Frac : Op {
  static constexpr OpInfo info{.name = "frac", .domain = kBetweenWhole};
  Tensor forward(const Tensor& x) const {
    return numbers(x, [](auto v) { if constexpr (std::is_integral_v<decltype(v)>) return v - v; else return v - std::trunc(v); });
  }
  Cotangents vjp(const Pullback& p) const { return {p.g}; }
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
      const auto y = high + std::log1p(std::exp(low - high));
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
      const auto y = u * std::log(v);
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

/// a - b times a whole number: `down` says how the quotient is rounded.
template <bool down>
struct Modulo : Op {
  template <class F>
  static Tensor whole(const Tensor& a, const Tensor& b, F f) {
    return map<std::int64_t, std::int64_t>(a, b, f);
  }
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return a.dtype() == int64 ? whole(a, b, left) : floating(a, b, left);
  }
  Cotangents vjp(const Pullback& p) const {
    Cotangents result{p.g, Tensor()};
    if (p.needs(1)) result[1] = neg(mul(p.g, floating(p.in(0), p.in(1), quotient)));
    return result;
  }

 private:
  static constexpr auto left = [](auto u, auto v) {
    using T = decltype(u);
    T r;
    if constexpr (std::is_integral_v<T>)
      r = v == -1 ? 0 : u % v;  // the lowest number by -1 would overflow
    else
      r = std::fmod(u, v);
    return down && r != 0 && (r < 0) != (v < 0) ? r + v : r;
  };
  /// The whole number that was taken off: u / v, rounded before it is cut off, may be another.
  static constexpr auto quotient = [](auto u, auto v) {
    using T = decltype(u);
    const T r = left(u, v);
    if (std::isinf(v)) return std::isinf(r) ? T(-1) : r - r;
    return std::nearbyint((u - r) / v);
  };
};

struct Fmod : Modulo<false> {
  static constexpr OpInfo info{.name = "fmod", .arity = 2, .saves = Saves::inputs};
};
struct Remainder : Modulo<true> {
  static constexpr OpInfo info{.name = "remainder", .arity = 2, .saves = Saves::inputs};
};

struct NanToNum : Op {
  static constexpr OpInfo info{.name = "nan_to_num", .saves = Saves::input0};
  double nan = 0, posinf = std::numeric_limits<double>::infinity(), neginf = -posinf;

  template <class V>
  void visit(V&& v) const {
    v("nan", nan);
    v("posinf", posinf);
    v("neginf", neginf);
  }
  Tensor forward(const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T at_nan = static_cast<T>(nan), above = limited<T>(posinf), below = limited<T>(neginf);
      constexpr T infinity = std::numeric_limits<T>::infinity();
      return map<T, T>(x, [=](T v) {
        return std::isnan(v) ? at_nan : v == infinity ? above : v == -infinity ? below : v;
      });
    });
  }
  Cotangents vjp(const Pullback& p) const { return {where(isfinite(p.in(0)), p.g, 0.0)}; }

 private:
  template <class T>
  static T limited(double v) {
    constexpr double most = std::numeric_limits<T>::max();
    return static_cast<T>(std::clamp(v, -most, most));
  }
};

/// Of two floating tensors.
template <class O>
Tensor apply_floating(Arg a, const Tensor& b) {
  const DType dtype = promote(a->dtype(), b.dtype());
  if (!is_floating(dtype))
    fail<DTypeError>(O::info.name,
                     fmt::format("expected float32 or float64, got {} and {}",
                                 to_string(a->dtype()),
                                 to_string(b.dtype())),
                     a.site);
  return apply_matched<O>(a, b);
}

template <class O>
Tensor apply_modulo(Arg a, const Tensor& b) {
  if (promote(a->dtype(), b.dtype()) != int64) return apply_floating<O>(a, b);
  const Tensor divisors = to(Arg(b, a.site), int64);
  const RecordingGuard off(false);
  const Tensor dense = kernels::dense(divisors);
  const std::int64_t* at = dense.data<std::int64_t>();
  if (std::find(at, at + dense.numel(), 0) != at + dense.numel())
    fail<ArgumentError>(O::info.name, "expected divisors other than 0, got a whole 0", a.site);
  return apply_matched<O>(a, divisors);
}

/// A number of the tensor's dtype.
Tensor like(const char* op, Arg x, double value) {
  return scalar(check_scalar(op, x, value), x->dtype());
}

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
Tensor floor(Arg x) { return apply_numbers<Floor>(x); }
Tensor ceil(Arg x) { return apply_numbers<Ceil>(x); }
Tensor round(Arg x) { return apply_numbers<Round>(x); }
Tensor trunc(Arg x) { return apply_numbers<Trunc>(x); }
Tensor frac(Arg x) { return apply_numbers<Frac>(x); }
Tensor atan2(Arg y, const Tensor& x) { return apply_floating<Atan2>(y, x); }
Tensor hypot(Arg a, const Tensor& b) { return apply_floating<Hypot>(a, b); }
Tensor logaddexp(Arg a, const Tensor& b) { return apply_floating<Logaddexp>(a, b); }
Tensor xlogy(Arg a, const Tensor& b) { return apply_floating<Xlogy>(a, b); }
Tensor fmod(Arg a, const Tensor& b) { return apply_modulo<Fmod>(a, b); }
Tensor fmod(Arg a, double b) { return fmod(a, like("fmod", a, b)); }
Tensor remainder(Arg a, const Tensor& b) { return apply_modulo<Remainder>(a, b); }
Tensor remainder(Arg a, double b) { return remainder(a, like("remainder", a, b)); }

Tensor nan_to_num(Arg x, double nan, std::optional<double> posinf, std::optional<double> neginf) {
  check_floating("nan_to_num", x);
  NanToNum op;
  op.nan = nan;
  if (posinf) op.posinf = *posinf;
  if (neginf) op.neginf = *neginf;
  return apply(op, x);
}

namespace detail {
namespace {

template <class O, Tensor (*function)(Arg, const Tensor&)>
std::vector<Example> modulo_examples() {
  // Quotients lie between 1 and 2, or -2 and -1: no jump is near.
  const auto call = [](std::span<const Tensor> in) { return function(in[0], in[1]); };
  return {{"", {{.domain = domain(1.1, 1.7)}, {.domain = domain(0.9, 1)}}, call},
          {"signs differ", {{.domain = domain(-1.7, -1.1)}, {.domain = domain(0.9, 1)}}, call}};
}

}  // namespace

std::span<const OpEntry> function_ops() {
  using Inputs = std::span<const Tensor>;
  static const OpEntry table[] = {
      unary_entry<Exp2, exp2>(),
      unary_entry<Log2, log2>(),
      unary_entry<Log10, log10>(),
      unary_entry<Tan, tan>(),
      unary_entry<Asin, asin>(),
      unary_entry<Acos, acos>(),
      unary_entry<Atan, atan>(),
      unary_entry<Sinh, sinh>(),
      unary_entry<Cosh, cosh>(),
      unary_entry<Asinh, asinh>(),
      unary_entry<Acosh, acosh>(),
      unary_entry<Atanh, atanh>(),
      unary_entry<Floor, floor>(),
      unary_entry<Ceil, ceil>(),
      unary_entry<Round, round>(),
      unary_entry<Trunc, trunc>(),
      unary_entry<Frac, frac>(),
      binary_entry<Atan2, atan2>(),
      binary_entry<Hypot, hypot>(),
      binary_entry<Logaddexp, logaddexp>(),
      binary_entry<Xlogy, xlogy>(),
      {"fmod", &op_class<Fmod>, modulo_examples<Fmod, fmod>},
      {"remainder", &op_class<Remainder>, modulo_examples<Remainder, remainder>},
      {"nan_to_num",
       &op_class<NanToNum>,
       [] {
         return std::vector<Example>{
             {"", {{}}, [](Inputs in) { return nan_to_num(in[0]); }, true},
             {"numbers", {{}}, [](Inputs in) { return nan_to_num(in[0], 1, 2, 3); }, true}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

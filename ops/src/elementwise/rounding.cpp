#include "elementwise/functions.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

// Rounding, and what it leaves of a division.

namespace gradus {
namespace detail {
namespace {

// clang-format off
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
    return numbers(x, [](auto v) {
      if constexpr (std::is_integral_v<decltype(v)>) return v - v; else return std::copysign(v - std::trunc(v), v);  // zeros too
    });
  }
  Cotangents vjp(const Pullback& p) const { return {p.g}; }
};
// clang-format on

/// a - b times a whole number: `down` says how the quotient is rounded.
template <bool down>
struct Modulo : Op {
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return dispatch_numbers(a.dtype(), [&]<class T>() { return map<T, T>(a, b, left); });
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
Tensor like(const char* op, Arg x, double value) { return scalar(check_scalar(op, x, value), x->dtype()); }

}  // namespace
}  // namespace detail

using namespace detail;

Tensor floor(Arg x) { return apply_numbers<Floor>(x); }
Tensor ceil(Arg x) { return apply_numbers<Ceil>(x); }
Tensor round(Arg x) { return apply_numbers<Round>(x); }
Tensor trunc(Arg x) { return apply_numbers<Trunc>(x); }
Tensor frac(Arg x) { return apply_numbers<Frac>(x); }
Tensor fmod(Arg a, const Tensor& b) { return apply_modulo<Fmod>(a, b); }
Tensor fmod(Arg a, double b) { return fmod(a, like("fmod", a, b)); }
Tensor remainder(Arg a, const Tensor& b) { return apply_modulo<Remainder>(a, b); }
Tensor remainder(Arg a, double b) { return remainder(a, like("remainder", a, b)); }

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

std::span<const OpEntry> rounding_ops() {
  static const OpEntry table[] = {
      unary_entry<Floor, floor>({"⌊x⌋", "0"}),
      unary_entry<Ceil, ceil>({"⌈x⌉", "0"}),
      unary_entry<Round, round>({"the nearest whole number, even in the middle", "0"}),
      unary_entry<Trunc, trunc>({"x without its fraction", "0"}),
      unary_entry<Frac, frac>({"x - trunc x", "g"}),
      {"fmod", &op_class<Fmod>, {"a - b q, q = trunc(a / b)", "g, -g q"}, modulo_examples<Fmod, fmod>},
      {"remainder",
       &op_class<Remainder>,
       {"a - b q, q = floor(a / b)", "g, -g q"},
       modulo_examples<Remainder, remainder>},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

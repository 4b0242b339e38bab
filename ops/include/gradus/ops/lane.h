#pragma once

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/error_function.h"
#include "gradus/kernels/extremes.h"
#include "gradus/kernels/power.h"
#include "gradus/kernels/trigonometric.h"
#include "gradus/tensor/export.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
/// The numbers that an elementwise lambda is evaluated on: packs of floats or doubles, and dual numbers over
/// them (Clifford 1873), which nest for higher derivatives. A lambda written with `auto` uses the operators
/// and functions below; conditions are written `where(x > 0, a, b)`. What it can't use is converted to double
/// or bool, and the compiler says what to write instead.
namespace gradus::lane {

namespace elementary = kernels::elementary;

// A call would send the packs through memory.
#define GRADUS_LANE [[gnu::always_inline]] inline

/// A plain number beside those of the lambda.
template <class S>
concept Number = std::is_arithmetic_v<S>;

namespace detail {

template <class>
inline constexpr bool kNever = false;

// Templates, so that each is reported where it is used, and once.
template <class T = void>
double no_double() {
  static_assert(kNever<T>,
                "in an elementwise lambda write [](auto x), and exp(x) instead of std::exp(x); it may "
                "call the functions of gradus/ops/lane.h");
  return 0;
}
template <class T = void>
bool no_bool() {
  static_assert(kNever<T>, "in an elementwise lambda write where(x > 0, a, b) instead of x > 0 ? a : b or if");
  return false;
}
template <class T = void>
double no_choice() {
  static_assert(kNever<T>,
                "in an elementwise lambda write where(x > 0, 0 * x + 1, 0) instead of where(x > 0, 1, 0): "
                "one of the two is made from the lambda's numbers");
  return 0;
}

}  // namespace detail

inline namespace GRADUS_REGISTERS {

/// 64 bytes of numbers in registers: two of AVX2, or one of AVX-512.
template <class T>
struct Numbers {
  using Register = kernels::elementary::Vector<T>;
  static constexpr std::size_t kRegisters = 64 / sizeof(Register), kElements = sizeof(Register) / sizeof(T);
  Register in[kRegisters];

  // (A register at a time: larger copies go through the stack.)
  static Numbers load(const T* from) {
    Numbers r;
    for (std::size_t i = 0; i < kRegisters; ++i) std::memcpy(&r.in[i], from + i * kElements, sizeof(Register));
    return r;
  }
  void store(T* to) const {
    for (std::size_t i = 0; i < kRegisters; ++i) std::memcpy(to + i * kElements, &in[i], sizeof(Register));
  }
};

template <class T>
struct Pack {
  static constexpr int kSize = 64 / static_cast<int>(sizeof(T));
  using Scalar = T;
  Numbers<T> v;

  static Pack constant(double c) {
    using V = typename Numbers<T>::Register;
    Pack r;
    for (V& in : r.v.in) in = static_cast<T>(c) - V{};
    return r;
  }
  operator double() const { return detail::no_double(); }
};

/// One condition for each element of a pack.
template <class T>
struct Mask {
  Numbers<T> v;  // 1 or 0

  explicit operator bool() const { return detail::no_bool(); }
};

}  // namespace GRADUS_REGISTERS

/// value + derivative * epsilon, epsilon^2 = 0.
template <class P>
struct Dual {
  using Scalar = typename P::Scalar;
  P v, d;

  static Dual constant(double c) { return {P::constant(c), P::constant(0)}; }
  operator double() const { return detail::no_double(); }
};

template <class T>
struct is_lane : std::false_type {};
template <class T>
struct is_lane<Pack<T>> : std::true_type {};
template <class P>
struct is_lane<Dual<P>> : std::true_type {};
template <class P>
concept Lane = is_lane<P>::value;

// ---- packs ---------------------------------------------------------------------------------------

namespace detail {

/// The elements of a pack.
template <class T>
struct Elements {
  explicit Elements(const Numbers<T>& x) { x.store(at); }
  T at[Pack<T>::kSize];
};
/// f of each element.
template <class T, class F, class... N>
GRADUS_LANE Numbers<T> by_elements(F f, const N&... operands) {
  T r[Pack<T>::kSize];
  const auto fill = [&](const auto&... x) {
    for (int i = 0; i < Pack<T>::kSize; ++i) r[i] = f(x.at[i]...);
  };
  fill(Elements<T>(operands)...);
  return Numbers<T>::load(r);
}

/// f of each register, called in one place, so that it is inlined.
template <class T, class F, class... N>
GRADUS_LANE Numbers<T> by_registers(F f, const N&... operands) {
  Numbers<T> r;
  for (std::size_t i = 0; i < Numbers<T>::kRegisters; ++i) r.in[i] = f(operands.in[i]...);
  return r;
}
template <class T, class F>
GRADUS_LANE Pack<T> by_vectors(const Pack<T>& a, F f) {
  return {by_registers<T>(f, a.v)};
}
template <class T, class F>
GRADUS_LANE Pack<T> by_vectors(const Pack<T>& a, const Pack<T>& b, F f) {
  return {by_registers<T>(f, a.v, b.v)};
}

/// The same where f gives a second result.
template <class T, class F>
GRADUS_LANE Pack<T> by_vectors_twice(const Pack<T>& a, Pack<T>& second, F f) {
  Pack<T> r;
  for (std::size_t i = 0; i < Numbers<T>::kRegisters; ++i) r.v.in[i] = f(a.v.in[i], second.v.in[i]);
  return r;
}

/// y, but exact(a) where a lies beyond kNear.
template <class T, class Exact>
[[gnu::noinline, gnu::cold]] Pack<T> with_far(const Pack<T>& y, const Pack<T>& a, Exact exact) {
  const auto choose = [&](T near, T x) { return std::fabs(x) <= elementary::kNear<T> ? near : exact(x); };
  return {by_elements<T>(choose, y.v, a.v)};
}
template <class T>
GRADUS_LANE bool all_near(const Pack<T>& a) {
  int beyond = 0;
  const Elements<T> x(a.v);
  for (int i = 0; i < Pack<T>::kSize; ++i) beyond |= std::fabs(x.at[i]) <= elementary::kNear<T> ? 0 : 1;
  return beyond == 0;
}
template <class T>
GRADUS_LANE Pack<T> sin_of_far(const Pack<T>& y, const Pack<T>& a) {
  const Pack<T> near = y, x = a;  // those that are in registers stay there
  return with_far(near, x, [](T v) { return std::sin(v); });
}
template <class T>
GRADUS_LANE Pack<T> cos_of_far(const Pack<T>& y, const Pack<T>& a) {
  const Pack<T> near = y, x = a;
  return with_far(near, x, [](T v) { return std::cos(v); });
}

/// f of two registers is a comparison, which gives all bits or none.
template <class T, class F>
GRADUS_LANE Mask<T> compare(const Pack<T>& a, const Pack<T>& b, F f) {
  using V = typename Numbers<T>::Register;
  return {by_registers<T>([f](V x, V y) { return f(x, y) ? T(1) - V{} : V{}; }, a.v, b.v)};
}
template <class P, class F>
GRADUS_LANE auto compare(const Dual<P>& a, const Dual<P>& b, F f) {
  return compare(a.v, b.v, f);
}

}  // namespace detail

// clang-format off
template <class P> GRADUS_LANE auto equals(const P& a, const P& b) { return detail::compare(a, b, [](auto x, auto y) { return x == y; }); }
template <class T> GRADUS_LANE Pack<T> operator+(const Pack<T>& a, const Pack<T>& b) { return detail::by_vectors(a, b, [](auto x, auto y) { return x + y; }); }
template <class T> GRADUS_LANE Pack<T> operator-(const Pack<T>& a, const Pack<T>& b) { return detail::by_vectors(a, b, [](auto x, auto y) { return x - y; }); }
template <class T> GRADUS_LANE Pack<T> operator*(const Pack<T>& a, const Pack<T>& b) { return detail::by_vectors(a, b, [](auto x, auto y) { return x * y; }); }
template <class T> GRADUS_LANE Pack<T> operator/(const Pack<T>& a, const Pack<T>& b) { return detail::by_vectors(a, b, [](auto x, auto y) { return x / y; }); }
template <class T> GRADUS_LANE Pack<T> operator-(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return -x; }); }
template <class T, Number S> GRADUS_LANE Pack<T> operator+(const Pack<T>& a, S b) { return detail::by_vectors(a, [c = static_cast<T>(b)](auto x) { return x + c; }); }
template <class T, Number S> GRADUS_LANE Pack<T> operator*(const Pack<T>& a, S b) { return detail::by_vectors(a, [c = static_cast<T>(b)](auto x) { return x * c; }); }

template <class T> GRADUS_LANE Pack<T> exp(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::exp(x); }); }
template <class T> GRADUS_LANE Pack<T> log(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::log(x); }); }
template <class T> GRADUS_LANE Pack<T> log1p(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::log1p(x); }); }
template <class T> GRADUS_LANE Pack<T> expm1(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::expm1(x); }); }
template <class T> GRADUS_LANE Pack<T> sqrt(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::sqrt(x); }); }
template <class T> GRADUS_LANE Pack<T> sin(const Pack<T>& a) {
  const Pack<T> y = detail::by_vectors(a, [](auto x) { return elementary::sin(x); });
  return detail::all_near(a) ? y : detail::sin_of_far(y, a);
}
template <class T> GRADUS_LANE Pack<T> cos(const Pack<T>& a) {
  const Pack<T> y = detail::by_vectors(a, [](auto x) { return elementary::cos(x); });
  return detail::all_near(a) ? y : detail::cos_of_far(y, a);
}
/// Both, for less than the two.
template <class P> struct SinCos { P sin, cos; };
template <class T> GRADUS_LANE SinCos<Pack<T>> sin_cos(const Pack<T>& a) {
  Pack<T> c;
  const Pack<T> s = detail::by_vectors_twice(a, c, [](auto x, auto& cosine) {
    const auto y = elementary::sin_cos(x);
    cosine = y.cos;
    return y.sin;
  });
  if (detail::all_near(a)) return {s, c};
  return {detail::sin_of_far(s, a), detail::cos_of_far(c, a)};
}
template <class T> GRADUS_LANE Pack<T> tanh(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::tanh(x); }); }
template <class T> GRADUS_LANE Pack<T> sigmoid(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::sigmoid(x); }); }
template <class T> GRADUS_LANE Pack<T> softplus(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::softplus(x); }); }
template <class T> GRADUS_LANE Pack<T> erf(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::erf(x); }); }
template <class T> GRADUS_LANE Pack<T> abs(const Pack<T>& a) { return detail::by_vectors(a, [](auto x) { return elementary::magnitude(x); }); }
template <class T> GRADUS_LANE Pack<T> sign(const Pack<T>& a) {
  return detail::by_vectors(a, [](auto x) {
    const auto one = T(1) - decltype(x){};
    return x > 0 ? one : x < 0 ? -one : x;
  });
}
// (No part of what calls it: derivatives of a high order take many powers.)
template <class T> [[gnu::noinline]] Pack<T> pow(const Pack<T>& a, const Pack<T>& b) {
  return detail::by_vectors(a, b, [](auto x, auto y) { return elementary::pow(x, y); });
}
template <class T> GRADUS_LANE Pack<T> pow(const Pack<T>& a, double e) {
  return elementary::with_power(
      static_cast<T>(e), [&](auto f) { return detail::by_vectors(a, f); }, [&] { return pow(a, Pack<T>::constant(e)); });
}
template <class T> GRADUS_LANE Mask<T> is_infinite(const Pack<T>& a) {
  return detail::compare(a, a, [](auto x, auto) { return elementary::magnitude(x) == std::numeric_limits<T>::infinity(); });
}
template <class T> GRADUS_LANE Pack<T> where(const Mask<T>& m, const Pack<T>& a, const Pack<T>& b) {
  return {detail::by_registers<T>([](auto c, auto x, auto y) { return c != 0 ? x : y; }, m.v, a.v, b.v)};
}
template <class T> GRADUS_LANE Mask<T> operator!(const Mask<T>& m) { return {detail::by_registers<T>([](auto x) { return T(1) - x; }, m.v)}; }
template <class T> GRADUS_LANE Mask<T> operator&&(const Mask<T>& a, const Mask<T>& b) { return {detail::by_registers<T>([](auto x, auto y) { return x * y; }, a.v, b.v)}; }
template <class T> GRADUS_LANE Mask<T> operator||(const Mask<T>& a, const Mask<T>& b) { return {detail::by_registers<T>([](auto x, auto y) { return x > y ? x : y; }, a.v, b.v)}; }

// ---- duals ---------------------------------------------------------------------------------------

template <class P> GRADUS_LANE Dual<P> operator+(const Dual<P>& a, const Dual<P>& b) { return {a.v + b.v, a.d + b.d}; }
template <class P> GRADUS_LANE Dual<P> operator-(const Dual<P>& a, const Dual<P>& b) { return {a.v - b.v, a.d - b.d}; }
template <class P> GRADUS_LANE Dual<P> operator*(const Dual<P>& a, const Dual<P>& b) { return {a.v * b.v, a.v * b.d + a.d * b.v}; }
template <class P> GRADUS_LANE Dual<P> operator/(const Dual<P>& a, const Dual<P>& b) {
  // By an infinite number: 0 times its derivative, which may be infinite too, is left out.
  const P q = a.v / b.v;
  return {q, where(is_infinite(b.v), a.d, a.d - q * b.d) / b.v};
}
template <class P> GRADUS_LANE auto is_infinite(const Dual<P>& a) { return is_infinite(a.v); }
template <class P> GRADUS_LANE Dual<P> operator-(const Dual<P>& a) { return {-a.v, -a.d}; }
template <class P, Number S> GRADUS_LANE Dual<P> operator+(const Dual<P>& a, S b) { return {a.v + b, a.d}; }
template <class P, Number S> GRADUS_LANE Dual<P> operator*(const Dual<P>& a, S b) { return {a.v * b, a.d * b}; }

template <class P> GRADUS_LANE Dual<P> exp(const Dual<P>& a) { const P e = exp(a.v); return {e, e * a.d}; }
template <class P> GRADUS_LANE Dual<P> log(const Dual<P>& a) { return {log(a.v), a.d / a.v}; }
template <class P> GRADUS_LANE Dual<P> log1p(const Dual<P>& a) { return {log1p(a.v), a.d / (a.v + 1.0)}; }
template <class P> GRADUS_LANE Dual<P> expm1(const Dual<P>& a) { const P e = expm1(a.v); return {e, (e + 1.0) * a.d}; }
template <class P> GRADUS_LANE Dual<P> sqrt(const Dual<P>& a) { const P s = sqrt(a.v); return {s, a.d * 0.5 / s}; }
template <class P> GRADUS_LANE SinCos<Dual<P>> sin_cos(const Dual<P>& a) {
  const SinCos<P> y = sin_cos(a.v);
  return {{y.sin, y.cos * a.d}, {y.cos, -y.sin * a.d}};
}
template <class P> GRADUS_LANE Dual<P> sin(const Dual<P>& a) { return sin_cos(a).sin; }
template <class P> GRADUS_LANE Dual<P> cos(const Dual<P>& a) { return sin_cos(a).cos; }
template <class P> GRADUS_LANE Dual<P> tanh(const Dual<P>& a) { const P t = tanh(a.v); return {t, (1.0 - t * t) * a.d}; }
template <class P> GRADUS_LANE Dual<P> sigmoid(const Dual<P>& a) { const P s = sigmoid(a.v); return {s, s * (1.0 - s) * a.d}; }
/// log(1 + exp x)
template <class P> GRADUS_LANE Dual<P> softplus(const Dual<P>& a) { return {softplus(a.v), sigmoid(a.v) * a.d}; }
template <class P> GRADUS_LANE Dual<P> erf(const Dual<P>& a) {
  return {erf(a.v), exp(-(a.v * a.v)) * a.d * 1.1283791670955126};  // 2 / sqrt(pi)
}
template <class P> GRADUS_LANE Dual<P> abs(const Dual<P>& a) { return {abs(a.v), sign(a.v) * a.d}; }
template <class P> GRADUS_LANE Dual<P> sign(const Dual<P>& a) { return {sign(a.v), a.d * 0.0}; }
template <class P> GRADUS_LANE Dual<P> pow(const Dual<P>& a, double e) {
  if (e == 0) return Dual<P>::constant(1);
  return {pow(a.v, e), pow(a.v, e - 1) * a.d * e};
}
template <class M, class P> GRADUS_LANE Dual<P> where(const M& m, const Dual<P>& a, const Dual<P>& b) {
  return {where(m, a.v, b.v), where(m, a.d, b.d)};
}
template <class P> GRADUS_LANE Dual<P> pow(const Dual<P>& a, const Dual<P>& b) {
  // The factors are 0 at 0^0, and where a power that vanishes hides an infinite logarithm (of |a|, so that a
  // constant exponent of a negative number adds 0).
  const P zero = P::constant(0), y = pow(a.v, b.v);
  const auto none = equals(a.v, zero) && equals(b.v, zero);
  const P power = pow(a.v, where(none, zero, b.v + -1.0));
  const P of_base = where(none || (is_infinite(b.v) && equals(power, zero)), zero, b.v * power);
  const P of_exponent = y * log(where(none || equals(y, zero), P::constant(1), abs(a.v)));
  const P by_base = where(is_infinite(of_base) && equals(a.d, zero), zero, of_base * a.d);
  return {y, by_base + of_exponent * b.d};
}

// ---- both ----------------------------------------------------------------------------------------

template <Number S, Lane P> GRADUS_LANE P operator+(S a, const P& b) { return b + a; }
template <Lane P, Number S> GRADUS_LANE P operator-(const P& a, S b) { return a + -static_cast<double>(b); }
template <Number S, Lane P> GRADUS_LANE P operator-(S a, const P& b) { return -b + a; }
template <Number S, Lane P> GRADUS_LANE P operator*(S a, const P& b) { return b * a; }
template <Lane P, Number S> GRADUS_LANE P operator/(const P& a, S b) { return a / P::constant(static_cast<double>(b)); }
template <Number S, Lane P> GRADUS_LANE P operator/(S a, const P& b) { return P::constant(static_cast<double>(a)) / b; }

template <Lane P> GRADUS_LANE auto operator>(const P& a, const P& b) { return detail::compare(a, b, [](auto x, auto y) { return x > y; }); }
template <Lane P> GRADUS_LANE auto operator<(const P& a, const P& b) { return b > a; }
template <Lane P> GRADUS_LANE auto operator>=(const P& a, const P& b) { return detail::compare(a, b, [](auto x, auto y) { return x >= y; }); }
template <Lane P> GRADUS_LANE auto operator<=(const P& a, const P& b) { return b >= a; }
template <Lane P, Number S> GRADUS_LANE auto operator>(const P& a, S b) { return a > P::constant(static_cast<double>(b)); }
template <Lane P, Number S> GRADUS_LANE auto operator<(const P& a, S b) { return a < P::constant(static_cast<double>(b)); }
template <Lane P, Number S> GRADUS_LANE auto operator>=(const P& a, S b) { return a >= P::constant(static_cast<double>(b)); }
template <Lane P, Number S> GRADUS_LANE auto operator<=(const P& a, S b) { return a <= P::constant(static_cast<double>(b)); }
template <Number S, Lane P> GRADUS_LANE auto operator>(S a, const P& b) { return b < a; }
template <Number S, Lane P> GRADUS_LANE auto operator<(S a, const P& b) { return b > a; }
template <Number S, Lane P> GRADUS_LANE auto operator>=(S a, const P& b) { return b <= a; }
template <Number S, Lane P> GRADUS_LANE auto operator<=(S a, const P& b) { return b >= a; }

template <class M, Lane P> GRADUS_LANE P where(const M& m, const P& a, double b) { return where(m, a, P::constant(b)); }
template <class M, Lane P> GRADUS_LANE P where(const M& m, double a, const P& b) { return where(m, P::constant(a), b); }
template <class T, Number A, Number B> GRADUS_LANE double where(const Mask<T>&, A, B) { return detail::no_choice(); }

template <Lane P> GRADUS_LANE P square(const P& a) { return a * a; }
template <Lane P> GRADUS_LANE P reciprocal(const P& a) { return 1.0 / a; }
template <Lane P> GRADUS_LANE P pow(double a, const P& b) { return pow(P::constant(a), b); }
template <Lane P, class B> GRADUS_LANE P& operator+=(P& a, const B& b) { return a = a + b; }
template <Lane P, class B> GRADUS_LANE P& operator-=(P& a, const B& b) { return a = a - b; }
template <Lane P, class B> GRADUS_LANE P& operator*=(P& a, const B& b) { return a = a * b; }
template <Lane P, class B> GRADUS_LANE P& operator/=(P& a, const B& b) { return a = a / b; }
template <class T> GRADUS_LANE Pack<T> relu(const Pack<T>& a) { return where(a < 0.0, 0.0, a); }
template <class P> GRADUS_LANE Dual<P> relu(const Dual<P>& a) { return {relu(a.v), where(a.v <= 0.0, 0.0, a.d)}; }
template <class T> GRADUS_LANE Pack<T> maximum(const Pack<T>& a, const Pack<T>& b) { return detail::by_vectors(a, b, [](auto x, auto y) { return elementary::larger(x, y); }); }
template <class T> GRADUS_LANE Pack<T> minimum(const Pack<T>& a, const Pack<T>& b) { return detail::by_vectors(a, b, [](auto x, auto y) { return elementary::smaller(x, y); }); }
template <class P> GRADUS_LANE Dual<P> maximum(const Dual<P>& a, const Dual<P>& b) { return {maximum(a.v, b.v), where(a > b, a.d, b.d)}; }
template <class P> GRADUS_LANE Dual<P> minimum(const Dual<P>& a, const Dual<P>& b) { return {minimum(a.v, b.v), where(a < b, a.d, b.d)}; }
template <Lane P> GRADUS_LANE P maximum(const P& a, double b) { return maximum(a, P::constant(b)); }
template <Lane P> GRADUS_LANE P minimum(const P& a, double b) { return minimum(a, P::constant(b)); }
template <Lane P> GRADUS_LANE P clamp(const P& a, double low, double high) { return minimum(maximum(a, low), high); }
// clang-format on

}  // namespace gradus::lane
GRADUS_EXPORT_END

#undef GRADUS_LANE

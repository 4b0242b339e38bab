#include "family.h"

#include "gradus/ops/compare.h"

#include <cmath>

namespace gradus {
namespace detail {
namespace {

struct And {
  static constexpr const char* name = "logical_and";
  static bool of(bool a, bool b) { return a && b; }
};
struct Or {
  static constexpr const char* name = "logical_or";
  static bool of(bool a, bool b) { return a || b; }
};
struct Xor {
  static constexpr const char* name = "logical_xor";
  static bool of(bool a, bool b) { return a != b; }
};

template <class F>
struct Connective : Op {
  static constexpr OpInfo info{.name = F::name, .arity = 2, .differentiable = false};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return dispatch(
        a.dtype(), [&]<class T>() { return map<T, bool>(a, b, [](T u, T v) { return F::of(u != T(0), v != T(0)); }); });
  }
};

struct Not {
  static constexpr const char* name = "logical_not";
  template <class T>
  static bool of(T v) {
    return v == T(0);
  }
};
struct IsNan {
  static constexpr const char* name = "isnan";
  template <class T>
  static bool of(T v) {
    return v != v;
  }
};
struct IsInf {
  static constexpr const char* name = "isinf";
  template <class T>
  static bool of(T v) {
    if constexpr (std::is_floating_point_v<T>)
      return std::isinf(v);
    else
      return false;
  }
};
struct IsFinite {
  static constexpr const char* name = "isfinite";
  template <class T>
  static bool of(T v) {
    if constexpr (std::is_floating_point_v<T>)
      return std::isfinite(v);
    else
      return true;
  }
};

template <class F>
struct Predicate : Op {
  static constexpr OpInfo info{.name = F::name, .differentiable = false};
  Tensor forward(const Tensor& x) const {
    return dispatch(x.dtype(), [&]<class T>() { return map<T, bool>(x, [](T v) { return F::of(v); }); });
  }
};

}  // namespace
}  // namespace detail

using namespace detail;

Tensor logical_and(Arg a, const Tensor& b) { return apply_matched<Connective<And>>(a, b); }
Tensor logical_or(Arg a, const Tensor& b) { return apply_matched<Connective<Or>>(a, b); }
Tensor logical_xor(Arg a, const Tensor& b) { return apply_matched<Connective<Xor>>(a, b); }
Tensor logical_not(Arg x) { return apply(Predicate<Not>{}, x); }
Tensor isnan(Arg x) { return apply(Predicate<IsNan>{}, x); }
Tensor isinf(Arg x) { return apply(Predicate<IsInf>{}, x); }
Tensor isfinite(Arg x) { return apply(Predicate<IsFinite>{}, x); }

namespace detail {

std::span<const OpEntry> logical_ops() {
  static const OpEntry table[] = {
      binary_entry<Connective<And>, logical_and, Sample::Kind::flag>({"a and b"}),
      binary_entry<Connective<Or>, logical_or, Sample::Kind::flag>({"a or b"}),
      binary_entry<Connective<Xor>, logical_xor, Sample::Kind::flag>({"one of a and b"}),
      unary_entry<Predicate<Not>, logical_not>({"not x"}),
      unary_entry<Predicate<IsNan>, isnan>({"x is NaN"}),
      unary_entry<Predicate<IsInf>, isinf>({"x is ∞ or -∞"}),
      unary_entry<Predicate<IsFinite>, isfinite>({"x is neither NaN nor infinite"}),
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "gradus/ops/arithmetic.h"

#include "family.h"
#include "step_kernels.h"

#include "gradus/kernels/extremes.h"
#include "gradus/kernels/modular.h"
#include "gradus/kernels/power.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/integer.h"
#include "gradus/ops/shape.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace gradus {
namespace detail {

std::pair<Tensor, Tensor> match(const char* op, Arg a, const Tensor& b) {
  const DType dtype = promote(a->dtype(), b.dtype());
  const SitePin pin(a.site);
  const Shape shape = broadcast_shapes(a->shape(), b.shape(), op);
  const auto fit = [&](const Tensor& x) {
    Tensor y = x.dtype() == dtype ? x : to(x, dtype);
    return y.shape() == shape ? y : broadcast_to(y, shape);
  };
  return {fit(a), fit(b)};
}

double check_scalar(const char* op, Arg x, double value) {
  if (x->dtype() == boolean) fail<DTypeError>(op, "expected a tensor of numbers, got bool", x.site);
  if (x->dtype() == int64 && value != std::trunc(value))
    fail<DTypeError>(op, fmt::format("expected a whole number beside an int64 tensor, got {}", value), x.site);
  return value;
}

void add_in_place(Tensor& a, const Tensor& b) {
  dispatch_floating(a.dtype(), [&]<class T>() {
    T* out = a.mutable_data<T>();
    if (!a.is_contiguous()) {
      const T* in = b.data<T>();
      const Loops<2> loops(a.rank(), a.raw()->sizes(), {a.raw()->strides(), b.raw()->strides()});
      const std::int64_t s = loops.inner_stride(0), t = loops.inner_stride(1);
      parallel_rows(loops, kGrain, [=](const auto& at, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) out[at[0] + i * s] += in[at[1] + i * t];
      });
      return;
    }
    const Tensor dense = kernels::dense(b);
    const T* in = dense.data<T>();
    parallel_for(a.numel(), kGrain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) out[i] += in[i];
    });
  });
}

namespace {

void check_numbers(const char* op, Arg a, const Tensor& b) {
  if (promote(a->dtype(), b.dtype()) == boolean) fail<DTypeError>(op, "expected tensors of numbers, got bool", a.site);
}

/// Numbers of any dtype but bool, by one scalar function.
template <class F>
Tensor arithmetic(const Tensor& a, const Tensor& b, F f) {
  return dispatch_numbers(a.dtype(), [&]<class T>() { return map<T, T>(a, b, f); });
}

/// With a number, converted to the element type.
template <class F>
Tensor arithmetic(const Tensor& x, double value, F f) {
  return dispatch_numbers(x.dtype(), [&]<class T>() {
    const T s = static_cast<T>(value);
    return map<T, T>(x, [=](T v) { return f(v, s); });
  });
}

/// -a b, in one pass unless it is recorded.
Tensor minus_product(const Tensor& a, const Tensor& b) {
  if (is_recording()) return neg(mul(a, b));
  return arithmetic(a, b, [](auto x, auto y) { return -(x * y); });
}

// clang-format off
struct Add : Op {
  static constexpr OpInfo info{.name = "add", .arity = 2, .linearity = Linearity::linear};
  Tensor forward(const Tensor& a, const Tensor& b) const { return arithmetic(a, b, modular_sum); }
  Cotangents vjp(const Pullback& p) const { return {p.g, p.g}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Add>([](auto a, auto b) { return a + b; }, PassOn{}, PassOn{});
  }
};

struct Sub : Op {
  static constexpr OpInfo info{.name = "sub", .arity = 2, .linearity = Linearity::linear};
  Tensor forward(const Tensor& a, const Tensor& b) const { return arithmetic(a, b, modular([](auto x, auto y) { return x - y; })); }
  Cotangents vjp(const Pullback& p) const { return {p.g, p.needs(1) ? neg(p.g) : Tensor()}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Sub>([](auto a, auto b) { return a - b; }, PassOn{}, [](auto g, auto, auto, auto) { return -g; });
  }
};

struct Mul : Op {
  static constexpr OpInfo info{.name = "mul", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  Tensor forward(const Tensor& a, const Tensor& b) const { return arithmetic(a, b, modular([](auto x, auto y) { return x * y; })); }
  Cotangents vjp(const Pullback& p) const {
    return {p.needs(0) ? mul(p.g, p.in(1)) : Tensor(), p.needs(1) ? mul(p.g, p.in(0)) : Tensor()};
  }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Mul>([](auto a, auto b) { return a * b; }, [](auto g, auto, auto, auto b) { return g * b; }, [](auto g, auto, auto a, auto) { return g * a; });
  }
};

struct Div : Op {
  static constexpr OpInfo info{.name = "div", .arity = 2, .saves = Saves::inputs, .domain = domain(0.5, 2)};
  Tensor forward(const Tensor& a, const Tensor& b) const { return arithmetic(a, b, [](auto x, auto y) { return x / y; }); }
  Cotangents vjp(const Pullback& p) const {
    const Tensor ga = div(p.g, p.in(1));
    return {ga, p.needs(1) ? div(minus_product(ga, p.in(0)), p.in(1)) : Tensor()};
  }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Div>([](auto a, auto b) { return a / b; }, [](auto g, auto, auto, auto b) { return g / b; }, [](auto g, auto, auto a, auto b) { return -(g / b * a) / b; });
  }
};

struct Neg : Op {
  static constexpr OpInfo info{.name = "neg", .linearity = Linearity::linear};
  Tensor forward(const Tensor& x) const { return arithmetic(x, 0, modular([](auto v, auto) { return -v; })); }
  Cotangents vjp(const Pullback& p) const { return {neg(p.g)}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Neg>([](auto a) { return -a; }, [](auto g, auto, auto) { return -g; });
  }
};

/// The base of ops with a number beside the tensor.
struct ScalarOp : Op {
  double value = 0;
  template <class V> void visit(V&& v) const { v("value", value); }
  bool same_as(const ScalarOp& other) const { return std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(other.value); }
};

struct AddScalar : ScalarOp {
  static constexpr OpInfo info{.name = "add_scalar", .linearity = Linearity::linear};
  Tensor forward(const Tensor& x) const { return arithmetic(x, value, modular_sum); }
  Cotangents vjp(const Pullback& p) const { return {p.g}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<AddScalar>([](auto a, auto s) { return a + s; }, PassOn{});
  }
};

struct MulScalar : ScalarOp {
  static constexpr OpInfo info{.name = "mul_scalar", .linearity = Linearity::linear};
  Tensor forward(const Tensor& x) const { return arithmetic(x, value, modular([](auto a, auto b) { return a * b; })); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, value)}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<MulScalar>([](auto a, auto s) { return a * s; }, [](auto g, auto, auto, auto s) { return g * s; });
  }
};

struct DivScalar : ScalarOp {
  static constexpr OpInfo info{.name = "div_scalar", .linearity = Linearity::linear};
  Tensor forward(const Tensor& x) const { return arithmetic(x, value, [](auto a, auto b) { return a / b; }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, value)}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<DivScalar>([](auto a, auto s) { return a / s; }, [](auto g, auto, auto, auto s) { return g / s; });
  }
};

/// value - x
struct SubFrom : ScalarOp {
  static constexpr OpInfo info{.name = "sub_from", .linearity = Linearity::linear};
  Tensor forward(const Tensor& x) const { return arithmetic(x, value, modular([](auto a, auto b) { return b - a; })); }
  Cotangents vjp(const Pullback& p) const { return {neg(p.g)}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<SubFrom>([](auto a, auto s) { return s - a; }, [](auto g, auto, auto, auto) { return -g; });
  }
};

/// value / x
struct DivInto : ScalarOp {
  static constexpr OpInfo info{.name = "div_into", .saves = Saves::input0 | Saves::output, .domain = domain(0.5, 2)};
  Tensor forward(const Tensor& x) const { return arithmetic(x, value, [](auto a, auto b) { return b / a; }); }
  Cotangents vjp(const Pullback& p) const { return {div(minus_product(p.g, p.out()), p.in(0))}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<DivInto>([](auto a, auto s) { return s / a; }, [](auto g, auto y, auto a, auto) { return -(g * y) / a; });
  }
};

struct Pow : Op {
  static constexpr OpInfo info{.name = "pow", .arity = 2, .saves = Saves::inputs | Saves::output, .domain = domain(0.5, 2)};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return dispatch_floating(a.dtype(), [&]<class T>() { return map<T, T>(a, b, [](T x, T y) { return elementary::pow(x, y); }); });
  }
  Cotangents vjp(const Pullback& p) const {
    Cotangents result(2);
    if (p.needs(0)) result[0] = mul(p.g, of_base(p.in(0), p.in(1)));
    if (p.needs(1)) result[1] = mul(p.g, of_exponent(p.in(0), p.in(1), p.out()));
    return result;
  }

 private:
  /// b a^(b-1), and 0 where b = 0 (even at a = 0) or where the power vanishes for an infinite b.
  static Tensor of_base(const Tensor& a, const Tensor& b) {
    const Tensor none = logical_and(equal_to(a, 0), equal_to(b, 0));
    const Tensor power = pow(a, where(none, 0.0, sub(b, 1)));
    return mul(where(logical_and(isinf(b), equal_to(power, 0)), 0.0, b), power);
  }
  /// y ln a, NaN below 0, and 0 where y vanishes or is 0^0; a number in place of a keeps the logarithm finite there.
  static Tensor of_exponent(const Tensor& a, const Tensor& b, const Tensor& y) {
    const Tensor one = logical_and(equal_to(a, 0), equal_to(b, 0)),
                 none = logical_and(equal_to(y, 0), greater_equal(a, 0));
    return mul(y, log(where(logical_or(one, none), 1.0, a)));
  }
};

struct PowScalar : ScalarOp {
  static constexpr OpInfo info{.name = "pow_scalar", .saves = Saves::input0, .domain = domain(0.5, 2)};
  Tensor forward(const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T e = static_cast<T>(value);
      return elementary::with_power(
          e,
          [&](auto f) { return map<T, T>(x, f); },
          [&] { return map<T, T>(x, [=](T v) { return elementary::pow(v, e); }); });
    });
  }
  Cotangents vjp(const Pullback& p) const {
    if (value == 0) return {zeros_like(p.g)};
    if (value == 1) return {p.g};
    return {mul(p.g, mul(pow(p.in(0), value - 1), value))};
  }
};

/// value^x
struct PowOf : ScalarOp {
  static constexpr OpInfo info{.name = "pow_of", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T base = static_cast<T>(value);
      return map<T, T>(x, [=](T v) { return elementary::pow(base, v); });
    });
  }
  Cotangents vjp(const Pullback& p) const {
    if (value == 0) return {zeros_like(p.g)};
    return {mul(p.g, mul(p.out(), std::log(value)))};
  }
};

/// The part of g that goes to the operand which won: all, or half where both are equal.
Tensor share(const Tensor& g, const Tensor& won, const Tensor& tied) {
  return mul(g, add(to(won, g.dtype()), mul(to(tied, g.dtype()), 0.5)));
}

struct Maximum : Op {
  static constexpr OpInfo info{.name = "maximum", .arity = 2, .saves = Saves::inputs};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return arithmetic(a, b, [](auto x, auto y) {
      if constexpr (std::is_integral_v<decltype(x)>) return x > y ? x : y; else return elementary::larger(x, y);
    });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor a = p.in(0), b = p.in(1), tied = equal_to(a, b);
    return {share(p.g, greater(a, b), tied), p.needs(1) ? share(p.g, less(a, b), tied) : Tensor()};
  }
};

struct Minimum : Op {
  static constexpr OpInfo info{.name = "minimum", .arity = 2, .saves = Saves::inputs};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return arithmetic(a, b, [](auto x, auto y) {
      if constexpr (std::is_integral_v<decltype(x)>) return x < y ? x : y; else return elementary::smaller(x, y);
    });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor a = p.in(0), b = p.in(1), tied = equal_to(a, b);
    return {share(p.g, less(a, b), tied), p.needs(1) ? share(p.g, greater(a, b), tied) : Tensor()};
  }
};

struct To : Op {
  static constexpr OpInfo info{.name = "to", .linearity = Linearity::linear};
  DType dtype = float32;
  Tensor forward(const Tensor& x) const { return cast(x, dtype); }
  Cotangents vjp(const Pullback& p) const { return {to(p.g, p.dtype())}; }
  template <class V> void visit(V&& v) const { v("dtype", dtype); }
};
// clang-format on

/// The number beside x; DTypeError for one that an int64 x can't be beside.
double checked(const char* op, Arg x, double value) {
  check_scalar(op, x, value);
  if (x->dtype() == int64 && !(std::abs(value) < 0x1p63))
    fail<DTypeError>(
        op, fmt::format("expected a number that int64 can hold beside an int64 tensor, got {}", value), x.site);
  return value;
}

template <class O>
Tensor with_scalar(Arg x, double value) {
  O op;
  op.value = checked(O::info.name, x, value);
  return apply(op, x);
}

Tensor whole(const char* op, Arg x, double value) {
  return from_vector(std::vector{static_cast<std::int64_t>(checked(op, x, value))}, Shape{});
}

template <class O>
Tensor apply_to_numbers(Arg a, const Tensor& b) {
  check_numbers(O::info.name, a, b);
  return apply_matched<O>(a, b);
}

/// Division and powers of integers are done in floating point.
Tensor as_floating(Arg x) { return is_floating(x->dtype()) ? x.tensor : to(x, float32); }

}  // namespace
}  // namespace detail

using namespace detail;

Tensor add(Arg a, const Tensor& b) { return apply_to_numbers<Add>(a, b); }
Tensor sub(Arg a, const Tensor& b) { return apply_to_numbers<Sub>(a, b); }
Tensor mul(Arg a, const Tensor& b) { return apply_to_numbers<Mul>(a, b); }
Tensor div(Arg a, const Tensor& b) {
  check_numbers("div", a, b);
  if (is_floating(promote(a->dtype(), b.dtype()))) return apply_matched<Div>(a, b);
  return apply_matched<Div>(Arg(as_floating(a), a.site), as_floating(b));
}
Tensor add(Arg a, double b) { return with_scalar<AddScalar>(a, b); }
Tensor sub(Arg a, double b) { return with_scalar<AddScalar>(a, -b); }
Tensor sub(double a, Arg b) { return with_scalar<SubFrom>(b, a); }
Tensor mul(Arg a, double b) { return with_scalar<MulScalar>(a, b); }
Tensor div(Arg a, double b) {
  check_scalar("div_scalar", a, 0);
  return with_scalar<DivScalar>(Arg(as_floating(a), a.site), b);
}
Tensor div(double a, Arg b) {
  check_scalar("div_into", b, 0);
  return with_scalar<DivInto>(Arg(as_floating(b), b.site), a);
}
Tensor neg(Arg x) {
  check_scalar("neg", x, 0);
  return apply(Neg{}, x);
}

Tensor pow(Arg a, const Tensor& b) {
  if (a->dtype() == int64 && b.dtype() == int64) return integer_pow(a, b);
  check_floating("pow", a);
  check_floating("pow", Arg(b, a.site));
  return apply_matched<Pow>(a, b);
}
Tensor pow(Arg a, double exponent) {
  if (a->dtype() == int64) return integer_pow(a, whole("pow", a, exponent));
  check_floating("pow", a);
  return with_scalar<PowScalar>(a, exponent);
}
Tensor pow(double base, Arg exponent) {
  if (exponent->dtype() == int64) return integer_pow(Arg(whole("pow", exponent, base), exponent.site), exponent);
  check_floating("pow", exponent);
  return with_scalar<PowOf>(exponent, base);
}

Tensor maximum(Arg a, const Tensor& b) { return apply_to_numbers<Maximum>(a, b); }
Tensor minimum(Arg a, const Tensor& b) { return apply_to_numbers<Minimum>(a, b); }

Tensor to(Arg x, DType dtype) {
  if (x->dtype() == dtype) return x;
  if (is_floating(dtype) && is_floating(x->dtype())) {
    To op;
    op.dtype = dtype;
    return apply(op, x);
  }
  return cast(x, dtype);
}

namespace detail {

/// A scalar op as a function of one tensor, for the table.
template <class O, auto function>
static OpEntry scalar_entry(Formula formula) {
  return {
      O::info.name, &op_class<O>, formula, [] {
        return std::vector<Example>{
            {"1.7", {{{2, 3}, O::info.domain}}, [](std::span<const Tensor> in) { return function(in[0], 1.7); }, true}};
      }};
}

std::span<const OpEntry> arithmetic_ops() {
  static const OpEntry table[] = {
      binary_entry<Add, add>({"a + b", "g, g"}),
      binary_entry<Sub, sub>({"a - b", "g, -g"}),
      binary_entry<Mul, mul>({"a b", "g b, g a"}),
      binary_entry<Div, div>({"a / b", "g / b, -g a / b²"}),
      unary_entry<Neg, neg>({"-x", "-g"}),
      scalar_entry<AddScalar, [](const Tensor& x, double s) { return add(x, s); }>({"x + c", "g"}),
      scalar_entry<MulScalar, [](const Tensor& x, double s) { return mul(x, s); }>({"x c", "g c"}),
      scalar_entry<DivScalar, [](const Tensor& x, double s) { return div(x, s); }>({"x / c", "g / c"}),
      scalar_entry<SubFrom, [](const Tensor& x, double s) { return sub(s, x); }>({"c - x", "-g"}),
      scalar_entry<DivInto, [](const Tensor& x, double s) { return div(s, x); }>({"c / x", "-g c / x²"}),
      binary_entry<Pow, pow>({"a^b", "g b a^(b-1), g y ln a"}),
      scalar_entry<PowScalar, [](const Tensor& x, double s) { return pow(x, s); }>({"x^c", "g c x^(c-1)"}),
      scalar_entry<PowOf, [](const Tensor& x, double s) { return pow(s, x); }>({"c^x", "g y ln c"}),
      binary_entry<Maximum, maximum, Sample::Kind::distinct>(
          {"max(a, b)", "g [a > b], g [b > a]; half each where equal"}),
      binary_entry<Minimum, minimum, Sample::Kind::distinct>(
          {"min(a, b)", "g [a < b], g [b < a]; half each where equal"}),
      {"to",
       &op_class<To>,
       {"x in another dtype", "g in the dtype of x"},
       [] {
         return std::vector<Example>{{"float64 and back",
                                      {{}},
                                      [](std::span<const Tensor> in) { return to(to(in[0], float64), in[0].dtype()); },
                                      true}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "gradus/ops/elementwise.h"

#include "elementwise/functions.h"
#include "step_kernels.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/error_function.h"
#include "gradus/kernels/modular.h"
#include "gradus/kernels/trigonometric.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>

namespace gradus {
namespace detail {
namespace {

// clang-format off

// ---- exponentials and logarithms -----------------------------------------------------------------

struct Exp : Op {
  static constexpr OpInfo info{.name = "exp", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::exp(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, p.out())}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Exp>([](auto a) { return elementary::exp(a); }, [](auto g, auto y, auto) { return g * y; });
  }
};

struct Expm1 : Op {
  static constexpr OpInfo info{.name = "expm1", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::expm1(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, add(p.out(), 1))}; }
};

struct Log : Op {
  static constexpr OpInfo info{.name = "log", .saves = Saves::input0, .domain = domain(0.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::log(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, p.in(0))}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Log>([](auto a) { return elementary::log(a); }, [](auto g, auto, auto a) { return g / a; });
  }
};

struct Log1p : Op {
  static constexpr OpInfo info{.name = "log1p", .saves = Saves::input0, .domain = domain(-0.7, 2)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::log1p(v); }); }
  Cotangents vjp(const Pullback& p) const { return {div(p.g, add(p.in(0), 1))}; }
};

// ---- powers --------------------------------------------------------------------------------------

struct Sqrt : Op {
  static constexpr OpInfo info{.name = "sqrt", .saves = Saves::output, .domain = domain(0.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return std::sqrt(v); }); }
  Cotangents vjp(const Pullback& p) const {
    if (is_recording()) return {div(mul(p.g, 0.5), p.out())};
    return {floating(p.g, p.out(), [](auto g, auto y) { return g / 2 / y; })};
  }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Sqrt>([](auto a) { return std::sqrt(a); }, [](auto g, auto y, auto) { return g / 2 / y; });
  }
};

struct Rsqrt : Op {
  static constexpr OpInfo info{.name = "rsqrt", .saves = Saves::output, .domain = domain(0.3, 3)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return 1 / std::sqrt(v); }); }
  Cotangents vjp(const Pullback& p) const {
    if (is_recording()) return {mul(mul(p.g, -0.5), pow(p.out(), 3))};
    return {floating(p.g, p.out(), [](auto g, auto y) { return -g / 2 * (y * y * y); })};
  }
};

struct Square : Op {
  static constexpr OpInfo info{.name = "square", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return numbers(x, modular([](auto v) { return v * v; })); }
  Cotangents vjp(const Pullback& p) const {
    if (is_recording()) return {mul(mul(p.g, 2), p.in(0))};
    return {floating(p.g, p.in(0), [](auto g, auto v) { return 2 * g * v; })};
  }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Square>([](auto a) { return a * a; }, [](auto g, auto, auto a) { return 2 * g * a; });
  }
};

struct Reciprocal : Op {
  static constexpr OpInfo info{.name = "reciprocal", .saves = Saves::output, .domain = domain(0.5, 2)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return 1 / v; }); }
  Cotangents vjp(const Pullback& p) const {
    if (is_recording()) return {neg(mul(p.g, square(p.out())))};
    return {floating(p.g, p.out(), [](auto g, auto y) { return -(g * (y * y)); })};
  }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Reciprocal>([](auto a) { return 1 / a; }, [](auto g, auto y, auto) { return -(g * (y * y)); });
  }
};

// ---- functions with kinks ------------------------------------------------------------------------

/// |v|; of int64 modulo 2^64, which leaves the lowest number as it is.
template <class T>
T magnitude(T v) {
  if constexpr (std::is_integral_v<T>)
    return v < 0 ? modular([](auto u) { return -u; })(v) : v;
  else
    return std::abs(v);
}

struct Abs : Op {
  static constexpr OpInfo info{.name = "abs", .saves = Saves::input0, .domain = domain(-2, 2, {0})};
  Tensor forward(const Tensor& x) const { return numbers(x, [](auto v) { return magnitude(v); }); }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, sign(p.in(0)))}; }
};

struct Sign : Op {
  static constexpr OpInfo info{.name = "sign", .domain = domain(-2, 2, {0})};
  Tensor forward(const Tensor& x) const {
    return numbers(x, [](auto v) { using T = decltype(v); return v > 0 ? T(1) : v < 0 ? T(-1) : v; });
  }
  Cotangents vjp(const Pullback&) const { return {Tensor()}; }
};

struct Bounds : Op {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  template <class V> void visit(V&& v) const { v("min", low); v("max", high); }
};

/// g where x lies within the bounds, else 0.
struct ClampGrad : Bounds {
  static constexpr OpInfo info{.name = "clamp_grad", .arity = 2, .saves = Saves::input1, .domain = domain(-2, 2, {-0.6, 0.8})};
  Tensor forward(const Tensor& g, const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T a = static_cast<T>(low), b = static_cast<T>(high);
      return map<T, T>(g, x, [=](T u, T v) { return ((v >= a) & (v <= b)) ? u : T(0); });
    });
  }
  Cotangents vjp(const Pullback& p) const { return {p.needs(0) ? apply(*this, p.g, p.in(1)) : Tensor(), Tensor()}; }
};

struct Clamp : Bounds {
  static constexpr OpInfo info{.name = "clamp", .saves = Saves::input0, .domain = domain(-2, 2, {-0.6, 0.8})};
  Tensor forward(const Tensor& x) const {
    const auto run = [&]<class T>(T a, T b) { return map<T, T>(x, [=](T v) { return v < a ? a : v > b ? b : v; }); };
    if (x.dtype() != int64)
      return dispatch_floating(x.dtype(), [&]<class T>() { return run(static_cast<T>(low), static_cast<T>(high)); });
    const auto whole = [](double v) {
      using Limits = std::numeric_limits<std::int64_t>;
      return v <= -0x1p63 ? Limits::min() : v >= 0x1p63 ? Limits::max() : static_cast<std::int64_t>(v);
    };
    return run(whole(low), whole(high));
  }
  Cotangents vjp(const Pullback& p) const { return {apply(ClampGrad{*this}, p.g, p.in(0))}; }
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

// ---- periodic ------------------------------------------------------------------------------------

constexpr auto kSin = [](auto* y, const auto* x, std::int64_t n) { sin_row(y, x, n); };
constexpr auto kCos = [](auto* y, const auto* x, std::int64_t n) { cos_row(y, x, n); };

struct Sin : Op {
  static constexpr OpInfo info{.name = "sin", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return by_row(x, kSin); }
  Cotangents vjp(const Pullback& p) const {
    if (is_recording()) return {mul(p.g, cos(p.in(0)))};
    return {by_row(p.g, p.in(0), kCos, [](auto g, auto c) { return g * c; })};
  }
};

struct Cos : Op {
  static constexpr OpInfo info{.name = "cos", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return by_row(x, kCos); }
  Cotangents vjp(const Pullback& p) const {
    if (is_recording()) return {neg(mul(p.g, sin(p.in(0))))};
    return {by_row(p.g, p.in(0), kSin, [](auto g, auto s) { return -(g * s); })};
  }
};

// ---- sigmoid shapes ------------------------------------------------------------------------------

/// g (1 - y^2)
struct TanhGrad : Op {
  static constexpr OpInfo info{.name = "tanh_grad", .arity = 2, .saves = Saves::inputs};
  Tensor forward(const Tensor& g, const Tensor& y) const { return floating(g, y, [](auto u, auto v) { return u * (1 - v * v); }); }
  Cotangents vjp(const Pullback& p) const {
    return {p.needs(0) ? apply(*this, p.g, p.in(1)) : Tensor(),
            p.needs(1) ? mul(mul(p.g, p.in(0)), mul(p.in(1), -2)) : Tensor()};
  }
};

struct Tanh : Op {
  static constexpr OpInfo info{.name = "tanh", .saves = Saves::output};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::tanh(v); }); }
  Cotangents vjp(const Pullback& p) const { return {apply(TanhGrad{}, p.g, p.out())}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Tanh>([](auto a) { return elementary::tanh(a); }, [](auto g, auto y, auto) { return g * (1 - y * y); });
  }
};

/// g y (1 - y)
struct SigmoidGrad : Op {
  static constexpr OpInfo info{.name = "sigmoid_grad", .arity = 2, .saves = Saves::inputs};
  Tensor forward(const Tensor& g, const Tensor& y) const { return floating(g, y, [](auto u, auto v) { return u * (v * (1 - v)); }); }
  Cotangents vjp(const Pullback& p) const {
    return {p.needs(0) ? apply(*this, p.g, p.in(1)) : Tensor(),
            p.needs(1) ? mul(mul(p.g, p.in(0)), add(mul(p.in(1), -2), 1)) : Tensor()};
  }
};

struct Sigmoid : Op {
  static constexpr OpInfo info{.name = "sigmoid", .saves = Saves::output, .domain = domain(-4, 4)};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::sigmoid(v); }); }
  Cotangents vjp(const Pullback& p) const { return {apply(SigmoidGrad{}, p.g, p.out())}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Sigmoid>([](auto a) { return elementary::sigmoid(a); }, [](auto g, auto y, auto) { return g * (y * (1 - y)); });
  }
};

struct SoftplusShape : Op {
  double beta = 1, threshold = 20;
  template <class V> void visit(V&& v) const { v("beta", beta); v("threshold", threshold); }
};

/// g sigmoid(beta x), and g itself beyond the threshold.
struct SoftplusGrad : SoftplusShape {
  static constexpr OpInfo info{.name = "softplus_grad", .arity = 2, .saves = Saves::inputs};
  Tensor forward(const Tensor& g, const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T b = static_cast<T>(beta), end = static_cast<T>(threshold);
      return map<T, T>(g, x, [=](T u, T v) {
        const T s = elementary::sigmoid(b * v);
        return u * (b * v > end ? T(1) : s);
      });
    });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(1);
    Cotangents result(2);
    if (p.needs(0)) result[0] = apply(*this, p.g, x);
    if (p.needs(1)) {
      const Tensor z = mul(x, beta), curved = apply(SigmoidGrad{}, mul(mul(p.g, p.in(0)), beta), sigmoid(z));
      result[1] = where(greater(z, threshold), 0.0, curved);
    }
    return result;
  }
};

struct Softplus : SoftplusShape {
  static constexpr OpInfo info{.name = "softplus", .saves = Saves::input0, .domain = domain(-3, 3)};
  Tensor forward(const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T b = static_cast<T>(beta), end = static_cast<T>(threshold);
      return map_dense<T>(x, [=](T v) {
        const T curved = elementary::softplus(b * v) / b;
        return b * v > end ? v : curved;
      });
    });
  }
  Cotangents vjp(const Pullback& p) const { return {apply(SoftplusGrad{*this}, p.g, p.in(0))}; }
};

struct Erf : Op {
  static constexpr OpInfo info{.name = "erf", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const { return floating(x, [](auto v) { return elementary::erf(v); }); }
  Cotangents vjp(const Pullback& p) const {
    return {mul(mul(p.g, 2 * std::numbers::inv_sqrtpi), exp(neg(square(finite_if_recorded(p.in(0))))))};
  }
};
// clang-format on

}  // namespace
}  // namespace detail

using namespace detail;

Tensor exp(Arg x) { return apply_floating<Exp>(x); }
Tensor expm1(Arg x) { return apply_floating<Expm1>(x); }
Tensor log(Arg x) { return apply_floating<Log>(x); }
Tensor log1p(Arg x) { return apply_floating<Log1p>(x); }
Tensor sqrt(Arg x) { return apply_floating<Sqrt>(x); }
Tensor rsqrt(Arg x) { return apply_floating<Rsqrt>(x); }
Tensor square(Arg x) { return apply_numbers<Square>(x); }
Tensor reciprocal(Arg x) { return apply_floating<Reciprocal>(x); }
Tensor abs(Arg x) { return apply_numbers<Abs>(x); }
Tensor sign(Arg x) { return apply_numbers<Sign>(x); }
Tensor sin(Arg x) { return apply_floating<Sin>(x); }
Tensor cos(Arg x) { return apply_floating<Cos>(x); }
Tensor tanh(Arg x) { return apply_floating<Tanh>(x); }
Tensor sigmoid(Arg x) { return apply_floating<Sigmoid>(x); }
Tensor erf(Arg x) { return apply_floating<Erf>(x); }

Tensor clamp(Arg x, std::optional<double> min, std::optional<double> max) {
  if (!min && !max) fail<ArgumentError>("clamp", "expected min or max, got neither", x.site);
  const bool bad = min && std::isnan(*min);
  if (bad || (max && std::isnan(*max)))
    fail<ArgumentError>("clamp", fmt::format("expected a number as {}, got nan", bad ? "min" : "max"), x.site);
  Clamp op;
  if (min) op.low = check_scalar("clamp", x, *min);
  if (max) op.high = check_scalar("clamp", x, *max);
  if (!(op.low <= op.high))
    fail<ArgumentError>("clamp", fmt::format("expected min <= max, got {} and {}", op.low, op.high), x.site);
  return apply(op, x);
}

Tensor softplus(Arg x, double beta, double threshold) {
  check_floating("softplus", x);
  if (!(beta > 0)) fail<ArgumentError>("softplus", fmt::format("expected beta > 0, got {}", beta), x.site);
  Softplus op;
  op.beta = beta;
  op.threshold = threshold;
  return apply(op, x);
}

Tensor nan_to_num(Arg x, double nan, std::optional<double> posinf, std::optional<double> neginf) {
  check_floating("nan_to_num", x);
  NanToNum op;
  op.nan = nan;
  if (posinf) op.posinf = *posinf;
  if (neginf) op.neginf = *neginf;
  return apply(op, x);
}

namespace detail {

static std::vector<Example> clamp_examples() {
  const Sample x{.domain = Clamp::info.domain};
  using Inputs = std::span<const Tensor>;
  return {{"both", {x}, [](Inputs in) { return clamp(in[0], -0.6, 0.8); }, true},
          {"min", {x}, [](Inputs in) { return clamp(in[0], -0.6); }, true},
          {"max", {x}, [](Inputs in) { return clamp(in[0], {}, 0.8); }, true}};
}

static std::vector<Example> clamp_grad_examples() {
  const auto call = [](std::span<const Tensor> in) {
    ClampGrad op;
    op.low = -0.6;
    op.high = 0.8;
    return apply(op, in[0], in[1]);
  };
  return {{"", {{}, {.domain = ClampGrad::info.domain}}, call}};
}

static std::vector<Example> softplus_examples() {
  using Inputs = std::span<const Tensor>;
  return {{"", {{.domain = domain(-3, 3)}}, [](Inputs in) { return softplus(in[0]); }, true},
          {"beta 2", {{.domain = domain(-3, 3)}}, [](Inputs in) { return softplus(in[0], 2); }, true},
          {"beta 0.5, threshold 0.5",
           {{.domain = domain(-3, 3, {1})}},
           [](Inputs in) { return softplus(in[0], 0.5, 0.5); },
           true}};
}

static std::vector<Example> softplus_grad_examples() {
  const auto call = [](std::span<const Tensor> in) {
    SoftplusGrad op;
    op.beta = 2;
    op.threshold = 3;
    return apply(op, in[0], in[1]);
  };
  return {{"beta 2, threshold 3", {{}, {.domain = domain(-3, 3, {1.5})}}, call}};
}

/// A rule's own op, which takes inputs of one shape.
template <class O>
static OpEntry fused_entry(Formula formula) {
  return {O::info.name, &op_class<O>, formula, [] {
            return std::vector<Example>{
                {"", {{}, {}}, [](std::span<const Tensor> in) { return apply(O{}, in[0], in[1]); }}};
          }};
}

std::span<const OpEntry> elementwise_ops() {
  static const OpEntry table[] = {
      unary_entry<Exp, exp>({"e^x", "g y"}),
      unary_entry<Expm1, expm1>({"e^x - 1", "g (y + 1)"}),
      unary_entry<Log, log>({"ln x", "g / x"}),
      unary_entry<Log1p, log1p>({"ln(1 + x)", "g / (1 + x)"}),
      unary_entry<Sqrt, sqrt>({"√x", "g / (2 y)"}),
      unary_entry<Rsqrt, rsqrt>({"1 / √x", "-g y³ / 2"}),
      unary_entry<Square, square>({"x²", "2 g x"}),
      unary_entry<Reciprocal, reciprocal>({"1 / x", "-g y²"}),
      unary_entry<Abs, abs>({"|x|", "g sign x"}),
      unary_entry<Sign, sign>({"-1, 0 or 1", "0"}),
      {"clamp", &op_class<Clamp>, {"min(max(x, low), high)", "g [low ≤ x ≤ high]"}, clamp_examples},
      {"clamp_grad", &op_class<ClampGrad>, {"g [low ≤ x ≤ high]", "the same of its cotangent; 0"}, clamp_grad_examples},
      {"nan_to_num",
       &op_class<NanToNum>,
       {"x; numbers in place of NaN, ∞, -∞", "g [x is finite]"},
       [] {
         return std::vector<Example>{
             {"", {{}}, [](std::span<const Tensor> in) { return nan_to_num(in[0]); }, true},
             {"numbers", {{}}, [](std::span<const Tensor> in) { return nan_to_num(in[0], 1, 2, 3); }, true}};
       }},
      unary_entry<Sin, sin>({"sin x", "g cos x"}),
      unary_entry<Cos, cos>({"cos x", "-g sin x"}),
      unary_entry<Tanh, tanh>({"tanh x", "g (1 - y²)"}),
      fused_entry<TanhGrad>({"g (1 - y²)", "u (1 - y²), -2 u g y for its cotangent u"}),
      unary_entry<Sigmoid, sigmoid>({"1 / (1 + e^-x)", "g y (1 - y)"}),
      fused_entry<SigmoidGrad>({"g y (1 - y)", "u y (1 - y), u g (1 - 2 y) for its cotangent u"}),
      {"softplus", &op_class<Softplus>, {"ln(1 + e^(βx)) / β; x where βx > threshold", "g σ(βx)"}, softplus_examples},
      {"softplus_grad",
       &op_class<SoftplusGrad>,
       {"g σ(βx)", "u σ(βx), u g β σ'(βx) for its cotangent u"},
       softplus_grad_examples},
      unary_entry<Erf, erf>({"2/√π ∫₀ˣ e^(-t²) dt", "2 g e^(-x²) / √π"}),
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

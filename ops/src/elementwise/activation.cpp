#include "gradus/ops/activation.h"

#include "elementwise/functions.h"

#include "gradus/kernels/elementary.h"
#include "gradus/kernels/error_function.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>

// Activations given by three formulas each; the relu and its kin are in relu.cpp.

namespace gradus {
namespace detail {
namespace {

/// An activation A is an op with
///   value(v), slope(v)    the function and its derivative of a number
///   derivative(x)         the same derivative in public ops, for passes that are recorded
template <class A>
struct Activation : A {
  static constexpr OpInfo info{.name = A::name, .saves = Saves::input0, .domain = A::region, .flops = 10};

  Tensor forward(const Tensor& x) const {
    const A f = *this;
    return floating(x, [f](auto v) { return f.value(v); });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0);
    if (is_recording()) return {mul(p.g, A::derivative(x))};
    const A f = *this;
    return {floating(p.g, x, [f](auto g, auto v) { return g * f.slope(v); })};
  }
};

/// v s(v) for an s that vanishes faster at -inf than v grows.
template <class T>
[[gnu::always_inline]] inline T gated(T v, T s) {
  constexpr T least = std::numeric_limits<T>::lowest();
  return (v < least ? least : v) * s;
}

/// x as a factor of what is 0 beyond 1000, in float64 too.
Tensor near(const Tensor& x) { return clamp(x, -1000, 1000); }

/// x - tanh x, which would cancel, for |x| <= 1: x^3 times a polynomial of x^2 interpolated at Chebyshev's nodes, to
/// 5e-9 for float and 2e-17 for double.
template <class T>
[[gnu::always_inline]] inline T tanhshrink_near_zero(T x) {
  const T z = x * x;
  if constexpr (std::is_same_v<T, float>)
    return x * z *
           elementary::polynomial(z,
                                  0.3333333315672231f,
                                  -0.133333106555451f,
                                  0.05396341475443884f,
                                  -0.02182954884305937f,
                                  0.008697847592814879f,
                                  -0.003206803386846565f,
                                  0.0009235008463481761f,
                                  -0.00014279318799621565f);
  else
    return x * z *
           elementary::polynomial(z,
                                  0.3333333333333333,
                                  -0.1333333333333309,
                                  0.05396825396804637,
                                  -0.02186948852912909,
                                  0.008863235404578283,
                                  -0.003592126679366341,
                                  0.0014558246920964941,
                                  -0.0005899792946300052,
                                  0.00023895705228738225,
                                  -9.646277743313181e-05,
                                  3.8389607893147334e-05,
                                  -1.4606131676715378e-05,
                                  4.987760317520347e-06,
                                  -1.3791814499083342e-06,
                                  2.6330772232959337e-07,
                                  -2.5155023659382105e-08);
}

constexpr double kDensity = 0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2;  // of the normal distribution at 0

// clang-format off
struct Silu : Op {
  static constexpr const char* name = "silu";
  static constexpr Domain region = domain(-4, 4);
  template <class T> T value(T v) const { return gated(v, elementary::sigmoid(v)); }
  template <class T> T slope(T v) const {
    const T s = elementary::sigmoid(v);
    return s * (1 + elementary::finite(v) * (1 - s));
  }
  Tensor derivative(const Tensor& x) const {
    const Tensor s = sigmoid(x);
    return mul(s, add(mul(near(x), sub(1, s)), 1));
  }
};

struct Mish : Op {
  static constexpr const char* name = "mish";
  static constexpr Domain region = domain(-4, 4);
  template <class T> T value(T v) const { return gated(v, elementary::tanh(elementary::softplus(v))); }
  template <class T> T slope(T v) const {
    const T t = elementary::tanh(elementary::softplus(v));
    return t + elementary::finite(v) * (1 - t * t) * elementary::sigmoid(v);
  }
  Tensor derivative(const Tensor& x) const {
    const Tensor t = tanh(softplus(x));
    return add(t, mul(mul(near(x), sub(1, square(t))), sigmoid(x)));
  }
};

struct Gelu : Op {
  static constexpr const char* name = "gelu";
  static constexpr Domain region = domain(-3, 3);
  template <class T> T value(T v) const { return gated(v, elementary::normal(v).cdf); }
  template <class T> T slope(T v) const {
    const auto [cdf, density] = elementary::normal(v);
    return cdf + elementary::finite(v) * density;
  }
  Tensor derivative(const Tensor& x) const {
    const Tensor cdf = mul(erfc(mul(x, -std::numbers::sqrt2 / 2)), 0.5), w = near(x);
    return add(cdf, mul(w, mul(exp(mul(square(w), -0.5)), kDensity)));
  }
};

struct GeluTanh : Op {
  static constexpr const char* name = "gelu_tanh";
  static constexpr Domain region = domain(-3, 3);
  static constexpr double kScale = std::numbers::sqrt2 * std::numbers::inv_sqrtpi, kCubic = 0.044715;
  static constexpr double kFlat = 25;  // the sigmoid is 0 or 1 from here on, and the cube can't overflow
  // (1 + tanh u) / 2 is the sigmoid of 2 u, which doesn't cancel.
  template <class T> static T inner(T v) { return T(2 * kScale) * (v + T(kCubic) * v * v * v); }
  template <class T> static T near(T v) { return v > T(kFlat) ? T(kFlat) : v < T(-kFlat) ? T(-kFlat) : v; }
  template <class T> T value(T v) const { return gated(v, elementary::sigmoid(inner(near(v)))); }
  template <class T> T slope(T v) const {
    const T w = near(v), s = elementary::sigmoid(inner(w));
    return s * (1 + w * (1 - s) * T(2 * kScale) * (1 + T(3 * kCubic) * w * w));
  }
  Tensor derivative(const Tensor& x) const {
    const Tensor w = clamp(x, -kFlat, kFlat), w2 = square(w);
    const Tensor s = sigmoid(mul(mul(w, add(mul(w2, kCubic), 1)), 2 * kScale));
    return mul(s, add(mul(mul(w, sub(1, s)), mul(add(mul(w2, 3 * kCubic), 1), 2 * kScale)), 1));
  }
};

struct Softsign : Op {
  static constexpr const char* name = "softsign";
  static constexpr Domain region = domain(-3, 3, {0});
  template <class T> T value(T v) const { const T w = elementary::finite(v); return w / (1 + std::fabs(w)); }
  template <class T> T slope(T v) const { return 1 / ((1 + std::fabs(v)) * (1 + std::fabs(v))); }
  Tensor derivative(const Tensor& x) const { return square(reciprocal(add(abs(x), 1))); }
};

struct LogSigmoid : Op {
  static constexpr const char* name = "log_sigmoid";
  static constexpr Domain region = domain(-4, 4);
  template <class T> T value(T v) const { return -elementary::softplus(-v); }
  template <class T> T slope(T v) const { return elementary::sigmoid(-v); }
  Tensor derivative(const Tensor& x) const { return sigmoid(neg(x)); }
};

struct Tanhshrink : Op {
  static constexpr const char* name = "tanhshrink";
  static constexpr Domain region{};
  template <class T> T value(T v) const {
    const T near = tanhshrink_near_zero(v), far = v - elementary::tanh(v);
    return std::fabs(v) < 1 ? near : far;
  }
  template <class T> T slope(T v) const { const T t = elementary::tanh(v); return t * t; }
  Tensor derivative(const Tensor& x) const { return square(tanh(x)); }
};

struct Selu : Op {
  static constexpr const char* name = "selu";
  static constexpr Domain region = domain(-3, 3, {0});
  static constexpr double kScale = 1.0507009873554804934193349852946, kAlpha = 1.6732632423543772848170429916717;
  template <class T> T value(T v) const {
    const T curved = T(kScale * kAlpha) * elementary::expm1(v);
    return v > 0 ? T(kScale) * v : curved;
  }
  template <class T> T slope(T v) const {
    const T curved = T(kScale * kAlpha) * elementary::exp(v);
    return v > 0 ? T(kScale) : curved;
  }
  Tensor derivative(const Tensor& x) const {
    return where(greater(x, 0), kScale, mul(exp(clamp(x, {}, 0)), kScale * kAlpha));
  }
};

struct Celu : Op {
  static constexpr const char* name = "celu";
  static constexpr Domain region = domain(-3, 3, {0});
  double alpha = 1;
  template <class V> void visit(V&& v) const { v("alpha", alpha); }
  template <class T> T value(T v) const {
    const T a = static_cast<T>(alpha), curved = a * elementary::expm1(v / a);
    return v > 0 ? v : curved;
  }
  template <class T> T slope(T v) const {
    const T curved = elementary::exp(v / static_cast<T>(alpha));
    return v > 0 ? T(1) : curved;
  }
  Tensor derivative(const Tensor& x) const { return where(greater(x, 0), 1.0, exp(mul(clamp(x, {}, 0), 1 / alpha))); }
};

constexpr double kSixth = 1.0f / 6.0f;  // 1/6 in float32, whatever the dtype: see activation.h

struct Hardsigmoid : Op {
  static constexpr const char* name = "hardsigmoid";
  static constexpr Domain region = domain(-5, 5, {-3, 3});
  template <class T> T value(T v) const { return v <= -3 ? T(0) : v >= 3 ? T(1) : v / 6 + T(0.5); }
  template <class T> T slope(T v) const { return ((v > -3) & (v < 3)) ? T(kSixth) : T(0); }
  Tensor derivative(const Tensor& x) const { return mul(to(less(abs(x), 3), x.dtype()), kSixth); }
};

struct Hardswish : Op {
  static constexpr const char* name = "hardswish";
  static constexpr Domain region = domain(-5, 5, {-3, 3});
  template <class T> T value(T v) const { return v < -3 ? T(0) : v > 3 ? v : v * (v + 3) / 6; }
  template <class T> T slope(T v) const { return v < -3 ? T(0) : v > 3 ? T(1) : v / 3 + T(0.5); }
  Tensor derivative(const Tensor& x) const {
    return where(less(x, -3), 0.0, where(greater(x, 3), 1.0, add(mul(x, 1. / 3), 0.5)));
  }
};

struct Hardtanh : Op {
  static constexpr const char* name = "hardtanh";
  static constexpr Domain region = domain(-2, 2, {-1, 1});
  double low = -1, high = 1;
  template <class V> void visit(V&& v) const { v("min", low); v("max", high); }
  template <class T> T value(T v) const { return v < T(low) ? T(low) : v > T(high) ? T(high) : v; }
  template <class T> T slope(T v) const { return ((v > T(low)) & (v < T(high))) ? T(1) : T(0); }
  Tensor derivative(const Tensor& x) const { return to(logical_and(greater(x, low), less(x, high)), x.dtype()); }
};

struct Threshold : Op {
  static constexpr const char* name = "threshold";
  static constexpr Domain region = domain(-2, 2, {0.5});
  double limit = 0, other = 0;
  template <class V> void visit(V&& v) const { v("threshold", limit); v("value", other); }
  template <class T> T value(T v) const { return v <= T(limit) ? T(other) : v; }
  template <class T> T slope(T v) const { return v <= T(limit) ? T(0) : T(1); }
  Tensor derivative(const Tensor& x) const { return to(logical_not(less_equal(x, limit)), x.dtype()); }
};

struct Shrink : Op {
  static constexpr Domain region = domain(-2, 2, {-0.5, 0.5});
  double lambda = 0.5;
  template <class V> void visit(V&& v) const { v("lambda", lambda); }
  template <class T> bool inside(T v) const { return (v >= -T(lambda)) & (v <= T(lambda)); }
  template <class T> T slope(T v) const { return inside(v) ? T(0) : T(1); }
  Tensor derivative(const Tensor& x) const { return to(logical_not(less_equal(abs(x), lambda)), x.dtype()); }
};
struct Softshrink : Shrink {
  static constexpr const char* name = "softshrink";
  template <class T> T value(T v) const { return inside(v) ? T(0) : v > 0 ? v - T(lambda) : v + T(lambda); }
};
struct Hardshrink : Shrink {
  static constexpr const char* name = "hardshrink";
  template <class T> T value(T v) const { return inside(v) ? T(0) : v; }
};
// clang-format on

template <class A>
Tensor activate(Arg x, A attributes = {}) {
  check_floating(A::name, x);
  return apply(Activation<A>{attributes}, x);
}

template <class A>
Tensor shrink(Arg x, double lambda) {
  if (!(lambda >= 0)) fail<ArgumentError>(A::name, fmt::format("expected lambda >= 0, got {}", lambda), x.site);
  A a;
  a.lambda = lambda;
  return activate(x, a);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor silu(Arg x) { return activate<Silu>(x); }
Tensor mish(Arg x) { return activate<Mish>(x); }
Tensor softsign(Arg x) { return activate<Softsign>(x); }
Tensor log_sigmoid(Arg x) { return activate<LogSigmoid>(x); }
Tensor tanhshrink(Arg x) { return activate<Tanhshrink>(x); }
Tensor selu(Arg x) { return activate<Selu>(x); }
Tensor hardsigmoid(Arg x) { return activate<Hardsigmoid>(x); }
Tensor hardswish(Arg x) { return activate<Hardswish>(x); }
Tensor softshrink(Arg x, double lambda) { return shrink<Softshrink>(x, lambda); }
Tensor hardshrink(Arg x, double lambda) { return shrink<Hardshrink>(x, lambda); }

Tensor gelu(Arg x, Approximate approximate) {
  return approximate == Approximate::tanh ? activate<GeluTanh>(x) : activate<Gelu>(x);
}

Tensor celu(Arg x, double alpha) {
  if (!(alpha > 0)) fail<ArgumentError>("celu", fmt::format("expected alpha > 0, got {}", alpha), x.site);
  Celu a;
  a.alpha = alpha;
  return activate(x, a);
}

Tensor hardtanh(Arg x, double min, double max) {
  if (!(min <= max))
    fail<ArgumentError>("hardtanh", fmt::format("expected min <= max, got {} and {}", min, max), x.site);
  Hardtanh a;
  a.low = min;
  a.high = max;
  return activate(x, a);
}

Tensor relu6(Arg x) { return hardtanh(x, 0, 6); }

Tensor threshold(Arg x, double limit, double value) {
  Threshold a;
  a.limit = limit;
  a.other = value;
  return activate(x, a);
}

Tensor glu(Arg x, std::int64_t axis) {
  check_floating("glu", x);
  const int at = check_axis("glu", x, axis, x->rank());
  const std::int64_t size = x->size(at);
  if (size % 2 != 0)
    fail<ShapeError>("glu", fmt::format("expected an even dimension {}, got {}", at, to_string(x->shape())), x.site);
  const SitePin pin(x.site);
  return mul(slice(x, at, 0, size / 2), sigmoid(slice(x, at, size / 2, size)));
}

Tensor softmin(Arg x, std::int64_t axis) {
  check_floating("softmin", x);
  const SitePin pin(x.site);
  return softmax(Arg(neg(x), x.site), axis);
}

namespace detail {
namespace {

template <class A>
Example example(const char* label, Tensor (*call)(const Tensor&)) {
  return {label, {{.domain = A::region}}, [=](std::span<const Tensor> in) { return call(in[0]); }, true};
}
template <class A>
std::vector<Example> examples_of(const char* label, Tensor (*call)(const Tensor&)) {
  return std::vector<Example>{example<A>(label, call)};
}
template <class A, Tensor (*call)(Arg)>
OpEntry entry(Formula formula) {
  return unary_entry<Activation<A>, call>(formula);
}

}  // namespace

std::span<const OpEntry> activation_ops() {
  using X = const Tensor&;
  using Inputs = std::span<const Tensor>;
  static const OpEntry table[] = {
      entry<Silu, silu>({"x σ(x)", "g σ(x) (1 + x (1 - σ(x)))"}),
      entry<Mish, mish>({"x tanh(ln(1 + e^x))", "g (t + x σ(x) (1 - t²)), t = tanh(ln(1 + e^x))"}),
      {Gelu::name,
       &op_class<Activation<Gelu>>,
       {"x Φ(x)", "g (Φ(x) + x φ(x))"},
       [] { return examples_of<Gelu>("", [](X x) { return gelu(x); }); }},
      {GeluTanh::name,
       &op_class<Activation<GeluTanh>>,
       {"x (1 + t) / 2, t = tanh(√(2/π) (x + 0.044715 x³))", "g (1 + t + x t') / 2"},
       [] { return examples_of<GeluTanh>("", [](X x) { return gelu(x, Approximate::tanh); }); }},
      entry<Softsign, softsign>({"x / (1 + |x|)", "g / (1 + |x|)²"}),
      entry<LogSigmoid, log_sigmoid>({"-ln(1 + e^-x)", "g σ(-x)"}),
      entry<Tanhshrink, tanhshrink>({"x - tanh x", "g tanh² x"}),
      entry<Selu, selu>({"λ x where x > 0, else λ α (e^x - 1)", "g λ (1 or α e^x)"}),
      {"celu",
       &op_class<Activation<Celu>>,
       {"x where x > 0, else α (e^(x/α) - 1)", "g (1 or e^(x/α))"},
       [] {
         return std::vector<Example>{example<Celu>("", [](X x) { return celu(x); }),
                                     example<Celu>("alpha 0.5", [](X x) { return celu(x, 0.5); })};
       }},
      entry<Hardsigmoid, hardsigmoid>({"min(max(x / 6 + 1/2, 0), 1)", "g / 6 [-3 < x < 3]"}),
      entry<Hardswish, hardswish>({"x min(max(x + 3, 0), 6) / 6", "g (0, x / 3 + 1/2, 1 below -3, between, above 3)"}),
      {Hardtanh::name,
       &op_class<Activation<Hardtanh>>,
       {"min(max(x, low), high)", "g [low < x < high]"},
       [] { return examples_of<Hardtanh>("", [](X x) { return hardtanh(x); }); }},
      {"relu6",
       nullptr,
       {"min(max(x, 0), 6)", "g [0 < x < 6]"},
       [] {
         return std::vector<Example>{
             {"", {{.domain = domain(-2, 8, {0, 6})}}, [](Inputs in) { return relu6(in[0]); }, true}};
       }},
      {Threshold::name,
       &op_class<Activation<Threshold>>,
       {"x where x > t, else v", "g [x > t]"},
       [] { return examples_of<Threshold>("", [](X x) { return threshold(x, 0.5, -3); }); }},
      {Softshrink::name,
       &op_class<Activation<Softshrink>>,
       {"x - λ sign x where |x| > λ, else 0", "g [|x| > λ]"},
       [] { return examples_of<Softshrink>("", [](X x) { return softshrink(x); }); }},
      {Hardshrink::name,
       &op_class<Activation<Hardshrink>>,
       {"x where |x| > λ, else 0", "g [|x| > λ]"},
       [] { return examples_of<Hardshrink>("", [](X x) { return hardshrink(x); }); }},
      {"glu",
       nullptr,
       {"a σ(b), a and b the halves of x", "g σ(b), g a σ'(b)"},
       [] {
         return std::vector<Example>{{"", {{{2, 4}}}, [](Inputs in) { return glu(in[0]); }},
                                     {"axis 0", {{{4, 3}}}, [](Inputs in) { return glu(in[0], 0); }}};
       }},
      {"softmin",
       nullptr,
       {"e^-x / Σ e^-x", "-y (g - Σ g y)"},
       [] { return std::vector<Example>{{"", {{{2, 4}}}, [](Inputs in) { return softmin(in[0], -1); }}}; }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

// Arithmetic, comparisons, elementary functions and activations.

#include "onnx/load/node_call.h"

#include "gradus/ops.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace gradus::onnx {
namespace {

bool is_whole(const Tensor& x) { return x.dtype() == int64; }

/// f of two tensors, in float64 where both hold whole numbers, which the result does then, too.
template <class F>
Tensor as_numbers(const Tensor& a, const Tensor& b, F f) {
  if (!is_whole(a)) return cast(f(a, is_floating(b.dtype()) ? b : cast(b, a.dtype())), a.dtype());
  return cast(f(cast(a, float64), is_whole(b) ? cast(b, float64) : b), int64);
}

Tensor divide(NodeCall& c) {
  const bool is_whole_number = is_whole(c.in(0)) && is_whole(c.in(1));
  return is_whole_number ? trunc_divide(c.in(0), c.in(1)) : div(c.in(0), c.in(1));
}

template <class F>
Tensor of_all(NodeCall& c, F f) {
  Tensor y = c.in(0);
  for (std::size_t i = 1; i < c.count(); ++i) y = f(y, c.in(i));
  return y;
}

Tensor sum_of(NodeCall& c) {
  return of_all(c, [](const Tensor& a, const Tensor& b) { return add(a, b); });
}

Tensor mod(NodeCall& c) { return c.flag("fmod") ? fmod(c.in(0), c.in(1)) : remainder(c.in(0), c.in(1)); }

/// Bounds are attributes up to version 10.
Tensor clip(NodeCall& c) {
  std::optional<double> low, high;
  if (c.has("min")) low = c.number("min", 0);
  if (c.has("max")) high = c.number("max", 0);
  if (c.has_input(1)) low = c.in(1).item();
  if (c.has_input(2)) high = c.in(2).item();
  if (low && high && *low > *high) return full_like(c.in(), *high);
  return low || high ? clamp(c.in(), low, high) : c.in();
}

/// A slope for each channel, or whatever broadcasts to x from behind.
Tensor prelu_of(NodeCall& c) {
  const Tensor& x = c.in(0);
  return where(x < 0, x * c.in(1), x);
}

/// γ (e^x - 1) α below 0 and γ x above.
Tensor selu_of(NodeCall& c) {
  const double gamma = c.number("gamma", 1.0507010221481323), alpha = c.number("alpha", 1.6732631921768188);
  return elu(c.in(), alpha) * gamma;
}

Tensor hard_sigmoid(NodeCall& c) { return clamp(c.in() * c.number("alpha", 0.2) + c.number("beta", 0.5), 0, 1); }

/// x + bias beyond λ of 0, else 0.
Tensor shrink(NodeCall& c) {
  const Tensor& x = c.in();
  const double bias = c.number("bias", 0), lambda = c.number("lambd", 0.5);
  const Tensor zero = x * 0.0;
  return where(x < -lambda, x + bias, where(x > lambda, x - bias, zero));
}

Tensor infinite(NodeCall& c) {
  const bool negative = c.flag("detect_negative", true), positive = c.flag("detect_positive", true);
  Tensor is = isinf(c.in());
  if (negative && positive) return is;
  if (!negative && !positive) return zeros(c.in().shape(), boolean);
  return logical_and(is, negative ? c.in() < 0 : c.in() > 0);
}

/// In training only, if the model is; results are scaled.
Tensor dropout_of(NodeCall& c) {
  const double p = c.has_input(1) ? c.in(1).item() : c.number("ratio", 0.5);
  if (!c.is_training() || p == 0) {
    c.give(1, ones(c.in().shape(), boolean));
    return c.in();
  }
  if (!c.wants(1)) return dropout(c.in(), p);
  const Tensor kept = bernoulli(full(c.in().shape(), 1 - p)) > 0.5;
  c.give(1, kept);
  return where(kept, c.in() / (1 - p), zeros_like(c.in()));
}

Tensor power(NodeCall& c) {
  return as_numbers(c.in(0), c.in(1), [](const Tensor& a, const Tensor& b) { return pow(a, b); });
}

/// Of the types here; a float16 is a float32, whole numbers of any width int64.
Tensor cast_to(NodeCall& c) { return to(c.in(), *dtype_of_type(c.integer("to", 1))); }
const char* refuse_cast(const Attributes& a) {
  return dtype_of_type(a.integer("to", 1)) ? nullptr : "a cast to a type that isn't of numbers";
}

Tensor gelu_of(NodeCall& c) {
  return gelu(c.in(), c.text("approximate", "none") == "tanh" ? Approximate::tanh : Approximate::none);
}

using Call = NodeCall;

// clang-format off
constexpr LoadRule kRules[] = {
    {"Abs", [](Call& c) { return abs(c.in()); }},
    {"Acos", [](Call& c) { return acos(c.in()); }},
    {"Acosh", [](Call& c) { return acosh(c.in()); }},
    {"Add", [](Call& c) { return add(c.in(0), c.in(1)); }},
    {"And", [](Call& c) { return logical_and(c.in(0), c.in(1)); }},
    {"Asin", [](Call& c) { return asin(c.in()); }},
    {"Asinh", [](Call& c) { return asinh(c.in()); }},
    {"Atan", [](Call& c) { return atan(c.in()); }},
    {"Atanh", [](Call& c) { return atanh(c.in()); }},
    {"Cast", cast_to, "to saturate round_mode", refuse_cast},
    {"CastLike", [](Call& c) { return to(c.in(0), c.in(1).dtype()); }, "saturate round_mode"},
    {"Ceil", [](Call& c) { return ceil(c.in()); }},
    {"Celu", [](Call& c) { return celu(c.in(), c.number("alpha", 1)); }, "alpha"},
    {"Clip", clip, "min max", nullptr, 0b110},
    {"Cos", [](Call& c) { return cos(c.in()); }},
    {"Cosh", [](Call& c) { return cosh(c.in()); }},
    {"Div", divide},
    {"Dropout", dropout_of, "ratio seed", nullptr, 0b110},
    {"Elu", [](Call& c) { return elu(c.in(), c.number("alpha", 1)); }, "alpha"},
    {"Equal", [](Call& c) { return equal_to(c.in(0), c.in(1)); }},
    {"Erf", [](Call& c) { return erf(c.in()); }},
    {"Exp", [](Call& c) { return exp(c.in()); }},
    {"Floor", [](Call& c) { return floor(c.in()); }},
    {"Gelu", gelu_of, "approximate"},
    {"Greater", [](Call& c) { return greater(c.in(0), c.in(1)); }},
    {"GreaterOrEqual", [](Call& c) { return greater_equal(c.in(0), c.in(1)); }},
    {"HardSigmoid", hard_sigmoid, "alpha beta"},
    {"HardSwish", [](Call& c) { return c.in() * clamp(c.in() / 6.0 + 0.5, 0, 1); }},
    {"Identity", [](Call& c) { return c.in(); }},
    {"IsInf", infinite, "detect_negative detect_positive"},
    {"IsNaN", [](Call& c) { return isnan(c.in()); }},
    {"LeakyRelu", [](Call& c) { return leaky_relu(c.in(), c.number("alpha", 0.01)); }, "alpha"},
    {"Less", [](Call& c) { return less(c.in(0), c.in(1)); }},
    {"LessOrEqual", [](Call& c) { return less_equal(c.in(0), c.in(1)); }},
    {"Log", [](Call& c) { return log(c.in()); }},
    {"Max", [](Call& c) { return of_all(c, [](const Tensor& a, const Tensor& b) { return maximum(a, b); }); }},
    {"Mean", [](Call& c) { return sum_of(c) / static_cast<double>(c.count()); }},
    {"Min", [](Call& c) { return of_all(c, [](const Tensor& a, const Tensor& b) { return minimum(a, b); }); }},
    {"Mish", [](Call& c) { return mish(c.in()); }},
    {"Mod", mod, "fmod"},
    {"Mul", [](Call& c) { return mul(c.in(0), c.in(1)); }},
    {"Neg", [](Call& c) { return neg(c.in()); }},
    {"Not", [](Call& c) { return logical_not(c.in()); }},
    {"Or", [](Call& c) { return logical_or(c.in(0), c.in(1)); }},
    {"PRelu", prelu_of},
    {"Pow", power, "", nullptr, 0b10},
    {"Reciprocal", [](Call& c) { return reciprocal(c.in()); }},
    {"Relu", [](Call& c) { return is_whole(c.in()) ? clamp(c.in(), 0) : relu(c.in()); }},
    {"Round", [](Call& c) { return round(c.in()); }},
    {"Selu", selu_of, "alpha gamma"},
    {"Shrink", shrink, "bias lambd"},
    {"Sigmoid", [](Call& c) { return sigmoid(c.in()); }},
    {"Sign", [](Call& c) { return sign(c.in()); }},
    {"Sin", [](Call& c) { return sin(c.in()); }},
    {"Sinh", [](Call& c) { return sinh(c.in()); }},
    {"Softplus", [](Call& c) { return softplus(c.in()); }},
    {"Softsign", [](Call& c) { return softsign(c.in()); }},
    {"Sqrt", [](Call& c) { return sqrt(c.in()); }},
    {"Sub", [](Call& c) { return sub(c.in(0), c.in(1)); }},
    {"Sum", sum_of},
    {"Swish", [](Call& c) { return c.in() * sigmoid(c.in() * c.number("alpha", 1)); }, "alpha"},
    {"Tan", [](Call& c) { return tan(c.in()); }},
    {"Tanh", [](Call& c) { return tanh(c.in()); }},
    {"ThresholdedRelu", [](Call& c) { return threshold(c.in(), c.number("alpha", 1), 0); }, "alpha"},
    {"Where", [](Call& c) { return where(c.in(0), c.in(1), c.in(2)); }},
    {"Xor", [](Call& c) { return logical_xor(c.in(0), c.in(1)); }},
};
// clang-format on

}  // namespace

std::span<const LoadRule> load_elementwise_rules() { return kRules; }

}  // namespace gradus::onnx

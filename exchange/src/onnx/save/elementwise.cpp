// Arithmetic, comparisons and elementary functions.

#include "onnx/save/op_writer.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace gradus::onnx {
namespace {

using Inputs = std::vector<std::string>;

/// An operator with the op's own inputs.
template <const char* type>
void same(OpWriter& op) {
  Inputs all;
  for (int i = 0; i < op.inputs(); ++i) all.push_back(op.in(i));
  op.give(op.node(type, all));
}

#define GRADUS_ONNX_SAME(op, type)         \
  NamedRule {                              \
    op, [](OpWriter& w) {                  \
      static constexpr char name[] = type; \
      same<name>(w);                       \
    }                                      \
  }

void identity(OpWriter& op) { op.give(op.in()); }

/// An operator on x and the number `value`.
void with_number(OpWriter& op, const char* type, bool number_first = false) {
  const std::string x = op.in(), c = op.attribute_like("value");
  op.give(number_first ? op.node(type, {c, x}) : op.node(type, {x, c}));
}

/// A comparison with a number, in float64 where x holds whole numbers and the number is none.
std::string compared(OpWriter& op, const char* type) {
  const double value = op.number("value");
  const bool is_flag = op.dtype() == boolean;
  if (is_flag || (op.dtype() == int64 && value != std::round(value)))
    return op.node(type, {op.cast(op.in(), float64), op.graph().scalar(value, float64)});
  return op.node(type, {op.in(), op.number_like(value)});
}

/// Equal is defined for flags, the orders are not.
std::string flags_as_numbers(OpWriter& op, int i) {
  return op.dtype(i) == boolean ? op.cast(op.in(i), int64) : op.in(i);
}
/// Numbers other than 0 are true.
std::string as_flags(OpWriter& op, int i) { return op.dtype(i) == boolean ? op.in(i) : op.cast(op.in(i), boolean); }
void logical(OpWriter& op, const char* type) {
  Inputs all;
  for (int i = 0; i < op.inputs(); ++i) all.push_back(as_flags(op, i));
  op.give(op.node(type, std::move(all)));
}
void order(OpWriter& op, const char* type) {
  op.give(op.node(type, {flags_as_numbers(op, 0), flags_as_numbers(op, 1)}));
}

std::string log_in_base(OpWriter& op, double base) {
  return op.node("Mul", {op.node("Log", {op.in()}), op.number_like(1 / std::log(base))});
}

std::string truncated(OpWriter& op, const std::string& x) {
  return op.node("Mul", {op.node("Sign", {x}), op.node("Floor", {op.node("Abs", {x})})});
}

/// ln(e^a + e^b) = max(a, b) + ln(1 + e^-|a - b|)
void logaddexp(OpWriter& op) {
  const std::string apart = op.node("Abs", {op.node("Sub", {op.in(0), op.in(1)})});
  const std::string e = op.node("Exp", {op.node("Neg", {apart})});
  const std::string rest = op.node("Log", {op.node("Add", {e, op.number_like(1)})});
  op.give(op.node("Add", {op.node("Max", {op.in(0), op.in(1)}), rest}));
}

/// arctan(a / b), moved by ±π where b < 0; 0 at the origin.
void atan2(OpWriter& op) {
  const std::string zero = op.number_like(0), a = op.in(0), b = op.in(1);
  const std::string origin = op.node("And", {op.node("Equal", {a, zero}), op.node("Equal", {b, zero})});
  const std::string angle = op.node("Atan", {op.node("Div", {a, op.node("Where", {origin, op.number_like(1), b})})});
  const std::string turn = op.node(
      "Where", {op.node("Less", {a, zero}), op.number_like(-std::numbers::pi), op.number_like(std::numbers::pi)});
  op.give(op.node("Add", {angle, op.node("Where", {op.node("Less", {b, zero}), turn, zero})}));
}

void xlogy(OpWriter& op) {
  const std::string zero = op.number_like(0);
  const std::string y = op.node("Mul", {op.in(0), op.node("Log", {op.in(1)})});
  op.give(op.node("Where", {op.node("Equal", {op.in(0), zero}), zero, y}));
}

/// a - b floor(a / b); of whole numbers the operator Mod.
void remainder(OpWriter& op) {
  if (op.dtype() == int64) return op.give(op.node("Mod", {op.in(0), op.in(1)}));
  const std::string q = op.node("Floor", {op.node("Div", {op.in(0), op.in(1)})});
  op.give(op.node("Sub", {op.in(0), op.node("Mul", {op.in(1), q})}));
}

/// (a - (a mod b)) / b, as Div rounds towards 0.
void floor_divide(OpWriter& op) {
  const std::string rest = op.node("Mod", {op.in(0), op.in(1)});
  op.give(op.node("Div", {op.node("Sub", {op.in(0), rest}), op.in(1)}));
}

void clamp(OpWriter& op) {
  const auto bound = [&](const char* name) {
    const double value = op.number(name);
    return std::isfinite(value) ? op.number_like(value) : std::string();
  };
  const std::string low = bound("min"), high = bound("max");
  op.give(op.node("Clip", {op.in(), low, high}));
}

void nan_to_num(OpWriter& op) {
  const auto put = [&](const std::string& y, const std::string& where, double value) {
    return op.node("Where", {where, op.number_like(value), y});
  };
  constexpr double inf = std::numeric_limits<double>::infinity();
  const std::string x = op.in();
  std::string y = put(x, op.node("IsNaN", {x}), op.number("nan"));
  y = put(y, op.node("Equal", {x, op.number_like(inf)}), op.number("posinf"));
  op.give(put(y, op.node("Equal", {x, op.number_like(-inf)}), op.number("neginf")));
}

void convert(OpWriter& op) { op.give(op.cast(op.in(), op.result_dtype())); }

/// a + w (b - a)
void lerp(OpWriter& op, const std::string& weight) {
  const std::string way = op.node("Mul", {weight, op.node("Sub", {op.in(1), op.in(0)})});
  op.give(op.node("Add", {op.in(0), way}));
}

constexpr NamedRule kBinary[] = {
    GRADUS_ONNX_SAME("add", "Add"),
    GRADUS_ONNX_SAME("sub", "Sub"),
    GRADUS_ONNX_SAME("mul", "Mul"),
    GRADUS_ONNX_SAME("div", "Div"),
    GRADUS_ONNX_SAME("pow", "Pow"),
    GRADUS_ONNX_SAME("integer_pow", "Pow"),
    GRADUS_ONNX_SAME("trunc_divide", "Div"),
    GRADUS_ONNX_SAME("maximum", "Max"),
    GRADUS_ONNX_SAME("minimum", "Min"),
    GRADUS_ONNX_SAME("where", "Where"),
    GRADUS_ONNX_SAME("equal_to", "Equal"),
    {"logical_and", [](OpWriter& op) { logical(op, "And"); }},
    {"logical_or", [](OpWriter& op) { logical(op, "Or"); }},
    {"logical_xor", [](OpWriter& op) { logical(op, "Xor"); }},
    {"not_equal_to", [](OpWriter& op) { op.give(op.node("Not", {op.node("Equal", {op.in(0), op.in(1)})})); }},
    {"less", [](OpWriter& op) { order(op, "Less"); }},
    {"less_equal", [](OpWriter& op) { order(op, "LessOrEqual"); }},
    {"greater", [](OpWriter& op) { order(op, "Greater"); }},
    {"greater_equal", [](OpWriter& op) { order(op, "GreaterOrEqual"); }},
    {"fmod", [](OpWriter& op) { op.give(op.node("Mod", {op.in(0), op.in(1)}, {{"fmod", std::int64_t{1}}})); }},
    {"remainder", remainder},
    {"floor_divide", floor_divide},
    {"atan2", atan2},
    {"logaddexp", logaddexp},
    {"xlogy", xlogy},
    {"hypot",
     [](OpWriter& op) {
       const std::string a = op.node("Mul", {op.in(0), op.in(0)}), b = op.node("Mul", {op.in(1), op.in(1)});
       op.give(op.node("Sqrt", {op.node("Add", {a, b})}));
     }},
    {"lerp", [](OpWriter& op) { lerp(op, op.in(2)); }},
    {"lerp_scalar", [](OpWriter& op) { lerp(op, op.attribute_like("weight")); }},
};

constexpr NamedRule kWithNumber[] = {
    {"add_scalar", [](OpWriter& op) { with_number(op, "Add"); }},
    {"mul_scalar", [](OpWriter& op) { with_number(op, "Mul"); }},
    {"div_scalar", [](OpWriter& op) { with_number(op, "Div"); }},
    {"sub_from", [](OpWriter& op) { with_number(op, "Sub", true); }},
    {"div_into", [](OpWriter& op) { with_number(op, "Div", true); }},
    {"pow_scalar", [](OpWriter& op) { with_number(op, "Pow"); }},
    {"pow_of", [](OpWriter& op) { with_number(op, "Pow", true); }},
    {"equal_to_scalar", [](OpWriter& op) { op.give(compared(op, "Equal")); }},
    {"not_equal_to_scalar", [](OpWriter& op) { op.give(op.node("Not", {compared(op, "Equal")})); }},
    {"less_scalar", [](OpWriter& op) { op.give(compared(op, "Less")); }},
    {"less_equal_scalar", [](OpWriter& op) { op.give(compared(op, "LessOrEqual")); }},
    {"greater_scalar", [](OpWriter& op) { op.give(compared(op, "Greater")); }},
    {"greater_equal_scalar", [](OpWriter& op) { op.give(compared(op, "GreaterOrEqual")); }},
    {"clamp", clamp},
    {"nan_to_num", nan_to_num},
    {"to", convert},
};

constexpr NamedRule kUnary[] = {
    GRADUS_ONNX_SAME("neg", "Neg"),
    GRADUS_ONNX_SAME("exp", "Exp"),
    GRADUS_ONNX_SAME("log", "Log"),
    GRADUS_ONNX_SAME("sqrt", "Sqrt"),
    GRADUS_ONNX_SAME("reciprocal", "Reciprocal"),
    GRADUS_ONNX_SAME("abs", "Abs"),
    GRADUS_ONNX_SAME("sign", "Sign"),
    GRADUS_ONNX_SAME("sin", "Sin"),
    GRADUS_ONNX_SAME("cos", "Cos"),
    GRADUS_ONNX_SAME("tan", "Tan"),
    GRADUS_ONNX_SAME("asin", "Asin"),
    GRADUS_ONNX_SAME("acos", "Acos"),
    GRADUS_ONNX_SAME("atan", "Atan"),
    GRADUS_ONNX_SAME("sinh", "Sinh"),
    GRADUS_ONNX_SAME("cosh", "Cosh"),
    GRADUS_ONNX_SAME("tanh", "Tanh"),
    GRADUS_ONNX_SAME("asinh", "Asinh"),
    GRADUS_ONNX_SAME("acosh", "Acosh"),
    GRADUS_ONNX_SAME("atanh", "Atanh"),
    GRADUS_ONNX_SAME("erf", "Erf"),
    GRADUS_ONNX_SAME("floor", "Floor"),
    GRADUS_ONNX_SAME("ceil", "Ceil"),
    GRADUS_ONNX_SAME("round", "Round"),
    {"logical_not", [](OpWriter& op) { logical(op, "Not"); }},
    GRADUS_ONNX_SAME("isnan", "IsNaN"),
    GRADUS_ONNX_SAME("isinf", "IsInf"),
    {"isfinite",
     [](OpWriter& op) {
       const std::string nan = op.node("IsNaN", {op.in()}), inf = op.node("IsInf", {op.in()});
       op.give(op.node("Not", {op.node("Or", {nan, inf})}));
     }},
    {"square", [](OpWriter& op) { op.give(op.node("Mul", {op.in(), op.in()})); }},
    {"rsqrt", [](OpWriter& op) { op.give(op.node("Reciprocal", {op.node("Sqrt", {op.in()})})); }},
    {"expm1", [](OpWriter& op) { op.give(op.node("Sub", {op.node("Exp", {op.in()}), op.number_like(1)})); }},
    {"log1p", [](OpWriter& op) { op.give(op.node("Log", {op.node("Add", {op.in(), op.number_like(1)})})); }},
    {"exp2", [](OpWriter& op) { op.give(op.node("Pow", {op.number_like(2), op.in()})); }},
    {"log2", [](OpWriter& op) { op.give(log_in_base(op, 2)); }},
    {"log10", [](OpWriter& op) { op.give(log_in_base(op, 10)); }},
    {"erfc", [](OpWriter& op) { op.give(op.node("Sub", {op.number_like(1), op.node("Erf", {op.in()})})); }},
    {"logit",
     [](OpWriter& op) {
       const std::string rest = op.node("Sub", {op.number_like(1), op.in()});
       op.give(op.node("Log", {op.node("Div", {op.in(), rest})}));
     }},
    {"trunc", [](OpWriter& op) { op.give(truncated(op, op.in())); }},
    {"frac", [](OpWriter& op) { op.give(op.node("Sub", {op.in(), truncated(op, op.in())})); }},
    {"stop_gradient", identity},
    {"scale_gradient", identity},
    {"clip_gradient", identity},
    {"clip_gradient_norm", identity},
};

}  // namespace

std::span<const NamedRule> elementwise_rules() {
  static const std::vector<NamedRule> all = [] {
    std::vector<NamedRule> rules;
    for (const std::span<const NamedRule> part : {std::span<const NamedRule>(kBinary), {kWithNumber}, {kUnary}})
      rules.insert(rules.end(), part.begin(), part.end());
    return rules;
  }();
  return all;
}

}  // namespace gradus::onnx

#include "oracle.h"

namespace oracle {

using namespace gradus;

Functions elementwise_functions() {
  return {
      {"acos", unary(acos)},
      {"acosh", unary(acosh)},
      {"addcdiv", one([](const Call& c) { return addcdiv(c("x"), c("a"), c("b"), c.number("value", 1)); })},
      {"addcmul", one([](const Call& c) { return addcmul(c("x"), c("a"), c("b"), c.number("value", 1)); })},
      {"asin", unary(asin)},
      {"asinh", unary(asinh)},
      {"atan", unary(atan)},
      {"atan2", binary(atan2)},
      {"atanh", unary(atanh)},
      {"ceil", unary(ceil)},
      {"celu", one([](const Call& c) { return celu(c("x"), c.number("alpha", 1)); })},
      {"cosh", unary(cosh)},
      {"digamma", unary(digamma)},
      {"erfc", unary(erfc)},
      {"erfinv", unary(erfinv)},
      {"exp2", unary(exp2)},
      {"floor", unary(floor)},
      {"fmod", binary(fmod)},
      {"frac", unary(frac)},
      {"gelu", one([](const Call& c) {
         const bool by_tanh = c.has("approximate") && c.text("approximate") == "tanh";
         return gelu(c("x"), by_tanh ? Approximate::tanh : Approximate::none);
       })},
      {"glu", one([](const Call& c) { return glu(c("x"), c.has("dim") ? c.integer("dim") : -1); })},
      {"hardshrink", one([](const Call& c) { return hardshrink(c("x"), c.number("lambda", 0.5)); })},
      {"hardsigmoid", unary(hardsigmoid)},
      {"hardswish", unary(hardswish)},
      {"hardtanh", one([](const Call& c) { return hardtanh(c("x"), c.number("min", -1), c.number("max", 1)); })},
      {"hypot", binary(hypot)},
      {"isfinite", unary(isfinite)},
      {"isinf", unary(isinf)},
      {"isnan", unary(isnan)},
      {"lerp", one([](const Call& c) {
         const auto in = c.all();
         return in.size() == 3 ? lerp(in[0], in[1], in[2]) : lerp(in[0], in[1], c.number("weight"));
       })},
      {"lgamma", unary(lgamma)},
      {"log10", unary(log10)},
      {"log2", unary(log2)},
      {"log_sigmoid", unary(log_sigmoid)},
      {"logaddexp", binary(logaddexp)},
      {"logical_and", binary(logical_and)},
      {"logical_not", unary(logical_not)},
      {"logical_or", binary(logical_or)},
      {"logical_xor", binary(logical_xor)},
      {"logit", one([](const Call& c) { return c.has("eps") ? logit(c("x"), c.number("eps")) : logit(c("x")); })},
      {"mish", unary(mish)},
      {"polygamma", one([](const Call& c) { return polygamma(static_cast<int>(c.integer("n")), c("x")); })},
      {"relu6", unary(relu6)},
      {"remainder", binary(remainder)},
      {"nan_to_num", unary([](Arg x) { return nan_to_num(x); })},
      {"round", unary(round)},
      {"selu", unary(selu)},
      {"silu", unary(silu)},
      {"sinh", unary(sinh)},
      {"softshrink", one([](const Call& c) { return softshrink(c("x"), c.number("lambda", 0.5)); })},
      {"softsign", unary(softsign)},
      {"tan", unary(tan)},
      {"tanhshrink", unary(tanhshrink)},
      {"threshold", one([](const Call& c) { return threshold(c("x"), c.number("threshold"), c.number("value")); })},
      {"trunc", unary(trunc)},
      {"xlogy", binary(xlogy)},
  };
}

}  // namespace oracle

#include "suite.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

#include <exception>

namespace gradus::op_suite {

std::span<const Property> properties() {
  static constexpr Property table[] = {
      {"gradient", "the vjp agrees with differences of values", check_gradient},
      {"second_order", "the vjp of the vjp agrees with differences of gradients", check_second_order},
      {"third_order", "so does the next one", check_third_order},
      {"forward_mode", "J v agrees with differences of values and with J^T", check_forward_mode},
      {"arguments",
       "functional derivatives with arguments on the tape are those at plain ones, and flow on",
       check_arguments},
      {"equal_values",
       "at matrices with equal eigen- or singular values, derivatives are right or a GradientError",
       check_equal_values},
      {"linearity", "ops declared linear or bilinear are", check_linearity},
      {"float32", "value and gradient in float32 are those in float64", check_float32},
      {"borders",
       "at zeros, ends, kinks and infinities float32 agrees with float64, and derivatives are "
       "numbers",
       check_borders},
      {"integers",
       "whole numbers give in int64 what they give in float64, and no end of int64 is too much",
       check_integers},
      {"broadcasting", "inputs broadcast against each other, gradients are summed", check_broadcasting},
      {"sizes", "any number of elements, none included, gives each its own result", check_sizes},
      {"strides", "inputs and cotangents of any layout give the same results", check_strides},
      {"subsets", "a gradient for some inputs is the same as for all", check_subsets},
      {"saved", "what the rule uses is guarded against change, and nothing else is kept", check_saved},
      {"twice", "a second pass works where retained, and fails otherwise", check_twice},
      {"sums", "gradients of two calls with the same inputs add up", check_sums},
      {"replay", "forward can be called again with nothing but the node", check_replay},
      {"tape", "all that is recorded is a public op with attributes, line and place", check_tape},
      {"memory", "nothing stays in use", check_memory},
      {"purity", "results depend on inputs alone, which stay as they are", check_purity},
      {"wrong_inputs", "wrong shapes, dtypes and indices give the right errors", check_wrong_inputs},
      {"not_differentiable", "where there is no derivative, none is had", check_not_differentiable},
  };
  return table;
}

std::vector<std::string> failures(const Property& property, const Subject& subject) {
  Failures result;
  try {
    property.check(subject, result);
  } catch (const std::exception& e) {
    fail(result, "unexpected error: {}", e.what());
  }
  return result;
}

std::vector<std::string> failures(const Subject& subject) {
  Failures result;
  for (const Property& property : properties())
    for (const std::string& f : failures(property, subject)) fail(result, "{}: {}", property.name, f);
  return result;
}

Tensor detail::join(std::span<const Tensor> results) {
  List rows;
  for (const Tensor& y : results) rows.push_back(reshape(y, {y.numel()}));
  return concat(rows);
}

std::vector<Subject> subjects(const OpEntry& entry) {
  std::vector<Subject> result;
  for (Example& example : entry.examples()) result.push_back({entry.name, entry.op, std::move(example), true});
  return result;
}

}  // namespace gradus::op_suite

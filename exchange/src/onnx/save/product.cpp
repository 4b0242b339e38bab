// Products of matrices.

#include "onnx/save/op_writer.h"

#include <cmath>

namespace gradus::onnx {
namespace {

/// Of rows [N, in] the operator Gemm; else x weightᵀ + bias.
void linear(OpWriter& op) {
  if (op.rank() == 2) return op.give(op.node("Gemm", {op.in(0), op.in(1), op.in(2)}, {{"transB", std::int64_t{1}}}));
  const std::string columns = op.node("Transpose", {op.in(1)}, {{"perm", std::vector<std::int64_t>{1, 0}}});
  const std::string y = op.node("MatMul", {op.in(0), columns});
  op.give(op.has(2) ? op.node("Add", {y, op.in(2)}) : y);
}

/// (Σ |a - b|^p)^(1/p) for each row of a and each of b; the number of differences for p = 0, the largest for ∞.
void cdist(OpWriter& op) {
  const double p = op.number("p");
  const std::string off = op.node(
      "Sub", {op.node("Unsqueeze", {op.in(0), op.list({-2})}), op.node("Unsqueeze", {op.in(1), op.list({-3})})});
  const std::vector<NodeAttribute> last{{"axes", std::vector<std::int64_t>{-1}}, {"keepdims", std::int64_t{0}}};
  const auto sum = [&](const std::string& x) { return op.node("ReduceSum", {x, op.list({-1})}, {last[1]}); };
  if (p == 1 || p == 2) return op.give(op.node(p == 1 ? "ReduceL1" : "ReduceL2", {off}, last));
  if (p == 0) return op.give(sum(op.cast(op.node("Not", {op.node("Equal", {off, op.number_like(0)})}), op.dtype())));
  const std::string size = op.node("Abs", {off});
  if (std::isinf(p)) return op.give(op.node("ReduceMax", {size}, last));
  op.give(op.node("Pow", {sum(op.node("Pow", {size, op.number_like(p)})), op.number_like(1 / p)}));
}

constexpr NamedRule kRules[] = {
    {"linear", linear},
    {"matmul", [](OpWriter& op) { op.give(op.node("MatMul", {op.in(0), op.in(1)})); }},
    {"cdist", cdist},
    {"det", [](OpWriter& op) { op.give(op.node("Det", {op.in()})); }},
};

}  // namespace

std::span<const NamedRule> product_rules() { return kRules; }

}  // namespace gradus::onnx

// A user's test file: one line an op.

#include <gradus/ops/compare.h>
#include <gradus/ops/lambda.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/shape.h>
#include <gradus/testing.h>

using gradus::Arg;
using gradus::Cotangents;
using gradus::Linearity;
using gradus::Op;
using gradus::OpInfo;
using gradus::Pullback;
using gradus::Saves;
using gradus::Tensor;
using gradus::Tensors;

namespace {

const auto swish = gradus::elementwise("swish", [](auto x) { return x * sigmoid(1.702 * x); });
const auto ratio = gradus::elementwise("ratio", [](auto x, auto y) { return x * y / (x + y); });
const auto gate =
    gradus::elementwise("gate", [](auto x, auto y, auto z) { return where(x > y, tanh(z) * x, y + z * z); });

struct Outer : Op {  // y[i,j] = a[i] b[j]
  static constexpr OpInfo info{.name = "outer", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  Tensor forward(const Tensor& a, const Tensor& b) const { return matmul(unsqueeze(a, 1), unsqueeze(b, 0)); }
  Cotangents vjp(const Pullback& p) const { return {matmul(p.g, p.in(1)), matmul(transpose(p.g), p.in(0))}; }
};
constexpr auto outer = gradus::make_op<Outer>();

struct SumAndProduct : Op {
  static constexpr OpInfo info{.name = "sum_and_product", .arity = 2, .saves = Saves::inputs, .outputs = 2};
  Tensors forward(const Tensor& a, const Tensor& b) const { return {a + b, a * b}; }
  Cotangents vjp(const Pullback& p) const {
    Cotangents result(2);
    for (int i = 0; i < 2; ++i) {
      if (p.all[1].defined()) result[i] = p.all[1] * p.in(1 - i);
      if (p.all[0].defined()) result[i] = result[i].defined() ? result[i] + p.all[0] : p.all[0];
    }
    return result;
  }
};
constexpr auto sum_and_product = gradus::make_op<SumAndProduct>();

struct IsLarge : Op {
  static constexpr OpInfo info{.name = "is_large", .differentiable = false};
  Tensor forward(const Tensor& x) const { return x > 1; }
};
constexpr auto is_large = gradus::make_op<IsLarge>();

Tensor distance(const Tensor& a, const Tensor& b) { return (a - b) * (a - b); }

}  // namespace

GRADUS_TEST_OP(swish, domain(-5, 5));
GRADUS_TEST_OP(ratio, domain(0.5, 2), domain(1, 3));
GRADUS_TEST_OP(gate, domain(1, 2), domain(-1, 0.5), domain(-2, 2));
GRADUS_TEST_OP(outer, Sample{{3}}, Sample{{4}});
GRADUS_TEST_OP(is_large);
GRADUS_TEST_OP(sum_and_product, Sample{{2, 3}}, Sample{{2, 3}});
GRADUS_TEST_OP(distance, Sample{{2, 3}}, Sample{{2, 3}});

#include "gradus/graph/plain_op.h"

#include "gradus/autograd/backward.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/testing.h"

#include <gtest/gtest.h>

#include <string>

namespace gradus {
namespace {

const auto cube = make_op(
    "cube",
    [](const Tensor& x) { return x * x * x; },
    [](const Pullback& p) -> Cotangents { return {p.g * 3.0 * p.in(0) * p.in(0)}; });

const auto outer = make_op(
    "outer",
    [](const Tensor& a, const Tensor& b) { return matmul(unsqueeze(a, 1), unsqueeze(b, 0)); },
    [](const Pullback& p) -> Cotangents { return {matmul(p.g, p.in(1)), matmul(transpose(p.g), p.in(0))}; },
    {.saves = Saves::inputs, .linearity = Linearity::bilinear});

const auto total = make_op(
    "total",
    [](std::span<const Tensor> xs) {
      Tensor y = xs[0];
      for (const Tensor& x : xs.subspan(1)) y = y + x;
      return y;
    },
    [](const Pullback& p) {
      Cotangents all;
      for (int i = 0; i < p.arity(); ++i) all.push_back(p.g);
      return all;
    },
    {.linearity = Linearity::linear});

// The whole op suite, from a line each.
GRADUS_TEST_OP(cube, domain(-2, 2));
GRADUS_TEST_OP(outer, Sample{{3}}, Sample{{4}});

Tensor vector(std::initializer_list<detail::Nested> values) { return tensor(values, float64); }

TEST(PlainOp, WorksAsAnyOther) {
  const Tensor x = leaf(vector({1.0, -2.0}));
  const Tensor y = cube(x);
  EXPECT_STREQ(node_of(y)->name(), "cube");
  EXPECT_EQ(node_of(y)->site().line, static_cast<std::uint32_t>(__LINE__ - 2));
  EXPECT_TRUE(equal(detach(y), vector({1.0, -8.0})));
  const Tensor g = grad(sum(y), x, {}, {.create_graph = true});
  EXPECT_TRUE(equal(detach(g), vector({3.0, 12.0})));
  EXPECT_TRUE(equal(grad(sum(g), x), vector({6.0, -12.0})));
  EXPECT_FALSE(requires_grad(cube(detach(x))));
  EXPECT_FALSE(no_grad([&] { return requires_grad(cube(x)); }));
}

TEST(PlainOp, TakesAListAndGivesSeveral) {
  const Tensor x = leaf(vector({1.0, -2.0})), xs[] = {x, x, x};
  EXPECT_TRUE(equal(grad(sum(total(xs)), x), vector({3.0, 3.0})));
  const auto both = make_op(
      "both",
      [](const Tensor& a) { return Tensors{a + 1.0, a * 2.0}; },
      [](const Pullback& p) -> Cotangents { return {p.all[1] * 2.0}; },
      {.outputs = 2});
  const Tensors ys = both(x);
  EXPECT_EQ(ys.size(), 2U);
  EXPECT_TRUE(equal(grad(sum(ys[1]), x), vector({2.0, 2.0})));
}

TEST(PlainOp, HoldsWhatItsFunctionsHold) {
  const auto scale = [](double factor) {
    return make_op(
        "scale",
        [factor](const Tensor& x) { return x * factor; },
        [factor](const Pullback& p) -> Cotangents { return {p.g * factor}; },
        {.linearity = Linearity::linear});
  };
  const Tensor x = leaf(vector({1.0, -2.0}));
  const Tensor y = scale(2)(x) + scale(3)(x);  // the ops themselves are gone
  EXPECT_TRUE(equal(grad(sum(y), x), vector({5.0, 5.0})));
  EXPECT_EQ(&scale(2).op(), &scale(3).op());
  EXPECT_NE(&scale(2).op(), &cube.op());
}

TEST(PlainOp, ErrorsNameIt) {
  const auto faulty =
      make_op("faulty", [](const Tensor& x) { return x * 2.0; }, [](const Pullback&) -> Cotangents { return {}; });
  const Tensor x = leaf(vector({1.0, -2.0}));
  try {
    backward(sum(faulty(x)));
    FAIL() << "no error";
  } catch (const GradientError& e) {
    EXPECT_EQ(e.op(), "faulty");
    EXPECT_EQ(e.site().line, static_cast<std::uint32_t>(__LINE__ - 4));
  }
}

}  // namespace
}  // namespace gradus

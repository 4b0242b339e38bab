// Ops of users in a backward pass.

#include "close.h"
#include "errors.h"

#include "gradus/autograd/backward.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace gradus {
namespace {

using tests::expect_close, tests::number, tests::vector;

using gradus::tests::message_of;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Outer : Op {  // y[i,j] = a[i] b[j]
  static constexpr OpInfo info{.name = "outer", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  Tensor forward(const Tensor& a, const Tensor& b) const { return matmul(unsqueeze(a, 1), unsqueeze(b, 0)); }
  Cotangents vjp(const Pullback& p) const { return {matmul(p.g, p.in(1)), matmul(transpose(p.g), p.in(0))}; }
};
constexpr auto outer = make_op<Outer>();

TEST(UserOp, WorksAsAnyOther) {
  const Tensor a = leaf(vector({1.0, 2.0})), b = leaf(vector({3.0, 4.0, 5.0}));
  const Tensor y = outer(a, b);
  expect_close(detach(y), vector({{3.0, 4.0, 5.0}, {6.0, 8.0, 10.0}}));
  backward(sum(y * y));
  expect_close(gradient(a), vector({100.0, 200.0}));
  expect_close(gradient(b), vector({30.0, 40.0, 50.0}));
  EXPECT_STREQ(node_of(y)->name(), "outer");
}

TEST(UserOp, ABilinearRuleMayIgnoreWhatIsNeeded) {
  // Only what the gradient of a needs was saved; the rule computes both all the same.
  const Tensor a = leaf(vector({1.0, 2.0})), b = vector({3.0, 4.0, 5.0});
  backward(sum(outer(a, b)));
  expect_close(gradient(a), vector({12.0, 12.0}));
  const Tensor c = leaf(b);
  backward(sum(outer(detach(a), c)));
  expect_close(gradient(c), vector({3.0, 3.0, 3.0}));
}

struct Faulty : Op {
  static constexpr OpInfo info{.name = "faulty", .saves = Saves::nothing};
  Cotangents (*rule)(const Pullback&) = nullptr;
  Tensor forward(const Tensor& x) const { return x * 2.0; }
  Cotangents vjp(const Pullback& p) const { return rule(p); }
};

TEST(UserOp, AFaultyRuleIsAnErrorThatNamesIt) {
  const auto attempt = [](Cotangents (*rule)(const Pullback&)) {
    Faulty op;
    op.rule = rule;
    const Tensor x = leaf(vector({1.0, 2.0}));
    const Tensor y = sum(apply(op, x));
    std::string text = message_of<GradientError>([&] { backward(y); });
    EXPECT_TRUE(contains(text, "faulty")) << text;
    EXPECT_TRUE(contains(text, "user_op_test.cpp:")) << text;
    EXPECT_FALSE(gradient(x).defined());
    return text;
  };
  EXPECT_TRUE(contains(attempt([](const Pullback& p) { return Cotangents{p.g, p.g}; }), "gives 1 cotangents, got 2"));
  EXPECT_TRUE(contains(attempt([](const Pullback&) { return Cotangents{}; }), "gives 1 cotangents, got 0"));
  EXPECT_TRUE(contains(attempt([](const Pullback& p) { return Cotangents{sum(p.g)}; }),
                       "gives a cotangent float64 [2], got float64 []"));
  EXPECT_TRUE(contains(attempt([](const Pullback& p) { return Cotangents{to(p.g, float32)}; }),
                       "gives a cotangent float64 [2], got float32 [2]"));
  EXPECT_TRUE(contains(attempt([](const Pullback& p) { return Cotangents{p.in(0)}; }),
                       "expected input 0 among what the op saves"));
}

struct NoRule : Op {
  static constexpr OpInfo info{.name = "no_rule"};
  Tensor forward(const Tensor& x) const { return x * 2.0; }
};

TEST(UserOp, WithoutARuleIsAnError) {
  const Tensor x = leaf(number(1));
  const std::string text = message_of<GradientError>([&] { backward(apply(NoRule{}, x)); });
  EXPECT_TRUE(contains(text, "no_rule: expected an op with a rule")) << text;
}

TEST(UserOp, ErrorsInARuleNameTheOpAndItsLine) {
  Faulty op;
  op.rule = [](const Pullback& p) { return Cotangents{matmul(p.g, ones({7, 2}, float64))}; };
  const Tensor x = leaf(vector({1.0, 2.0}));
  const Tensor y = apply(op, x);
  const int line = __LINE__ - 1;
  const std::string text = message_of<ShapeError>([&] { backward(sum(y)); });
  EXPECT_TRUE(contains(text, "matmul (backward of faulty)")) << text;
  EXPECT_TRUE(contains(text, fmt::format("user_op_test.cpp:{}", line))) << text;
}

/// Two results, of which the rule may see one cotangent only.
struct SumAndProduct : Op {
  static constexpr OpInfo info{.name = "sum_and_product", .arity = 2, .saves = Saves::inputs, .outputs = 2};
  Tensors forward(const Tensor& a, const Tensor& b) const { return {a + b, a * b}; }
  Cotangents vjp(const Pullback& p) const {
    Cotangents result(2);
    for (int i = 0; i < 2; ++i) {
      if (p.all[0].defined()) result[i] = p.all[0];
      if (!p.all[1].defined()) continue;
      const Tensor part = p.all[1] * p.in(1 - i);
      result[i] = result[i].defined() ? result[i] + part : part;
    }
    return result;
  }
};

TEST(UserOp, MayHaveSeveralResults) {
  const Tensor a = leaf(number(2)), b = leaf(number(5));
  const Tensors y = make_op<SumAndProduct>()(a, b);
  expect_close(grad(y[0] * y[1], a, {}, {.retain_graph = true}), number(10 + 7 * 5));
  expect_close(grad(y[1], a, {}, {.retain_graph = true}), number(5));
  expect_close(grad(y[0], b), number(1));
}

}  // namespace
}  // namespace gradus

#include "gradus/autograd/gradcheck.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace gradus {
namespace {

Tensor cube_sum(const Tensor& x) { return sum(pow(x, 3)); }

bool mentions(const Report& r, const std::string& text) { return to_string(r).find(text) != std::string::npos; }

/// y = x^3 whose rule is given as an argument.
struct Cube : Op {
  static constexpr OpInfo info{.name = "cube", .saves = Saves::input0};
  Cotangents (*rule)(const Pullback&) = nullptr;
  Tensor forward(const Tensor& x) const { return x * x * x; }
  Cotangents vjp(const Pullback& p) const { return rule(p); }
};
auto cube(Cotangents (*rule)(const Pullback&)) {
  return [rule](const Tensor& x) {
    Cube op;
    op.rule = rule;
    return apply(op, x);
  };
}

Tensor draw(const Shape& shape, double low = 0.5, double high = 2) {
  Generator random(1);
  return uniform(shape, low, high, float64, random);
}

TEST(Gradcheck, AtolExcusesWhatIsNoFartherOff) {
  const auto off_by_a_thousandth =
      cube([](const Pullback& p) -> Cotangents { return {p.g * (3.0 * p.in(0) * p.in(0) + 1e-3)}; });
  const Tensor x = draw({1});
  EXPECT_TRUE(gradcheck(off_by_a_thousandth, x, {.atol = 1e-2}));
  EXPECT_FALSE(gradcheck(off_by_a_thousandth, x, {.atol = 1e-4}));
  EXPECT_FALSE(gradcheck(off_by_a_thousandth, x));
}

TEST(Gradcheck, AcceptsRightRulesToManyDigits) {
  const Report first = gradcheck(cube_sum, draw({2, 3})), second = gradgradcheck(cube_sum, draw({2, 3}));
  EXPECT_TRUE(first) << first;
  EXPECT_TRUE(second) << second;
  EXPECT_LT(first.max_relative_error, 1e-9);
  EXPECT_LT(second.max_relative_error, 1e-9);
  EXPECT_EQ(first.compared, 3 + 6);
  EXPECT_EQ(second.compared, 3 + 7 * 6);
}

TEST(Gradcheck, TakesSeveralInputsAndGivesSeveralResults) {
  const auto f = [](const Tensor& a, const Tensor& b) { return std::pair(a * b, matmul(a, transpose(b))); };
  EXPECT_TRUE(gradcheck(f, {draw({2, 3}), draw({2, 3}, -1, 1)}));
  EXPECT_TRUE(gradgradcheck(f, {draw({2, 3}), draw({2, 3}, -1, 1)}));
  const auto g = [](std::span<const Tensor> in) { return in[0] * in[1] / in[2]; };
  EXPECT_TRUE(gradcheck(g, {draw({3}), draw({2, 1}), draw({})}));
  EXPECT_TRUE(gradgradcheck(g, {draw({3}), draw({2, 1}), draw({})}));
}

TEST(Gradcheck, TakesIntegersAsConstants) {
  const auto f = [](const Tensor& x, const Tensor& mask) { return where(mask, x * x, 0.0); };
  EXPECT_TRUE(gradcheck(f, {draw({3}), tensor({true, false, true})}));
  EXPECT_TRUE(gradgradcheck(f, {draw({3}), tensor({true, false, true})}));
}

TEST(Gradcheck, ConvertsFloat32) {
  EXPECT_TRUE(gradcheck(cube_sum, cast(draw({4}), float32)));
  EXPECT_TRUE(gradcheck(cube_sum, draw({4}), {.float32_rtol = 1e-5}));
  const Report r = gradcheck(cube_sum, draw({4}), {.float32_rtol = 1e-9});
  EXPECT_FALSE(r);
  EXPECT_TRUE(mentions(r, "in float32 is off by")) << r;
}

TEST(Gradcheck, HandlesEveryScale) {
  // Inputs from 1e-4 to 1e6, results and derivatives far from 1.
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return 1.0 / x; }, tensor({1e-4, 0.3, 20.0, 1e6}, float64)));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return x * x * 1e-12; }, draw({3})));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return x * x * 1e+12; }, draw({3})));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return sin(x); }, tensor({1000.0, 1.0}, float64)));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return mean(x * x); }, draw({100, 30})));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return sigmoid(x); }, tensor({15.0}, float64)));
  // A derivative that is exactly zero although values change by rounding.
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return sum(x / sum(x)); }, draw({7})));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return greater(x, 1) * x * 0.0 + 1e9; }, draw({3})));
}

TEST(Gradcheck, HandlesKinksNearby) {
  // Closer to 0 than the first steps.
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return abs(x); }, tensor({0.004, -0.0007}, float64)));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return sqrt(x); }, tensor({0.003}, float64)));
}

TEST(Gradcheck, HandlesEmptyAndLarge) {
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return x * x; }, zeros({0}, float64)));
  EXPECT_TRUE(gradcheck([](const Tensor& x) { return sum(x * x); }, zeros({2, 0}, float64)));
  const Report combined = gradcheck([](const Tensor& x) { return x * x * x; }, draw({100}));
  EXPECT_TRUE(combined) << combined;
  EXPECT_EQ(combined.compared, 3 + 100);
  const Report directions = gradcheck([](const Tensor& x) { return x * x * x; }, draw({5000}));
  EXPECT_TRUE(directions) << directions;
  EXPECT_EQ(directions.compared, 3);
}

TEST(Gradcheck, RejectsARuleThatIsSlightlyOff) {
  for (double factor : {1.001, 0.999, 1.00001, -1.0, 0.0}) {
    static double scale = 0;
    scale = factor;
    const auto f = cube([](const Pullback& p) { return Cotangents{p.g * p.in(0) * p.in(0) * (3 * scale)}; });
    for (const Shape& shape : {Shape{2, 3}, {100}, {5000}}) {
      const Report r = gradcheck(f, draw(shape));
      EXPECT_FALSE(r) << factor << " " << r;
      EXPECT_NEAR(
          r.max_relative_error, std::abs(factor - 1) / std::max(1.0, std::abs(factor)), 1e-3 * std::abs(factor - 1))
          << r;
    }
  }
}

TEST(Gradcheck, NamesTheWorstEntry) {
  const auto f = cube([](const Pullback& p) {
    Tensor weights = full({2, 3}, 3, float64);
    weights.mutable_data<double>()[4] = 3.01;
    return Cotangents{p.g * p.in(0) * p.in(0) * weights};
  });
  const Report r = gradcheck(f, draw({2, 3}));
  EXPECT_FALSE(r);
  EXPECT_EQ(r.worst.input, 0);
  EXPECT_EQ(r.worst.output, 0);
  EXPECT_EQ(r.worst.input_at, (Shape{1, 1}));
  EXPECT_EQ(r.worst.output_at, (Shape{1, 1}));
  EXPECT_NEAR(r.worst.analytic / r.worst.numeric, 3.01 / 3, 1e-8);
  EXPECT_TRUE(mentions(r, "d result[1, 1] / d input[1, 1]")) << r;
}

TEST(Gradcheck, RejectsWhatIsWrongAtSecondOrderOnly) {
  // Right in value, but the derivative of the saved input is lost.
  const auto lost = cube([](const Pullback& p) {
    const Tensor x = detach(p.in(0));
    return Cotangents{p.g * x * x * 3.0};
  });
  EXPECT_TRUE(gradcheck(lost, draw({3})));
  const Report r = gradgradcheck(lost, draw({3}));
  EXPECT_FALSE(r);
  EXPECT_TRUE(mentions(r, "d gradient")) << r;

  const auto unlinked = cube([](const Pullback& p) { return Cotangents{detach(p.g) * p.in(0) * p.in(0) * 3.0}; });
  EXPECT_TRUE(gradcheck(unlinked, draw({3})));
  const Report c = gradgradcheck(unlinked, draw({3}));
  EXPECT_FALSE(c);
  EXPECT_TRUE(mentions(c, "d cotangent")) << c;
}

TEST(Gradcheck, RejectsAMissingInput) {
  const auto f = [](const Tensor& a, const Tensor& b) { return a * detach(b) + a; };
  const Report r = gradcheck(f, {draw({3}), draw({3})});
  EXPECT_FALSE(r);
  EXPECT_EQ(r.worst.input, 1);
  EXPECT_EQ(r.worst.analytic, 0);
}

TEST(Gradcheck, RejectsAGradientThatIsNotFinite) {
  const auto f = cube([](const Pullback& p) { return Cotangents{p.g / (p.in(0) * 0.0)}; });
  const Report r = gradcheck(f, draw({3}));
  EXPECT_FALSE(r);
  EXPECT_TRUE(mentions(r, "the gradient is not finite")) << r;
}

TEST(Gradcheck, SaysWhereAFunctionIsNotDifferentiable) {
  const auto relu_like = [](const Tensor& x) { return where(x > 0, x, 0.0); };
  const Report kink = gradcheck(relu_like, tensor({-1.0, 0.0, 1.0}, float64));
  EXPECT_FALSE(kink);
  EXPECT_EQ(kink.worst.input_at, (Shape{1}));
  EXPECT_TRUE(mentions(kink, "not differentiable here?")) << kink;
  const Report jump = gradcheck([](const Tensor& x) { return where(x >= 0, x, x - 1.0); }, tensor({0.0}, float64));
  EXPECT_FALSE(jump);
  EXPECT_TRUE(mentions(jump, "not differentiable here?")) << jump;
  const Report wrong = gradcheck([](const Tensor& x) { return x * detach(x); }, draw({2}));
  EXPECT_FALSE(wrong);
  EXPECT_FALSE(mentions(wrong, "not differentiable here?")) << wrong;
}

TEST(Gradcheck, RejectsValuesThatAreNotFinite) {
  const Report r = gradcheck([](const Tensor& x) { return log(x); }, tensor({-1.0, 1.0}, float64));
  EXPECT_FALSE(r);
  EXPECT_TRUE(mentions(r, "not finite: nan")) << r;
}

TEST(Gradcheck, RejectsWhatItCouldNotJudge) {
  // Differences of 1e13 + x say nothing about the slope of x.
  const Report r = gradcheck([](const Tensor& x) { return x + 1e13; }, draw({2}));
  EXPECT_FALSE(r);
  EXPECT_TRUE(mentions(r, "nothing can be said")) << r;
  // float32 inside.
  EXPECT_FALSE(gradcheck([](const Tensor& x) { return to(pow(to(x, float32), 3), float64); }, draw({2})));
}

TEST(Gradcheck, RejectsRandomValuesAndGradients) {
  const Report value = gradcheck([](const Tensor& x) { return x * uniform({3}, 0, 1, float64); }, draw({3}));
  EXPECT_FALSE(value);
  EXPECT_TRUE(mentions(value, "result differs from run to run")) << value;
  const auto f = cube([](const Pullback& p) { return Cotangents{p.g * uniform({3}, 0, 1, float64)}; });
  const Report gradient = gradcheck(f, draw({3}));
  EXPECT_FALSE(gradient);
  EXPECT_TRUE(mentions(gradient, "derivative of the result differs from run to run")) << gradient;
}

TEST(Gradcheck, RejectsChangesInPlace) {
  const auto f = [](const Tensor& x) {
    Tensor same = detach(x);
    same.mutable_data<double>()[0] += 0.0;
    return x * 2.0;
  };
  const Report r = gradcheck(f, draw({3}));
  EXPECT_FALSE(r);
  EXPECT_TRUE(mentions(r, "input was changed in place")) << r;
}

TEST(Gradcheck, LeavesTheCallersTensorsAlone) {
  const Tensor x = leaf(draw({3})), copy = clone(x);
  EXPECT_TRUE(gradcheck(cube_sum, x));
  EXPECT_TRUE(equal(x, copy));
  EXPECT_FALSE(gradient(x).defined());
  const NoGrad guard;
  EXPECT_TRUE(gradcheck(cube_sum, x)) << "recording is switched on inside";
}

TEST(Gradcheck, ErrorsNameTheCaller) {
  try {
    gradcheck(cube_sum, tensor({1, 2}));
    FAIL();
  } catch (const DTypeError& e) {
    EXPECT_EQ(e.op(), "gradcheck");
    EXPECT_NE(std::string(e.what()).find("gradcheck_test.cpp"), std::string::npos);
  }
  EXPECT_THROW(gradcheck([](const Tensor& x) { return x > 1; }, draw({2})), DTypeError);
  EXPECT_THROW(gradcheck([](const Tensor& a, const Tensor&) { return a; }, draw({2})), ArgumentError);
}

}  // namespace
}  // namespace gradus

// Functions that are differentiated get arguments of their own: derivatives are partial, whatever is on the
// tape, and flow on to what the arguments were made from.

#include "close.h"

#include "gradus/autograd/checkpoint.h"
#include "gradus/autograd/functional.h"
#include "gradus/autograd/gradcheck.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace gradus {
namespace {

using tests::expect_close, tests::number, tests::vector;

const auto product = [](const Tensor& a, const Tensor& b) { return sum(a * b); };

TEST(Arguments, ArePartialWhenOneIsMadeFromTheOther) {
  const Tensor x = leaf(vector({3.0})), z = x * x;
  const auto g = grad(product, {z, x});
  expect_close(g[0], vector({3.0}));
  expect_close(g[1], vector({9.0}));
  const auto pulled = vjp(product, {z, x}, number(2)).second;
  expect_close(pulled[0], vector({6.0}));
  expect_close(pulled[1], vector({18.0}));
  const auto j = jacobian(product)({z, x});
  expect_close(j[0], vector({3.0}));
  expect_close(j[1], vector({9.0}));
  expect_close(jvp(product, {z, x}, {vector({1.0}), vector({0.0})}).second, number(3));
  expect_close(jvp(product, {z, x}, {vector({0.0}), vector({1.0})}).second, number(9));
  const auto h = hessian(product)({z, x});
  expect_close(h[0][0], vector({{0.0}}));
  expect_close(h[0][1], vector({{1.0}}));
  const auto hv = hvp(product, {z, x}, {vector({1.0}), vector({5.0})});
  expect_close(hv[0], vector({5.0}));
  expect_close(hv[1], vector({1.0}));
  // g is (x, x^2).
  expect_close(grad(sum(g[0] + g[1]), x), vector({7.0}));
}

TEST(Arguments, OfTheSameTensorTwice) {
  const Tensor x = leaf(vector({3.0}));
  const auto g = grad(product, {x, x});
  expect_close(g[0], vector({3.0}));
  expect_close(g[1], vector({3.0}));
  expect_close(grad(sum(2.0 * g[0] + 5.0 * g[1]), x), vector({7.0}));
  expect_close(hessian(product)({x, x})[0][0], vector({{0.0}}));
  const Tensor plain = vector({3.0});
  expect_close(grad(product, {plain, plain})[1], vector({3.0}));
}

TEST(Arguments, AreToldFromTheSameTensorUsedBesides) {
  const Tensor x = leaf(vector({3.0}));
  const auto f = [&](const Tensor& a) { return sum(a * x); };
  expect_close(grad(f)(x), vector({3.0}));
  expect_close(grad(sum(grad(f)(x)), x), vector({1.0}));
  expect_close(hvp([&](const Tensor& a) { return sum(a * a * x); }, x, vector({1.0})), vector({6.0}));
}

TEST(Arguments, DoNotConfuseNestedDerivatives) {
  // x d(x y)/dy = x^2.
  const auto nested = [](const Tensor& x) { return x * grad([&](const Tensor& y) { return x * y; })(x); };
  expect_close(grad(nested)(number(3)), number(6));
  expect_close(grad(nested)(leaf(number(3))), number(6));
  expect_close(grad(grad(nested))(number(3)), number(2));
  // D(x -> x D(y -> x + y)(1))(1) = 1 (Siskind & Pearlmutter 2005), forwards.
  const Tensor one = number(1);
  const auto forwards = [&](const Tensor& x) {
    return x * jvp([&](const Tensor& y) { return x + y; }, one, one).second;
  };
  expect_close(jvp(forwards, one, one).second, one);
  // x d^2(x y^3)/dy^2 at y = x is 6 x^3.
  const auto second = [](const Tensor& x) {
    return x * hvp([&](const Tensor& y) { return x * y * y * y; }, x, number(1));
  };
  expect_close(grad(second)(number(2)), number(72));
}

TEST(Arguments, DerivativesFlowToCotangentsAndDirections) {
  const Tensor x = vector({1.0, -2.0, 0.5}), c = leaf(vector({1.0, 2.0, 3.0}));
  const auto square = [](const Tensor& a) { return a * a; };
  const auto cubes = [](const Tensor& a) { return sum(a * a * a); };
  const auto slope = [&](const Tensor& y) { return grad(sum(y), c); };
  const Tensor pulled = vjp(square, x, c).second, along = jvp(square, x, c).second;
  expect_close(slope(pulled), 2.0 * x);
  expect_close(slope(along), 2.0 * x);
  expect_close(slope(hvp(cubes, x, c)), 6.0 * x);
  expect_close(slope(vhp(cubes, x, c)), 6.0 * x);
  EXPECT_FALSE(requires_grad(vjp(square, x, c).first));
  const NoGrad guard;
  EXPECT_FALSE(requires_grad(vjp(square, x, c).second));
}

TEST(Arguments, DerivativesOfFunctionsOfNothingFlowToDirections) {
  const Tensor w = leaf(vector({1.0, -2.0})), v = leaf(vector({2.0, 3.0}));
  const auto f = [&] { return w * w; };
  expect_close(grad(sum(vjp(f, w, v).second), v), 2.0 * detach(w));
  expect_close(grad(sum(jvp(f, w, v).second), v), 2.0 * detach(w));
  expect_close(grad(sum(hvp([&] { return sum(w * w * w); }, w, v)), v), 6.0 * detach(w));
  EXPECT_FALSE(requires_grad(vjp(f, w, v).first));
}

TEST(Arguments, OfFunctionsOfNothingAreVariablesOfTheirOwn) {
  const Tensor x = leaf(vector({3.0})), z = x * x;
  const auto g = grad([&] { return sum(z * x); }, {z, x});
  expect_close(g[0], vector({3.0}));
  expect_close(g[1], vector({9.0}));
  const auto two = split(x * vector({1.0, 2.0}), 1);  // one node with two results
  const auto h = grad([&] { return sum(two[0] * two[1]); }, {two[0], x});
  expect_close(h[0], vector({6.0}));
  expect_close(h[1], vector({6.0}));  // through the other: 3 * 2
}

TEST(Arguments, MayHaveHooks) {
  const auto f = [](const Tensor& a) {
    on_gradient(a, [](const Tensor& g) { return g * 10.0; });
    return sum(a * a);
  };
  const Tensor x = leaf(vector({3.0}));
  expect_close(grad(f)(vector({3.0})), vector({60.0}));
  expect_close(grad(f)(x), vector({60.0}));
  expect_close(grad(f(x * 1.0), x), vector({60.0}));
  const Tensor y = leaf(vector({3.0}));
  expect_close(grad(checkpoint(f, y), y), vector({60.0}));
}

// ---- implicit layers -----------------------------------------------------------------------------

const auto step = [](const Tensor& z, const Tensor& x, const Tensor& w) { return tanh(matmul(w, z) + x); };

/// z = tanh(W z + x), by iteration. Its derivatives solve u = g + J^T u with J = dstep/dz.
struct FixedPoint : Op {
  static constexpr OpInfo info{.name = "fixed_point", .arity = 2, .saves = Saves::inputs | Saves::output};
  Tensor forward(const Tensor& x, const Tensor& w) const {
    Tensor z = zeros_like(x);
    for (int i = 0; i < 100; ++i) z = step(z, x, w);
    return z;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor z = p.out(), x = p.in(0), w = p.in(1);
    const auto f = [&](const Tensor& a, const Tensor& b) { return step(a, b, w); };
    std::vector<Tensor> rows;
    for (std::int64_t i = 0; i < z.numel(); ++i) {
      const Tensor unit = select(eye(z.numel(), -1, float64), 0, i);
      rows.push_back(gradus::vjp(f, {z, x}, unit).second[0]);
    }
    const Tensor j = stack(rows);
    const Tensor u = solve(eye(z.numel(), -1, float64) - transpose(j), p.g);
    return {gradus::vjp(f, {z, x}, u).second[1],
            gradus::vjp([&](const Tensor& v) { return step(z, x, v); }, w, u).second};
  }
};

/// The same, whose rule iterates as well.
struct IteratedRule : FixedPoint {
  Cotangents vjp(const Pullback& p) const {
    const auto f = [&](const Tensor& a, const Tensor& b) { return step(a, b, p.in(1)); };
    Tensor u = p.g;
    for (int i = 0; i < 60; ++i) u = p.g + gradus::vjp(f, {p.out(), p.in(0)}, u).second[0];
    const auto all = gradus::vjp(step, {p.out(), p.in(0), p.in(1)}, u).second;
    return {all[1], all[2]};
  }
};

template <class O>
void check_fixed_point() {
  manual_seed(1);
  const Tensor w = normal({3, 3}, 0, 0.25, float64), x = normal({3}, 0, 1, float64);
  const auto f = [](const Tensor& a, const Tensor& b) { return apply(O{}, a, b); };
  expect_close(f(x, w), step(f(x, w), x, w));
  const std::vector<Tensor> at{x, w};
  EXPECT_TRUE(gradcheck(f, at)) << gradcheck(f, at);
  EXPECT_TRUE(gradgradcheck(f, at)) << gradgradcheck(f, at);
  const auto third =
      detail::check_derivative(3, detail::function_of(f), at, {.directions = 2, .entries = 0}, CallSite::here());
  EXPECT_TRUE(third) << third;
  // One layer on another, both on the tape.
  const auto two = [&](const Tensor& a, const Tensor& b) { return f(f(a, b), b * 0.5); };
  EXPECT_TRUE(gradgradcheck(two, at)) << gradgradcheck(two, at);
}

TEST(ImplicitLayer, IsRightInEveryOrder) { check_fixed_point<FixedPoint>(); }

TEST(ImplicitLayer, WhoseRuleIteratesIsRightInEveryOrder) { check_fixed_point<IteratedRule>(); }

TEST(ImplicitLayer, OfOneNumberHasTheDerivativesOfItsEquation) {
  // z = tanh(w z + x): dz/dx = s / (1 - w s) with s = 1 - z^2; d2z/dx2 = -2 z dz/dx (1 + w dz/dx) / (1 - w s)^2 …
  const Tensor w = vector({{0.5}}), x = leaf(vector({0.3}));
  const Tensor z = apply(FixedPoint{}, x, w);
  const double v = z.item(), s = 1 - v * v, d = 1 - 0.5 * s, first = s / d;
  const Tensor dz = grad(sum(z), x, {}, {.create_graph = true});
  EXPECT_NEAR(dz.item(), first, 1e-14);
  // d(s / (1 - w s))/ds = 1 / (1 - w s)^2 and ds/dx = -2 z dz/dx.
  EXPECT_NEAR(grad(sum(dz), x).item(), -2 * v * first / (d * d), 1e-13);
}

// ---- gradient checks of functions that differentiate ---------------------------------------------

TEST(GradientChecks, TakeFunctionsThatDifferentiate) {
  const Tensor x = vector({0.3, -0.8});
  const auto slope = [](const Tensor& a) { return grad(sum(sin(a * a)), a, {}, {.create_graph = true}); };
  EXPECT_TRUE(gradcheck(slope, x)) << gradcheck(slope, x);
  EXPECT_TRUE(gradgradcheck(slope, x)) << gradgradcheck(slope, x);
  EXPECT_TRUE(gradcheck(slope, leaf(x))) << gradcheck(slope, leaf(x));
  const auto twice = [&](const Tensor& a, const Tensor& b) {
    const Tensor y = sum(sin(a * b) * b);
    return std::pair(grad(y, a, {}, {.create_graph = true}), b * a);
  };
  EXPECT_TRUE(gradcheck(twice, {x, x}, {.float32_rtol = 1e-5}));
  EXPECT_TRUE(gradgradcheck(twice, {x, x}));
  const auto cut = [](const Tensor& a) { return a * detach(grad(sum(sin(a)), a)); };
  EXPECT_FALSE(gradcheck(cut, x));
  const auto wrong = [&](const Tensor& a) { return grad(sum(detach(a)), a); };
  EXPECT_THROW(gradcheck(wrong, x), GradientError);
}

}  // namespace
}  // namespace gradus

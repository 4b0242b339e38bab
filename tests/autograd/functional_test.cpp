#include "gradus/autograd/functional.h"

#include "close.h"
#include "errors.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace gradus {
namespace {

using tests::expect_close, tests::vector;

using gradus::tests::message_of;

const auto cube_sum = [](const Tensor& x) { return sum(pow(x, 3)); };

TEST(Functional, GivesTheDerivativesOfACube) {
  const Tensor x = vector({1.0, -2.0, 0.5}), v = vector({1.0, 0.5, 2.0});
  expect_close(grad(cube_sum)(x), 3.0 * x * x);
  expect_close(hvp(cube_sum, x, v), 6.0 * x * v);
  expect_close(hessian(cube_sum)(x), vector({{6.0, 0.0, 0.0}, {0.0, -12.0, 0.0}, {0.0, 0.0, 3.0}}));
  const auto [y, dy] = jvp(cube_sum, x, v);
  expect_close(y, cube_sum(x));
  expect_close(dy, sum(3.0 * x * x * v));
  const auto [value, dx] = vjp(cube_sum, x, scalar(2, float64));
  expect_close(value, y);
  expect_close(dx, 6.0 * x * x);
  EXPECT_FALSE(requires_grad(y) || requires_grad(dy) || requires_grad(dx));
}

TEST(Functional, JacobianHasTheShapesOfBoth) {
  const Tensor x = vector({{1.0, 2.0}, {3.0, 4.0}});
  const Tensor j = jacobian([](const Tensor& t) { return sum(t * t, {0}); })(x);
  expect_close(j, vector({{{2.0, 0.0}, {6.0, 0.0}}, {{0.0, 4.0}, {0.0, 8.0}}}));
  EXPECT_EQ(jacobian([](const Tensor& t) { return slice(t, 0, 0, 0); })(x).shape(), (Shape{0, 2, 2, 2}));
  expect_close(jacobian([](const Tensor& t) { return detach(t); })(x), zeros({2, 2, 2, 2}, float64));
}

TEST(Functional, TakesSeveralInputs) {
  const Tensor a = vector({1.0, 2.0}), b = vector({3.0, 5.0}), mask = tensor({true, false});
  const Tensor va = vector({1.0, 0.0}), vb = vector({0.5, 1.0});
  const auto f = [](std::span<const Tensor> in) { return in[0] * in[0] * in[1]; };
  const auto [y, dy] = jvp(f, std::vector{a, b, mask}, std::vector{va, vb, Tensor()});
  expect_close(dy, 2.0 * a * b * va + a * a * vb);
  const auto [z, dx] = vjp(f, std::vector{a, b, mask}, va);
  expect_close(dx[0], 2.0 * a * b * va);
  expect_close(dx[1], a * a * va);
  EXPECT_FALSE(dx[2].defined());
  const auto h = hvp([&](std::span<const Tensor> in) { return sum(f(in)); }, std::vector{a, b}, std::vector{va, vb});
  expect_close(h[0], 2.0 * b * va + 2.0 * a * vb);
  expect_close(h[1], 2.0 * a * va);
}

TEST(Functional, ResultsThatDoNotDependGiveZeros) {
  const Tensor x = vector({1.0, 2.0});
  const auto constant = [](const Tensor&) { return ones({3}, float64); };
  expect_close(jvp(constant, x, x).second, zeros({3}, float64));
  expect_close(vjp(constant, x, ones({3}, float64)).second, zeros({2}, float64));
  expect_close(hvp([](const Tensor& t) { return sum(t); }, x, x), zeros({2}, float64));
  expect_close(jvp([](const Tensor& t) { return t * 3.0; }, x, x).second, 3.0 * x);
}

TEST(Functional, CanBeDifferentiatedFurther) {
  const Tensor x = leaf(vector({1.0, -2.0, 0.5})), v = vector({1.0, 0.5, 2.0});
  expect_close(grad(sum(jvp(cube_sum, x, v).second), x), 6.0 * detach(x) * v);
  expect_close(grad(sum(hvp(cube_sum, x, v)), x), 6.0 * v);
  expect_close(grad(sum(hessian(cube_sum)(x)), x), full({3}, 6, float64));
  expect_close(grad(grad(grad([](const Tensor& t) { return pow(t, 4); })))(scalar(2, float64)), scalar(48, float64));
}

TEST(Functional, CanBeDifferentiatedByWhatTheFunctionUses) {
  // d/dw of u'(x) for u = tanh(w x) is 1 - tanh^2 - 2 w x tanh (1 - tanh^2).
  const Tensor w = leaf(scalar(0.7, float64)), x = scalar(0.4, float64);
  const auto u = [&](const Tensor& t) { return tanh(w * t); };
  const Tensor y = tanh(detach(w) * x), s = 1.0 - y * y;
  const Tensor expected = s - 2.0 * detach(w) * x * y * s;
  expect_close(grad(grad(u)(x), w), expected);
  expect_close(grad(jvp(u, x, ones({}, float64)).second, w), expected);
  expect_close(grad(jacobian(u)(x), w), expected);
  const NoGrad guard;
  EXPECT_FALSE(requires_grad(grad(u)(x)));
}

TEST(Functional, JvpOfAMatrixProduct) {
  const Tensor a = vector({{1.0, 2.0}, {3.0, 4.0}}), v = vector({{0.0, 1.0}, {1.0, 1.0}});
  const auto [y, dy] = jvp([](const Tensor& m) { return matmul(m, m); }, a, v);
  expect_close(dy, matmul(a, v) + matmul(v, a));
}

TEST(Functional, GivesSeveralResults) {
  const Tensor a = vector({1.0, 2.0}), b = vector({3.0, 5.0}), c = vector({2.0, -1.0});
  const auto f = [](const Tensor& x, const Tensor& y) { return std::pair(x * y, sum(x * x)); };
  const auto [ys, dys] = jvp(f, {a, b}, {c, a});
  expect_close(ys[0], a * b);
  expect_close(dys[0], c * b + a * a);
  expect_close(dys[1], sum(2.0 * a * c));
  const auto [zs, dx] = vjp(f, {a, b}, {c, scalar(3, float64)});
  expect_close(zs[1], sum(a * a));
  expect_close(dx[0], c * b + 6.0 * a);
  expect_close(dx[1], c * a);

  const std::vector<std::vector<Tensor>> j = jacobian(f)({a, b});
  expect_close(j[0][0], diag(b));
  expect_close(j[0][1], diag(a));
  expect_close(j[1][0], 2.0 * a);
  expect_close(j[1][1], zeros({2}, float64));
  const std::vector<Tensor> column = jacobian([&](const Tensor& x) { return f(x, b); })(a);
  expect_close(column[0], diag(b));
  const std::vector<Tensor> row = jacobian([](const Tensor& x, const Tensor& y) { return x * y; })(std::vector{a, b});
  expect_close(row[1], diag(a));
}

TEST(Functional, OfSecondOrderInSeveralInputs) {
  const Tensor a = vector({1.0, 2.0}), b = vector({3.0, 5.0, 7.0}), m = ones({2, 3}, float64);
  // f = a^T M b + |a|^2: blocks 2 I, M, M^T, 0.
  const auto f = [&](const Tensor& x, const Tensor& y) { return sum(x * matmul(m, y)) + sum(x * x); };
  const auto h = hessian(f)({a, b});
  expect_close(h[0][0], diag(full({2}, 2, float64)));
  expect_close(h[0][1], m);
  expect_close(h[1][0], transpose(m));
  expect_close(h[1][1], zeros({3, 3}, float64));
  const auto product = hvp(f, {a, b}, {a, b});
  expect_close(product[0], 2.0 * a + matmul(m, b));
  expect_close(product[1], matmul(transpose(m), a));
  const auto other = vhp(f, {a, b}, {a, b});
  expect_close(other[0], product[0]);
  expect_close(other[1], product[1]);
  const auto g = grad(f, {a, b});
  expect_close(g[0], matmul(m, b) + 2.0 * a);
  expect_close(vhp(cube_sum, a, a), 6.0 * a * a);
  expect_close(grad(cube_sum, a), 3.0 * a * a);
}

TEST(Functional, OfWhatAFunctionOfNothingUses) {
  const Tensor w = leaf(vector({1.0, -2.0})), b = leaf(scalar(0.5, float64));
  const Tensor x = vector({{1.0, 2.0}, {3.0, 4.0}, {0.0, 1.0}});
  const std::vector<Tensor> weights{w, b}, v{vector({1.0, 2.0}), scalar(-1, float64)};
  const auto outputs = [&] { return tanh(matmul(x, w) + b); };
  const auto loss = [&] { return sum(outputs() * outputs()); };
  // The same as functions of their inputs.
  const auto f = [&](const Tensor& u, const Tensor& c) { return tanh(matmul(x, u) + c); };
  const auto l = [&](const Tensor& u, const Tensor& c) { return sum(f(u, c) * f(u, c)); };
  const std::vector<Tensor> at{detach(w), detach(b)};
  const auto expect_all = [](const std::vector<Tensor>& got, const std::vector<Tensor>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      expect_close(got[i], expected[i]);
      EXPECT_FALSE(requires_grad(got[i]));
    }
  };
  expect_all(grad(loss, weights), grad(l, at));
  expect_all(hvp(loss, weights, v), hvp(l, at, v));
  expect_all(vhp(loss, weights, v), hvp(l, at, v));
  const Tensor c = vector({1.0, 2.0, 3.0});
  expect_all(vjp(outputs, weights, c).second, vjp(f, at, c).second);
  expect_all({jvp(outputs, weights, v).second}, {jvp(f, at, v).second});
  expect_all(jacobian(outputs)(weights), jacobian(f)(at));
  expect_all(hessian(loss)(weights)[1], hessian(l)(at)[1]);
  expect_close(hvp(loss, w, v[0]), hvp([&](const Tensor& u) { return l(u, at[1]); }, at[0], v[0]));
  EXPECT_FALSE(gradient(w).defined());
  EXPECT_FALSE(requires_grad(vjp(outputs, w, c).first));
}

TEST(Functional, ErrorsNameFunctionAndLine) {
  const Tensor x = vector({1.0, 2.0});
  const auto contains = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const std::string shape = message_of<ShapeError>([&] { jvp(cube_sum, x, ones({3}, float64)); });
  EXPECT_TRUE(contains(shape, "jvp: expected a direction [2], got [3]")) << shape;
  EXPECT_TRUE(contains(shape, "functional_test.cpp")) << shape;
  EXPECT_TRUE(contains(message_of<DTypeError>([&] { jvp(cube_sum, x, ones({2})); }), "expected float64, got float32"));
  EXPECT_TRUE(
      contains(message_of<ShapeError>([&] { vjp(cube_sum, x, ones({2}, float64)); }), "vjp: expected a cotangent []"));
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { hvp([](const Tensor& t) { return t * t; }, x, x); }),
                       "hvp: expected a function with one element"));
  EXPECT_TRUE(contains(message_of<DTypeError>([&] { jvp(cube_sum, tensor({1, 2}), tensor({1, 2})); }),
                       "expected an input of float32 or float64"));
  EXPECT_TRUE(contains(message_of<GradientError>([&] { grad([&] { return cube_sum(x); }, x); }),
                       "grad: expected tensors that require a gradient, got number 0"));
  EXPECT_TRUE(
      contains(message_of<ArgumentError>([&] { vjp(cube_sum, x, {x, x}); }), "vjp: expected 1 cotangents, got 2"));
  EXPECT_TRUE(
      contains(message_of<ArgumentError>([&] { jvp(cube_sum, x, {x, x}); }), "jvp: expected 1 directions, got 2"));
  EXPECT_TRUE(contains(message_of<ArgumentError>([&] { hvp([](const Tensor& t) { return std::pair(t, t); }, x, x); }),
                       "hvp: expected a function with one result, got 2"));
  EXPECT_TRUE(contains(
      message_of<ShapeError>([&] { jacobian([](const Tensor& t) { return t * t; })(zeros({1, 1, 1, 1, 1}, float64)); }),
      "jacobian"))
      << "more than eight dimensions";
}

}  // namespace
}  // namespace gradus

// Functions of symmetric matrices and their derivatives, also where eigenvalues are equal or nearly so.

#include <gradus/autograd/functional.h>
#include <gradus/autograd/gradcheck.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/lambda.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>
#include <gradus/ops/spectral.h>
#include <gradus/tensor/random.h>

#include <gtest/gtest.h>

#include <cmath>

namespace gradus {
namespace {

using Function = Tensor (*)(Arg);

Tensor identity(std::int64_t n) { return eye(n, -1, float64); }
Tensor drawn(const Shape& shape, std::uint64_t seed) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}
Tensor symmetric(const Tensor& x) { return 0.5 * (x + transpose(x)); }
/// Orthogonal, of numbers that have no short binary form.
Tensor rotation(std::int64_t n) { return qr(drawn({n, n}, 7)).q; }
Tensor with_values(const std::vector<double>& w) {
  const Tensor q = rotation(static_cast<std::int64_t>(w.size()));
  return symmetric(matmul(q * from_vector(w), transpose(q)));
}
double largest(const Tensor& x) { return max(abs(x)).item<double>(); }
void expect_close(const Tensor& got, const Tensor& want, double accepted) {
  ASSERT_EQ(got.shape(), want.shape());
  EXPECT_LE(largest(got - want), accepted * largest(want)) << got << "\nnot\n" << want;
}

/// I, cI, 0 and others with equal eigenvalues, and with one gap from 1e-16 to 1.
std::vector<Tensor> points(bool zero) {
  std::vector<Tensor> all{identity(3), 2.5 * identity(3), 1e-20 * identity(3), with_values({1, 1, 2})};
  if (zero) all.push_back(zeros({3, 3}, float64));
  for (int e = -16; e <= 0; ++e) {
    all.push_back(with_values({1, 1 + std::pow(10, e), 2}));
    all.push_back(diag(from_vector(std::vector<double>{1, 1 + 3.3 * std::pow(10, e), 1})));
  }
  return all;
}

Tensor by_lambda(Arg a) {
  return spectral(a, [](auto x) { return exp(x); });
}
Tensor exp_of_symmetric(Arg a) { return matrix_exp(symmetric(a)); }

/// value, first, second and third derivative of f(a + t e) at t = 0.
std::vector<Tensor> along(Function f, const Tensor& a, const Tensor& e) {
  const auto line = [&](const Tensor& t) { return f(a + t * e); };
  const Tensor zero = scalar(0, float64), one = scalar(1, float64);
  const auto first = [&](const Tensor& t) { return jvp(line, t, one).second; };
  const auto second = [&](const Tensor& t) { return jvp(first, t, one).second; };
  return {line(zero), first(zero), second(zero), jvp(second, zero, one).second};
}

/// Two ways to compute the same have the same derivatives in every order.
TEST(Spectral, ExponentialIsThatOfPade) {
  const Tensor e = symmetric(drawn({3, 3}, 2));
  for (const Tensor& a : points(true)) {
    const auto got = along(by_lambda, a, e), want = along(exp_of_symmetric, a, e);
    for (std::size_t k = 0; k < 4; ++k) expect_close(got[k], want[k], 1e-12);
  }
}

/// s s = a gives s ds + ds s = da, and so on.
TEST(Spectral, SquareRootSolvesSylvestersEquations) {
  const Tensor e = symmetric(drawn({3, 3}, 2));
  for (const Tensor& a : points(false)) {
    const double size = largest(a);
    const auto s = along(matrix_sqrt, a, size * e);
    const auto anti = [&](int i, int j) {
      return matmul(s[static_cast<std::size_t>(i)], s[static_cast<std::size_t>(j)]);
    };
    expect_close(anti(0, 0), a, 1e-14);
    expect_close(anti(0, 1) + anti(1, 0), size * e, 1e-12);
    EXPECT_LE(largest(anti(0, 2) + 2.0 * anti(1, 1) + anti(2, 0)), 1e-11 * size);
    EXPECT_LE(largest(anti(0, 3) + 3.0 * (anti(1, 2) + anti(2, 1)) + anti(3, 0)), 1e-10 * size);
    expect_close(matmul(matmul(matrix_rsqrt(a), a), matrix_rsqrt(a)), identity(3), 1e-13);
  }
}

/// exp(log a) = a, so log's derivatives undo exp's.
TEST(Spectral, LogarithmUndoesTheExponential) {
  const Tensor e = symmetric(drawn({3, 3}, 2));
  const auto both = [](Arg a) { return matrix_exp(matrix_log(a)); };
  for (const Tensor& a : points(false)) {
    const double size = largest(a);
    const auto d = along(both, a, size * e);
    expect_close(d[0], a, 1e-13);
    expect_close(d[1], size * e, 1e-11);
    EXPECT_LE(largest(d[2]), 1e-10 * size);
    EXPECT_LE(largest(d[3]), 1e-9 * size);
  }
}

TEST(Spectral, PowersAgree) {
  for (const Tensor& a : points(false)) {
    const auto cube = [](Arg x) { return spectral(x, [](auto v) { return v * v * v; }); };
    const auto product = [](Arg x) { return matrix_power(symmetric(x), 3); };
    const Tensor e = largest(a) * symmetric(drawn({3, 3}, 2));
    const auto got = along(cube, a, e), want = along(product, a, e);
    for (std::size_t k = 0; k < 4; ++k) expect_close(got[k], want[k], 1e-13);
    expect_close(matrix_power(a, 0.5), matrix_sqrt(a), 1e-14);
    expect_close(matrix_power(a, 2.0), matmul(a, a), 1e-14);
    expect_close(matrix_power(a, -1.5), matmul(inverse(a), matrix_rsqrt(a)), 1e-12);
  }
}

/// Of f(w) = w log w along d: f'(1) d on the diagonal and off it, though f(1) = 0.
TEST(Spectral, GradientAtTheIdentityIsTheDerivative) {
  const auto f = elementwise("entropy", [](auto x) { return x * log(x); });
  const Tensor c = drawn({3, 3}, 4);
  const auto of = [&](const Tensor& a) { return sum(spectral(a, f) * c); };
  expect_close(grad(of, identity(3)), symmetric(c), 1e-14);
}

TEST(Spectral, HessianIsThatOfLogdet) {
  for (const Tensor& a : points(false)) {
    const Tensor v = largest(a) * symmetric(drawn({3, 3}, 5));
    const auto got = hvp([](const Tensor& x) { return trace(matrix_log(x)); }, a, v);
    const auto want = hvp([](const Tensor& x) { return logdet(symmetric(x)); }, a, v);
    expect_close(got, want, 1e-10);
  }
}

TEST(Spectral, ReadsTheSymmetricPart) {
  const Tensor a = drawn({2, 4, 4}, 1);
  expect_close(by_lambda(a), matrix_exp(symmetric(a)), 1e-13);
  EXPECT_TRUE(gradcheck(by_lambda, std::vector{select(a, 0, 0)}));
}

TEST(Spectral, SingularMatrices) {
  // sqrt at 0: the value is right, the derivative infinite only where it is asked for.
  const Tensor a = with_values({0, 1, 4});
  EXPECT_LE(largest(matmul(matrix_sqrt(a), matrix_sqrt(a)) - a), 1e-14);
  const Tensor flat = diag(from_vector(std::vector<double>{0, 4}));
  const auto corner = [](const Tensor& x) { return select(select(matrix_sqrt(x), 0, 1), 0, 1); };
  const Tensor d = grad(corner, flat);
  EXPECT_EQ(d.to_vector(), (std::vector<double>{0, 0, 0, 0.25}));
  const auto whole = [](const Tensor& x) { return trace(matrix_sqrt(x)); };
  EXPECT_TRUE(std::isinf(grad(whole, flat).to_vector()[0]));
}

/// Across a kink the quotient counts, not the series of one side.
TEST(Spectral, Kinks) {
  const auto f = [](auto x) { return relu(x); };
  const Tensor a = diag(from_vector(std::vector<double>{-1e-3, 1e-3}));
  const Tensor c = reshape(from_vector(std::vector<double>{1, 1, 1, 1}), {2, 2});
  const Tensor d = grad([&](const Tensor& x) { return sum(spectral(x, f) * c); }, a);
  EXPECT_EQ(d.to_vector(), (std::vector<double>{0, 0.5, 0.5, 1}));
}

TEST(Spectral, Single) {
  const Tensor a = with_values({1, 1, 2}), e = drawn({3, 3}, 2);
  const auto of = [](const Tensor& c) { return [c](const Tensor& x) { return sum(matrix_log(x) * c); }; };
  const Tensor single = grad(of(cast(e, float32)), cast(a, float32));
  EXPECT_EQ(single.dtype(), float32);
  expect_close(cast(single, float64), grad(of(e), a), 1e-6);
}

TEST(MatrixExp, ClosedForms) {
  const auto matrix = [](std::vector<double> v) { return reshape(from_vector(v), {2, 2}); };
  const double c = std::cos(2.0), s = std::sin(2.0), e = std::exp(1.0);
  expect_close(matrix_exp(matrix({0, -2, 2, 0})), matrix({c, -s, s, c}), 1e-15);
  expect_close(matrix_exp(matrix({1, 5, 0, 1})), matrix({e, 5 * e, 0, e}), 1e-15);
  expect_close(matrix_exp(matrix({0, 1e6, 0, 0})), matrix({1, 1e6, 0, 1}), 1e-14);
  expect_close(matrix_exp(30.0 * identity(2)), std::exp(30.0) * identity(2), 1e-13);
  EXPECT_EQ(matrix_exp(zeros({0, 0})).shape(), (Shape{0, 0}));
  EXPECT_TRUE(std::isnan(matrix_exp(matrix({NAN, 0, 0, 0})).to_vector()[3]));
  const auto huge = matrix_exp(matrix({1000, 0, 0, -1000})).to_vector();
  EXPECT_FALSE(std::isfinite(huge[0]));
}

/// Of a triangular matrix [a, b; 0, a + h]: b (e^(a+h) - e^a) / h stands in its corner.
TEST(MatrixExp, NearlyEqualEigenvalues) {
  for (const double h : {0.0, 1e-16, 1e-8, 1e-3, 1.0}) {
    const double quotient = h == 0 ? 1 : std::expm1(h) / h;
    const Tensor a = reshape(from_vector(std::vector<double>{0, 3, 0, h}), {2, 2});
    expect_close(
        matrix_exp(a), reshape(from_vector(std::vector<double>{1, 3 * quotient, 0, std::exp(h)}), {2, 2}), 1e-14);
  }
  // e^(a + t) = e^a e^t for all orders along the identity.
  const Tensor a = drawn({3, 3}, 1);
  for (const Tensor& d : along(matrix_exp, a, identity(3))) expect_close(d, matrix_exp(a), 1e-12);
}

}  // namespace
}  // namespace gradus

// svd and eigh where values are equal: derivatives are right, or a GradientError.

#include <gradus/autograd/functional.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace gradus {
namespace {

using Scalar = std::function<Tensor(const Tensor&)>;

Tensor identity(std::int64_t n) { return eye(n, -1, float64); }
Tensor drawn(const Shape& shape, std::uint64_t seed) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}
Tensor symmetric(const Tensor& x) { return 0.5 * (x + transpose(x)); }
Tensor diagonal_of(const std::vector<double>& w) { return diag(from_vector(w)); }
Tensor rotated(const std::vector<double>& w) {
  const Tensor q = qr(drawn({static_cast<std::int64_t>(w.size()), 3}, 7)).q;
  return symmetric(matmul(q * from_vector(w), transpose(q)));
}
double largest(const Tensor& x) { return max(abs(x)).item<double>(); }
void expect_close(const Tensor& got, const Tensor& want, double accepted = 1e-10) {
  ASSERT_EQ(got.shape(), want.shape());
  EXPECT_LE(largest(got - want), accepted * largest(want)) << got << "\nnot\n" << want;
}

void expect_refused(const std::string& op, const std::function<Tensor()>& derivative) {
  try {
    const Tensor got = derivative();
    ADD_FAILURE() << "no error, but\n" << got;
  } catch (const GradientError& e) {
    EXPECT_EQ(std::string(e.op()).substr(0, op.size()), op);
    EXPECT_NE(std::string(e.what()).find("spectral("), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("equal_values_test.cpp"), std::string::npos) << e.what();
  }
}

const Tensor kC = drawn({3, 3}, 3);
Tensor through_vectors(const Tensor& a, Tensor (*f)(Arg)) {
  const EighResult e = eigh(symmetric(a));
  return sum(matmul(e.vectors * unsqueeze(f(e.values), -2), transpose(e.vectors)) * kC);
}

TEST(EqualEigenvalues, VectorsAreRefused) {
  for (const Tensor& a : {identity(3),
                          2.5 * identity(3),
                          zeros({3, 3}, float64),
                          diagonal_of({1, 1, 2}),
                          rotated({1, 1, 2}),
                          rotated({1, 1 + 1e-16, 2})}) {
    const Scalar f = [](const Tensor& x) { return through_vectors(x, exp); };
    expect_refused("eigh", [&] { return grad(f, a); });
    expect_refused("eigh", [&] { return jvp(f, a, kC).second; });
    expect_refused("eigh", [&] { return hvp(f, a, kC); });
  }
  // log 1 = 0: nothing comes back to the vectors, and still it depends on them.
  expect_refused("eigh", [] { return grad([](const Tensor& x) { return through_vectors(x, log); }, identity(3)); });
}

TEST(EqualEigenvalues, TheErrorNamesThem) {
  try {
    grad([](const Tensor& x) { return sum(eigh(x).vectors * kC); }, diagonal_of({1, 4, 4}));
    ADD_FAILURE() << "no error";
  } catch (const GradientError& e) {
    EXPECT_EQ(e.message(),
              "expected distinct eigenvalues where a derivative of their vectors is asked for, got "
              "4 and 4: use spectral(x, f) for a function of the matrix, or the option basis_free "
              "if all that matters is the space that the vectors of equal values span");
  }
}

TEST(EqualEigenvalues, ValuesHaveFirstDerivatives) {
  const Scalar f = [](const Tensor& x) { return sum(log(eigh(symmetric(x)).values)); };
  for (const Tensor& a : {identity(3), 2.5 * identity(3), rotated({1, 1, 2})}) {
    expect_close(grad(f, a), inverse(a));
    EXPECT_NEAR(jvp(f, a, kC).second.item<double>(), sum(inverse(a) * kC).item<double>(), 1e-12);
  }
}

/// logdet's Hessian along v is -a^-1 v a^-1.
TEST(EqualEigenvalues, SecondDerivativesOfValuesAreRightOrRefused) {
  const Scalar f = [](const Tensor& x) { return sum(log(eigh(symmetric(x)).values)); };
  const Scalar squares = [](const Tensor& x) { return sum(square(eigh(symmetric(x)).values - 1.0)); };
  const Tensor v = symmetric(drawn({3, 3}, 4));
  for (const Tensor& a : {identity(3), diagonal_of({1, 1, 2}), rotated({1, 1, 2})}) {
    expect_refused("eigh", [&] { return hvp(f, a, v); });
    expect_refused("eigh", [&] { return hvp(squares, a, v); });
  }
  const Tensor straight = diagonal_of({3, -1, 2}), a = diagonal_of({1, 1, 2});
  expect_close(hvp(f, a, straight), -matmul(matmul(inverse(a), straight), inverse(a)));
  const Tensor apart = rotated({1, 3, 2});
  expect_close(hvp(f, apart, v), -matmul(matmul(inverse(apart), v), inverse(apart)));
}

/// The vector of a single value doesn't care for equal ones elsewhere: dP = sum over the others of v_k of
/// (v_k^T da v) / (w - w_k), with v.
TEST(EqualEigenvalues, OtherVectorsAreFree) {
  const Tensor a = diagonal_of({1, 1, 3});
  const auto projection = [](const Tensor& v) { return matmul(v, transpose(v)); };
  const Scalar top = [&](const Tensor& x) { return sum(projection(narrow(eigh(symmetric(x)).vectors, 1, 2, 1)) * kC); };
  const Tensor c = symmetric(kC);
  const auto at = [&](std::int64_t i, std::int64_t j) { return c.to_vector()[static_cast<std::size_t>(3 * i + j)]; };
  const double d0 = at(0, 2) / 2, d1 = at(1, 2) / 2;
  const Tensor want = reshape(from_vector(std::vector<double>{0, 0, d0, 0, 0, d1, d0, d1, 0}), {3, 3});
  expect_close(grad(top, a), want);
  // The space of the two others, by the option: 1 - P.
  const Scalar rest = [&](const Tensor& x) {
    const Tensor v = eigh(symmetric(x), {.basis_free = true}).vectors;
    return sum(projection(narrow(v, 1, 0, 2)) * kC);
  };
  expect_close(grad(rest, a), -want);
  const Scalar without = [&](const Tensor& x) {
    return sum(projection(narrow(eigh(symmetric(x)).vectors, 1, 0, 2)) * kC);
  };
  expect_refused("eigh", [&] { return grad(without, a); });
  // In the second order too: both ways there is one answer.
  const Scalar top_free = [&](const Tensor& x) {
    const Tensor v = eigh(symmetric(x), {.basis_free = true}).vectors;
    return sum(projection(narrow(v, 1, 2, 1)) * kC);
  };
  const Tensor v = symmetric(drawn({3, 3}, 5));
  expect_close(hvp(top_free, a, v), -hvp(rest, a, v));
  EXPECT_GT(largest(hvp(top_free, a, v)), 0.1);
}

TEST(EqualEigenvalues, OfOneMatrixOfABatch) {
  const Tensor both = stack({identity(3), rotated({1, 2, 4})});
  const Scalar second = [](const Tensor& x) { return sum(select(eigh(x).vectors, 0, 1) * kC); };
  const Tensor d = grad(second, both);
  EXPECT_EQ(largest(select(d, 0, 0)), 0);
  const Scalar alone = [](const Tensor& x) { return sum(eigh(x).vectors * kC); };
  expect_close(select(d, 0, 1), grad(alone, select(both, 0, 1)));
}

TEST(EqualSingularValues, VectorsAreRefused) {
  const Scalar polar = [](const Tensor& x) {
    const SvdResult r = svd(x);
    return sum(matmul(r.u, r.vh) * kC);
  };
  for (const Tensor& a : {identity(3), rotated({1, 1, 2}), rotated({2, -1, 1})})
    expect_refused("svd", [&] { return grad(polar, a); });
  const Scalar sums = [](const Tensor& x) { return sum(square(svd(x).s)); };
  expect_refused("svd", [&] { return hvp(sums, identity(3), kC); });
  expect_close(grad(sums, identity(3)), 2.0 * identity(3));
}

TEST(EqualSingularValues, ZerosOfRectangularMatrices) {
  Tensor flat = zeros({3, 2}, float64);
  flat.mutable_data<double>()[0] = 2;  // singular values 2 and 0
  for (const Tensor& a : {flat, contiguous(transpose(flat))}) {
    const Scalar f = [](const Tensor& x) {
      const SvdResult r = svd(x);
      return sum(r.u * drawn(r.u.shape(), 1)) + sum(r.vh * drawn(r.vh.shape(), 2));
    };
    expect_refused("svd", [&] { return grad(f, a); });
    // u v^T of the first: du = (1 - u u^T) da v / s.
    const Scalar first = [](const Tensor& x) {
      const SvdResult r = svd(x);
      return sum(matmul(narrow(r.u, 1, 0, 1), narrow(r.vh, 0, 0, 1)) * drawn({x.size(0), x.size(1)}, 3));
    };
    const Tensor d = grad(first, a);
    for (const double v : d.to_vector()) EXPECT_TRUE(std::isfinite(v));
    const double h = 1e-5;
    const Tensor v = drawn(a.shape(), 6);
    const double numeric = (first(a + h * v).item<double>() - first(a - h * v).item<double>()) / (2 * h);
    EXPECT_NEAR(sum(d * v).item<double>(), numeric, 1e-8);
  }
}

}  // namespace
}  // namespace gradus

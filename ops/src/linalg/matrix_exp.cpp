#include "linalg/matrices.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <Eigen/LU>

#include <cmath>
#include <limits>

namespace gradus {
namespace detail {

const OpClass* matrix_exp_op();
std::vector<Example> matrix_exp_examples();

namespace {

using Matrix = EigenMatrix<double>;

double norm(const Matrix& a) { return a.cwiseAbs().colwise().sum().maxCoeff(); }

/// How often a is halved, so that the approximant's error is below rounding: by norms of its powers, which for
/// matrices far from normal are much smaller than powers of its norm, and once more where rounding would
/// show in its terms (Al-Mohy & Higham 2009b, algorithm 5.1 for m = 13).
int halvings(const Matrix& a, const Matrix& a4, const Matrix& a6) {
  constexpr double limit = 4.25;  // theta_13
  const double d6 = std::pow(norm(a6), 1.0 / 6), d8 = std::pow(norm(a4 * a4), 1.0 / 8),
               d10 = std::pow(norm(a4 * a6), 1.0 / 10);
  double size = std::min(std::max(d6, d8), std::max(d8, d10));
  if (!std::isfinite(size)) size = norm(a);
  const int first = size > limit ? static_cast<int>(std::ceil(std::log2(size / limit))) : 0;
  const Matrix scaled = a.cwiseAbs() * std::ldexp(1.0, -first);
  Eigen::RowVectorXd sums = Eigen::RowVectorXd::Ones(a.rows());
  for (int k = 0; k < 27; ++k) sums = sums * scaled;
  // 1 / (27! (26 over 13)), the first coefficient of the error.
  const double error = sums.maxCoeff() / norm(scaled) / 113250775606021113483283660800000000.0;
  const double more = std::log2(error / (std::numeric_limits<double>::epsilon() / 2)) / 26;
  return first + (more > 0 && std::isfinite(more) ? static_cast<int>(std::ceil(more)) : 0);
}

/// The [13/13] Pade approximant of exp(a 2^-s), squared s times.
Matrix exponential(const Matrix& a) {
  constexpr double b[] = {64764752532480000.0,
                          32382376266240000.0,
                          7771770303897600.0,
                          1187353796428800.0,
                          129060195264000.0,
                          10559470521600.0,
                          670442572800.0,
                          33522128640.0,
                          1323241920.0,
                          40840800.0,
                          960960.0,
                          16380.0,
                          182.0,
                          1.0};
  const Matrix one = Matrix::Identity(a.rows(), a.cols());
  Matrix a2 = a * a, a4 = a2 * a2, a6 = a2 * a4;
  const int s = halvings(a, a4, a6);
  const Matrix a1 = a * std::ldexp(1.0, -s);
  if (s > 0) {  // the powers themselves may have been infinite
    a2 = a1 * a1;
    a4 = a2 * a2;
    a6 = a2 * a4;
  }
  const Matrix high_odd = b[13] * a6 + b[11] * a4 + b[9] * a2;
  const Matrix odd = a6 * high_odd + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one;
  const Matrix high_even = b[12] * a6 + b[10] * a4 + b[8] * a2;
  const Matrix v = a6 * high_even + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one;
  const Matrix u = a1 * odd;
  Matrix power = Eigen::PartialPivLU<Matrix>(v - u).solve(v + u);
  for (int k = 0; k < s; ++k) power = power * power;
  return power;
}

struct MatrixExp : Op {
  static constexpr OpInfo info{.name = "matrix_exp", .saves = Saves::input0};
  Tensor forward(const Tensor& x) const {
    const Matrices a(cast(x, float64));
    Tensor y = full(x.shape(), std::numeric_limits<double>::quiet_NaN(), float64);
    double* out = y.mutable_data<double>();
    const std::int64_t n = a.rows;
    a.each([&](std::int64_t i) {
      const Matrix matrix = a.at<double>(i);
      if (!matrix.array().isFinite().all()) return true;
      if (std::isfinite(norm(matrix))) MatrixOut<double>(out + i * n * n, n, n) = exponential(matrix);
      return true;
    });
    return cast(y, x.dtype());
  }
  /// The derivative at a along g is the corner of exp [a g; 0 a], that backward the same at a^T. It is linear
  /// in g, which is brought to size 1, lest it cost halvings.
  Cotangents vjp(const Pullback& p) const {
    const Tensor a = transpose(p.in(0));
    const std::int64_t n = a.size(-1);
    const double largest = n == 0 || a.numel() == 0 ? 0 : max(abs(detach(p.g))).item<double>();
    const double size = largest > 0 && std::isfinite(largest) ? largest : 1;
    const Tensor block = concat({concat({a, div(p.g, size)}, -1), concat({zeros_like(a), a}, -1)}, -2);
    const Tensor corner = narrow(narrow(matrix_exp(block), -2, 0, n), -1, n, n);
    return {mul(corner, size)};
  }
};

}  // namespace

const OpClass* matrix_exp_op() { return &op_class<MatrixExp>; }

std::vector<Example> matrix_exp_examples() {
  using In = std::span<const Tensor>;
  return {{"", {{{3, 3}}}, [](In in) { return matrix_exp(in[0]); }},
          {"batch", {{{2, 2, 2}}}, [](In in) { return matrix_exp(in[0]); }},
          {"any", {{{3, 3}, {}, Sample::Kind::spectrum}}, [](In in) { return matrix_exp(in[0]); }},
          {"of norm 20", {{{2, 2}, domain(-10, 10)}}, [](In in) { return matrix_exp(in[0]); }},
          {"empty", {{{0, 0}}}, [](In in) { return matrix_exp(in[0]); }}};
}

}  // namespace detail

Tensor matrix_exp(Arg a) {
  detail::check_square("matrix_exp", a);
  return apply(detail::MatrixExp{}, a);
}

}  // namespace gradus

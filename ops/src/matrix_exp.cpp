#include "matrices.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/decompose.h"
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

/// The [13/13] Pade approximant, of a norm below 5.4.
Matrix pade(const Matrix& a) {
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
  const Matrix a2 = a * a, a4 = a2 * a2, a6 = a2 * a4;
  const Matrix high_odd = b[13] * a6 + b[11] * a4 + b[9] * a2;
  const Matrix odd = a6 * high_odd + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one;
  const Matrix high_even = b[12] * a6 + b[10] * a4 + b[8] * a2;
  const Matrix v = a6 * high_even + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one;
  const Matrix u = a * odd;
  return Eigen::PartialPivLU<Matrix>(v - u).solve(v + u);
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
      const double norm = matrix.cwiseAbs().colwise().sum().maxCoeff();
      if (!std::isfinite(norm)) return true;
      const int halvings = norm > 5.371920351148152 ? std::ilogb(norm / 5.371920351148152) + 1 : 0;
      Matrix power = pade(matrix * std::ldexp(1.0, -halvings));
      for (int k = 0; k < halvings; ++k) power = power * power;
      MatrixOut<double>(out + i * n * n, n, n) = power;
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
    const Tensor block =
        concat({concat({a, div(p.g, size)}, -1), concat({zeros_like(a), a}, -1)}, -2);
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

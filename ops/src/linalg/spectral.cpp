#include "gradus/ops/spectral.h"

#include "linalg/divided_differences.h"
#include "linalg/factors.h"
#include "linalg/matrices.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <limits>

namespace gradus {
namespace detail {

const OpClass* matrix_exp_op();  // in matrix_exp.cpp
std::vector<Example> matrix_exp_examples();

namespace {

using Function = std::shared_ptr<const SpectralFunction>;

/// What a spectral function needs of a: rows of eigenvectors and the eigenvalues behind them, in double.
Tensor factors_of(const Tensor& x, bool nonnegative) {
  const Matrices a(cast(x, float64));
  const std::int64_t n = a.rows;
  Shape shape = batch_shape(x);
  shape.push_back(n);
  shape.push_back(n + 1);
  Tensor y = full(shape, std::numeric_limits<double>::quiet_NaN(), float64);
  const double epsilon =
      x.dtype() == float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  double* out = y.mutable_data<double>();
  a.each([&](std::int64_t i) {
    const EigenMatrix<double> symmetric = (a.at<double>(i) + a.at<double>(i).transpose()) / 2;
    if (!symmetric.array().isFinite().all()) return true;
    EighFactors<double> factors;
    if (!factor_eigh(symmetric, factors)) return true;
    MatrixOut<double> all(out + i * n * (n + 1), n, n + 1);
    all.leftCols(n) = factors.rows;
    all.col(n) = factors.values;
    const double rounding = static_cast<double>(n) * epsilon * all.col(n).cwiseAbs().maxCoeff();
    for (std::int64_t k = 0; nonnegative && k < n; ++k)
      if (all(k, n) < 0 && all(k, n) >= -rounding) all(k, n) = 0;
    return true;
  });
  return y;
}

/// rows^T y rows; an infinite y counts only where it goes.
EigenMatrix<double> from_basis(const EigenMatrix<double>& rows, const EigenMatrix<double>& y) {
  if (y.array().isFinite().all()) return rows.transpose() * y * rows;
  const auto times = [](const EigenMatrix<double>& a, const EigenMatrix<double>& b) {
    EigenMatrix<double> product = EigenMatrix<double>::Zero(a.rows(), b.cols());
    for (Eigen::Index i = 0; i < a.rows(); ++i)
      for (Eigen::Index k = 0; k < a.cols(); ++k)
        for (Eigen::Index j = 0; j < b.cols(); ++j)
          if (a(i, k) != 0 && b(k, j) != 0) product(i, j) += a(i, k) * b(k, j);
    return product;
  };
  return times(times(rows.transpose(), y), rows);
}

/// Runs `made(rows of eigenvectors, their values, i)` for each matrix: y in the eigenvectors' basis.
template <class Make>
Tensor in_basis(const Matrices& factors, const Shape& shape, DType dtype, Make made) {
  Tensor y = empty(shape, float64);
  double* out = y.mutable_data<double>();
  const std::int64_t n = factors.rows;
  factors.each([&](std::int64_t i) {
    const auto all = factors.at<double>(i);
    const EigenMatrix<double> rows = all.leftCols(n);
    std::vector<double> values(static_cast<std::size_t>(n));
    for (std::int64_t k = 0; k < n; ++k) values[static_cast<std::size_t>(k)] = all(k, n);
    MatrixOut<double>(out + i * n * n, n, n) = from_basis(rows, made(rows, values, i));
    return true;
  });
  return cast(y, dtype);
}

Tensor symmetric_part(const Tensor& x) { return mul(add(x, transpose(x)), 0.5); }

/// Derivative k of a spectral function along k directions, for one order of these:
///   y = v t v^T, t[i0, ik] = sum f[w_i0, …, w_ik] e1[i0, i1] … ek[i(k-1), ik], e = v^T direction v
/// The inputs are a, its factors and the directions. Its derivatives are of the same kind: that for a has
/// one more direction, put in at each place.
struct SpectralDerivative : Op {
  static constexpr OpInfo info{.name = "spectral_derivative", .arity = kVariadic, .saves = Saves::inputs};
  Function f;

  Tensor forward(std::span<const Tensor> in) const {
    check_square(info.name, in[0]);
    for (const Tensor& e : in.subspan(2)) {
      check_same_dtype(info.name, in[0], e);
      check_shape(info.name, e, in[0].shape());
    }
    const Matrices factors(in[1]);
    const auto count = static_cast<int>(in.size()) - 2;
    std::vector<Matrices> directions;
    for (const Tensor& e : in.subspan(2)) directions.emplace_back(cast(e, float64));
    return in_basis(factors,
                    in[0].shape(),
                    in[0].dtype(),
                    [&](const EigenMatrix<double>& rows, const std::vector<double>& values, std::int64_t i) {
                      std::vector<EigenMatrix<double>> along;
                      for (const Matrices& e : directions) along.push_back(rows * e.at<double>(i) * rows.transpose());
                      return contract(DividedDifferences(f->f, values, count), along);
                    });
  }
  Cotangents vjp(const Pullback& p) const {
    std::vector<Tensor> cycle;  // the directions, then g^T: traces of products can be turned
    for (int i = 2; i < p.arity(); ++i) cycle.push_back(p.in(i));
    cycle.push_back(transpose(p.g));
    const std::size_t n = cycle.size();
    const auto turned = [&](std::size_t first, std::size_t count) {
      std::vector<Tensor> in{p.in(0), p.in(1)};
      for (std::size_t k = 0; k < count; ++k) in.push_back(cycle[(first + k) % n]);
      return transpose(apply_list(*this, in, CallSite{}));
    };
    Cotangents result(n + 1);
    if (p.needs(0)) {
      Tensor sum;
      for (std::size_t k = 0; k < n; ++k) sum = sum.defined() ? add(sum, turned(k, n)) : turned(k, n);
      result[0] = symmetric_part(sum);
    }
    for (std::size_t k = 0; k + 1 < n; ++k)
      if (p.needs(static_cast<int>(k) + 2)) result[k + 2] = turned(k + 1, n - 1);
    return result;
  }
  template <class V>
  void visit(V&& v) const {
    v("function", f->name);
  }

 private:
  static EigenMatrix<double> contract(const DividedDifferences& f, const std::vector<EigenMatrix<double>>& along) {
    const std::int64_t n = along[0].rows();
    EigenMatrix<double> y = EigenMatrix<double>::Zero(n, n);
    std::vector<int> path(along.size() + 1);
    const auto extend = [&](auto&& self, std::size_t k, double product) -> void {
      if (k == along.size()) {
        y(path[0], path[k]) += product * f(path);
        return;
      }
      for (int j = 0; j < n; ++j) {
        const double e = along[k](path[k], j);
        if (e == 0) continue;  // an infinite derivative that nothing goes along
        path[k + 1] = j;
        self(self, k + 1, product * e);
      }
    };
    for (path[0] = 0; path[0] < n; ++path[0]) extend(extend, 0, 1);
    return y;
  }
};

struct Spectral : Op {
  static constexpr OpInfo info{.name = "spectral", .saves = Saves::input0 | Saves::extras};
  Function f;
  bool nonnegative = false;  // f is of numbers from 0 on

  /// f(a), and the factors of a.
  Tensors forward(const Tensor& a) const {
    const Tensor factors = factors_of(a, nonnegative);
    const auto diagonal = [&](const EigenMatrix<double>&, const std::vector<double>& values, std::int64_t) {
      Eigen::VectorXd y(static_cast<Eigen::Index>(values.size()));
      for (std::size_t k = 0; k < values.size(); ++k)
        y[static_cast<Eigen::Index>(k)] = f->f(lane::Taylor::constant(values[k])).c[0];
      return EigenMatrix<double>(y.asDiagonal());
    };
    return {in_basis(Matrices(factors), a.shape(), a.dtype(), diagonal), factors};
  }
  Cotangents vjp(const Pullback& p) const {
    SpectralDerivative derivative;
    derivative.f = f;
    const std::vector<Tensor> in{p.in(0), p.out(1), transpose(p.g)};
    return {symmetric_part(apply_list(derivative, in, CallSite{}))};
  }
  template <class V>
  void visit(V&& v) const {
    v("function", f->name);
  }
};

template <class F>
Tensor named(const char* op, Arg a, F f) {
  check_square(op, a);
  Spectral spectral;
  spectral.f = std::make_shared<const SpectralFunction>(
      SpectralFunction{op, [f](const lane::Taylor& x) { return series_of(f, x); }});
  spectral.nonnegative = true;
  return apply(spectral, a)[0];
}

}  // namespace

Tensor spectral(const char* op, Arg a, Function f) {
  check_square(op, a);
  Spectral spectral;
  spectral.f = std::move(f);
  return apply(spectral, a)[0];
}

Tensor symmetric_power(Arg a, double exponent) {
  return named("matrix_power", a, [exponent](auto x) { return pow(x, exponent); });
}

}  // namespace detail

using namespace detail;

Tensor matrix_sqrt(Arg a) {
  return named("matrix_sqrt", a, [](auto x) { return sqrt(x); });
}
Tensor matrix_rsqrt(Arg a) {
  return named("matrix_rsqrt", a, [](auto x) { return pow(x, -0.5); });
}
Tensor matrix_log(Arg a) {
  return named("matrix_log", a, [](auto x) { return log(x); });
}

namespace detail {

std::vector<OpEntry> spectral_examples();  // in examples/spectral.cpp

std::span<const OpEntry> spectral_ops() {
  static const auto table = typed<Spectral>(
      spectral_examples(),
      {{"spectral_derivative",
        &op_class<SpectralDerivative>,
        {"that of spectral along directions E: V (Σ f[w_i, …, w_j] (Vᵀ E V) ⋯) Vᵀ",
         "the same with G in the cycle of directions"},
        [] {
          const Sample square{{3, 3}, domain(-0.5, 0.5)};
          return std::vector<Example>{{"", {square, square, square}, [](std::span<const Tensor> in) {
                                         SpectralDerivative op;
                                         check_square("spectral_derivative", in[0]);
                                         op.f = std::make_shared<const SpectralFunction>(
                                             SpectralFunction{"exp", [](const lane::Taylor& x) { return exp(x); }});
                                         const Tensor factors = factors_of(in[0], false);
                                         const std::vector<Tensor> all{in[0], factors, in[1], in[2]};
                                         return apply_list(op, all, CallSite::here());
                                       }}};
        }},
       {"matrix_exp", matrix_exp_op(), {"Σ Aᵏ / k!", "the corner 1, 2 of exp [Aᵀ G; 0 Aᵀ]"}, matrix_exp_examples}});
  return table;
}

}  // namespace detail
}  // namespace gradus

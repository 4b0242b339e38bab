#include "gradus/ops/decompose.h"

#include "matrices.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>

#include <limits>

namespace gradus {
namespace detail {
namespace {

/// An op has one result to save, so factors stand side by side in one tensor [*, k, …]: matrices whose
/// columns belong together are transposed.

Tensor packed(const Tensor& x, std::int64_t rows, std::int64_t columns) {
  Shape shape = batch_shape(x);
  shape.push_back(rows);
  shape.push_back(columns);
  return empty(shape, x.dtype());
}

/// `count` columns from `first` on.
Tensor part(const Tensor& x, std::int64_t first, std::int64_t count) {
  return narrow(x, -1, first, count);
}

/// num / gaps, but 0 where both are 0: equal values that nothing depends on.
Tensor over(const Tensor& num, const Tensor& gaps) {
  return num / where(equal_to(abs(num) + abs(gaps), 0.0), 1.0, gaps);
}

/// x - x^T
Tensor skew(const Tensor& x) { return x - transpose(x); }

/// s[j] - s[i]
Tensor gaps(const Tensor& s) { return unsqueeze(s, -2) - unsqueeze(s, -1); }

template <class T>
bool is_finite(const MatrixIn<T>& x) {
  return x.array().isFinite().all();
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// ---- cholesky ------------------------------------------------------------------------------------

struct Cholesky : Op {
  static constexpr OpInfo info{.name = "cholesky", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    Tensor y = zeros(x.shape(), x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      const std::int64_t n = a.rows;
      const std::int64_t bad = a.each([&](std::int64_t i) {
        const Eigen::LLT<EigenMatrix<T>> llt(a.at<T>(i));
        if (llt.info() != Eigen::Success) return false;
        MatrixOut<T>(out + i * n * n, n, n) = llt.matrixL();
        return true;
      });
      if (bad < 0) return;
      std::int64_t order = 1;
      const auto definite = [&] {
        const EigenMatrix<T> corner = a.at<T>(bad).topLeftCorner(order, order);
        return Eigen::LLT<EigenMatrix<T>>(corner).info() == Eigen::Success;
      };
      while (order < n && definite()) ++order;
      fail<ArgumentError>(info.name,
                          fmt::format("expected a positive definite matrix, got one whose leading "
                                      "minor of order {} is not{}",
                                      order,
                                      a.place(bad)));
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out(), inner = matmul(transpose(y), tril(p.g));
    const Tensor half = 0.5 * (tril(inner) + tril(inner, -1));  // tril, its diagonal halved
    const Triangular turned{.transpose = true};
    // y^-T half y^-1, made symmetric
    const Tensor left = triangular_solve(y, half, turned);
    const Tensor both = transpose(triangular_solve(y, transpose(left), turned));
    return {0.5 * (both + transpose(both))};
  }
};

// ---- qr ------------------------------------------------------------------------------------------

/// q^T and r side by side.
struct Qr : Op {
  static constexpr OpInfo info{.name = "qr", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    const std::int64_t m = a.rows, n = a.columns, k = std::min(m, n);
    Tensor y = packed(x, k, m + n);
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      a.each([&](std::int64_t i) {
        const Eigen::HouseholderQR<EigenMatrix<T>> factors(a.at<T>(i));
        MatrixOut<T> both(out + i * k * (m + n), k, m + n);
        EigenMatrix<T> q = EigenMatrix<T>::Identity(m, k);
        q.applyOnTheLeft(factors.householderQ());
        both.leftCols(m) = q.transpose();
        both.rightCols(n) = factors.matrixQR().topRows(k).template triangularView<Eigen::Upper>();
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out();
    const std::int64_t k = y.size(-2), n = p.shape().back(), m = y.size(-1) - n;
    const Tensor q = transpose(part(y, 0, m)), r = part(y, m, n);
    Tensor gq = transpose(part(p.g, 0, m));
    const Tensor gr = triu(part(p.g, m, n));
    const Tensor square = part(r, 0, k), g_square = part(gr, 0, k);
    if (n > k) {  // the other columns are q times r's
      const Tensor rest = part(r, k, n - k), g_rest = part(gr, k, n - k);
      gq = gq + matmul(matmul(q, rest), transpose(g_rest));
      return {concat({first_columns(q, square, gq, g_square), matmul(q, g_rest)}, -1)};
    }
    return {first_columns(q, square, gq, g_square)};
  }

 private:
  /// (gq + q m) r^-T with the lower half of r gr^T - gq^T q for both halves of m.
  static Tensor first_columns(const Tensor& q,
                              const Tensor& r,
                              const Tensor& gq,
                              const Tensor& gr) {
    const Tensor m = matmul(r, transpose(gr)) - matmul(transpose(gq), q);
    const Tensor sum = gq + matmul(q, tril(m) + transpose(tril(m, -1)));
    return transpose(triangular_solve(r, transpose(sum), {.upper = true}));
  }
};

// ---- svd -----------------------------------------------------------------------------------------

template <class T>
using Svd = Eigen::BDCSVD<EigenMatrix<T>>;

/// u^T, s and vh side by side.
struct SvdOp : Op {
  static constexpr OpInfo info{.name = "svd", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    const std::int64_t m = a.rows, n = a.columns, k = std::min(m, n);
    Tensor y = packed(x, k, m + 1 + n);
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      a.each([&](std::int64_t i) {
        MatrixOut<T> all(out + i * k * (m + 1 + n), k, m + 1 + n);
        all.setConstant(static_cast<T>(kNaN));
        const auto matrix = a.at<T>(i);
        if (!is_finite<T>(matrix)) return true;
        const Svd<T> factors(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
        if (factors.info() != Eigen::Success) return true;
        all.leftCols(m) = factors.matrixU().transpose();
        all.col(m) = factors.singularValues();
        all.rightCols(n) = factors.matrixV().transpose();
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const std::int64_t n = p.shape().back(), m = p.shape()[p.shape().rank() - 2];
    const Tensor y = p.out();
    const Tensor u = transpose(part(y, 0, m)), column = part(y, m, 1), vh = part(y, m + 1, n);
    const Tensor gu = transpose(part(p.g, 0, m)), gvh = part(p.g, m + 1, n);
    const Tensor s = squeeze(column, -1), row = unsqueeze(s, -2), squares = s * s;
    const Tensor of_u = matmul(transpose(u), gu), of_v = matmul(vh, transpose(gvh));
    const Tensor e = gaps(squares);
    const Tensor inner = over(skew(of_u), e) * row + column * over(skew(of_v), e) +
                         diag_embed(squeeze(part(p.g, m, 1), -1));
    Tensor result = matmul(matmul(u, inner), vh);
    if (m > n) result = result + matmul(over(gu - matmul(u, of_u), row), vh);
    if (m < n) result = result + matmul(u, over(gvh - matmul(transpose(of_v), vh), column));
    return {result};
  }
};

// ---- eigh ----------------------------------------------------------------------------------------

/// The eigenvectors, one a row, and the eigenvalues behind them.
struct Eigh : Op {
  static constexpr OpInfo info{.name = "eigh", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    const std::int64_t n = a.rows;
    Tensor y = packed(x, n, n + 1);
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      a.each([&](std::int64_t i) {
        MatrixOut<T> all(out + i * n * (n + 1), n, n + 1);
        all.setConstant(static_cast<T>(kNaN));
        EigenMatrix<T> matrix = a.at<T>(i).template selfadjointView<Eigen::Lower>();
        if (!matrix.array().isFinite().all()) return true;
        const Eigen::SelfAdjointEigenSolver<EigenMatrix<T>> solver(matrix);
        if (solver.info() != Eigen::Success) return true;
        all.leftCols(n) = solver.eigenvectors().transpose();
        all.col(n) = solver.eigenvalues();
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out();
    const std::int64_t n = y.size(-2);
    const Tensor rows = part(y, 0, n), values = squeeze(part(y, n, 1), -1);
    const Tensor of_v = matmul(rows, transpose(part(p.g, 0, n)));
    const Tensor inner =
        over(0.5 * skew(of_v), gaps(values)) + diag_embed(squeeze(part(p.g, n, 1), -1));
    return {matmul(transpose(rows), matmul(inner, rows))};
  }
};

// ---- pinverse ------------------------------------------------------------------------------------

struct Pinverse : Op {
  static constexpr OpInfo info{.name = "pinverse", .saves = Saves::input0 | Saves::output};
  double rtol = 0;
  Tensor forward(const Tensor& x) const {
    const Matrices a(x);
    const std::int64_t m = a.rows, n = a.columns;
    Tensor y = packed(x, n, m);
    dispatch_floating(x.dtype(), [&]<class T>() {
      T* out = y.mutable_data<T>();
      const double given = rtol >= 0 ? rtol
                                     : static_cast<double>(std::max(m, n)) *
                                           static_cast<double>(std::numeric_limits<T>::epsilon());
      a.each([&](std::int64_t i) {
        MatrixOut<T> result(out + i * m * n, n, m);
        const auto matrix = a.at<T>(i);
        if (!is_finite<T>(matrix)) {
          result.setConstant(static_cast<T>(kNaN));
          return true;
        }
        const Svd<T> factors(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
        const auto& s = factors.singularValues();
        const T limit = static_cast<T>(given) * s[0];
        const Eigen::Matrix<T, Eigen::Dynamic, 1> reciprocal =
            (s.array() > limit).select(s.array().inverse(), T(0));
        result = factors.matrixV() * reciprocal.asDiagonal() * factors.matrixU().transpose();
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0), y = p.out(), yt = transpose(y), gt = transpose(p.g);
    const Tensor left = matmul(matmul(gt, y), yt), right = matmul(yt, matmul(y, gt));
    return {left - matmul(x, matmul(y, left)) + right - matmul(matmul(right, y), x) -
            matmul(yt, matmul(p.g, yt))};
  }
  template <class V>
  void visit(V&& v) const {
    v("rtol", rtol);
  }
};

}  // namespace
}  // namespace detail

using namespace detail;

Tensor cholesky(Arg x) {
  check_square("cholesky", x);
  return apply(Cholesky{}, x);
}

QrResult qr(Arg x) {
  const SitePin pin(x.site);
  check_matrix("qr", x);
  const std::int64_t m = x->size(-2), n = x->size(-1);
  const Tensor y = apply(Qr{}, x);
  return {transpose(part(y, 0, m)), part(y, m, n)};
}

SvdResult svd(Arg x) {
  const SitePin pin(x.site);
  check_matrix("svd", x);
  const std::int64_t m = x->size(-2), n = x->size(-1);
  const Tensor y = apply(SvdOp{}, x);
  return {transpose(part(y, 0, m)), squeeze(part(y, m, 1), -1), part(y, m + 1, n)};
}

EighResult eigh(Arg x) {
  const SitePin pin(x.site);
  check_square("eigh", x);
  const std::int64_t n = x->size(-1);
  const Tensor y = apply(Eigh{}, x);
  return {squeeze(part(y, n, 1), -1), transpose(part(y, 0, n))};
}

Tensor lstsq(Arg a, const Tensor& b) {
  const SitePin pin(a.site);
  const System s = system_of("lstsq", a, b);
  const bool tall = s.a.size(-2) >= s.a.size(-1);
  const QrResult f = qr(tall ? s.a : transpose(s.a));
  const Tensor y =
      tall ? triangular_solve(f.r, matmul(transpose(f.q), s.b), {.upper = true})
           : matmul(f.q, triangular_solve(f.r, s.b, {.upper = true, .transpose = true}));
  return s.vector ? squeeze(y, -1) : y;
}

Tensor pinverse(Arg x, double rtol) {
  check_matrix("pinverse", x);
  Pinverse op;
  op.rtol = rtol;
  return apply(op, x);
}

namespace detail {

std::span<const OpEntry> solve_ops();  // in solve.cpp

static std::span<const OpEntry> factor_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  // Close to a diagonal with 1, 2, 3: its singular values are far apart.
  static const auto spread = [](const Tensor& x) {
    const std::int64_t m = x.size(-2), n = x.size(-1);
    return 0.2 * x +
           cast(eye(m, n), x.dtype()) * arange(1, static_cast<double>(n) + 0.5, 1, x.dtype());
  };
  static const auto symmetric = [](const Tensor& x) { return spread(x) + transpose(spread(x)); };
  static const auto definite = [](const Tensor& x) {
    return matmul(spread(x), transpose(spread(x)));
  };
  static const Sample square{{3, 3}, domain(-0.5, 0.5)}, tall{{4, 2}, domain(-0.5, 0.5)},
      wide{{2, 3}, domain(-0.5, 0.5)}, batch{{2, 2, 2}, domain(-0.5, 0.5)};
  static const OpEntry table[] = {
      {"cholesky",
       &op_class<Cholesky>,
       [] {
         const auto call = [](In in) { return cholesky(definite(in[0])); };
         return Examples{
             {"matrix", {square}, call}, {"batch", {batch}, call}, {"empty", {{{0, 0}}}, call}};
       }},
      {"qr",
       &op_class<Qr>,
       [] {
         const auto q = [](In in) { return qr(spread(in[0])).q; };
         const auto r = [](In in) { return qr(spread(in[0])).r; };
         const auto both = [](In in) {
           const QrResult f = qr(spread(in[0]));
           return matmul(sin(f.q), cos(f.r));
         };
         return Examples{{"q", {square}, q},
                         {"r", {square}, r},
                         {"q, tall", {tall}, q},
                         {"r, tall", {tall}, r},
                         {"both, wide", {wide}, both},
                         {"both, batch", {batch}, both}};
       }},
      {"svd",
       &op_class<SvdOp>,
       [] {
         const auto values = [](In in) { return svd(spread(in[0])).s; };
         const auto all = [](In in) {
           const SvdResult f = svd(spread(in[0]));
           return matmul(f.u * unsqueeze(sin(f.s), -2), f.vh);
         };
         const auto squares = [](In in) {
           const SvdResult f = svd(spread(in[0]));
           return matmul(gradus::square(f.u), gradus::square(f.vh));
         };
         return Examples{{"values", {tall}, values},
                         {"all", {square}, all},
                         {"all, tall", {tall}, all},
                         {"all, wide", {wide}, all},
                         {"squares, batch", {batch}, squares},
                         {"empty", {{{2, 0}}}, values}};
       }},
      {"eigh",
       &op_class<Eigh>,
       [] {
         const auto values = [](In in) { return eigh(symmetric(in[0])).values; };
         const auto all = [](In in) {
           const EighResult f = eigh(symmetric(in[0]));
           return matmul(f.vectors * unsqueeze(sin(f.values), -2), transpose(f.vectors));
         };
         return Examples{{"values", {square}, values},
                         {"all", {square}, all},
                         {"all, batch", {batch}, all},
                         {"squares", {square}, [](In in) {
                            return gradus::square(eigh(symmetric(in[0])).vectors);
                          }}};
       }},
      {"lstsq",
       nullptr,
       [] {
         const auto call = [](In in) { return lstsq(spread(in[0]), in[1]); };
         return Examples{{"tall", {tall, {{4, 3}}}, call},
                         {"wide", {wide, {{2}}}, call},
                         {"batch", {batch, {{2, 1}}}, call}};
       }},
      {"pinverse",
       &op_class<Pinverse>,
       [] {
         const auto call = [](In in) { return pinverse(spread(in[0])); };
         return Examples{{"tall", {tall}, call}, {"wide", {wide}, call}, {"batch", {batch}, call}};
       }},
  };
  return table;
}

std::span<const OpEntry> decompose_ops() {
  static const std::vector<OpEntry> table = [] {
    std::vector<OpEntry> all(solve_ops().begin(), solve_ops().end());
    all.insert(all.end(), factor_ops().begin(), factor_ops().end());
    return all;
  }();
  return table;
}

}  // namespace detail
}  // namespace gradus

// The part of the decompose family that is made of spectra: svd, eigh and what follows from them.

#include "linalg/factors.h"
#include "linalg/matrices.h"
#include "linalg/vectors.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <limits>

namespace gradus {
namespace detail {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class T>
bool is_finite(const MatrixIn<T>& x) {
  return x.array().isFinite().all();
}

/// num / den, but 0 where `left_out`.
Tensor over(const Tensor& num, const Tensor& den, const Tensor& left_out) {
  return where(left_out, 0.0, num / where(left_out, 1.0, den));
}

/// x - x^T
Tensor skew(const Tensor& x) { return x - transpose(x); }

/// s[j] - s[i]
Tensor gaps(const Tensor& s) { return unsqueeze(s, -2) - unsqueeze(s, -1); }

// ---- svd -----------------------------------------------------------------------------------------

/// u^T, s and vh side by side.
struct SvdOp : Op {
  static constexpr OpInfo info{.name = "svd", .saves = Saves::output};
  bool basis_free = false;
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
        SvdFactors<T> factors;
        if (!factor_svd(matrix, factors)) return true;
        all.leftCols(m) = factors.u.transpose();
        all.col(m) = factors.values;
        all.rightCols(n) = factors.vt;
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const std::int64_t n = p.shape().back(), m = p.shape()[p.shape().rank() - 2];
    const Tensor y = p.out();
    const Packing packing = packing_of(m, n, basis_free);
    const Tensor u = transpose(left(packing, y)), vh = right(packing, y);
    const Tensor gu = transpose(part(p.g, 0, m)), gvh = part(p.g, m + 1, n);
    const Tensor column = part(y, m, 1), s = squeeze(column, -1), row = unsqueeze(s, -2);
    const Equal equal = equal_values(packing, y);
    const Tensor of_u = matmul(transpose(u), gu), of_v = matmul(vh, transpose(gvh));
    const Tensor inner = over(skew(of_u) * row + column * skew(of_v), gaps(s) * (column + row), equal.pairs) +
                         diag_embed(squeeze(part(p.g, m, 1), -1));
    Tensor result = matmul(matmul(u, inner), vh);
    if (m > n) result = result + matmul(over(gu - matmul(u, of_u), row, unsqueeze(equal.zeros, -2)), vh);
    if (m < n) result = result + matmul(u, over(gvh - matmul(transpose(of_v), vh), column, unsqueeze(equal.zeros, -1)));
    return {determined(packing, equal, y, result)};
  }
  template <class V>
  void visit(V&& v) const {
    v("basis_free", basis_free);
  }
  static Packing packing_of(std::int64_t m, std::int64_t n, bool basis_free) {
    return {.of = "svd", .left = m, .right = n, .two = true, .basis_free = basis_free};
  }
};

// ---- eigh ----------------------------------------------------------------------------------------

/// The eigenvectors, one a row, and the eigenvalues behind them.
struct Eigh : Op {
  static constexpr OpInfo info{.name = "eigh", .saves = Saves::output};
  bool basis_free = false;
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
        EighFactors<T> factors;
        if (!factor_eigh(matrix, factors)) return true;
        all.leftCols(n) = factors.rows;
        all.col(n) = factors.values;
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor y = p.out();
    const std::int64_t n = y.size(-2);
    const Packing packing = packing_of(n, basis_free);
    const Tensor rows = left(packing, y), values = squeeze(part(y, n, 1), -1);
    const Equal equal = equal_values(packing, y);
    const Tensor of_v = matmul(rows, transpose(part(p.g, 0, n)));
    const Tensor inner = over(0.5 * skew(of_v), gaps(values), equal.pairs) + diag_embed(squeeze(part(p.g, n, 1), -1));
    const Tensor result = matmul(transpose(rows), matmul(inner, rows));
    return {determined(packing, equal, y, result)};
  }
  template <class V>
  void visit(V&& v) const {
    v("basis_free", basis_free);
  }
  static Packing packing_of(std::int64_t n, bool basis_free) {
    return {.of = "eigh", .left = n, .right = n, .two = false, .basis_free = basis_free};
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
      const double given =
          rtol >= 0 ? rtol
                    : static_cast<double>(std::max(m, n)) * static_cast<double>(std::numeric_limits<T>::epsilon());
      a.each([&](std::int64_t i) {
        MatrixOut<T> result(out + i * m * n, n, m);
        const auto matrix = a.at<T>(i);
        if (!is_finite<T>(matrix)) {
          result.setConstant(static_cast<T>(kNaN));
          return true;
        }
        SvdFactors<T> factors;
        if (!factor_svd(matrix, factors)) {
          result.setConstant(static_cast<T>(kNaN));
          return true;
        }
        const EigenVector<T>& s = factors.values;
        const T limit = static_cast<T>(given) * s[0];
        const EigenVector<T> reciprocal = (s.array() > limit).select(s.array().inverse(), T(0));
        result = factors.vt.transpose() * reciprocal.asDiagonal() * factors.u.transpose();
        return true;
      });
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    // In float64 the squares of every float32 have room.
    const Tensor x = to(p.in(0), float64), y = to(p.out(), float64), g = to(p.g, float64);
    const Tensor yt = transpose(y), gt = transpose(g);
    const Tensor left = matmul(matmul(gt, y), yt), right = matmul(yt, matmul(y, gt));
    const Tensor dx =
        left - matmul(x, matmul(y, left)) + right - matmul(matmul(right, y), x) - matmul(yt, matmul(g, yt));
    return {to(dx, p.in(0).dtype())};
  }
  template <class V>
  void visit(V&& v) const {
    v("rtol", rtol);
  }
};

}  // namespace
}  // namespace detail

using namespace detail;

SvdResult svd(Arg x, const SpectrumOptions& options) {
  const SitePin pin(x.site);
  check_matrix("svd", x);
  const std::int64_t m = x->size(-2), n = x->size(-1);
  const Packing packing = SvdOp::packing_of(m, n, options.basis_free);
  const Tensor y = apply(SvdOp{{}, options.basis_free}, x);
  return {transpose(left(packing, y)), squeeze(part(y, m, 1), -1), right(packing, y)};
}

EighResult eigh(Arg x, const SpectrumOptions& options) {
  const SitePin pin(x.site);
  check_square("eigh", x);
  const std::int64_t n = x->size(-1);
  const Tensor y = apply(Eigh{{}, options.basis_free}, x);
  return {squeeze(part(y, n, 1), -1), transpose(left(Eigh::packing_of(n, options.basis_free), y))};
}

Tensor pinverse(Arg x, double rtol) {
  check_matrix("pinverse", x);
  Pinverse op;
  op.rtol = rtol;
  return apply(op, x);
}

namespace detail {

std::vector<OpEntry> spectrum_examples();  // in examples/spectrum.cpp

std::span<const OpEntry> spectrum_ops() {
  using In = std::span<const Tensor>;
  static const auto table = typed<SvdOp, Eigh, Pinverse>(
      spectrum_examples(),
      {{"spectrum_vectors",
        &op_class<SpectrumVectors>,
        {"the vectors of svd or eigh", "g, an error where values are equal"},
        [] { return std::vector<Example>{{"", {{}}, [](In in) { return left(Eigh::packing_of(2, false), in[0]); }}}; }},
       {"spectrum_undetermined",
        &op_class<SpectrumUndetermined>,
        {"0, in derivatives of svd and eigh at equal values", "an error where G mixes vectors of equal values"},
        [] {
          return std::vector<Example>{
              {"", {{}}, [](In in) { return apply(SpectrumUndetermined{{}, Eigh::packing_of(2, false)}, in[0]); }}};
        }}});
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "linalg/vectors.h"

#include "linalg/matrices.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <limits>

namespace gradus::detail {
namespace {

/// The factors of one matrix, in double.
struct Factors {
  MatrixIn<double> all;
  const Packing& packing;
  double rounding;

  Factors(const MatrixIn<double>& y, const Packing& p, DType dtype) : all(y), packing(p) {
    const double epsilon =
        dtype == float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
    rounding = 4 * static_cast<double>(y.rows()) * epsilon * y.col(p.left).cwiseAbs().maxCoeff();
  }
  double value(std::int64_t i) const { return all(i, packing.left); }
  bool equal(std::int64_t i, std::int64_t j) const { return std::abs(value(i) - value(j)) <= rounding; }
  /// Vectors of a value 0 are open beyond the space of the others where there are more elements than vectors.
  bool open(std::int64_t i, std::int64_t elements) const {
    return elements > all.rows() && std::abs(value(i)) <= rounding;
  }
  auto left() const { return all.leftCols(packing.left); }
  auto right() const { return packing.two ? all.rightCols(packing.right) : all.leftCols(packing.left); }

  /// f(i, j) for i < j with equal values (which are in order), until it says true.
  template <class F>
  bool some_pair(F f) const {
    for (std::int64_t i = 0; i < all.rows(); ++i)
      for (std::int64_t j = i + 1; j < all.rows() && equal(i, j); ++j)
        if (f(i, j)) return true;
    return false;
  }
};

/// f(factors, i) for each matrix.
template <class F>
void for_each(const Packing& p, const Tensor& y, F f) {
  const Matrices all(cast(y, float64));
  if (all.rows * all.columns == 0) return;
  for (std::int64_t i = 0; i < all.count; ++i) {
    const auto matrix = all.at<double>(i);
    f(Factors(matrix, p, y.dtype()), i);
  }
}

void check_packed(const char* op, const Tensor& y, const Packing& p) {
  check_matrix(op, y);
  if (y.shape().back() != p.columns())
    fail<ShapeError>(op, fmt::format("expected [*, k, {}], got {}", p.columns(), to_string(y.shape())));
}

[[noreturn]] void fail_equal(const Factors& f, std::int64_t i, std::int64_t j) {
  const bool svd = f.packing.two;
  fail<GradientError>(f.packing.of,
                      fmt::format("expected distinct {} where a derivative of their vectors is asked for, "
                                  "got {} and {}: use {} for a function of the matrix, or the option basis_free "
                                  "if all that matters is the space that the vectors of equal values span",
                                  svd ? "singular values" : "eigenvalues",
                                  f.value(i),
                                  f.value(j),
                                  svd ? "spectral(x^T x, f)" : "spectral(x, f)"));
}
[[noreturn]] void fail_open(const Factors& f, std::int64_t i) {
  fail<GradientError>(f.packing.of,
                      fmt::format("expected singular values above 0 where a derivative of their vectors is asked "
                                  "for and the matrix is not square, got {}: use spectral(x^T x, f) for a function "
                                  "of the matrix, or the option basis_free if these vectors don't matter",
                                  f.value(i)));
}

}  // namespace

Tensor left(const Packing& p, const Tensor& y) { return apply(SpectrumVectors{{}, p, 0, p.left}, y); }
Tensor right(const Packing& p, const Tensor& y) { return apply(SpectrumVectors{{}, p, p.left + 1, p.right}, y); }

Tensor SpectrumVectors::forward(const Tensor& y) const {
  check_packed(info.name, y, packing);
  return clone(part(y, first, count));
}

/// A cotangent that is 0 throughout says nothing: f'(w) or f(w) may be 0 by chance. One of 0 for some vectors is
/// that of a function of the others.
Cotangents SpectrumVectors::vjp(const Pullback& p) const {
  const Tensor y = p.in(0);
  if (!packing.basis_free) {
    const Matrices g(cast(p.g, float64));
    bool zero = true;
    for (const double v : g.tensor.to_vector()) zero = zero && v == 0;
    for_each(packing, y, [&](const Factors& f, std::int64_t matrix) {
      const auto rows = f.all.middleCols(first, count);
      const auto of = g.at<double>(matrix);
      f.some_pair([&](std::int64_t i, std::int64_t j) {
        if (zero || !(rows.row(i).dot(of.row(j)) == 0) || !(rows.row(j).dot(of.row(i)) == 0)) fail_equal(f, i, j);
        return false;
      });
      for (std::int64_t i = 0; i < f.all.rows(); ++i)
        if (f.open(i, count) && (zero || !of.row(i).isZero(0))) fail_open(f, i);
    });
  }
  return {pad(p.g, {first, packing.columns() - first - count})};
}

Equal equal_values(const Packing& p, const Tensor& y) {
  Shape shape = batch_shape(y);
  const std::int64_t k = y.size(-2);
  shape.push_back(k);
  Equal e{Tensor(), zeros(shape, boolean), false};
  shape.push_back(k);
  e.pairs = zeros(shape, boolean);
  bool *pairs = e.pairs.mutable_data<bool>(), *none = e.zeros.mutable_data<bool>();
  for_each(p, y, [&](const Factors& f, std::int64_t matrix) {
    bool* const square = pairs + matrix * k * k;
    for (std::int64_t i = 0; i < k; ++i) {
      square[i * k + i] = true;
      none[matrix * k + i] = std::abs(f.value(i)) <= f.rounding;
      e.any = e.any || f.open(i, p.left) || f.open(i, p.right);
    }
    f.some_pair([&](std::int64_t i, std::int64_t j) {
      square[i * k + j] = square[j * k + i] = e.any = true;
      return false;
    });
  });
  return e;
}

Tensor determined(const Packing& p, const Equal& equal, const Tensor& y, const Tensor& gradient) {
  if (!equal.any || p.basis_free || !is_recording()) return gradient;
  return add(gradient, apply(SpectrumUndetermined{{}, p}, y));
}

Tensor SpectrumUndetermined::forward(const Tensor& y) const {
  check_packed(info.name, y, packing);
  return zeros_like(packed(y, packing.left, packing.right));
}

Cotangents SpectrumUndetermined::vjp(const Pullback& p) const {
  const Matrices g(cast(p.g, float64));
  for_each(packing, p.in(0), [&](const Factors& f, std::int64_t matrix) {
    const EigenMatrix<double> from_left = f.left() * g.at<double>(matrix),
                              from_right = g.at<double>(matrix) * f.right().transpose(),
                              inner = from_left * f.right().transpose();
    f.some_pair([&](std::int64_t i, std::int64_t j) {
      if (!(inner(i, j) == 0) || !(inner(j, i) == 0)) fail_equal(f, i, j);
      return false;
    });
    for (std::int64_t i = 0; i < f.all.rows(); ++i)
      if ((f.open(i, packing.left) && !from_right.col(i).isZero(0)) ||
          (f.open(i, packing.right) && !from_left.row(i).isZero(0)))
        fail_open(f, i);
  });
  return Cotangents(1);
}

}  // namespace gradus::detail

#pragma once

#include "linalg/eigen_factors.h"
#include "linalg/matrices.h"

#include "gradus/ops/decompose.h"

#include <Eigen/LU>

#include <optional>

// Decompositions by Eigen, or by LAPACK where that is found and faster: from a size on that was measured (decision
// 0021). T is float or double.

namespace gradus::detail {

/// As eigen_svd, eigen_eigh.
template <class T>
bool factor_svd(const MatrixIn<T>& a, SvdFactors<T>& out);
template <class T>
bool factor_eigh(const EigenMatrix<T>& a, EighFactors<T>& out);

/// The lower triangle of a, which is all that is read, becomes `out`, with zeros above; false if a is not positive
/// definite.
template <class T>
bool factor_cholesky(const MatrixIn<T>& a, MatrixOut<T> out);

/// b becomes the solution of the equations; no number on the diagonal of a is 0 unless it is taken for 1.
template <class T>
void solve_triangular(const MatrixIn<T>& a, const Triangular& form, MatrixOut<T> b);

/// A square matrix in triangular factors. What may be singular is left to Eigen, whose zeros decide.
template <class T>
class Lu {
 public:
  explicit Lu(const MatrixIn<T>& a);
  /// The numbers whose product is the determinant but for `sign`.
  using Pivots = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>, Eigen::Unaligned, Eigen::InnerStride<>>;
  Pivots pivots() const;
  T sign() const;
  bool is_regular() const { return !(pivots() == T(0)).any(); }
  /// b becomes a^-1 b.
  void solve(MatrixOut<T> b) const;

 private:
  bool by_lapack(const MatrixIn<T>& a);

  std::optional<Eigen::PartialPivLU<EigenMatrix<T>>> eigen_;  // or LAPACK's:
  EigenMatrix<T> factors_;
  std::vector<int> swaps_;
};

}  // namespace gradus::detail

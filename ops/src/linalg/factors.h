#pragma once

#include "linalg/eigen_factors.h"
#include "linalg/matrices.h"

#include "gradus/ops/decompose.h"

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

/// P A = L U for a square A, L with ones on its diagonal and (P x)_i = x[order[i]]. L and U stand in one matrix, column
/// by column: `factors` is its transpose.
template <class T>
struct Lu {
  MatrixOut<T> factors;
  std::int64_t* order;

  /// False if A is singular. What may be is left to Eigen, whose zeros decide.
  bool factor(const MatrixIn<T>& a);
  /// The numbers whose product is the determinant but for `sign`.
  auto pivots() const { return factors.diagonal().array(); }
  T sign() const;
};
/// b becomes A^-1 b, or A^-T b.
template <class T>
void solve_lu(const T* factors, const std::int64_t* order, bool transpose, MatrixOut<T> b);

/// Place for that of each matrix of a batch.
struct LuTensors {
  Tensor factors, order;
  explicit LuTensors(const Tensor& x) : factors(empty(x.shape(), x.dtype())), order(empty(columns_of(x), int64)) {}
  template <class T>
  auto views() {
    return [n = factors.size(-1), all = factors.mutable_data<T>(), orders = order.mutable_data<std::int64_t>()](
               std::int64_t i) { return Lu<T>{{all + i * n * n, n, n}, orders + i * n}; };
  }
};

}  // namespace gradus::detail

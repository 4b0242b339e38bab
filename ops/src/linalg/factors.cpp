#include "linalg/factors.h"

#include "gradus/kernels/lapack.h"

#include <Eigen/Cholesky>

#include <limits>

namespace gradus::detail {
namespace {

/// From these sizes on LAPACK is faster.
constexpr std::int64_t kLuFrom = 64, kCholeskyFrom = 32, kTriangularFrom = 32, kSvdFrom = 16, kEighFrom = 192;

bool is_for_lapack(std::int64_t size, std::int64_t from, std::int64_t largest) {
  return size >= from && has_lapack(largest);
}

}  // namespace

template <class T>
bool factor_svd(const MatrixIn<T>& a, SvdFactors<T>& out) {
  const std::int64_t m = a.rows(), n = a.cols(), k = std::min(m, n);
  if (!is_for_lapack(k, kSvdFrom, std::max(m, n))) return eigen_svd(a, out);
  EigenMatrix<T> copy = a;
  out.u.resize(m, k);
  out.vt.resize(k, n);
  out.values.resize(k);
  return lapack_svd(m, n, copy.data(), out.u.data(), out.values.data(), out.vt.data());
}

template <class T>
bool factor_eigh(const EigenMatrix<T>& a, EighFactors<T>& out) {
  const std::int64_t n = a.rows();
  if (!is_for_lapack(n, kEighFrom, n)) return eigen_eigh(a, out);
  out.rows = a;
  out.values.resize(n);
  return lapack_eigh(n, out.rows.data(), out.values.data());
}

template <class T>
bool factor_cholesky(const MatrixIn<T>& a, MatrixOut<T> out) {
  const std::int64_t n = a.rows();
  out = a.template triangularView<Eigen::Lower>();
  if (is_for_lapack(n, kCholeskyFrom, n) && out.array().isFinite().all()) return lapack_cholesky(n, out.data());
  const Eigen::LLT<EigenMatrix<T>> llt(a);
  if (llt.info() != Eigen::Success) return false;
  out = llt.matrixL();
  return true;
}

template <class T>
void solve_triangular(const MatrixIn<T>& a, const Triangular& form, MatrixOut<T> b) {
  const std::int64_t n = b.rows(), k = b.cols();
  if (k == 0) return;
  if (k > 1 && is_for_lapack(n, kTriangularFrom, std::max(n, k))) {
    const Triangle triangle = form.upper ? Triangle::upper : Triangle::lower;
    return lapack_triangular_solve(triangle, form.transpose, form.unit, n, k, a.data(), b.data());
  }
  const auto run = [&]<unsigned mode>(std::integral_constant<unsigned, mode>) {
    constexpr unsigned turned = mode ^ (Eigen::Upper | Eigen::Lower);
    if (form.transpose)
      a.transpose().template triangularView<turned>().solveInPlace(b);
    else
      a.template triangularView<mode>().solveInPlace(b);
  };
  using std::integral_constant;
  if (form.upper && form.unit)
    run(integral_constant<unsigned, Eigen::UnitUpper>{});
  else if (form.upper)
    run(integral_constant<unsigned, Eigen::Upper>{});
  else if (form.unit)
    run(integral_constant<unsigned, Eigen::UnitLower>{});
  else
    run(integral_constant<unsigned, Eigen::Lower>{});
}

template <class T>
Lu<T>::Lu(const MatrixIn<T>& a) {
  if (!by_lapack(a)) eigen_.emplace(a);
}

template <class T>
bool Lu<T>::by_lapack(const MatrixIn<T>& a) {
  const std::int64_t n = a.rows();
  if (!is_for_lapack(n, kLuFrom, n) || !a.array().isFinite().all()) return false;
  factors_ = a;
  swaps_.resize(static_cast<std::size_t>(n));
  lapack_lu(n, factors_.data(), swaps_.data());
  const auto sizes = factors_.diagonal().array().abs();
  const T rounding = static_cast<T>(n) * std::numeric_limits<T>::epsilon() * sizes.maxCoeff();
  return factors_.array().isFinite().all() && sizes.minCoeff() > rounding;
}

template <class T>
typename Lu<T>::Pivots Lu<T>::pivots() const {
  const EigenMatrix<T>& all = eigen_ ? eigen_->matrixLU() : factors_;
  return {all.data(), all.rows(), Eigen::InnerStride<>(all.rows() + 1)};
}

template <class T>
T Lu<T>::sign() const {
  if (eigen_) return static_cast<T>(eigen_->permutationP().determinant());
  T sign = 1;
  for (std::size_t i = 0; i < swaps_.size(); ++i)
    if (swaps_[i] != static_cast<int>(i)) sign = -sign;
  return sign;
}

template <class T>
void Lu<T>::solve(MatrixOut<T> b) const {
  if (b.cols() == 0) return;
  if (eigen_)
    b = eigen_->solve(b);
  else
    lapack_lu_solve(b.rows(), b.cols(), factors_.data(), swaps_.data(), b.data());
}

#define GRADUS_FACTORS(T)                                                              \
  template bool factor_svd(const MatrixIn<T>&, SvdFactors<T>&);                        \
  template bool factor_eigh(const EigenMatrix<T>&, EighFactors<T>&);                   \
  template bool factor_cholesky(const MatrixIn<T>&, MatrixOut<T>);                     \
  template void solve_triangular(const MatrixIn<T>&, const Triangular&, MatrixOut<T>); \
  template class Lu<T>;
GRADUS_FACTORS(float)
GRADUS_FACTORS(double)
#undef GRADUS_FACTORS

}  // namespace gradus::detail

#include "linalg/factors.h"

#include "gradus/kernels/lapack.h"

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include <limits>
#include <utility>
#include <vector>

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

namespace {

template <class T>
bool lu_by_lapack(const MatrixIn<T>& a, Lu<T>& out) {
  const std::int64_t n = a.rows();
  if (!is_for_lapack(n, kLuFrom, n) || !a.array().isFinite().all()) return false;
  out.factors = a.transpose();
  lapack_lu(n, out.factors.data(), out.order);
  const auto sizes = out.pivots().abs();
  const T rounding = static_cast<T>(n) * std::numeric_limits<T>::epsilon() * sizes.maxCoeff();
  return out.factors.array().isFinite().all() && sizes.minCoeff() > rounding;
}

}  // namespace

template <class T>
bool Lu<T>::factor(const MatrixIn<T>& a) {
  if (lu_by_lapack(a, *this)) return true;
  using Columns = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  Eigen::Map<Columns> columns(factors.data(), a.rows(), a.cols());
  columns = a;
  Eigen::Ref<Columns> place(columns);
  const Eigen::PartialPivLU<Eigen::Ref<Columns>> lu(place);
  for (std::int64_t i = 0; i < a.rows(); ++i) order[lu.permutationP().indices()[i]] = i;
  return !(pivots() == T(0)).any();
}

template <class T>
T Lu<T>::sign() const {
  std::vector<std::int64_t> rest(order, order + factors.rows());
  T sign = 1;
  for (std::size_t i = 0; i < rest.size(); ++i)
    for (; rest[i] != static_cast<std::int64_t>(i); sign = -sign)
      std::swap(rest[i], rest[static_cast<std::size_t>(rest[i])]);
  return sign;
}

template <class T>
void solve_lu(const T* factors, const std::int64_t* order, bool transpose, MatrixOut<T> b) {
  const MatrixIn<T> lu(factors, b.rows(), b.rows());
  const Triangular l{.upper = true, .transpose = !transpose, .unit = true}, u{.transpose = !transpose};
  if (transpose) {
    solve_triangular(lu, u, b);
    solve_triangular(lu, l, b);
    const EigenMatrix<T> x = b;
    for (std::int64_t i = 0; i < b.rows(); ++i) b.row(order[i]) = x.row(i);
  } else {
    const EigenMatrix<T> x = b;
    for (std::int64_t i = 0; i < b.rows(); ++i) b.row(i) = x.row(order[i]);
    solve_triangular(lu, l, b);
    solve_triangular(lu, u, b);
  }
}

#define GRADUS_FACTORS(T)                                                              \
  template bool factor_svd(const MatrixIn<T>&, SvdFactors<T>&);                        \
  template bool factor_eigh(const EigenMatrix<T>&, EighFactors<T>&);                   \
  template bool factor_cholesky(const MatrixIn<T>&, MatrixOut<T>);                     \
  template void solve_triangular(const MatrixIn<T>&, const Triangular&, MatrixOut<T>); \
  template struct Lu<T>;                                                               \
  template void solve_lu(const T*, const std::int64_t*, bool, MatrixOut<T>);
GRADUS_FACTORS(float)
GRADUS_FACTORS(double)
#undef GRADUS_FACTORS

}  // namespace gradus::detail

#include "linalg/eigen_factors.h"

#include <Eigen/Eigenvalues>

namespace gradus::detail {

template <class T>
bool eigen_eigh(const RowMajor<T>& a, EighFactors<T>& out) {
  const Eigen::SelfAdjointEigenSolver<RowMajor<T>> solver(a);
  if (solver.info() != Eigen::Success) return false;
  out = {solver.eigenvectors().transpose(), solver.eigenvalues()};
  return true;
}

template bool eigen_eigh(const RowMajor<float>& a, EighFactors<float>& out);
template bool eigen_eigh(const RowMajor<double>& a, EighFactors<double>& out);

}  // namespace gradus::detail

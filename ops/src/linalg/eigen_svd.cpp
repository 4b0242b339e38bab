#include "linalg/eigen_factors.h"

#include <Eigen/SVD>

namespace gradus::detail {

template <class T>
bool eigen_svd(const Eigen::Map<const RowMajor<T>>& a, SvdFactors<T>& out) {
  const Eigen::BDCSVD<RowMajor<T>> factors(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  if (factors.info() != Eigen::Success) return false;
  out = {factors.matrixU(), factors.matrixV().transpose(), factors.singularValues()};
  return true;
}

template bool eigen_svd(const Eigen::Map<const RowMajor<float>>& a, SvdFactors<float>& out);
template bool eigen_svd(const Eigen::Map<const RowMajor<double>>& a, SvdFactors<double>& out);

}  // namespace gradus::detail

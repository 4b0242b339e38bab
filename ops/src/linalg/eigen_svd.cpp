#include "linalg/eigen_factors.h"

#include <Eigen/SVD>

namespace gradus::detail {

template <>
bool eigen_svd(const Eigen::Map<const RowMajor<double>>& a, SvdFactors<double>& out) {
  const Eigen::BDCSVD<RowMajor<double>> factors(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  if (factors.info() != Eigen::Success) return false;
  out = {factors.matrixU(), factors.matrixV().transpose(), factors.singularValues()};
  return true;
}

/// In double: that the slowest template of all is compiled once is worth more than the time of small matrices.
template <>
bool eigen_svd(const Eigen::Map<const RowMajor<float>>& a, SvdFactors<float>& out) {
  const RowMajor<double> wide = a.cast<double>();
  SvdFactors<double> factors;
  if (!eigen_svd(Eigen::Map<const RowMajor<double>>(wide.data(), wide.rows(), wide.cols()), factors)) return false;
  out = {factors.u.cast<float>(), factors.vt.cast<float>(), factors.values.cast<float>()};
  return true;
}

}  // namespace gradus::detail

#pragma once

#include "gradus/tensor/intrinsics.h"

#include <Eigen/Core>

// Eigen's slowest templates, instantiated once each. Their sources include Eigen and nothing of ours, so that a change
// elsewhere does not compile them again.

namespace gradus::detail {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using EigenVector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

/// a = u diag(values) vt, values descending; u [m, k], vt [k, n] for k = min(m, n).
template <class T>
struct SvdFactors {
  RowMajor<T> u, vt;
  EigenVector<T> values;
};
/// By divide and conquer; false if it does not converge. a is finite. T is float or double.
template <class T>
bool eigen_svd(const Eigen::Map<const RowMajor<T>>& a, SvdFactors<T>& out);
template <>
bool eigen_svd(const Eigen::Map<const RowMajor<double>>& a, SvdFactors<double>& out);
template <>
bool eigen_svd(const Eigen::Map<const RowMajor<float>>& a, SvdFactors<float>& out);

/// a = rows^T diag(values) rows for symmetric a (its lower triangle is read), values ascending.
template <class T>
struct EighFactors {
  RowMajor<T> rows;
  EigenVector<T> values;
};
/// False if it does not converge. a is finite. T is float or double.
template <class T>
bool eigen_eigh(const RowMajor<T>& a, EighFactors<T>& out);

}  // namespace gradus::detail

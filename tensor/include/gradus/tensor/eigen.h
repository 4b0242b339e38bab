#pragma once

#include "gradus/tensor/intrinsics.h"
#include "gradus/tensor/tensor.h"

#include <Eigen/Core>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// A matrix of Eigen with its elements in the order of a contiguous tensor.
template <class T>
using EigenMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
/// Strides of rows and columns, in elements.
using EigenStride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
/// Elements of a tensor as a matrix of Eigen, to read.
template <class T>
using ConstMatrixMap = Eigen::Map<const EigenMatrix<T>, Eigen::Unaligned, EigenStride>;
/// The same to write to.
template <class T>
using MatrixMap = Eigen::Map<EigenMatrix<T>, Eigen::Unaligned, EigenStride>;

/// A matrix [m, n], or a vector [n] as one row, seen by Eigen without a copy; views with positive
/// strides too. ShapeError for other ranks or strides, DTypeError if T is not the element type.
template <class T>
ConstMatrixMap<T> as_eigen(const Tensor& x, CallSite site = CallSite::here()) {
  const T* data = x.data<T>(site);
  for (std::int64_t stride : x.strides())
    if (stride < 0) detail::fail<ShapeError>("as_eigen", "expected strides >= 0, got " + to_string(x.strides()), site);
  if (x.rank() == 1) return {data, 1, x.size(0), EigenStride(0, x.strides()[0])};
  if (x.rank() != 2) detail::fail<ShapeError>("as_eigen", "expected rank 1 or 2, got " + to_string(x.shape()), site);
  return {data, x.size(0), x.size(1), EigenStride(x.strides()[0], x.strides()[1])};
}

/// The same for writing (an in-place change).
template <class T>
MatrixMap<T> as_mutable_eigen(Tensor& x, CallSite site = CallSite::here()) {
  const auto map = as_eigen<T>(x, site);
  return {x.mutable_data<T>(), map.rows(), map.cols(), EigenStride(map.outerStride(), map.innerStride())};
}

/// A copy of any dense Eigen expression: a matrix [rows, cols], or [n] for a vector type.
template <class Derived>
Tensor from_eigen(const Eigen::DenseBase<Derived>& values) {
  using T = typename Derived::Scalar;
  Shape shape{static_cast<std::int64_t>(values.rows()), static_cast<std::int64_t>(values.cols())};
  if constexpr (Derived::IsVectorAtCompileTime) shape = {static_cast<std::int64_t>(values.size())};
  Tensor result = empty(shape, dtype_of<T>);
  Eigen::Map<EigenMatrix<T>>(result.mutable_data<T>(), values.rows(), values.cols()) = values.derived();
  return result;
}

}  // namespace gradus
GRADUS_EXPORT_END

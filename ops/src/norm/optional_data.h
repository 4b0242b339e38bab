#pragma once

#include "gradus/tensor/tensor.h"

namespace gradus::detail {

/// The elements of a tensor, null if it is undefined.
template <class T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}
template <class T>
T* mutable_data_or_null(Tensor& x) {
  return x.defined() ? x.mutable_data<T>() : nullptr;
}

}  // namespace gradus::detail

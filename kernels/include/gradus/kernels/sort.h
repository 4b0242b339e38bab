#pragma once

#include "gradus/tensor/export.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// For each of `rows` rows of x [rows, n] where its first `count` elements in order stand: order [rows, count]. NaN
/// counts as largest; of equal elements the first comes first. T is a type of elements.
template <class T>
void argsort(std::int64_t rows,
             std::int64_t n,
             std::int64_t count,
             bool descending,
             const T* x,
             std::int64_t* order);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

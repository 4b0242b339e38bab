#pragma once

#include "gradus/tensor/export.h"

#include <cstdint>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// For each of `rows` rows of x [rows, n] where its first `count` elements in order stand: order [rows, count]. NaN
/// counts as largest; of equal elements the first comes first. T is a type of elements.
template <class T>
void argsort(std::int64_t rows, std::int64_t n, std::int64_t count, bool descending, const T* x, std::int64_t* order);

/// The different rows among those of a matrix, in order, a NaN being equal to NaN.
struct DifferentRows {
  std::vector<std::int64_t> firsts, counts;  // where each stands first, and how often
  std::vector<std::int64_t> which;           // of them each row is
};
template <class T>
DifferentRows different_rows(std::int64_t rows, std::int64_t n, const T* x);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

#pragma once

// Reductions over axes, shared by the families: no records, no checks. Each takes the axes as a
// mask, one bit an axis, and gives a fresh tensor of `shape`, which holds the sizes kept in their
// order (sizes of 1 come and go freely). The same bits come out whatever the number of threads.

#include "gradus/tensor/export.h"
#include "gradus/tensor/tensor.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// x's shape without the axes in `mask`, or with size 1 in their place.
Shape reduced_shape(const Tensor& x, std::uint32_t mask, bool keepdim);
/// The number of elements that come together in one result.
std::int64_t reduced_count(const Tensor& x, std::uint32_t mask);

/// Sums, divided by `divisor` for floating dtypes; bool and int64 give int64.
Tensor sum_over(const Tensor& x, std::uint32_t mask, const Shape& shape, double divisor = 1);
/// Sums of squares, divided by `divisor`. Floating only.
Tensor sum_squares_over(const Tensor& x, std::uint32_t mask, const Shape& shape, double divisor = 1);
/// Products; bool and int64 give int64.
Tensor prod_over(const Tensor& x, std::uint32_t mask, const Shape& shape);
/// The largest, or smallest, elements; NaN wins. At least one element comes together in each
/// result.
Tensor max_over(const Tensor& x, std::uint32_t mask, const Shape& shape);
Tensor min_over(const Tensor& x, std::uint32_t mask, const Shape& shape);
/// Where the first of the largest, or smallest, elements of each line along an axis stands, int64; NaN wins.
Tensor first_extreme(const Tensor& x, int axis, bool largest, const Shape& shape);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

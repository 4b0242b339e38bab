#pragma once

#include "gradus/ops/reduce.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus {

// Each element of the result depends on those up to its own place along an axis. Sums and products are carried
// on in float64.
//   shapes    y like x
//   errors    IndexError for an axis out of range

/// y_i = x_0 + … + x_i; of bool and int64 as int64. `reverse` starts from the other end.
///   gradient  the sum from the other end
Tensor cumsum(Arg x, std::int64_t axis, bool reverse = false);
/// y_i = x_0 … x_i; of bool and int64 as int64.
///   gradient  made without division: exact where elements are zero
Tensor cumprod(Arg x, std::int64_t axis);
/// y_i = log(exp(x_0) + … + exp(x_i)), without overflow. Floating only.
///   gradient  sum over i >= k of g_i exp(x_k - y_i), without overflow; 0 where x_k is -inf
Tensor logcumsumexp(Arg x, std::int64_t axis);
/// The linear recurrence y_i = a_i y_(i-1) + b_i, y_0 = b_0 (a_0 is not read): filters, moving averages,
/// discounted sums. `reverse` starts from the other end.
///   shapes    a, b of one shape, y like them
///   gradient  g to b by the reverse recurrence d_i = g_i + a_(i+1) d_(i+1), and y_(i-1) d_i to a
///   errors    ShapeError if shapes differ; DTypeError if dtypes do, or for bool
Tensor linear_recurrence(Arg a, const Tensor& b, std::int64_t axis, bool reverse = false);

/// The largest, or smallest, element so far and where the last of equal ones stands; NaN wins and stays.
///   gradient  flows to that one
///   errors    DTypeError for bool
Extremum cummax(Arg x, std::int64_t axis);
Extremum cummin(Arg x, std::int64_t axis);

}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// a / b of int64 tensors as a whole number, rounded down. `remainder` is what is left.
///   errors    ShapeError if the shapes don't broadcast; DTypeError unless both are int64; ArgumentError for a
///             divisor of 0, or a quotient that int64 can't hold (the lowest number by -1)
Tensor floor_divide(Arg a, const Tensor& b);
Tensor floor_divide(Arg a, std::int64_t b);
/// The same rounded towards 0. `fmod` is what is left.
Tensor trunc_divide(Arg a, const Tensor& b);
Tensor trunc_divide(Arg a, std::int64_t b);

namespace detail {

/// a^b of two int64 tensors, for `pow`.
Tensor integer_pow(Arg a, const Tensor& b);

}  // namespace detail
}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#include "gradus/graph/arg.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

// Comparison, elementwise with promotion and broadcasting; results are bool and take no gradient. A number takes
// the tensor's dtype, but a fraction, or a number out of range, is compared with int64 as float64.
//   errors    ShapeError if the shapes don't broadcast; DTypeError where bools are put in order
Tensor equal_to(Arg a, const Tensor& b);
Tensor equal_to(Arg a, double b);
Tensor not_equal_to(Arg a, const Tensor& b);
Tensor not_equal_to(Arg a, double b);
Tensor less(Arg a, const Tensor& b);
Tensor less(Arg a, double b);
Tensor less_equal(Arg a, const Tensor& b);
Tensor less_equal(Arg a, double b);
Tensor greater(Arg a, const Tensor& b);
Tensor greater(Arg a, double b);
Tensor greater_equal(Arg a, const Tensor& b);
Tensor greater_equal(Arg a, double b);

inline Tensor operator==(Arg a, const Tensor& b) { return equal_to(a, b); }
inline Tensor operator==(Arg a, double b) { return equal_to(a, b); }
inline Tensor operator!=(Arg a, const Tensor& b) { return not_equal_to(a, b); }
inline Tensor operator!=(Arg a, double b) { return not_equal_to(a, b); }
inline Tensor operator<(Arg a, const Tensor& b) { return less(a, b); }
inline Tensor operator<(Arg a, double b) { return less(a, b); }
inline Tensor operator<(double a, Arg b) { return greater(b, a); }
inline Tensor operator<=(Arg a, const Tensor& b) { return less_equal(a, b); }
inline Tensor operator<=(Arg a, double b) { return less_equal(a, b); }
inline Tensor operator<=(double a, Arg b) { return greater_equal(b, a); }
inline Tensor operator>(Arg a, const Tensor& b) { return greater(a, b); }
inline Tensor operator>(Arg a, double b) { return greater(a, b); }
inline Tensor operator>(double a, Arg b) { return less(b, a); }
inline Tensor operator>=(Arg a, const Tensor& b) { return greater_equal(a, b); }
inline Tensor operator>=(Arg a, double b) { return greater_equal(a, b); }
inline Tensor operator>=(double a, Arg b) { return less_equal(b, a); }

// Logic of elements, those other than 0 being true; results are bool and take no gradient.
//   errors    ShapeError if the shapes don't broadcast
Tensor logical_and(Arg a, const Tensor& b);
Tensor logical_or(Arg a, const Tensor& b);
Tensor logical_xor(Arg a, const Tensor& b);
Tensor logical_not(Arg x);

// True where an element is NaN, an infinity, or neither; a whole number is finite.
Tensor isnan(Arg x);
Tensor isinf(Arg x);
Tensor isfinite(Arg x);

/// a where `condition` (bool) holds, else b; the three broadcast together.
///   gradient  flows to the one taken
///   errors    DTypeError unless condition is bool; ShapeError if the shapes don't broadcast
Tensor where(Arg condition, const Tensor& a, const Tensor& b);
Tensor where(Arg condition, const Tensor& a, double b);
Tensor where(Arg condition, double a, const Tensor& b);

}  // namespace gradus
GRADUS_EXPORT_END

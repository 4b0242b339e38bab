#pragma once

#include "gradus/graph/arg.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

// Elementwise arithmetic. Two tensors are promoted to one dtype and broadcast by NumPy's rule; results are
// of that dtype and shape. A number takes the tensor's dtype. Sums and products of int64 are modulo 2^64.
//   errors    ShapeError if the shapes don't broadcast; DTypeError for bool, or for a number with a
//             fraction beside an int64 tensor

/// a + b
Tensor add(Arg a, const Tensor& b);
Tensor add(Arg a, double b);
/// a - b
Tensor sub(Arg a, const Tensor& b);
Tensor sub(Arg a, double b);
Tensor sub(double a, Arg b);
/// a b
Tensor mul(Arg a, const Tensor& b);
Tensor mul(Arg a, double b);
/// a / b; int64 tensors are divided as float32.
Tensor div(Arg a, const Tensor& b);
Tensor div(Arg a, double b);
Tensor div(double a, Arg b);
/// -x
Tensor neg(Arg x);

inline Tensor operator+(Arg a, const Tensor& b) { return add(a, b); }
inline Tensor operator+(Arg a, double b) { return add(a, b); }
inline Tensor operator+(double a, Arg b) { return add(b, a); }
inline Tensor operator-(Arg a, const Tensor& b) { return sub(a, b); }
inline Tensor operator-(Arg a, double b) { return sub(a, b); }
inline Tensor operator-(double a, Arg b) { return sub(a, b); }
inline Tensor operator*(Arg a, const Tensor& b) { return mul(a, b); }
inline Tensor operator*(Arg a, double b) { return mul(a, b); }
inline Tensor operator*(double a, Arg b) { return mul(b, a); }
inline Tensor operator/(Arg a, const Tensor& b) { return div(a, b); }
inline Tensor operator/(Arg a, double b) { return div(a, b); }
inline Tensor operator/(double a, Arg b) { return div(a, b); }
inline Tensor operator-(Arg x) { return neg(x); }

/// a^b, both floating, or both int64: exact, with ArgumentError for exponents below 0 or powers beyond int64.
///   gradient  b a^(b-1) and a^b log a (0 where a = 0 and b >= 0)
Tensor pow(Arg a, const Tensor& b);
Tensor pow(Arg a, double exponent);
Tensor pow(double base, Arg exponent);

/// The larger, or smaller, of two. Equal values share the gradient; NaN wins.
Tensor maximum(Arg a, const Tensor& b);
Tensor minimum(Arg a, const Tensor& b);

/// `x` with another element type; the gradient is cast back. Integers take none.
Tensor to(Arg x, DType dtype);

namespace detail {

/// a += b in the memory of `a`, which nobody else sees; same dtype and shape.
void add_in_place(Tensor& a, const Tensor& b);

}  // namespace detail
}  // namespace gradus
GRADUS_EXPORT_END

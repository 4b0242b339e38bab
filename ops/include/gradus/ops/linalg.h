#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// The matrix product by NumPy's rules; transposed views are read where they are.
///   value     y[…, i, j] = sum_l a[…, i, l] b[…, l, j]
///   shapes    a [*, m, k], b [*, k, n], y [*, m, n], the leading dimensions broadcast; a vector is a row as a
///             and a column as b, and its dimension of size 1 is left out of y
///   errors    ShapeError for rank 0, inner sizes that differ, leading ones that don't broadcast; DTypeError
///             unless both are of one floating dtype
Tensor matmul(Arg a, const Tensor& b);

/// An affine map of the last dimension.
///   value     y = x weight^T + bias
///   shapes    x [*, in], weight [out, in], bias [out] or undefined for none, y [*, out]
///   errors    ShapeError; DTypeError unless all are of one floating dtype
Tensor linear(Arg x, const Tensor& weight, const Tensor& bias = {});

// Further products, made of matmul and elementwise ops.
//   errors    ShapeError unless the shapes are as said; DTypeError as matmul

/// The matrix products of two batches, one a batch; nothing broadcasts.
///   shapes    a [b, m, k], b [b, k, n], y [b, m, n]
Tensor bmm(Arg a, const Tensor& b);
/// beta c + alpha a b; c is left out where beta is 0.
///   shapes    a [m, k], b [k, n], c broadcasts to y [m, n]
Tensor addmm(Arg c, const Tensor& a, const Tensor& b, double alpha = 1, double beta = 1);
/// The same of batches.
///   shapes    a [b, m, k], b [b, k, n], c broadcasts to y [b, m, n]
Tensor baddbmm(Arg c, const Tensor& a, const Tensor& b, double alpha = 1, double beta = 1);
/// A matrix [m, n] times a vector [n].
Tensor mv(Arg a, const Tensor& x);
/// The sum of a[i] b[i] for two vectors [n].
Tensor dot(Arg a, const Tensor& b);
/// y[i, j] = a[i] b[j] for two vectors.
Tensor outer(Arg a, const Tensor& b);
/// The sum of the diagonal of each matrix.
///   shapes    x [*, m, n], y [*]
Tensor trace(Arg x);
/// The Kronecker product: a with each element replaced by that element times b. Up to 4 dimensions, 1 put in
/// front of the shorter shape.
Tensor kron(Arg a, const Tensor& b);
/// The vector product along an axis of size 3; other dimensions broadcast.
///   errors    IndexError for an axis out of range
Tensor cross(Arg a, const Tensor& b, std::int64_t axis = -1);

}  // namespace gradus
GRADUS_EXPORT_END

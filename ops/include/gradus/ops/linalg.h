#pragma once

#include "gradus/graph/arg.h"

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

}  // namespace gradus

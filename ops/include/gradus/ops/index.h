#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>

namespace gradus {

// Elements taken from, or added to, places given by an int64 tensor. Negative indices count from the
// back; index tensors take no gradient.
//   errors    IndexError for an index or axis out of range; DTypeError for an index that is not int64

/// The parts of x at the places `index` [k] of an axis, in that order.
///   shapes    x [..., n, ...], index [k], y [..., k, ...]
///   gradient  added up where an index is repeated
///   errors    ShapeError if index has not rank 1
Tensor index_select(Arg x, std::int64_t axis, const Tensor& index);
/// A copy of x with the parts of `source` added at the places `index` [k] of an axis.
///   shapes    x [..., n, ...], index [k], source [..., k, ...], y like x
///   errors    ShapeError if index and source don't fit; DTypeError if source has another type than x
Tensor index_add(Arg x, std::int64_t axis, const Tensor& index, const Tensor& source);

/// y[i][j][k] = x[i][index[i][j][k]][k], for axis 1 of rank 3.
///   shapes    y like index; along other axes index is no larger than x
///   gradient  added up where a place is taken more than once
///   errors    ShapeError if index does not fit
Tensor gather(Arg x, std::int64_t axis, const Tensor& index);
/// A copy of x with each source[i][j][k] added at [i][index[i][j][k]][k], for axis 1 of rank 3.
///   shapes    y like x; index no larger than source, and along other axes no larger than x
///   errors    ShapeError if index does not fit; DTypeError if source has another type than x
Tensor scatter_add(Arg x, std::int64_t axis, const Tensor& index, const Tensor& source);

/// A last axis of size `classes` with 1 at each index and 0 elsewhere. Negative indices are out of range.
///   errors    ArgumentError if classes < 1
Tensor one_hot(Arg index, std::int64_t classes, DType dtype = float32);

}  // namespace gradus

#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>
#include <limits>
#include <span>

GRADUS_EXPORT_BEGIN
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

/// A copy of x with each source[i][j][k] at [i][index[i][j][k]][k], for axis 1 of rank 3. Of several the last
/// one counts, and takes the gradient.
///   shapes, errors    as scatter_add
Tensor scatter(Arg x, std::int64_t axis, const Tensor& index, const Tensor& source);

/// What becomes of several elements for one place.
enum class ScatterReduce : std::uint8_t { sum, prod, mean, max, min };
/// A copy of x in which each place that `index` names, as scatter does, holds the sum, product, mean, largest or
/// smallest of the elements of `source` for it, and of the one of x unless include_self is false. NaN wins as largest
/// and smallest.
///   gradient  of a product: that of the others, made without division; of the largest and smallest: shared evenly
///             among equal elements
///   shapes, errors    as scatter_add; DTypeError for the mean of int64
Tensor scatter_reduce(Arg x,
                      std::int64_t axis,
                      const Tensor& index,
                      const Tensor& source,
                      ScatterReduce reduce,
                      bool include_self = true);
/// A copy of x with `value` at the places `index` [k] of an axis.
///   errors    ShapeError if index has not rank 1
Tensor index_fill(Arg x, std::int64_t axis, const Tensor& index, double value);
/// A copy of x with `values` at, or added at, [indices[0][i], indices[1][i], …] for each i. Of several
/// written to one place the last counts, and takes the gradient.
///   shapes    indices broadcast to one shape [*]; for k of them values broadcast to [*, x's sizes from axis k on]
///   errors    ArgumentError for no index, or more than axes; ShapeError if values don't fit; DTypeError if they have
///             another type than x
Tensor index_put(Arg x, std::span<const Tensor> indices, const Tensor& values, bool accumulate = false);
/// A copy of x with `source` where `slice` with the same arguments would read.
///   errors    ShapeError if source does not broadcast to that slice; DTypeError if it has another type than x
Tensor slice_assign(Arg x,
                    const Tensor& source,
                    std::int64_t axis,
                    std::int64_t start,
                    std::int64_t stop = std::numeric_limits<std::int64_t>::max(),
                    std::int64_t step = 1);

/// The elements of x where the mask, broadcast with x, is true, in row-major order.
///   shapes    y [number of them]
///   errors    DTypeError if mask is not bool
Tensor masked_select(Arg x, const Tensor& mask);
/// x with `value` where the mask is true.
///   errors    DTypeError if mask is not bool; ShapeError if it does not broadcast to x's shape
Tensor masked_fill(Arg x, const Tensor& mask, double value);
/// The places of the elements other than 0 (NaN is), in row-major order: one row each, int64.
///   shapes    y [number of them, rank of x]
Tensor nonzero(Arg x);

/// A last axis of size `classes` with 1 at each index and 0 elsewhere. Negative indices are out of range.
///   errors    ArgumentError if classes < 1
Tensor one_hot(Arg index, std::int64_t classes, DType dtype = float32);

}  // namespace gradus
GRADUS_EXPORT_END

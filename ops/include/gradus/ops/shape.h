#pragma once

#include "gradus/graph/arg.h"

#include <limits>
#include <span>
#include <vector>

namespace gradus {

// Ops that move elements without changing them. Those that can are views: they share the storage.
// What changes nothing at all gives x itself.
//   errors    IndexError for an axis out of range or named twice

/// The same elements, in row-major order, in another shape; one size may be -1 for "the rest". A
/// view where strides allow, else a copy.
///   errors    ShapeError if the number of elements differs
Tensor reshape(Arg x, const Shape& shape);
/// Dimensions first … last as one.
///   errors    ArgumentError if `last` comes before `first`
Tensor flatten(Arg x, std::int64_t first = 1, std::int64_t last = -1);
/// Two dimensions exchanged (a view); the last two by default.
Tensor transpose(Arg x, std::int64_t a = -2, std::int64_t b = -1);
/// Dimension i of the result is dimension axes[i] of x (a view).
///   errors    ShapeError unless there is one axis for each of x's
Tensor permute(Arg x, const Shape& axes);
/// Without a dimension of size 1 (a view).
///   errors    ShapeError if its size is not 1
Tensor squeeze(Arg x, std::int64_t axis);
/// Without any dimension of size 1 (a view).
Tensor squeeze(Arg x);
/// A dimension of size 1 put in at `axis` (a view).
Tensor unsqueeze(Arg x, std::int64_t axis);
/// x repeated along dimensions of size 1 and new ones in front, by NumPy's rule (a view with stride
/// 0).
///   gradient  summed over the repetitions
///   errors    ShapeError if x does not broadcast to that shape
Tensor broadcast_to(Arg x, const Shape& shape);
/// The inverse of broadcasting: summed over what was repeated.
///   errors    ShapeError if that shape does not broadcast to x's; DTypeError for bool
Tensor sum_to(Arg x, const Shape& shape);
/// Backwards along those axes (a view with negative strides).
Tensor flip(Arg x, const Shape& axes);

/// Joined along an axis; the other sizes agree, dtypes are promoted.
///   errors    ArgumentError for no tensors at all; ShapeError if shapes don't fit
Tensor concat(std::span<const Tensor> xs, std::int64_t axis = 0, CallSite site = CallSite::here());
Tensor concat(std::initializer_list<Tensor> xs,
              std::int64_t axis = 0,
              CallSite site = CallSite::here());
/// Joined along a new axis; all of one shape.
///   errors    as concat
Tensor stack(std::span<const Tensor> xs, std::int64_t axis = 0, CallSite site = CallSite::here());
Tensor stack(std::initializer_list<Tensor> xs,
             std::int64_t axis = 0,
             CallSite site = CallSite::here());
/// Parts of the given sizes along an axis (views); their sum is the axis' size.
///   errors    ShapeError if it is not
std::vector<Tensor> split(Arg x, const std::vector<std::int64_t>& sizes, std::int64_t axis = 0);
/// Parts of `size`, the last one smaller if need be.
///   errors    ArgumentError if size < 1
std::vector<Tensor> split(Arg x, std::int64_t size, std::int64_t axis = 0);
/// `count` parts, or fewer: all of one size, rounded up, but for the last.
///   errors    ArgumentError if count < 1
std::vector<Tensor> chunk(Arg x, std::int64_t count, std::int64_t axis = 0);

inline constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

/// Elements start, start + step, … before `stop` along an axis (a view), as Python counts: negative
/// places from the back, places beyond the ends cut off, a negative step backwards (kEnd then
/// means: up to and with the first).
///   errors    ArgumentError if step is 0
Tensor slice(
    Arg x, std::int64_t axis, std::int64_t start, std::int64_t stop = kEnd, std::int64_t step = 1);
/// The inverse: zeros of `shape`, with x where `slice` with the same arguments would read.
///   errors    ShapeError if that slice has not x's shape
Tensor slice_put(Arg x,
                 const Shape& shape,
                 std::int64_t axis,
                 std::int64_t start,
                 std::int64_t stop = kEnd,
                 std::int64_t step = 1);
/// The part at one place of an axis, which goes away (a view); negative places count from the back.
///   errors    IndexError for a place out of range
Tensor select(Arg x, std::int64_t axis, std::int64_t index);

}  // namespace gradus

#pragma once

#include "gradus/graph/arg.h"

#include <limits>
#include <span>
#include <vector>

GRADUS_EXPORT_BEGIN
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
Tensor concat(std::initializer_list<Tensor> xs, std::int64_t axis = 0, CallSite site = CallSite::here());
/// Joined along a new axis; all of one shape.
///   errors    as concat
Tensor stack(std::span<const Tensor> xs, std::int64_t axis = 0, CallSite site = CallSite::here());
Tensor stack(std::initializer_list<Tensor> xs, std::int64_t axis = 0, CallSite site = CallSite::here());
/// Parts of the given sizes along an axis (views); their sum is the axis' size.
///   errors    ShapeError if it is not
std::vector<Tensor> split(Arg x, const std::vector<std::int64_t>& sizes, std::int64_t axis = 0);
/// Parts of `size`, the last one smaller if need be.
///   errors    ArgumentError if size < 1
std::vector<Tensor> split(Arg x, std::int64_t size, std::int64_t axis = 0);
/// `count` parts, or fewer: all of one size, rounded up, but for the last.
///   errors    ArgumentError if count < 1
std::vector<Tensor> chunk(Arg x, std::int64_t count, std::int64_t axis = 0);

/// A place behind every end.
inline constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

/// Elements start, start + step, … before `stop` along an axis (a view), as Python counts: negative
/// places from the back, places beyond the ends cut off, a negative step backwards (kEnd then
/// means: up to and with the first).
///   errors    ArgumentError if step is 0
Tensor slice(Arg x, std::int64_t axis, std::int64_t start, std::int64_t stop = kEnd, std::int64_t step = 1);
/// The inverse: zeros of `shape`, with x where `slice` with the same arguments would read.
///   errors    ShapeError if that slice has not x's shape
Tensor slice_put(
    Arg x, const Shape& shape, std::int64_t axis, std::int64_t start, std::int64_t stop = kEnd, std::int64_t step = 1);
/// The part at one place of an axis, which goes away (a view); negative places count from the back.
///   errors    IndexError for a place out of range
Tensor select(Arg x, std::int64_t axis, std::int64_t index);
/// `length` places of an axis from `start` on (a view); a negative start counts from the back.
///   errors    IndexError unless all are in range
Tensor narrow(Arg x, std::int64_t axis, std::int64_t start, std::int64_t length);
/// All parts of an axis, which goes away (views).
std::vector<Tensor> unbind(Arg x, std::int64_t axis = 0);
/// One dimension as several (a view); one size may be -1.
///   errors    ShapeError if their product is not its size
Tensor unflatten(Arg x, std::int64_t axis, const Shape& sizes);
/// Dimensions source[i] at destination[i], the others in their order (a view).
///   errors    ShapeError unless there are as many of the one as of the other
Tensor movedim(Arg x, const Shape& source, const Shape& destination);
Tensor movedim(Arg x, std::int64_t source, std::int64_t destination);
/// transpose by another name.
Tensor swapdims(Arg x, std::int64_t a, std::int64_t b);
/// Turned by k quarters from the first of two axes towards the second (a view).
///   errors    ArgumentError unless there are two axes
Tensor rot90(Arg x, std::int64_t k = 1, const Shape& axes = {0, 1});

/// The tensor laid side by side with itself, repeats[d] times along each axis; axes are put in front if
/// there are more numbers than dimensions.
///   errors    ShapeError if there are fewer; ArgumentError for a negative number
Tensor repeat(Arg x, const Shape& repeats);
/// The same, where fewer numbers mean 1 in front (NumPy's tile).
Tensor tile(Arg x, const Shape& repeats);
/// Each part of an axis `repeats` times in a row.
///   errors    ArgumentError for a negative number
Tensor repeat_interleave(Arg x, std::int64_t repeats, std::int64_t axis);
/// Part i of an axis repeats[i] times, int64 [n].
///   errors    DTypeError unless they are int64; ShapeError unless there are n of them
Tensor repeat_interleave(Arg x, const Tensor& repeats, std::int64_t axis);
/// Elements moved on by shifts[i] places along axes[i]; those that fall off come in at the start.
///   errors    ShapeError unless there are as many shifts as axes
Tensor roll(Arg x, const Shape& shifts, const Shape& axes);
Tensor roll(Arg x, std::int64_t shift, std::int64_t axis);

/// What a pad is filled with: a number, x mirrored at its last element (which is not repeated), the last
/// element, or x from the other end.
enum class PadMode : std::uint8_t { constant, reflect, replicate, circular };
/// More, or with negative numbers fewer, elements at the ends: `pads` is left and right of the last axis, then of
/// the one before, and so on.
///   errors    ArgumentError for an odd number of pads, or more than pairs for the axes; ShapeError if the axis is
///             too short for the crop, or with n elements left for the pad: n - 1 to reflect, 1 to replicate, n for
///             circular
Tensor pad(Arg x, const std::vector<std::int64_t>& pads, PadMode mode = PadMode::constant, double value = 0);

/// Elements with place j - i = offset in the axes (i, j), which go away, as a new last axis (a view).
///   errors    IndexError if the axes are one
Tensor diagonal(Arg x, std::int64_t offset = 0, std::int64_t axis1 = 0, std::int64_t axis2 = 1);
/// The inverse: square matrices with the last axis of x on a diagonal and zeros elsewhere.
///   shapes    x [..., n], y [..., m, m] with m = n + |offset|; the matrices stand in axes axis1 and axis2
Tensor diag_embed(Arg x, std::int64_t offset = 0, std::int64_t axis1 = -2, std::int64_t axis2 = -1);
/// A vector as the diagonal of a matrix, or that of a matrix.
///   errors    ShapeError unless x has rank 1 or 2
Tensor diag(Arg x, std::int64_t offset = 0);
/// The last two axes with zeros above, or below, the given diagonal.
///   errors    ShapeError unless x has rank >= 2
Tensor tril(Arg x, std::int64_t diagonal = 0);
Tensor triu(Arg x, std::int64_t diagonal = 0);
/// Vectors [n_i] repeated to [n_0, …, n_k], vector i along axis i (views). With `xy` the first two axes are exchanged.
///   errors    ShapeError unless all are vectors or numbers; ArgumentError for none at all
std::vector<Tensor> meshgrid(std::span<const Tensor> xs, bool xy = false, CallSite site = CallSite::here());

}  // namespace gradus
GRADUS_EXPORT_END

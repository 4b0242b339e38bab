#pragma once

#include "gradus/graph/arg.h"

#include <cstdint>
#include <initializer_list>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// Axes of a reduction, negative ones from the back: `{0, -1}`, one number, or none at all for every axis.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : axes_{axis}, all_(false) {}
  Axes(std::int64_t axis) : axes_{axis}, all_(false) {}
  Axes(std::initializer_list<std::int64_t> axes) : axes_(axes), all_(false) {}
  explicit Axes(const Shape& axes) : axes_(axes), all_(false) {}

  /// One bit an axis. IndexError if out of range or named twice.
  std::uint32_t mask(int rank, const char* op, CallSite site = {}) const;

 private:
  Shape axes_;
  bool all_ = true;
};

// Reductions over any axes; `keepdim` leaves them in the shape with size 1. Results are the same bits
// whatever the number of threads.
//   errors    IndexError for an axis out of range or named twice

/// The sum; of bool and int64 as int64, and 0 over no elements.
Tensor sum(Arg x, const Axes& axes = {}, bool keepdim = false);
/// The sum of what is not NaN.
///   gradient  0 of what is
Tensor nansum(Arg x, const Axes& axes = {}, bool keepdim = false);
/// The mean. Floating only; NaN over no elements.
Tensor mean(Arg x, const Axes& axes = {}, bool keepdim = false);
/// The product; of bool and int64 as int64, and 1 over no elements.
///   gradient  the product of the others, made without division: exact where elements are zero
Tensor prod(Arg x, const Axes& axes = {}, bool keepdim = false);
/// The largest, or smallest, element; NaN wins.
///   gradient  shared evenly among equal elements
///   errors    ArgumentError over no elements
Tensor max(Arg x, const Axes& axes = {}, bool keepdim = false);
Tensor min(Arg x, const Axes& axes = {}, bool keepdim = false);

/// PyTorch's name of max.
Tensor amax(Arg x, const Axes& axes = {}, bool keepdim = false);
/// PyTorch's name of min.
Tensor amin(Arg x, const Axes& axes = {}, bool keepdim = false);

/// Whether some, or every, element is other than 0 (NaN is), as bool; false, or true, over no elements.
Tensor any(Arg x, const Axes& axes = {}, bool keepdim = false);
Tensor all(Arg x, const Axes& axes = {}, bool keepdim = false);
/// The number of elements other than 0, int64.
Tensor count_nonzero(Arg x, const Axes& axes = {}, bool keepdim = false);

/// Where the first largest, or smallest, element of an axis stands, int64; NaN wins.
///   errors    ArgumentError over no elements
Tensor argmax(Arg x, std::int64_t axis, bool keepdim = false);
Tensor argmin(Arg x, std::int64_t axis, bool keepdim = false);
/// The place of the first largest element in row-major order.
Tensor argmax(Arg x);
/// The place of the first smallest element in row-major order.
Tensor argmin(Arg x);

/// The largest, or smallest, element of an axis and where the first of them stands.
///   gradient  flows to that one alone
///   errors    as argmax
struct Extremum {
  Tensor values, indices;
};
Extremum max_with_index(Arg x, std::int64_t axis, bool keepdim = false);
Extremum min_with_index(Arg x, std::int64_t axis, bool keepdim = false);

/// The variance, sum (x - mean)^2 / (n - ddof), in two passes. Floating only; no degrees of freedom left
/// gives NaN, or infinity, as 0 in the denominator does.
Tensor var(Arg x, const Axes& axes = {}, bool keepdim = false, std::int64_t ddof = 1);
/// The standard deviation, the root of `var`; called `std` elsewhere.
///   gradient  0 where it is 0
Tensor stddev(Arg x, const Axes& axes = {}, bool keepdim = false, std::int64_t ddof = 1);
/// The p-norm (sum |x|^p)^(1/p), without overflow, for any real p; the largest |x| for p = infinity, the smallest for
/// -infinity, the number of elements other than 0 for p = 0. Floating only.
///   gradient  0 of a norm that is 0; infinite p share it among equal elements; sign(0) is 0
///   errors    ArgumentError if p is NaN, or infinite over no elements
Tensor norm(Arg x, double p = 2, const Axes& axes = {}, bool keepdim = false);
/// x / max(norm(x, p) along an axis, eps): vectors of length 1.
///   errors    as norm; ArgumentError unless eps >= 0
Tensor normalize(Arg x, double p = 2, std::int64_t axis = 1, double eps = 1e-12);
/// log sum exp x, without overflow. Floating only; -inf over no elements.
///   gradient  softmax; 0 where all elements are -inf
Tensor logsumexp(Arg x, const Axes& axes = {}, bool keepdim = false);

}  // namespace gradus
GRADUS_EXPORT_END

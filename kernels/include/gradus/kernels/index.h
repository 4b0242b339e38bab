#pragma once

// Elements at places along an axis. T is a type of elements, in sums and extremes a type of numbers; int64 wraps
// around.

#include "gradus/kernels/lines.h"
#include "gradus/tensor/export.h"
#include "gradus/tensor/tensor.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// y [outer, count, inner] takes from x [outer, size, inner] what stands at `places`, `count` of them, each below size.
template <class T>
void take(const Lines& of_x, std::int64_t count, const std::int64_t* places, const T* x, T* y);
/// Adds x [outer, count, inner] to y [outer, size, inner] at `places`, in the order of x.
template <class T>
void add_at(const Lines& of_y, std::int64_t count, const std::int64_t* places, const T* x, T* y);

// With a place for each element, int64 and within the tensor that they point into. The place along an axis is read
// there, the others are the element's own.

/// y = what stands at its places in x; y is like `places`.
void take_along(int axis, const Tensor& places, const Tensor& x, Tensor& y);
/// Adds the elements of x, which may be larger than `places`, to y at their places. Numbers.
void add_along(int axis, const Tensor& places, const Tensor& x, Tensor& y);
/// Writes to y, int64, at each place where in the row-major order of `shape` the last element that goes there stands.
void write_along(int axis, const Tensor& places, const Shape& shape, Tensor& y);

/// y at each of `n` places becomes the largest (or smallest) of itself and the x that go there; NaN wins. Unless
/// `include_self`, what was in y does not count where an x goes.
template <class T>
void extreme_at(
    bool largest, bool include_self, std::int64_t n, std::int64_t count, const std::int64_t* places, const T* x, T* y);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

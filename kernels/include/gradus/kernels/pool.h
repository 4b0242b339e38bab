#pragma once

// Pooling of planes, one image each, by windows along three axes. T is float or double.

#include "gradus/kernels/triple.h"
#include "gradus/tensor/export.h"

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// Which elements of an axis belong to a window: start, start + step, …, below stop.
struct Window {
  std::int64_t start, stop, step;
  std::int64_t counted;  // how many elements a mean divides by, padding included if asked
};

/// The windows of a pool over one image.
struct PoolWindows {
  Triple size;                              // of an image
  std::array<std::vector<Window>, 3> axes;  // one for each result; a missing axis has one of one element
  std::int64_t divisor = 0;                 // of a mean; 0: the number of elements counted
  /// 2 or 3 where windows are squares of so many neighbouring pixels, two apart in a row, else 0; then those of the
  /// last axis from `whole.first` to `whole.second` reach over no edge.
  std::int64_t square = 0;
  std::pair<std::int64_t, std::int64_t> whole;

  /// Results of a plane.
  std::int64_t results() const { return static_cast<std::int64_t>(axes[0].size() * axes[1].size() * axes[2].size()); }
};

/// y = the mean of each window
template <class T>
void avg_pool(const PoolWindows& windows, std::int64_t planes, const T* x, T* y);
/// dx = the adjoint, applied to g
template <class T>
void avg_pool_gradient(const PoolWindows& windows, std::int64_t planes, const T* g, T* dx);

/// y = the largest of each window, NaN counting as largest, and where in its image it stands, the first of equal ones
template <class T>
void max_pool(const PoolWindows& windows, std::int64_t planes, const T* x, T* y, std::int64_t* places);
/// dx += g at its place, for `n` results of each plane with images of `size` elements; false if a place lies outside.
template <class T>
bool max_pool_gradient(
    std::int64_t planes, std::int64_t n, std::int64_t size, const T* g, const std::int64_t* places, T* dx);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

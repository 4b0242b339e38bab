#pragma once

#include "gradus/data/loader.h"
#include "gradus/tensor/tensor.h"

namespace gradus::cli {

/// A fitted preprocessing as ops, which can be recorded: what it does is read off from what it makes of some numbers.
///   elements  y = (x - shift) scale + rest for each, and `filled` where x is NaN
///   rows      y = x matrix + offset, in float64
class Affine {
 public:
  /// From rows [*row]. UsageError, beginning with `where`, for one that is neither.
  Affine(const data::Transform& transform, const Shape& row, const char* where);
  Tensor operator()(const Tensor& rows) const;

 private:
  bool by_elements(const data::Transform& transform, const Shape& row);
  bool by_rows(const data::Transform& transform, const Shape& row);

  Tensor shift_, scale_, rest_, filled_;
  Tensor matrix_, offset_;
  Shape given_;  // of a row that is made
};

}  // namespace gradus::cli

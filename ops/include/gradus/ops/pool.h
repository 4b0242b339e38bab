#pragma once

#include "gradus/graph/arg.h"
#include "gradus/ops/spatial.h"

#include <optional>

GRADUS_EXPORT_BEGIN
namespace gradus {

// Pooling over windows of the spatial axes.
//   shapes    x [N, C, *] or [C, *]; y [N, C, *] with (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1
//             along each axis, rounded down, or up with ceil_mode (no window begins beyond the input)
//   errors    ShapeError for another rank or a kernel beyond the padded input; ArgumentError for a kernel, stride
//             or dilation below 1 or a padding beyond half of the kernel; DTypeError unless x is floating

struct MaxPoolOptions {
  PerAxis stride{};  // the kernel's sizes if nothing is said
  PerAxis padding = 0;
  PerAxis dilation = 1;
  bool ceil_mode = false;
};

/// The largest of each window; padding never is. The first of equal ones takes the gradient.
Tensor max_pool1d(Arg x, const PerAxis& kernel, const MaxPoolOptions& = {});
Tensor max_pool2d(Arg x, const PerAxis& kernel, const MaxPoolOptions& = {});
Tensor max_pool3d(Arg x, const PerAxis& kernel, const MaxPoolOptions& = {});

struct Pooled {
  Tensor values, indices;  // int64: where in the flattened spatial axes of x
};
/// max_pool2d, and where the largest stand.
Pooled max_pool2d_with_index(Arg x, const PerAxis& kernel, const MaxPoolOptions& = {});

struct AvgPoolOptions {
  PerAxis stride{};
  PerAxis padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;             // the divisor counts padding
  std::optional<std::int64_t> divisor = {};  // instead of the number of elements
};

/// The mean of each window.
Tensor avg_pool1d(Arg x, const PerAxis& kernel, const AvgPoolOptions& = {});
Tensor avg_pool2d(Arg x, const PerAxis& kernel, const AvgPoolOptions& = {});
Tensor avg_pool3d(Arg x, const PerAxis& kernel, const AvgPoolOptions& = {});

/// Windows for a result of the given size: window i of o over n elements is floor(i n / o) to
/// ceil((i + 1) n / o).
Tensor adaptive_avg_pool1d(Arg x, const PerAxis& size);
Tensor adaptive_avg_pool2d(Arg x, const PerAxis& size);
Tensor adaptive_avg_pool3d(Arg x, const PerAxis& size);
Tensor adaptive_max_pool1d(Arg x, const PerAxis& size);
Tensor adaptive_max_pool2d(Arg x, const PerAxis& size);
Tensor adaptive_max_pool3d(Arg x, const PerAxis& size);

}  // namespace gradus
GRADUS_EXPORT_END

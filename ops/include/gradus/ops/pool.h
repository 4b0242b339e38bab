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

/// The largest elements, and where they stand.
struct Pooled {
  Tensor values, indices;  // int64: where in the flattened spatial axes of x
};
/// Those, and where the largest stand.
Pooled max_pool1d_with_index(Arg x, const PerAxis& kernel, const MaxPoolOptions& = {});
Pooled max_pool2d_with_index(Arg x, const PerAxis& kernel, const MaxPoolOptions& = {});
Pooled max_pool3d_with_index(Arg x, const PerAxis& kernel, const MaxPoolOptions& = {});

struct MaxUnpoolOptions {
  PerAxis stride{};  // the kernel's sizes if nothing is said
  PerAxis padding = 0;
  PerAxis size{};  // of the result, where several go with the pool
};

/// The way back from a max pool: zeros, with the elements of x where `indices` says, as max_pool*_with_index counts.
/// Of several for one place the last counts, and takes the gradient.
///   shapes    x and indices [N, C, *] or [C, *]; y [N, C, *size], (n - 1) stride - 2 padding + kernel along each axis
///             if nothing is said, or another size less than a stride away
///   errors    IndexError for an index beyond the result; ShapeError unless indices are like x, or for another rank;
///             ArgumentError for another size; DTypeError unless x is floating and indices are int64
///   source    Zeiler & Fergus 2014, arXiv:1311.2901, section 2.1
Tensor max_unpool1d(Arg x, const Tensor& indices, const PerAxis& kernel, const MaxUnpoolOptions& = {});
Tensor max_unpool2d(Arg x, const Tensor& indices, const PerAxis& kernel, const MaxUnpoolOptions& = {});
Tensor max_unpool3d(Arg x, const Tensor& indices, const PerAxis& kernel, const MaxUnpoolOptions& = {});

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

struct LpPoolOptions {
  PerAxis stride{};
  bool ceil_mode = false;
};

/// The p-norm of each window, (sum |x|^p)^(1/p). What ceil_mode cuts off of a window counts like the mean of the rest.
///   gradient  0 of a norm that is 0
///   errors    ArgumentError unless p is finite and above 0
Tensor lp_pool1d(Arg x, double p, const PerAxis& kernel, const LpPoolOptions& = {});
Tensor lp_pool2d(Arg x, double p, const PerAxis& kernel, const LpPoolOptions& = {});
Tensor lp_pool3d(Arg x, double p, const PerAxis& kernel, const LpPoolOptions& = {});

/// The mean of each window, for a result of the given size: window i of o over n elements is floor(i n / o) to
/// ceil((i + 1) n / o).
Tensor adaptive_avg_pool1d(Arg x, const PerAxis& size);
Tensor adaptive_avg_pool2d(Arg x, const PerAxis& size);
Tensor adaptive_avg_pool3d(Arg x, const PerAxis& size);
/// The largest of each such window.
Tensor adaptive_max_pool1d(Arg x, const PerAxis& size);
Tensor adaptive_max_pool2d(Arg x, const PerAxis& size);
Tensor adaptive_max_pool3d(Arg x, const PerAxis& size);

}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#include "onnx/load/node_call.h"

namespace gradus::onnx {

/// Where the windows of a convolution or pool are on the spatial axes.
struct LoadedWindows {
  Integers kernel, stride, dilation, low, high;  // low and high: padding before and behind
  Integers results;                              // how many windows
  bool is_padded() const;
};

/// The attributes of a node on x [N, C, *]; of a convolution the kernel's sizes may be those of its weight.
///   auto_pad    SAME_*: ⌈n / stride⌉ results, with an odd pad behind (UPPER) or before (LOWER)
///   ceil_mode   a last window that begins inside of x or of the padding before it counts: `high` is then enlarged to
///               its end
LoadedWindows windows_of(const NodeCall& call, const Tensor& x, Integers kernel);

}  // namespace gradus::onnx

#pragma once

#include "conv/spatial.h"
#include "family.h"

#include "gradus/kernels/conv.h"

namespace gradus::detail {

/// All that a convolution is besides the sizes of its operands.
struct ConvGeometry : Op {
  std::int64_t groups = 1;
  // One number a spatial axis; low, high: padding before and behind.
  Shape stride, low, high, dilation;

  template <class V>
  void visit(V&& v) const {
    v("stride", stride);
    if (low == high) {
      v("padding", low);
    } else {
      v("padding_before", low);
      v("padding_behind", high);
    }
    v("dilation", dilation);
    v("groups", groups);
  }

 protected:
  ConvSizes sizes(const Shape& x, const Shape& weight, const Shape& y) const {
    ConvSizes s;
    s.batch = x[0];
    s.in = x[1];
    s.out = y[1];
    s.groups = groups;
    s.rank = stride.rank();
    s.size = last_three(x, 2);
    s.kernel = last_three(weight, 2);
    s.result = last_three(y, 2);
    s.stride = last_three(stride);
    s.dilation = last_three(dilation);
    s.low = last_three(low, 0, 0);
    s.high = last_three(high, 0, 0);
    return s;
  }
  Shape result(const Shape& x, const Shape& weight) const {
    Shape y{x[0], weight[0]};
    for (int d = 0; d < stride.rank(); ++d)
      y.push_back((x[2 + d] + low[d] + high[d] - dilation[d] * (weight[2 + d] - 1) - 1) / stride[d] + 1);
    return y;
  }
  static double flops_of(const Shape& y, const Shape& weight) {
    const Shape& w = weight;
    return 2.0 * static_cast<double>(y.numel()) * static_cast<double>(w.numel() / std::max<std::int64_t>(w[0], 1));
  }
};

}  // namespace gradus::detail

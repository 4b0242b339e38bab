#pragma once

#include "conv/spatial.h"
#include "family.h"

#include "gradus/kernels/pool.h"

#include <algorithm>
#include <cstdint>

namespace gradus::detail {

using kernels::PoolWindows;
using kernels::Window;

/// The windows along each spatial axis: regular ones, or as many as `adaptive` says.
struct PoolGeometry : Op {
  bool ceil_mode = false, include_padding = true;
  std::int64_t divisor = 0;  // 0: the number of elements
  Shape kernel, stride, padding, dilation;
  Shape adaptive;  // empty, or the result's sizes

  template <class V>
  void visit(V&& v) const {
    if (!adaptive.empty()) return v("size", adaptive);
    v("kernel", kernel);
    v("stride", stride);
    v("padding", padding);
    if (dilation != ones(kernel.rank())) v("dilation", dilation);
    if (ceil_mode) v("ceil_mode", true);
    if (!include_padding) v("count_include_pad", false);
    if (divisor > 0) v("divisor", divisor);
  }
  double flops(const OpShapes& s) const {
    if (adaptive.empty()) return static_cast<double>(s.out[0].numel() * kernel.numel());
    return static_cast<double>(s.in[0].numel());
  }

 protected:
  static Shape ones(int rank) {
    Shape shape;
    for (int d = 0; d < rank; ++d) shape.push_back(1);
    return shape;
  }
  int spatial() const { return adaptive.empty() ? kernel.rank() : adaptive.rank(); }

  Shape result(const Shape& x) const {
    Shape y{x[0], x[1]};
    for (int d = 0; d < spatial(); ++d) y.push_back(count(d, x[2 + d]));
    return y;
  }

  std::int64_t count(int d, std::int64_t size) const {
    if (!adaptive.empty()) return adaptive[d];
    const std::int64_t room = size + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1;
    if (!ceil_mode) return room / stride[d] + 1;
    const std::int64_t n = (room + stride[d] - 1) / stride[d] + 1;
    return (n - 1) * stride[d] >= size + padding[d] ? n - 1 : n;
  }

  Window window(int d, std::int64_t i, std::int64_t size) const {
    if (!adaptive.empty()) {
      const std::int64_t o = adaptive[d], from = i * size / o, to = ((i + 1) * size + o - 1) / o;
      return {from, to, 1, to - from};
    }
    const std::int64_t step = dilation[d], from = i * stride[d] - padding[d];
    const std::int64_t to = from + step * (kernel[d] - 1) + 1;
    const std::int64_t start = from < 0 ? from + (-from + step - 1) / step * step : from;
    const std::int64_t stop = std::min(to, size);
    return {start, stop, step, include_padding ? std::min(to, size + padding[d]) - from : stop - start};
  }

  /// The windows of x [N, C, *].
  PoolWindows windows(const Shape& x) const {
    PoolWindows w{.size = last_three(x, 2), .axes = {}, .divisor = divisor, .whole = {}};
    for (int k = 0; k < 3; ++k) {
      const int d = k - (3 - spatial());
      auto& list = w.axes[static_cast<std::size_t>(k)];
      if (d < 0) {
        list = {{0, 1, 1, 1}};
        continue;
      }
      for (std::int64_t i = 0, n = count(d, x[2 + d]); i < n; ++i) list.push_back(window(d, i, x[2 + d]));
    }
    w.square = square();
    if (w.square > 0) {
      const auto whole = [&](const Window& c) { return c.stop - c.start == w.square; };
      const auto& row = w.axes[2];
      const auto begin = std::find_if(row.begin(), row.end(), whole);
      w.whole = {begin - row.begin(), std::find_if_not(begin, row.end(), whole) - row.begin()};
    }
    return w;
  }

 private:
  /// 2 or 3 for windows of 2 by 2 or 3 by 3 pixels, two apart in a row, else 0.
  std::int64_t square() const {
    const int d = kernel.rank() - 1;
    if (!adaptive.empty() || d < 1 || kernel[d] != kernel[d - 1] || stride[d] != 2 ||
        dilation[d] * dilation[d - 1] != 1)
      return 0;
    return kernel[d] == 2 || kernel[d] == 3 ? kernel[d] : 0;
  }
};

}  // namespace gradus::detail

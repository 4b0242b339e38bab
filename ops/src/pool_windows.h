#pragma once

#include "kernels.h"
#include "spatial.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace gradus::detail {

/// Which elements of an axis belong to a window: start, start + step, …, below stop.
struct Window {
  std::int64_t start, stop, step;
  std::int64_t counted;  // how many elements a mean divides by, padding included if asked
};

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
    return {
        start, stop, step, include_padding ? std::min(to, size + padding[d]) - from : stop - start};
  }

  /// All windows of three axes, missing ones with a single element in front.
  std::array<std::vector<Window>, 3> windows(const Shape& x) const {
    std::array<std::vector<Window>, 3> all;
    for (int k = 0; k < 3; ++k) {
      const int d = k - (3 - spatial());
      auto& list = all[static_cast<std::size_t>(k)];
      if (d < 0) {
        list = {{0, 1, 1, 1}};
        continue;
      }
      for (std::int64_t i = 0, n = count(d, x[2 + d]); i < n; ++i)
        list.push_back(window(d, i, x[2 + d]));
    }
    return all;
  }

  /// f(plane, position of its first result in it, its windows) for each row of results, planes on several
  /// threads.
  template <class F>
  void for_each_row(const Shape& x, F f) const {
    const auto all = windows(x);
    const std::int64_t planes = x[0] * x[1];
    const auto width = static_cast<std::int64_t>(all[2].size());
    const auto area = static_cast<std::int64_t>(all[0].size() * all[1].size()) * width;
    if (area == 0) return;
    parallel_for(planes,
                 std::max<std::int64_t>(1, kGrain / 8 / area),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t plane = begin; plane < end; ++plane) {
                     std::int64_t at = 0;
                     for (const Window& a : all[0])
                       for (const Window& b : all[1]) {
                         f(plane, at, a, b, all[2]);
                         at += width;
                       }
                   }
                 });
  }
  /// The same for each result.
  template <class F>
  void for_each_window(const Shape& x, F f) const {
    for_each_row(x,
                 [f](std::int64_t plane,
                     std::int64_t at,
                     const Window& a,
                     const Window& b,
                     const std::vector<Window>& row) {
                   for (const Window& c : row) f(plane, at++, a, b, c);
                 });
  }

  /// The windows of a row that reach over no edge: [first, second). They are `stride` apart, and of one size.
  std::pair<std::int64_t, std::int64_t> inner(const std::vector<Window>& row) const {
    if (!adaptive.empty()) return {0, 0};
    const std::int64_t reach = dilation.back() * (kernel.back() - 1) + 1;
    const auto whole = [=](const Window& c) { return c.stop - c.start == reach; };
    const auto begin = std::find_if(row.begin(), row.end(), whole);
    const auto end = std::find_if_not(begin, row.end(), whole);
    return {begin - row.begin(), end - row.begin()};
  }

  double scale(const Window& a, const Window& b, const Window& c) const {
    return 1.0 / static_cast<double>(divisor > 0 ? divisor : a.counted * b.counted * c.counted);
  }
};

}  // namespace gradus::detail

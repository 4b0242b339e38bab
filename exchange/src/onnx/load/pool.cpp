// Pools.

#include "onnx/load/windows.h"

#include "gradus/ops.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace gradus::onnx {

bool LoadedWindows::is_padded() const {
  const auto is_zero = [](std::int64_t n) { return n == 0; };
  return !std::all_of(low.begin(), low.end(), is_zero) || !std::all_of(high.begin(), high.end(), is_zero);
}

LoadedWindows windows_of(const NodeCall& c, const Tensor& x, Integers kernel) {
  const std::size_t axes = kernel.size();
  if (axes < 1 || axes > 3 || static_cast<std::size_t>(x.rank()) != axes + 2)
    c.fail("x [N, C, *] with 1 to 3 spatial axes, one for each of the kernel's sizes", to_string(x.shape()));
  const auto list = [&](const char* name, std::size_t count, std::int64_t otherwise) {
    Integers all = c.integers(name).value_or(Integers(count, otherwise));
    if (all.size() != count) c.fail(std::to_string(count) + " " + name, std::to_string(all.size()));
    return all;
  };
  LoadedWindows w{std::move(kernel), list("strides", axes, 1), list("dilations", axes, 1), {}, {}, {}};
  const Integers pads = list("pads", 2 * axes, 0);
  const std::string automatic = c.text("auto_pad", "NOTSET");
  for (std::size_t d = 0; d < axes; ++d) {
    if (w.kernel[d] < 1 || w.stride[d] < 1 || w.dilation[d] < 1)
      c.fail("kernels, strides and dilations from 1 on", "others");
    const std::int64_t n = x.size(static_cast<std::int64_t>(d) + 2), reach = w.dilation[d] * (w.kernel[d] - 1) + 1;
    std::int64_t low = automatic == "NOTSET" ? pads[d] : 0, high = automatic == "NOTSET" ? pads[d + axes] : 0;
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const std::int64_t results = (n + w.stride[d] - 1) / w.stride[d];
      const std::int64_t both = std::max<std::int64_t>((results - 1) * w.stride[d] + reach - n, 0);
      low = automatic == "SAME_UPPER" ? both / 2 : both - both / 2;
      high = both - low;
    }
    std::int64_t room = n + low + high - reach;
    if (c.flag("ceil_mode") && room % w.stride[d] != 0) {
      const std::int64_t more = w.stride[d] - room % w.stride[d];
      if (room + more < n + low) {
        high += more;
        room += more;
      }
    }
    w.low.push_back(low);
    w.high.push_back(high);
    w.results.push_back(room / w.stride[d] + 1);
  }
  return w;
}

namespace {

PerAxis per_axis(const Integers& values) { return PerAxis(Shape(std::span(values))); }

Tensor padded(const Tensor& x, const Integers& low, const Integers& high, double value) {
  Integers pads;
  for (std::size_t d = low.size(); d-- > 0;) {
    pads.push_back(low[d]);
    pads.push_back(high[d]);
  }
  return pad(x, pads, PadMode::constant, value);
}

Pooled largest(const Tensor& x, const LoadedWindows& w) {
  const MaxPoolOptions options{.stride = per_axis(w.stride), .dilation = per_axis(w.dilation)};
  const PerAxis kernel = per_axis(w.kernel);
  if (w.kernel.size() == 1) return max_pool1d_with_index(x, kernel, options);
  return w.kernel.size() == 2 ? max_pool2d_with_index(x, kernel, options) : max_pool3d_with_index(x, kernel, options);
}

/// Places in the padded image, as ONNX counts them: in all of x, also by columns first.
Tensor places_of(const NodeCall& c, const Tensor& x, const LoadedWindows& w, const Tensor& index) {
  const std::size_t axes = w.kernel.size();
  const bool by_columns = c.flag("storage_order");
  Tensor rest = index, place = zeros(index.shape(), int64);
  Integers sizes;
  for (std::size_t d = 0; d < axes; ++d) sizes.push_back(x.size(static_cast<std::int64_t>(d) + 2));
  for (std::size_t d = axes; d-- > 0;) {
    const std::int64_t wide = sizes[d] + w.low[d] + w.high[d];
    std::int64_t stride = 1;
    for (std::size_t other = by_columns ? 0 : d + 1; other < (by_columns ? d : axes); ++other) stride *= sizes[other];
    const Tensor at = remainder(rest, static_cast<double>(wide)) - static_cast<double>(w.low[d]);
    place = place + at * static_cast<double>(stride);
    rest = floor_divide(rest, wide);
  }
  const std::int64_t image = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
  Shape first{x.size(0), x.size(1)};
  for (std::size_t d = 0; d < axes; ++d) first.push_back(1);
  return place + reshape(arange(x.size(0) * x.size(1)) * static_cast<double>(image), first);
}

Tensor max_pool(NodeCall& c) {
  const Tensor x = is_floating(c.in().dtype()) ? c.in() : cast(c.in(), float64);
  const LoadedWindows w = windows_of(c, x, c.integers("kernel_shape").value_or(Integers()));
  const Pooled y = largest(w.is_padded() ? padded(x, w.low, w.high, -std::numeric_limits<double>::infinity()) : x, w);
  if (c.wants(1)) c.give(1, places_of(c, x, w, y.indices));
  return to(y.values, c.in().dtype());
}

/// Sums of windows as means of as many elements.
Tensor window_means(const Tensor& x, const LoadedWindows& w) {
  const AvgPoolOptions options{.stride = per_axis(w.stride)};
  const PerAxis kernel = per_axis(w.kernel);
  if (w.kernel.size() == 1) return avg_pool1d(x, kernel, options);
  return w.kernel.size() == 2 ? avg_pool2d(x, kernel, options) : avg_pool3d(x, kernel, options);
}

/// The mean of what is padded with zeros, by the share of elements that count: those of x, or also those of the pads
/// that the file names (but not those that ceil_mode adds).
Tensor average_pool(NodeCall& c) {
  const Tensor& x = c.in();
  LoadedWindows w = windows_of(c, x, c.integers("kernel_shape").value_or(Integers()));
  if (!w.is_padded()) return window_means(x, w);
  Shape image{1, 1};
  for (int d = 2; d < x.rank(); ++d) image.push_back(x.size(d));
  Tensor counted = ones(image, x.dtype());
  if (c.flag("count_include_pad")) {
    const std::size_t axes = w.kernel.size();
    const Integers pads = c.integers("pads").value_or(Integers());
    const Integers behind = pads.size() == 2 * axes && c.text("auto_pad", "NOTSET") == "NOTSET"
                                ? Integers(pads.begin() + static_cast<std::ptrdiff_t>(axes), pads.end())
                                : w.high;
    Integers more;
    for (std::size_t d = 0; d < axes; ++d) more.push_back(w.high[d] - behind[d]);
    counted = padded(padded(counted, w.low, behind, 1), Integers(axes, 0), more, 0);
  } else {
    counted = padded(counted, w.low, w.high, 0);
  }
  return window_means(padded(x, w.low, w.high, 0), w) / window_means(counted, w);
}
const char* refuse_dilation(const Attributes& a) {
  for (const std::int64_t d : a.integers("dilations").value_or(Integers()))
    if (d != 1) return "dilations";
  return nullptr;
}

Axes spatial(const Tensor& x) {
  Shape axes;
  for (int d = 2; d < x.rank(); ++d) axes.push_back(d);
  return Axes(axes);
}

/// (Σ |x|^p)^(1/p)
Tensor lp_pool(NodeCall& c) {
  const auto p = static_cast<double>(c.integer("p", 2));
  const Tensor x = pow(abs(c.in()), p);
  const LoadedWindows w = windows_of(c, x, c.integers("kernel_shape").value_or(Integers()));
  const std::int64_t volume = std::accumulate(w.kernel.begin(), w.kernel.end(), std::int64_t{1}, std::multiplies<>());
  const Tensor mean = window_means(w.is_padded() ? padded(x, w.low, w.high, 0) : x, w);
  return pow(mean * static_cast<double>(volume), 1 / p);
}
Tensor global_lp_pool(NodeCall& c) {
  const auto p = static_cast<double>(c.integer("p", 2));
  return pow(sum(pow(abs(c.in()), p), spatial(c.in()), true), 1 / p);
}

// clang-format off
constexpr LoadRule kRules[] = {
    {"AveragePool", average_pool, "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides", refuse_dilation},
    {"GlobalAveragePool", [](NodeCall& c) { return mean(c.in(), spatial(c.in()), true); }},
    {"GlobalLpPool", global_lp_pool, "p"},
    {"GlobalMaxPool", [](NodeCall& c) { return amax(c.in(), spatial(c.in()), true); }},
    {"LpPool", lp_pool, "auto_pad ceil_mode dilations kernel_shape p pads strides", refuse_dilation},
    {"MaxPool", max_pool, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"},
};
// clang-format on

}  // namespace

std::span<const LoadRule> load_pool_rules() { return kRules; }

}  // namespace gradus::onnx

// Images in other sizes.

#include "onnx/load/node_call.h"

#include "gradus/ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus::onnx {
namespace {

/// An axis of n elements made o, which is n times `scale` before it is rounded.
struct Resized {
  std::int64_t n, o;
  double scale;
};

/// Where element i of the result is read, by coordinate_transformation_mode.
double source_of(const std::string& mode, const Resized& r, std::int64_t i) {
  const auto x = static_cast<double>(i), n = static_cast<double>(r.n), o = static_cast<double>(r.o);
  const double whole = n * r.scale;  // the size before it is rounded
  if (mode == "asymmetric") return x / r.scale;
  if (mode == "align_corners") return whole == 1 ? 0 : x * (n - 1) / (whole - 1);
  if (mode == "pytorch_half_pixel") return r.o == 1 ? 0 : (x + 0.5) / r.scale - 0.5;
  if (mode == "half_pixel_symmetric") return n / 2 * (1 - o / whole) + (x + 0.5) / r.scale - 0.5;
  return (x + 0.5) / r.scale - 0.5;
}

std::int64_t nearest(const std::string& mode, double x) {
  if (mode == "floor") return static_cast<std::int64_t>(std::floor(x));
  if (mode == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  if (mode == "round_prefer_ceil") return static_cast<std::int64_t>(std::floor(x + 0.5));
  return static_cast<std::int64_t>(std::ceil(x - 0.5));
}

/// Keys' weight of an element at distance d.
double cubic(double d, double a) {
  d = std::abs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/// Which elements each one is made of, and with which weights: taps[k][i].
struct Taps {
  std::vector<Integers> index;
  std::vector<std::vector<double>> weight;
};

Taps taps_of(const NodeCall& c, const Resized& r) {
  const std::string mode = c.text("mode", "nearest");
  const std::string place = c.text("coordinate_transformation_mode", c.opset() < 11 ? "asymmetric" : "half_pixel");
  const std::string rounding = c.text("nearest_mode", c.opset() < 11 ? "floor" : "round_prefer_floor");
  const double a = c.number("cubic_coeff_a", -0.75);
  const std::size_t count = mode == "nearest" ? 1 : mode == "cubic" ? 4 : 2;
  Taps taps{std::vector<Integers>(count), std::vector<std::vector<double>>(count)};
  for (std::int64_t i = 0; i < r.o; ++i) {
    const double x = source_of(place, r, i), first = std::floor(x);
    double total = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const double at = first + static_cast<double>(k) - (count == 4 ? 1 : 0);
      std::int64_t index = count == 1 ? nearest(rounding, x) : static_cast<std::int64_t>(at);
      double weight = count == 1 ? 1 : count == 2 ? 1 - std::abs(x - at) : cubic(x - at, a);
      if (c.flag("exclude_outside") && (index < 0 || index >= r.n)) weight = 0;
      taps.index[k].push_back(std::clamp<std::int64_t>(index, 0, r.n - 1));
      taps.weight[k].push_back(weight);
      total += weight;
    }
    for (std::size_t k = 0; k < count && total != 0; ++k) taps.weight[k].back() /= total;
  }
  return taps;
}

Tensor resized_axis(const NodeCall& c, const Tensor& x, int axis, const Resized& r) {
  const Taps taps = taps_of(c, r);
  Shape along;
  for (int d = axis; d < x.rank(); ++d) along.push_back(d == axis ? r.o : 1);
  Tensor sum;
  for (std::size_t k = 0; k < taps.index.size(); ++k) {
    Tensor part = index_select(x, axis, from_vector(taps.index[k]));
    if (taps.index.size() == 1) return part;
    part = part * cast(from_vector(taps.weight[k], along), x.dtype());
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
}

/// Scales may be larger than sizes say: then all axes are resized by the same, which keeps the image's proportions.
std::vector<Resized> sizes_of(const NodeCall& c, const Integers& axes) {
  const Tensor& x = c.in();
  const std::size_t scales = c.opset() < 11 ? 1 : 2;
  std::vector<double> factors = c.has_input(scales) ? c.in(scales).to_vector() : c.numbers("scales");
  const Integers sizes = c.has_input(3) ? c.list(3) : Integers();
  if (factors.size() != axes.size()) factors.clear();
  if (factors.empty() && sizes.size() != axes.size())
    c.fail(fmt::format("{} scales or sizes", axes.size()), "another number");
  const std::string policy = c.text("keep_aspect_ratio_policy", "stretch");
  std::vector<Resized> all;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t n = x.size(axes[i]);
    if (!factors.empty())
      all.push_back({n, static_cast<std::int64_t>(std::floor(static_cast<double>(n) * factors[i])), factors[i]});
    else
      all.push_back({n, sizes[i], static_cast<double>(sizes[i]) / static_cast<double>(n)});
  }
  if (policy != "stretch" && factors.empty()) {
    double scale = all[0].scale;
    for (const Resized& r : all) scale = policy == "not_larger" ? std::min(scale, r.scale) : std::max(scale, r.scale);
    for (Resized& r : all) r = {r.n, static_cast<std::int64_t>(std::round(static_cast<double>(r.n) * scale)), scale};
  }
  return all;
}

Tensor resized(NodeCall& c) {
  Integers axes(static_cast<std::size_t>(c.in().rank()));
  std::iota(axes.begin(), axes.end(), 0);
  axes = normalized(c.integers("axes").value_or(axes), c.in().rank());
  const std::vector<Resized> all = sizes_of(c, axes);
  Tensor y = c.in();
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Resized& r = all[i];
    if (r.o < 1 || r.n < 1) c.fail("sizes from 1 on", fmt::format("{} made {}", r.n, r.o));
    if (r.o != r.n || r.scale != 1) y = resized_axis(c, y, static_cast<int>(axes[i]), r);
  }
  return y;
}

const char* refuse_resize(const Attributes& a) {
  if (a.flag("antialias")) return "antialias";
  return a.text("coordinate_transformation_mode") == "tf_crop_and_resize" ? "tf_crop_and_resize" : nullptr;
}

GridMode grid_mode(const Attributes& a) {
  const std::string mode = a.text("mode", "linear");
  if (mode == "nearest") return GridMode::nearest;
  return mode == "cubic" || mode == "bicubic" ? GridMode::cubic : GridMode::linear;
}
Tensor grid_sampled(NodeCall& c) {
  const std::string padding = c.text("padding_mode", "zeros");
  GridSampleOptions options{.mode = grid_mode(c), .align_corners = c.flag("align_corners")};
  if (padding != "zeros") options.padding = padding == "border" ? GridPadding::border : GridPadding::reflection;
  return grid_sample(c.in(0), c.in(1), options);
}

constexpr const char* kAttributes =
    "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
    "keep_aspect_ratio_policy mode nearest_mode";
constexpr LoadRule kRules[] = {
    {"GridSample", grid_sampled, "align_corners mode padding_mode"},
    {"Resize", resized, kAttributes, refuse_resize, 0b1110},
    {"Upsample", resized, "mode scales", nullptr, 0b10},
};

}  // namespace

std::span<const LoadRule> load_resize_rules() { return kRules; }

}  // namespace gradus::onnx

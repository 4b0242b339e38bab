#include "gradus/data/preprocess.h"

#include "gradus/graph/arg.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace gradus::data {
namespace {

using gradus::detail::fail;

void check_input(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype()))
    fail<DTypeError>(op, fmt::format("expected float32 or float64, got {}", to_string(x.dtype())));
  if (x.rank() == 0) fail<ShapeError>(op, "expected inputs [N, …], got []");
}

/// The part of the shape [N, …] that has values of its own.
Shape statistic_shape(const char* op, const Shape& x, Per per) {
  if (per == Per::all) return {};
  if (per == Per::feature) return Shape(std::span(x.begin() + 1, x.end()));
  if (x.rank() < 2) fail<ShapeError>(op, "expected inputs [N, C, …], got " + to_string(x));
  return {x[1]};
}

/// Mean and sum of squared deviations of each column of an [n, columns] matrix. Two passes; each
/// column is summed in the order of its rows, so nothing depends on the number of threads.
template <class T>
void measure_columns(
    const T* x, std::int64_t n, std::int64_t columns, double* mean, double* squares) {
  const std::int64_t grain = std::max<std::int64_t>(64, (std::int64_t{1} << 20) / n);
  gradus::detail::parallel_for(columns, grain, [=](std::int64_t begin, std::int64_t end) {
    std::fill(mean + begin, mean + end, 0.0);
    std::fill(squares + begin, squares + end, 0.0);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t c = begin; c < end; ++c) mean[c] += static_cast<double>(x[i * columns + c]);
    for (std::int64_t c = begin; c < end; ++c) mean[c] /= static_cast<double>(n);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t c = begin; c < end; ++c) {
        const double d = static_cast<double>(x[i * columns + c]) - mean[c];
        squares[c] += d * d;
      }
  });
}

}  // namespace

Standardize::Standardize(const StandardizeOptions& options) : options_(options) {}

Standardize::Standardize(const Tensor& mean, const Tensor& std, Per per, CallSite site)
    : options_{.per = per} {
  const gradus::detail::SitePin pin(site);
  if (per == Per::automatic)
    fail<ArgumentError>("standardize", "expected per feature, channel or all, got automatic");
  if (mean.shape() != std.shape())
    fail<ShapeError>("standardize",
                     fmt::format("expected mean and std of one shape, got {} and {}",
                                 to_string(mean.shape()),
                                 to_string(std.shape())));
  mean_ = cast(mean, float64);
  std_ = cast(std, float64);
}

Standardize& Standardize::fit(const Tensor& inputs, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check_input("standardize", inputs);
  const Tensor x = contiguous(inputs);
  StandardizeOptions options = options_;
  if (options.per == Per::automatic) options.per = x.rank() >= 3 ? Per::channel : Per::feature;
  const Shape shape = statistic_shape("standardize", x.shape(), options.per);
  const std::int64_t n = x.size(0), groups = shape.numel();
  const std::int64_t columns = n == 0 ? 0 : x.numel() / n;
  const std::int64_t group_size =
      groups == 0 ? 0 : columns / groups;  // columns of one group are neighbours
  const std::int64_t count = n * group_size;
  if (options.ddof < 0 || count <= options.ddof)
    fail<ArgumentError>(
        "standardize",
        fmt::format(
            "expected more values than ddof = {}, got {}", options.ddof, to_string(x.shape())));

  std::vector<double> column_mean(static_cast<std::size_t>(columns)),
      column_squares(column_mean.size());
  dispatch_floating(x.dtype(), [&]<class T>() {
    measure_columns(x.data<T>(), n, columns, column_mean.data(), column_squares.data());
  });

  Tensor mean = empty(shape, float64), std = empty(shape, float64);
  auto* const m = mean.mutable_data<double>();
  auto* const s = std.mutable_data<double>();
  for (std::int64_t g = 0; g < groups; ++g) {
    const double* const means = column_mean.data() + g * group_size;
    const double* const squares = column_squares.data() + g * group_size;
    // Columns have the same number of rows: the mean of the group is that of their means.
    double sum = 0, deviations = 0;
    for (std::int64_t c = 0; c < group_size; ++c) sum += means[c];
    m[g] = sum / static_cast<double>(group_size);
    for (std::int64_t c = 0; c < group_size; ++c) {
      const double d = means[c] - m[g];
      deviations += squares[c] + static_cast<double>(n) * d * d;
    }
    if (!std::isfinite(deviations))
      fail<ArgumentError>(
          "standardize",
          fmt::format("expected finite values, got others in group {} of {}", g, groups));
    const double variance = deviations / static_cast<double>(count - options.ddof);
    // The mean of equal values is off by its rounding errors; what is within them is constant.
    const double rounding =
        static_cast<double>(count) * std::numeric_limits<double>::epsilon() * m[g];
    s[g] = variance <= rounding * rounding ? 0 : std::sqrt(variance);
  }
  options_ = options;
  mean_ = std::move(mean);
  std_ = std::move(std);
  return *this;
}

Tensor Standardize::apply(const Tensor& input, bool inverse, CallSite site) const {
  constexpr const char* op = "standardize";
  const gradus::detail::SitePin pin(site);
  if (!mean_.defined()) fail<ArgumentError>(op, "expected a call of fit before, got none");
  check_input(op, input);
  const Shape shape = statistic_shape(op, input.shape(), options_.per);
  if (shape != mean_.shape())
    fail<ShapeError>(op,
                     fmt::format("expected {} {} as in fit, got {}",
                                 options_.per == Per::channel ? "channels" : "rows of shape",
                                 to_string(mean_.shape()),
                                 to_string(input.shape())));
  const Tensor x = contiguous(input);
  Tensor result = empty(x.shape(), x.dtype());
  if (x.numel() == 0) return result;
  const std::int64_t n = x.size(0), columns = x.numel() / n;
  const std::int64_t groups = shape.numel(), run = columns / groups;
  // y = (x - before) * factor + after
  std::vector<double> before(static_cast<std::size_t>(groups), 0.0), factor(before), after(before);
  std::copy_n(mean_.data<double>(), groups, (inverse ? after : before).data());
  for (std::int64_t g = 0; g < groups; ++g) {
    const double s = std_.data<double>()[g] == 0 ? 1 : std_.data<double>()[g];
    factor[static_cast<std::size_t>(g)] = inverse ? s : 1 / s;
  }
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const in = x.data<T>();
    T* const out = result.mutable_data<T>();
    const double *const b = before.data(), *const f = factor.data(), *const a = after.data();
    const auto map = [=](std::int64_t at, std::int64_t g) {
      out[at] = static_cast<T>((static_cast<double>(in[at]) - b[g]) * f[g] + a[g]);
    };
    gradus::detail::parallel_for(
        n, (std::int64_t{1} << 16) / columns + 1, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t at = begin * columns; at < end * columns;) {
            if (run == 1) {  // a loop of its own, for the compiler to vectorise
              for (std::int64_t g = 0; g < groups; ++g) map(at + g, g);
              at += groups;
            } else {
              for (std::int64_t g = 0; g < groups; ++g, at += run)
                for (std::int64_t k = 0; k < run; ++k) map(at + k, g);
            }
          }
        });
  });
  return result;
}

Tensor Standardize::transform(const Tensor& x, CallSite site) const {
  return apply(x, false, site);
}
Tensor Standardize::inverse(const Tensor& y, CallSite site) const { return apply(y, true, site); }

}  // namespace gradus::data

#include "steps.h"

#include "gradus/data/preprocess.h"
#include "gradus/graph/arg.h"
#include "gradus/tensor/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace gradus::data {

using gradus::detail::fail;

void check_input(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype()))
    fail<DTypeError>(op, fmt::format("expected float32 or float64, got {}", to_string(x.dtype())));
  if (x.rank() == 0) fail<ShapeError>(op, "expected inputs [N, …], got []");
}

void check_fitted(const char* op, const Tensor& fitted) {
  if (!fitted.defined()) fail<ArgumentError>(op, "expected a call of fit before, got none");
}

Shape row_shape(const Tensor& x) {
  Shape shape = x.shape();
  if (shape.rank() > 0) shape.erase(0);
  return shape;
}

void check_row(const char* op, const Tensor& x, const Shape& row) {
  if (row_shape(x) != row)
    fail<ShapeError>(op,
                     fmt::format("expected rows of shape {} as in fit, got {}", to_string(row), to_string(x.shape())));
}

Tensor take(const char* op, const Arrays& state, const std::string& name, DType dtype, int rank) {
  const auto at = state.find(name);
  if (at == state.end()) fail<IoError>(op, fmt::format("expected an array '{}', got none", name));
  const Tensor& x = at->second;
  if (x.dtype() != dtype || (rank >= 0 && x.rank() != rank))
    fail<IoError>(op,
                  fmt::format("expected '{}' as {}{}, got {} {}",
                              name,
                              to_string(dtype),
                              rank >= 0 ? fmt::format(" of {} dimensions", rank) : "",
                              to_string(x.dtype()),
                              to_string(x.shape())));
  return contiguous(x);
}

namespace {

/// The part of the shape [N, …] that has values of its own.
Shape statistic_shape(const char* op, const Tensor& x, Per per) {
  if (per == Per::all) return {};
  if (per == Per::feature) return row_shape(x);
  if (x.rank() < 2) fail<ShapeError>(op, "expected inputs [N, C, …], got " + to_string(x.shape()));
  return {x.size(1)};
}

/// What is known of the values of a column, or of a group of columns.
struct Measure {
  double mean, squares, low, high;  // squares: the sum of squared deviations
  double rest = 0;                  // sum of the deviations: what rounding the mean has left
};

/// Measures each column of an [n, columns] matrix. Two passes, the first over differences from the column's first
/// value, so that the mean of equal values is that value; each column is summed in the order of
/// its rows, so nothing depends on the number of threads.
template <class T>
void measure_columns(const T* x, std::int64_t n, std::int64_t columns, Measure* out) {
  const std::int64_t grain = std::max<std::int64_t>(64, (std::int64_t{1} << 20) / n);
  gradus::detail::parallel_for(columns, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) out[c] = {0, 0, static_cast<double>(x[c]), static_cast<double>(x[c])};
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t c = begin; c < end; ++c) {
        const auto v = static_cast<double>(x[i * columns + c]);
        out[c].mean += v - static_cast<double>(x[c]);
        out[c].low = std::min(out[c].low, v);
        out[c].high = std::max(out[c].high, v);
      }
    for (std::int64_t c = begin; c < end; ++c)
      out[c].mean = static_cast<double>(x[c]) + out[c].mean / static_cast<double>(n);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t c = begin; c < end; ++c) {
        const double d = static_cast<double>(x[i * columns + c]) - out[c].mean;
        out[c].squares += d * d;
        out[c].rest += d;
      }
    for (std::int64_t c = begin; c < end; ++c)
      out[c].squares = std::max(0.0, out[c].squares - out[c].rest * out[c].rest / static_cast<double>(n));
  });
}

struct Measured {
  Per per;
  Shape shape;
  std::int64_t count = 0;  // values in each group
  std::vector<Measure> groups;
};

/// Measures the inputs of a fit; all must be finite, and more than `ddof`.
Measured measure(const char* op, const Tensor& inputs, Per per, std::int64_t ddof = 0) {
  check_input(op, inputs);
  const Tensor x = contiguous(inputs);
  if (per == Per::automatic) per = x.rank() >= 3 ? Per::channel : Per::feature;
  Measured result{per, statistic_shape(op, x, per), 0, {}};
  const std::int64_t n = x.size(0), groups = result.shape.numel();
  const std::int64_t columns = n == 0 ? 0 : x.numel() / n;
  const std::int64_t size = groups == 0 ? 0 : columns / groups;  // neighbouring columns
  result.count = n * size;
  if (ddof < 0 || result.count <= ddof)
    fail<ArgumentError>(op, fmt::format("expected more values than ddof = {}, got {}", ddof, to_string(x.shape())));

  std::vector<Measure> of_columns(static_cast<std::size_t>(columns));
  dispatch_floating(x.dtype(), [&]<class T>() { measure_columns(x.data<T>(), n, columns, of_columns.data()); });
  for (std::int64_t g = 0; g < groups; ++g) {
    const Measure* const members = of_columns.data() + g * size;
    Measure m{0, 0, members[0].low, members[0].high};
    // Columns have the same number of rows: the mean of the group is that of their means.
    for (std::int64_t c = 0; c < size; ++c) {
      m.mean += members[c].mean - members[0].mean;
      m.low = std::min(m.low, members[c].low);
      m.high = std::max(m.high, members[c].high);
    }
    m.mean = members[0].mean + m.mean / static_cast<double>(size);
    for (std::int64_t c = 0; c < size; ++c) {
      const double d = members[c].mean - m.mean;
      m.squares += members[c].squares + static_cast<double>(n) * d * d;
    }
    if (!std::isfinite(m.squares))
      fail<ArgumentError>(op, fmt::format("expected finite values, got others in group {} of {}", g, groups));
    result.groups.push_back(m);
  }
  return result;
}

/// A value of each group.
template <class F>
Tensor per_group(const Measured& m, F f) {
  Tensor result = empty(m.shape, float64);
  std::transform(m.groups.begin(), m.groups.end(), result.mutable_data<double>(), f);
  return result;
}

}  // namespace

void Scaling::set(Per per, Tensor shift, Tensor scale) {
  per_ = per;
  shift_ = std::move(shift);
  scale_ = std::move(scale);
}

Tensor Scaling::apply(const Tensor& input, bool inverse, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(op_, shift_);
  check_input(op_, input);
  const Shape shape = statistic_shape(op_, input, per_);
  if (shape != shift_.shape())
    fail<ShapeError>(op_,
                     fmt::format("expected {} {} as in fit, got {}",
                                 per_ == Per::channel ? "channels" : "rows of shape",
                                 to_string(shift_.shape()),
                                 to_string(input.shape())));
  const Tensor x = contiguous(input);
  Tensor result = empty(x.shape(), x.dtype());
  if (x.numel() == 0) return result;
  const std::int64_t n = x.size(0), columns = x.numel() / n;
  const std::int64_t groups = shape.numel(), run = columns / groups;
  // y = (x - before) * factor + after
  std::vector<double> before(static_cast<std::size_t>(groups), 0.0), factor(before), after(before);
  std::copy_n(shift_.data<double>(), groups, (inverse ? after : before).data());
  for (std::int64_t g = 0; g < groups; ++g) {
    const double s = scale_.data<double>()[g] == 0 ? 1 : scale_.data<double>()[g];
    factor[static_cast<std::size_t>(g)] = inverse ? s : 1 / s;
  }
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const in = x.data<T>();
    T* const out = result.mutable_data<T>();
    const double *const b = before.data(), *const f = factor.data(), *const a = after.data();
    const auto map = [=](std::int64_t at, std::int64_t g) {
      out[at] = static_cast<T>((static_cast<double>(in[at]) - b[g]) * f[g] + a[g]);
    };
    gradus::detail::parallel_for(n, (std::int64_t{1} << 16) / columns + 1, [&](std::int64_t begin, std::int64_t end) {
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

Arrays Scaling::state(CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(op_, shift_);
  return {{"per", scalar(static_cast<double>(per_), int64)}, {"shift", shift_}, {"scale", scale_}};
}

void Scaling::restore(const Arrays& state, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const auto per = take(op_, state, "per", int64, 0).item<std::int64_t>();
  if (per < 1 || per > 3) fail<IoError>(op_, fmt::format("expected 'per' from 1 to 3, got {}", per));
  const auto kind = static_cast<Per>(per);
  Tensor shift = take(op_, state, "shift", float64, kind == Per::all ? 0 : kind == Per::channel ? 1 : -1);
  Tensor scale = take(op_, state, "scale", float64);
  if (shift.shape() != scale.shape())
    fail<IoError>(
        op_, fmt::format("expected 'scale' of shape {}, got {}", to_string(shift.shape()), to_string(scale.shape())));
  set(kind, std::move(shift), std::move(scale));
}

Center& Center::fit(const Tensor& x, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const Measured m = measure(kName, x, per());
  set(m.per, per_group(m, [](const Measure& g) { return g.mean; }), ones(m.shape, float64));
  return *this;
}

Standardize::Standardize(const Tensor& mean, const Tensor& std, Per per, CallSite site) : Scaling(kName, per) {
  const gradus::detail::SitePin pin(site);
  if (per == Per::automatic) fail<ArgumentError>(kName, "expected per feature, channel or all, got automatic");
  if (mean.shape() != std.shape())
    fail<ShapeError>(
        kName,
        fmt::format(
            "expected mean and std of one shape, got {} and {}", to_string(mean.shape()), to_string(std.shape())));
  set(per, cast(mean, float64), cast(std, float64));
}

Standardize& Standardize::fit(const Tensor& x, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const Measured m = measure(kName, x, per(), ddof_);
  Tensor std = per_group(m, [&](const Measure& g) {
    return g.low == g.high ? 0 : std::sqrt(g.squares / static_cast<double>(m.count - ddof_));
  });
  set(m.per, per_group(m, [](const Measure& g) { return g.mean; }), std::move(std));
  return *this;
}

MinMax::MinMax(const MinMaxOptions& options, CallSite site) : Scaling(kName, options.per), options_(options) {
  const double width = options.high - options.low;
  if (!(width > 0) || !std::isfinite(width))
    fail<ArgumentError>(kName, fmt::format("expected low < high, got {} and {}", options.low, options.high), site);
}

MinMax& MinMax::fit(const Tensor& x, CallSite site) {
  const gradus::detail::SitePin pin(site);
  const Measured m = measure(kName, x, per());
  const double low = options_.low, width = options_.high - low;
  const auto scale = [=](const Measure& g) { return (g.high == g.low ? 1 : g.high - g.low) / width; };
  set(m.per, per_group(m, [=](const Measure& g) { return g.low - low * scale(g); }), per_group(m, scale));
  return *this;
}

Impute& Impute::fit(const Tensor& input, CallSite site) {
  const gradus::detail::SitePin pin(site);
  check_input(kName, input);
  const Tensor x = contiguous(input);
  const Shape row = row_shape(x);
  const std::int64_t n = x.size(0), columns = row.numel();
  Tensor mean = zeros(row, float64);
  auto* const m = mean.mutable_data<double>();
  std::vector<std::int64_t> count(static_cast<std::size_t>(columns), 0);
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const in = x.data<T>();
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t c = 0; c < columns; ++c) {
        const auto v = static_cast<double>(in[i * columns + c]);
        if (std::isnan(v)) continue;
        m[c] += (v - m[c]) / static_cast<double>(++count[static_cast<std::size_t>(c)]);
      }
  });
  for (std::int64_t c = 0; c < columns; ++c) {
    const bool none = count[static_cast<std::size_t>(c)] == 0;
    if (none || !std::isfinite(m[c]))
      fail<ArgumentError>(kName,
                          fmt::format("expected finite values, got {} in feature {}", none ? "none" : "others", c));
  }
  mean_ = std::move(mean);
  return *this;
}

Tensor Impute::transform(const Tensor& input, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, mean_);
  check_input(kName, input);
  check_row(kName, input, mean_.shape());
  Tensor y = clone(input);
  const std::int64_t columns = mean_.numel();
  const auto* const m = mean_.data<double>();
  dispatch_floating(y.dtype(), [&]<class T>() {
    T* const out = y.mutable_data<T>();
    for (std::int64_t i = 0; i < y.numel(); ++i)
      if (std::isnan(out[i])) out[i] = static_cast<T>(m[i % columns]);
  });
  return y;
}

Tensor Impute::inverse(const Tensor& y, CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, mean_);
  check_input(kName, y);
  check_row(kName, y, mean_.shape());
  return y;
}

Arrays Impute::state(CallSite site) const {
  const gradus::detail::SitePin pin(site);
  check_fitted(kName, mean_);
  return {{"mean", mean_}};
}

void Impute::restore(const Arrays& state, CallSite site) {
  const gradus::detail::SitePin pin(site);
  mean_ = take(kName, state, "mean", float64);
}

}  // namespace gradus::data

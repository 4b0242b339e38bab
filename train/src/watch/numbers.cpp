#include "watch/numbers.h"

#include "gradus/kernels/sum.h"
#include "gradus/tensor/dtype.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

namespace gradus::train {
namespace {

/// Squares of small floats do not vanish.
double square(double v) { return v * v; }

double sum_of_squares(const Tensor& x) {
  const Tensor dense = contiguous(x);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const p = dense.data<T>();
    return kernels::parallel_block_sum<double>(dense.numel(),
                                               [=](std::int64_t i) { return square(static_cast<double>(p[i])); });
  });
}

constexpr std::int64_t kPart = 1 << 14;

constexpr std::int64_t kBins = 30;
constexpr std::int64_t kMostSeen = 1 << 16;  // elements a histogram looks at

/// A step through n elements that looks at no more than kMostSeen, and at every unit or channel alike: without a
/// common divisor, it does not keep to the columns of a matrix.
std::int64_t stride_of(std::int64_t n) {
  std::int64_t stride = (n + kMostSeen - 1) / kMostSeen;
  while (std::gcd(stride, n) > 1) ++stride;
  return stride;
}

struct Sums {
  double first = 0, second = 0;
};

/// The sums of x_i - origin and of its square.
template <class T>
Sums sums_about(double origin, const T* p, std::int64_t n) {
  constexpr std::int64_t kLanes = 8;
  std::array<double, kLanes> first{}, second{};
  const auto add = [&](std::size_t lane, T v) {
    const double d = static_cast<double>(v) - origin;
    first[lane] += d;
    second[lane] += d * d;
  };
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t k = 0; k < kLanes; ++k) add(static_cast<std::size_t>(k), p[i + k]);
  for (; i < n; ++i) add(0, p[i]);
  return {std::accumulate(first.begin(), first.end(), 0.0), std::accumulate(second.begin(), second.end(), 0.0)};
}

}  // namespace

bool all_finite(const Tensor& x) {
  if (!x.defined() || !is_floating(x.dtype())) return true;
  const Tensor dense = contiguous(x);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const p = dense.data<T>();
    // x - x is 0 unless x is not finite.
    return kernels::block_sum<T>(dense.numel(), [=](std::int64_t i) { return p[i] - p[i] == 0 ? T(0) : T(1); }) == 0;
  });
}

double norm_of(const Tensor& x) { return x.defined() ? std::sqrt(sum_of_squares(x)) : 0; }

double distance(const Tensor& a, const Tensor& b) {
  const Tensor x = contiguous(a), y = contiguous(b);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T *const p = x.data<T>(), *const q = y.data<T>();
    return std::sqrt(kernels::parallel_block_sum<double>(
        x.numel(), [=](std::int64_t i) { return square(static_cast<double>(p[i] - q[i])); }));
  });
}

Moments moments(const Tensor& x) {
  if (x.numel() == 0) return {};
  const Tensor dense = contiguous(x);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const p = dense.data<T>();
    const std::int64_t n = dense.numel();
    // About the first element, so that little cancels where the mean is far from 0; both sums in one pass.
    const auto origin = static_cast<double>(p[0]);
    std::vector<Sums> parts(static_cast<std::size_t>((n + kPart - 1) / kPart));
    gradus::detail::parallel_for(std::ssize(parts), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        parts[static_cast<std::size_t>(i)] = sums_about(origin, p + i * kPart, std::min(kPart, n - i * kPart));
    });
    Sums all;
    for (const Sums& part : parts) all = {all.first + part.first, all.second + part.second};
    const double mean = all.first / static_cast<double>(n);
    return Moments{origin + mean, std::sqrt(std::max(all.second / static_cast<double>(n) - mean * mean, 0.0))};
  });
}

Histogram histogram(const Tensor& x) {
  if (x.numel() == 0) return {};
  const Tensor dense = contiguous(x);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const p = dense.data<T>();
    const std::int64_t n = dense.numel(), stride = stride_of(n);
    std::vector<T> values;
    values.reserve(static_cast<std::size_t>((n + stride - 1) / stride));
    for (std::int64_t i = 0; i < n; i += stride)
      if (std::isfinite(p[i])) values.push_back(p[i]);
    if (values.empty()) return Histogram{};
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    Histogram result{static_cast<double>(*low), static_cast<double>(*high), std::vector<std::int64_t>(kBins)};
    // In halves, as the whole width may overflow.
    const double origin = result.low / 2, width = result.high / 2 - origin;
    for (const T v : values) {
      const double place = width > 0 ? (static_cast<double>(v) / 2 - origin) / width * kBins : 0;
      ++result.counts[std::min<std::size_t>(static_cast<std::size_t>(place), kBins - 1)];
    }
    return result;
  });
}

double mean_square(const Tensor& x) { return x.numel() == 0 ? 0 : sum_of_squares(x) / static_cast<double>(x.numel()); }

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto at = static_cast<std::ptrdiff_t>(std::lround(q * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

}  // namespace gradus::train

#include "watch/numbers.h"

#include "gradus/kernels/sum.h"
#include "gradus/tensor/dtype.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::train {
namespace {

/// The sum of f(x_i), in the dtype's own type by blocks, these in double.
template <class F>
double sum_of(const Tensor& x, F f) {
  const Tensor dense = contiguous(x);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const p = dense.data<T>();
    return kernels::block_sum<T>(dense.numel(), [=](std::int64_t i) { return f(p[i]); });
  });
}

}  // namespace

bool all_finite(const Tensor& x) {
  if (!x.defined() || !is_floating(x.dtype())) return true;
  // x - x is 0 unless x is not finite.
  return sum_of(x, [](auto v) { return v - v == 0 ? decltype(v)(0) : decltype(v)(1); }) == 0;
}

double norm_of(const Tensor& x) {
  if (!x.defined()) return 0;
  return std::sqrt(sum_of(x, [](auto v) { return v * v; }));
}

double distance(const Tensor& a, const Tensor& b) {
  const Tensor x = contiguous(a), y = contiguous(b);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T *const p = x.data<T>(), *const q = y.data<T>();
    return std::sqrt(kernels::block_sum<T>(x.numel(), [=](std::int64_t i) { return (p[i] - q[i]) * (p[i] - q[i]); }));
  });
}

Moments moments(const Tensor& x) {
  if (x.numel() == 0) return {};
  const auto n = static_cast<double>(x.numel());
  const double mean = sum_of(x, [](auto v) { return v; }) / n;
  const double square = sum_of(x, [=](auto v) {
    const auto d = v - static_cast<decltype(v)>(mean);
    return d * d;
  });
  return {mean, std::sqrt(square / n)};
}

double mean_square(const Tensor& x) {
  return x.numel() == 0 ? 0 : sum_of(x, [](auto v) { return v * v; }) / static_cast<double>(x.numel());
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto at = static_cast<std::ptrdiff_t>(std::lround(q * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

}  // namespace gradus::train

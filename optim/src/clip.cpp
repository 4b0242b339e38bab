#include "gradus/optim/clip.h"

#include "checks.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/loops.h"
#include "gradus/kernels/reduce.h"
#include "gradus/kernels/sum.h"

#include <cmath>
#include <limits>

namespace gradus::optim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double larger(double a, double b) { return b > a || std::isnan(b) ? b : a; }

/// The sum of f(x_i), in double.
template <class F>
double sum(const Tensor& x, F f) {
  return dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const in = x.data<T>();
    return kernels::parallel_block_sum<double>(x.numel(),
                                               [=](std::int64_t i) { return f(static_cast<double>(in[i])); });
  });
}

/// The largest |x_i|; NaN wins.
double largest(const Tensor& x) {
  if (x.numel() == 0) return 0;
  const std::uint32_t all = (1U << x.rank()) - 1;
  return larger(kernels::max_over(x, all, {}).item(), -kernels::min_over(x, all, {}).item());
}

template <class F>
void for_each_gradient(const std::vector<Parameter>& parameters, F f) {
  for (const Parameter& p : parameters)
    if (const Tensor g = gradient(p); g.defined()) f(p, contiguous(g));
}

/// Over all gradients: the sum of |measure(g)|^p.
template <class Measure>
double power_sum(const std::vector<Parameter>& parameters, double p, Measure measure) {
  double total = 0;
  for_each_gradient(parameters, [&](const Parameter&, const Tensor& g) {
    if (p == 2)
      total += sum(g, [=](double v) { return measure(v) * measure(v); });
    else if (p == 1)
      total += sum(g, [=](double v) { return std::abs(measure(v)); });
    else
      total += sum(g, [=](double v) { return std::pow(std::abs(measure(v)), p); });
  });
  return total;
}

double norm(const std::vector<Parameter>& parameters, double p) {
  if (p != kInfinity) {
    const double sum = power_sum(parameters, p, [](double v) { return v; });
    // Powers of huge or tiny numbers overflow or vanish: again in units of the largest.
    if (std::isnan(sum) || (sum > std::numeric_limits<double>::min() && sum < kInfinity)) return std::pow(sum, 1 / p);
  }
  double most = 0;
  for_each_gradient(parameters, [&](const Parameter&, const Tensor& g) { most = larger(most, largest(g)); });
  if (p == kInfinity || !(most > 0 && most < kInfinity)) return most;
  const double sum = power_sum(parameters, p, [=](double v) { return v / most; });
  return most * std::pow(sum, 1 / p);
}

/// Puts f(gradient) in the place of every gradient.
template <class F>
void replace(const std::vector<Parameter>& parameters, F f) {
  for_each_gradient(parameters, [&](const Parameter& p, const Tensor& from) {
    set_gradient(p, dispatch_floating(from.dtype(), [&]<class T>() { return kernels::map_dense<T>(from, f); }));
  });
}

}  // namespace

double clip_grad_norm(const std::vector<Parameter>& parameters,
                      double max_norm,
                      double norm_type,
                      bool error_if_nonfinite,
                      CallSite site) {
  const char* const op = "clip_grad_norm";
  check_range(op, "max_norm", max_norm, max_norm >= 0, ">= 0", site);
  check_range(op, "norm_type", norm_type, norm_type > 0, "above 0", site);
  const double total = norm(parameters, norm_type);
  if (error_if_nonfinite) check_range(op, "gradients with a norm", total, std::isfinite(total), "that is finite", site);
  const double scale = max_norm / (total + 1e-6);
  if (!(scale >= 1)) replace(parameters, [scale]<class T>(T g) { return g * static_cast<T>(scale); });
  return total;
}

void clip_grad_value(const std::vector<Parameter>& parameters, double value, CallSite site) {
  check_range("clip_grad_value", "value", value, value >= 0, ">= 0", site);
  replace(parameters, [value]<class T>(T g) {
    const T bound = static_cast<T>(value);
    return g < -bound ? -bound : g > bound ? bound : g;
  });
}

}  // namespace gradus::optim

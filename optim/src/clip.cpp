#include "gradus/optim/clip.h"

#include "checks.h"

#include "gradus/graph/node.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::optim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kBlock = 1 << 14;

double larger(double a, double b) { return b > a || std::isnan(b) ? b : a; }

/// join(… join(0, term(x[0])) …) in lanes, so that it vectorises.
template <class T, class Term, class Join>
double fold(const T* x, std::int64_t n, Term term, Join join) {
  constexpr std::int64_t count = 16;
  double lanes[count] = {};
  const std::int64_t whole = n / count * count;
  for (std::int64_t i = 0; i < whole; i += count)
    for (std::int64_t k = 0; k < count; ++k)
      lanes[k] = join(lanes[k], term(static_cast<double>(x[i + k])));
  for (std::int64_t i = whole; i < n; ++i)
    lanes[i - whole] = join(lanes[i - whole], term(static_cast<double>(x[i])));
  for (std::int64_t k = 1; k < count; ++k) lanes[0] = join(lanes[0], lanes[k]);
  return lanes[0];
}

/// The same in blocks that do not depend on the number of threads.
template <class Term, class Join>
double fold(const Tensor& x, Term term, Join join) {
  const std::int64_t n = x.numel(), blocks = (n + kBlock - 1) / kBlock;
  Tensor parts = empty({blocks}, float64);
  double* const out = parts.mutable_data<double>();
  dispatch_floating(x.dtype(), [&]<class T>() {
    const T* const in = x.data<T>();
    gradus::detail::parallel_for(blocks, 1, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b)
        out[b] = fold(in + b * kBlock, std::min(kBlock, n - b * kBlock), term, join);
    });
  });
  return fold(
      out, blocks, [](double v) { return v; }, join);
}

template <class F>
void for_each_gradient(const std::vector<Parameter>& parameters, F f) {
  for (const Parameter& p : parameters)
    if (const Tensor g = gradient(p); g.defined()) f(p, contiguous(g));
}

constexpr auto kPlus = [](double a, double b) { return a + b; };

/// Over all gradients: the sum of |measure(g)|^p.
template <class Measure>
double power_sum(const std::vector<Parameter>& parameters, double p, Measure measure) {
  double total = 0;
  for_each_gradient(parameters, [&](const Parameter&, const Tensor& g) {
    if (p == 2)
      total += fold(
          g, [=](double v) { return measure(v) * measure(v); }, kPlus);
    else if (p == 1)
      total += fold(
          g, [=](double v) { return std::abs(measure(v)); }, kPlus);
    else
      total += fold(
          g, [=](double v) { return std::pow(std::abs(measure(v)), p); }, kPlus);
  });
  return total;
}

double norm(const std::vector<Parameter>& parameters, double p) {
  if (p != kInfinity) {
    const double sum = power_sum(parameters, p, [](double v) { return v; });
    // Powers of huge or tiny numbers overflow or vanish: again in units of the largest.
    if (std::isnan(sum) || (sum > std::numeric_limits<double>::min() && sum < kInfinity))
      return std::pow(sum, 1 / p);
  }
  double largest = 0;
  for_each_gradient(parameters, [&](const Parameter&, const Tensor& g) {
    largest = larger(largest,
                     fold(
                         g, [](double v) { return std::abs(v); }, larger));
  });
  if (p == kInfinity || !(largest > 0 && largest < kInfinity)) return largest;
  const double sum = power_sum(parameters, p, [=](double v) { return v / largest; });
  return largest * std::pow(sum, 1 / p);
}

/// Puts f(gradient) in the place of every gradient.
template <class F>
void replace(const std::vector<Parameter>& parameters, F f) {
  for_each_gradient(parameters, [&](const Parameter& p, const Tensor& from) {
    Tensor to = empty_like(from);
    dispatch_floating(from.dtype(), [&]<class T>() {
      const T* const in = from.data<T>();
      T* const out = to.mutable_data<T>();
      gradus::detail::parallel_for(from.numel(), kBlock, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = f(in[i]);
      });
    });
    set_gradient(p, std::move(to));
  });
}

}  // namespace

double clip_grad_norm(const std::vector<Parameter>& parameters,
                      double max_norm,
                      double norm_type,
                      bool error_if_nonfinite,
                      CallSite site) {
  const char* const op = "clip_grad_norm";
  check_range(op, "max_norm", max_norm, max_norm >= 0, "of 0 or more", site);
  check_range(op, "norm_type", norm_type, norm_type > 0, "above 0", site);
  const double total = norm(parameters, norm_type);
  if (error_if_nonfinite)
    check_range(op, "gradients with a norm", total, std::isfinite(total), "that is finite", site);
  const double scale = max_norm / (total + 1e-6);
  if (!(scale >= 1))
    replace(parameters, [scale]<class T>(T g) { return g * static_cast<T>(scale); });
  return total;
}

void clip_grad_value(const std::vector<Parameter>& parameters, double value, CallSite site) {
  check_range("clip_grad_value", "value", value, value >= 0, "of 0 or more", site);
  replace(parameters, [value]<class T>(T g) {
    const T bound = static_cast<T>(value);
    return g < -bound ? -bound : g > bound ? bound : g;
  });
}

}  // namespace gradus::optim

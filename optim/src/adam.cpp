#include "checks.h"

#include "gradus/optim/optimizer.h"
#include "gradus/tensor/runtime.h"

#include <algorithm>
#include <cmath>

namespace gradus::optim {

Adam::Adam(std::vector<Parameter> parameters, AdamOptions options)
    : Optimizer(std::move(parameters), options.lr), options_(options) {
  const AdamOptions& o = options_;
  check_range("adam", "beta1", o.beta1, o.beta1 >= 0 && o.beta1 < 1, "in [0, 1)");
  check_range("adam", "beta2", o.beta2, o.beta2 >= 0 && o.beta2 < 1, "in [0, 1)");
  check_range("adam", "eps", o.eps, o.eps >= 0, "of 0 or more");
  check_range("adam", "weight_decay", o.weight_decay, o.weight_decay >= 0, "of 0 or more");
}

void Adam::update(Parameter& parameter, const Tensor& gradient, State& state) {
  if (!state.first.defined()) {
    state.first = zeros_like(gradient);
    state.second = zeros_like(gradient);
    if (options_.amsgrad) state.third = zeros_like(gradient);
  }
  const auto t = static_cast<double>(state.steps);
  const double scale = lr() / (1 - std::pow(options_.beta1, t));
  const double root = 1 / std::sqrt(1 - std::pow(options_.beta2, t));
  dispatch_floating(parameter.dtype(), [&]<class T>() {
    T* p = parameter.mutable_data<T>();
    T* m = state.first.mutable_data<T>();
    T* v = state.second.mutable_data<T>();
    const T* g = gradient.data<T>();
    const T b1 = static_cast<T>(options_.beta1), c1 = static_cast<T>(1 - options_.beta1);
    const T b2 = static_cast<T>(options_.beta2), c2 = static_cast<T>(1 - options_.beta2);
    const T a = static_cast<T>(scale), r = static_cast<T>(root), eps = static_cast<T>(options_.eps);
    const T decay = static_cast<T>(options_.weight_decay), sign = options_.maximize ? T(-1) : T(1);
    const auto moments = [=](std::int64_t i) {
      const T step = sign * g[i] + decay * p[i];
      m[i] = b1 * m[i] + c1 * step;
      v[i] = b2 * v[i] + c2 * step * step;
    };
    T* const largest = options_.amsgrad ? state.third.mutable_data<T>() : nullptr;
    gradus::detail::parallel_for(
        parameter.numel(), 1 << 14, [=](std::int64_t begin, std::int64_t end) {
          if (largest == nullptr) {
            for (std::int64_t i = begin; i < end; ++i) {
              moments(i);
              p[i] -= a * m[i] / (std::sqrt(v[i]) * r + eps);
            }
          } else {
            for (std::int64_t i = begin; i < end; ++i) {
              moments(i);
              largest[i] = std::max(largest[i], v[i]);
              p[i] -= a * m[i] / (std::sqrt(largest[i]) * r + eps);
            }
          }
        });
  });
}

}  // namespace gradus::optim

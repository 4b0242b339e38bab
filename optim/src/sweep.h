#pragma once

#include "gradus/optim/base.h"
#include "gradus/tensor/runtime.h"

#include <cstdint>

namespace gradus::optim {

/// A running sum of the shape and dtype of the gradient; made, filled with `value`, at the first use.
inline Tensor& ready(Tensor& sum, const Tensor& gradient, double value = 0) {
  if (!sum.defined())
    sum = full_like(gradient, value);
  else if (sum.dtype() != gradient.dtype())
    sum = cast(sum, gradient.dtype());
  return sum;
}

template <class T, class F, class... S>
void sweep_part(
    std::int64_t begin, std::int64_t end, F f, T* __restrict p, const T* __restrict g, S* __restrict... sums) {
  for (std::int64_t i = begin; i < end; ++i) f(p[i], g[i], sums[i]...);
}

/// f(p, g, sum…) for every element, where `make.operator()<T>()` makes f for elements of type T.
template <class F, class... Sums>
void sweep(Tensor& parameter, const Tensor& gradient, F make, Sums&... sums) {
  dispatch_floating(gradient.dtype(), [&]<class T>() {
    const auto run = [f = make.template operator()<T>(), n = parameter.numel()](auto*... data) {
      gradus::detail::parallel_for(
          n, 1 << 14, [=](std::int64_t begin, std::int64_t end) { sweep_part<T>(begin, end, f, data...); });
    };
    run(parameter.mutable_data<T>(), gradient.data<T>(), sums.template mutable_data<T>()...);
  });
}

/// The gradient with sign and weight decay.
template <class T>
struct Slope {
  explicit Slope(const auto& options) : sign(options.maximize ? T(-1) : T(1)), decay(T(options.weight_decay)) {}
  T operator()(T g, T p) const { return sign * g + decay * p; }
  T sign, decay;
};

}  // namespace gradus::optim

#include "checks.h"

#include "gradus/optim/optimizer.h"
#include "gradus/tensor/runtime.h"

namespace gradus::optim {

Sgd::Sgd(std::vector<Parameter> parameters, SgdOptions options)
    : Optimizer(std::move(parameters), options.lr), options_(options) {
  const SgdOptions& o = options_;
  check_range("sgd", "momentum", o.momentum, o.momentum >= 0, "of 0 or more");
  check_range("sgd", "weight_decay", o.weight_decay, o.weight_decay >= 0, "of 0 or more");
  check_range("sgd",
              "dampening",
              o.dampening,
              !o.nesterov || (o.momentum > 0 && o.dampening == 0),
              "0 and a momentum with Nesterov's method");
}

void Sgd::update(Parameter& parameter, const Tensor& gradient, State& state) {
  const bool first = !state.first.defined();
  if (options_.momentum != 0 && first) state.first = empty_like(gradient);
  dispatch_floating(parameter.dtype(), [&]<class T>() {
    T* p = parameter.mutable_data<T>();
    const T* g = gradient.data<T>();
    const T rate = static_cast<T>(lr()), decay = static_cast<T>(options_.weight_decay);
    const T sign = options_.maximize ? T(-1) : T(1);
    const std::int64_t n = parameter.numel();
    if (options_.momentum == 0) {
      gradus::detail::parallel_for(n, 1 << 15, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) p[i] -= rate * (sign * g[i] + decay * p[i]);
      });
      return;
    }
    T* v = state.first.mutable_data<T>();
    const T mu = static_cast<T>(options_.momentum);
    const T keep = first ? T(0) : mu, take = first ? T(1) : static_cast<T>(1 - options_.dampening);
    if (first) std::fill_n(v, n, T(0));
    const T own = options_.nesterov ? T(1) : T(0), ahead = options_.nesterov ? mu : T(1);
    gradus::detail::parallel_for(n, 1 << 15, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T step = sign * g[i] + decay * p[i];
        v[i] = keep * v[i] + take * step;
        p[i] -= rate * (own * step + ahead * v[i]);
      }
    });
  });
}

}  // namespace gradus::optim

#include "checks.h"
#include "sweep.h"

#include "gradus/optim/optimizer.h"

#include <cmath>

namespace gradus::optim {

void check(const SgdOptions& o) {
  check_common("sgd", o);
  check_range("sgd", "dampening", o.dampening, std::isfinite(o.dampening), "that is finite");
  check_range("sgd",
              "dampening",
              o.dampening,
              !o.nesterov || (o.momentum > 0 && o.dampening == 0),
              "0 and a momentum with Nesterov's method");
}

void Sgd::update(const SgdOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  if (o.momentum == 0) {
    sweep(parameter, gradient, [&]<class T>() {
      return [slope = Slope<T>(o), lr = T(o.lr)](T& p, T g) { p -= lr * slope(g, p); };
    });
    return;
  }
  const double take = slot.first.defined() ? 1 - o.dampening : 1;
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        const T own = o.nesterov ? T(1) : T(0), ahead = o.nesterov ? T(o.momentum) : T(1);
        return [=, slope = Slope<T>(o), lr = T(o.lr), mu = T(o.momentum), share = T(take)](T& p, T g, T& v) {
          const T s = slope(g, p);
          v = mu * v + share * s;
          p -= lr * (own * s + ahead * v);
        };
      },
      ready(slot.first, gradient));
}

template class OptimizerOf<SgdOptions>;

}  // namespace gradus::optim

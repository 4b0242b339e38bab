#include "checks.h"
#include "sweep.h"

#include "gradus/optim/optimizer.h"

#include <algorithm>
#include <cmath>

namespace gradus::optim {

void check(const AdamOptions& o) { check_adam("adam", o); }
void check(const AdamWOptions& o) { check_adam("adamw", o); }
void check(const NAdamOptions& o) {
  check_adam("nadam", o);
  check_factor("nadam", "momentum_decay", o.momentum_decay);
}
void check(const RAdamOptions& o) { check_adam("radam", o); }
void check(const AdamaxOptions& o) { check_adam("adamax", o); }

namespace {

/// The two moments of Adam and its relatives.
template <class T>
struct Moments {
  explicit Moments(const auto& o) : b1(T(o.beta1)), c1(T(1 - o.beta1)), b2(T(o.beta2)), c2(T(1 - o.beta2)) {}
  void operator()(T g, T& m, T& v) const {
    m = b1 * m + c1 * g;
    v = b2 * v + c2 * g * g;
  }
  T b1, c1, b2, c2;
};

double power(double base, std::int64_t n) { return std::pow(base, static_cast<double>(n)); }

/// Adam; `keep` is what weight decay leaves of a parameter beforehand.
void adam(const AdamOptions& o, double keep, Tensor& parameter, const Tensor& gradient, auto& slot) {
  const double scale = o.lr / (1 - power(o.beta1, slot.steps));
  const double root = 1 / std::sqrt(1 - power(o.beta2, slot.steps));
  const auto run = [&](auto&... sums) {
    sweep(
        parameter,
        gradient,
        [&]<class T>() {
          return [slope = Slope<T>(o), moments = Moments<T>(o), k = T(keep), a = T(scale), r = T(root), eps = T(o.eps)](
                     T& p, T g, T& m, T& v, auto&... largest) {
            p *= k;
            moments(slope(g, p), m, v);
            T size = v;
            ((size = largest = std::max(largest, v)), ...);
            p -= a * m / (std::sqrt(size) * r + eps);
          };
        },
        ready(slot.first, gradient),
        ready(slot.second, gradient),
        sums...);
  };
  if (o.amsgrad)
    run(ready(slot.third, gradient));
  else
    run();
}

}  // namespace

void Adam::update(const AdamOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  adam(o, 1, parameter, gradient, slot);
}

void AdamW::update(const AdamWOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  const AdamOptions plain{
      .lr = o.lr, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps, .amsgrad = o.amsgrad, .maximize = o.maximize};
  adam(plain, 1 - o.lr * o.weight_decay, parameter, gradient, slot);
}

void NAdam::update(const NAdamOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  const auto momentum = [&](std::int64_t t) {
    return o.beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * o.momentum_decay));
  };
  const double now = momentum(slot.steps), next = momentum(slot.steps + 1);
  slot.product *= now;
  const double of_g = o.lr * (1 - now) / (1 - slot.product);
  const double of_m = o.lr * next / (1 - slot.product * next * (o.pytorch_1 ? now : 1));
  const double root = 1 / std::sqrt(1 - power(o.beta2, slot.steps));
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        return [slope = Slope<T>(o), moments = Moments<T>(o), a = T(of_g), b = T(of_m), r = T(root), eps = T(o.eps)](
                   T& p, T g, T& m, T& v) {
          const T s = slope(g, p);
          moments(s, m, v);
          p -= (a * s + b * m) / (std::sqrt(v) * r + eps);
        };
      },
      ready(slot.first, gradient),
      ready(slot.second, gradient));
}

void RAdam::update(const RAdamOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  const double rest = 1 - power(o.beta2, slot.steps);
  const double scale = o.lr / (1 - power(o.beta1, slot.steps));
  const double most = 2 / (1 - o.beta2) - 1;
  const double length = most - 2 * static_cast<double>(slot.steps) * (1 - rest) / rest;
  const bool adapts = length > 5;
  const double c2 = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length);
  const double whole = adapts ? scale * std::sqrt(c2 * rest) : scale;
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        return [adapts, slope = Slope<T>(o), moments = Moments<T>(o), a = T(whole), eps = T(o.eps)](
                   T& p, T g, T& m, T& v) {
          moments(slope(g, p), m, v);
          p -= a * m / (adapts ? std::sqrt(v) + eps : T(1));
        };
      },
      ready(slot.first, gradient),
      ready(slot.second, gradient));
}

void Adamax::update(const AdamaxOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  const double scale = o.lr / (1 - power(o.beta1, slot.steps));
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        return
            [slope = Slope<T>(o), b1 = T(o.beta1), c1 = T(1 - o.beta1), b2 = T(o.beta2), a = T(scale), eps = T(o.eps)](
                T& p, T g, T& m, T& u) {
              const T s = slope(g, p);
              m = b1 * m + c1 * s;
              u = std::max(std::abs(s) + eps, b2 * u);
              p -= a * m / u;
            };
      },
      ready(slot.first, gradient),
      ready(slot.second, gradient));
}

template class OptimizerOf<AdamOptions>;
template class OptimizerOf<AdamWOptions>;
template class OptimizerOf<NAdamOptions>;
template class OptimizerOf<RAdamOptions>;
template class OptimizerOf<AdamaxOptions>;

}  // namespace gradus::optim

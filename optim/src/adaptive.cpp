#include "checks.h"
#include "sweep.h"

#include "gradus/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace gradus::optim {

void check(const AdagradOptions& o) {
  check_common("adagrad", o);
  check_factor("adagrad", "lr_decay", o.lr_decay);
  check_factor("adagrad", "initial_accumulator_value", o.initial_accumulator_value);
}

void Adagrad::update(const AdagradOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  const double rate = o.lr / (1 + static_cast<double>(slot.steps - 1) * o.lr_decay);
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        return [slope = Slope<T>(o), a = T(rate), eps = T(o.eps)](T& p, T g, T& v) {
          const T s = slope(g, p);
          v += s * s;
          p -= a * s / (std::sqrt(v) + eps);
        };
      },
      ready(slot.first, gradient, o.initial_accumulator_value));
}

void check(const AdadeltaOptions& o) {
  check_common("adadelta", o);
  check_range("adadelta", "rho", o.rho, o.rho >= 0 && o.rho <= 1, "in [0, 1]");
}

void Adadelta::update(const AdadeltaOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        return [slope = Slope<T>(o), lr = T(o.lr), rho = T(o.rho), rest = T(1 - o.rho), eps = T(o.eps)](
                   T& p, T g, T& v, T& u) {
          const T s = slope(g, p);
          v = rho * v + rest * s * s;
          const T d = std::sqrt(u + eps) / std::sqrt(v + eps) * s;
          u = rho * u + rest * d * d;
          p -= lr * d;
        };
      },
      ready(slot.first, gradient),
      ready(slot.second, gradient));
}

void check(const RmspropOptions& o) {
  check_common("rmsprop", o);
  check_range("rmsprop", "alpha", o.alpha, o.alpha >= 0 && o.alpha <= 1, "in [0, 1]");
}

namespace {

/// `sums` are the mean of g if centred, then the gathered step if there is momentum.
template <bool centered, bool gathers>
void rmsprop(const RmspropOptions& o, Tensor& parameter, const Tensor& gradient, auto&... sums) {
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        return [slope = Slope<T>(o),
                lr = T(o.lr),
                keep = T(o.alpha),
                take = T(1 - o.alpha),
                mu = T(o.momentum),
                eps = T(o.eps)](T& p, T g, T& v, auto&... rest) {
          const auto more = std::tie(rest...);
          const T s = slope(g, p);
          v = keep * v + take * s * s;
          T size = v;
          if constexpr (centered) {
            T& m = std::get<0>(more);
            m = keep * m + take * s;
            size = std::max(T(0), v - m * m);  // below 0 by rounding only
          }
          T d = s / (std::sqrt(size) + eps);
          if constexpr (gathers) {
            T& b = std::get<centered ? 1 : 0>(more);
            d = b = mu * b + d;
          }
          p -= lr * d;
          static_cast<void>(mu);  // without momentum
        };
      },
      sums...);
}

}  // namespace

void Rmsprop::update(const RmspropOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  Tensor& v = ready(slot.first, gradient);
  if (o.centered) ready(slot.second, gradient);
  if (o.momentum > 0) ready(slot.third, gradient);
  if (o.centered && o.momentum > 0)
    rmsprop<true, true>(o, parameter, gradient, v, slot.second, slot.third);
  else if (o.centered)
    rmsprop<true, false>(o, parameter, gradient, v, slot.second);
  else if (o.momentum > 0)
    rmsprop<false, true>(o, parameter, gradient, v, slot.third);
  else
    rmsprop<false, false>(o, parameter, gradient, v);
}

void check(const RpropOptions& o) {
  check_common("rprop", o);
  check_range("rprop", "eta_minus", o.eta_minus, o.eta_minus > 0 && o.eta_minus < 1, "in (0, 1)");
  check_range("rprop", "eta_plus", o.eta_plus, o.eta_plus > 1 && std::isfinite(o.eta_plus), "above 1");
  check_factor("rprop", "min_step", o.min_step);
  check_range("rprop", "max_step", o.max_step, o.max_step >= o.min_step && std::isfinite(o.max_step), ">= min_step");
}

void Rprop::update(const RpropOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        return [sign = o.maximize ? T(-1) : T(1),
                minus = T(o.eta_minus),
                plus = T(o.eta_plus),
                low = T(o.min_step),
                high = T(o.max_step)](T& p, T given, T& before, T& d) {
          T g = sign * given;
          const bool turned = (g < 0 && before > 0) || (g > 0 && before < 0);
          const bool same = (g > 0 && before > 0) || (g < 0 && before < 0);
          d = std::clamp(turned ? d * minus : same ? d * plus : d, low, high);
          if (turned) g = 0;
          p -= g == 0 || std::isnan(g) ? g : std::copysign(d, g);
          before = g;
        };
      },
      ready(slot.first, gradient),
      ready(slot.second, gradient, o.lr));
}

void check(const LionOptions& o) { check_adam("lion", o); }

void Lion::update(const LionOptions& o, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  sweep(
      parameter,
      gradient,
      [&]<class T>() {
        return [sign = o.maximize ? T(-1) : T(1),
                lr = T(o.lr),
                keep = T(1 - o.lr * o.weight_decay),
                b1 = T(o.beta1),
                c1 = T(1 - o.beta1),
                b2 = T(o.beta2),
                c2 = T(1 - o.beta2)](T& p, T g, T& m) {
          const T s = sign * g, d = b1 * m + c1 * s;
          const T one = std::copysign(T(1), d);
          p = keep * p - lr * (d == 0 || std::isnan(d) ? d : one);
          m = b2 * m + c2 * s;
        };
      },
      ready(slot.first, gradient));
}

template class OptimizerOf<AdagradOptions>;
template class OptimizerOf<AdadeltaOptions>;
template class OptimizerOf<RmspropOptions>;
template class OptimizerOf<RpropOptions>;
template class OptimizerOf<LionOptions>;

}  // namespace gradus::optim

#pragma once

#include "gradus/optim/base.h"

GRADUS_EXPORT_BEGIN
/// The formulas: p parameter, g its gradient (negated to maximise) plus weight_decay p, t the number of the
/// update from 1; all sums start at 0 unless said otherwise.
namespace gradus::optim {

struct SgdOptions {
  double lr = 0.01;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
  double dampening = 0;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const SgdOptions& options);
extern template class OptimizerOf<SgdOptions>;

/// Stochastic gradient descent with momentum (Polyak 1964; Sutskever et al. 2013 for Nesterov's).
///   v = momentum v + (1 - dampening) g      (v = g at the first update)
///   p = p - lr (nesterov ? g + momentum v : v)
class Sgd final : public OptimizerOf<SgdOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const SgdOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const AdamOptions& options);
extern template class OptimizerOf<AdamOptions>;

/// Adam (Kingma & Ba 2014, arXiv:1412.6980, algorithm 1), with AMSGrad (Reddi et al. 2018) if asked.
///   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
///   p = p - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)      (amsgrad: the largest v so far)
class Adam final : public OptimizerOf<AdamOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const AdamOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
  bool amsgrad = false;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const AdamWOptions& options);
extern template class OptimizerOf<AdamWOptions>;

/// Adam whose weight decay bypasses the gradient (Loshchilov & Hutter 2017, arXiv:1711.05101):
///   p = (1 - lr weight_decay) p, then as Adam with weight_decay 0
class AdamW final : public OptimizerOf<AdamWOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const AdamWOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct NAdamOptions {
  double lr = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 4e-3;
  bool maximize = false;
  bool pytorch_1 = false;  // B b(t) b(t+1) instead of B b(t+1), as PyTorch has it before 2.0
};
/// ArgumentError for an option that is out of its range.
void check(const NAdamOptions& options);
extern template class OptimizerOf<NAdamOptions>;

/// Adam with Nesterov's momentum (Dozat 2016, "Incorporating Nesterov momentum into Adam").
///   b(t) = beta1 (1 - 0.96^(t momentum_decay) / 2),  B = b(1) … b(t),  m and v as Adam's
///   p = p - lr (b(t+1) m / (1 - B b(t+1)) + (1 - b(t)) g / (1 - B)) / (sqrt(v / (1 - beta2^t)) + eps)
class NAdam final : public OptimizerOf<NAdamOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const NAdamOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct RAdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const RAdamOptions& options);
extern template class OptimizerOf<RAdamOptions>;

/// Rectified Adam (Liu et al. 2019, arXiv:1908.03265).
///   R = 2 / (1 - beta2) - 1,  r = R - 2 t beta2^t / (1 - beta2^t),  m and v as Adam's
///   p = p - lr m / (1 - beta1^t) (r > 5 ? c sqrt(1 - beta2^t) / (sqrt(v) + eps) : 1)
///   c^2 = (r - 4) (r - 2) R / ((R - 4) (R - 2) r)
class RAdam final : public OptimizerOf<RAdamOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const RAdamOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct AdamaxOptions {
  double lr = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const AdamaxOptions& options);
extern template class OptimizerOf<AdamaxOptions>;

/// Adam with the maximum norm (Kingma & Ba 2014, algorithm 2).
///   m = beta1 m + (1 - beta1) g,  u = max(beta2 u, |g| + eps)
///   p = p - lr / (1 - beta1^t) m / u
class Adamax final : public OptimizerOf<AdamaxOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const AdamaxOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct AdagradOptions {
  double lr = 0.01;
  double lr_decay = 0;
  double eps = 1e-10;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const AdagradOptions& options);
extern template class OptimizerOf<AdagradOptions>;

/// Adagrad (Duchi et al. 2011).
///   v = v + g^2      (starts at initial_accumulator_value)
///   p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(v) + eps)
class Adagrad final : public OptimizerOf<AdagradOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const AdagradOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct AdadeltaOptions {
  double lr = 1;
  double rho = 0.9;
  double eps = 1e-6;
  double weight_decay = 0;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const AdadeltaOptions& options);
extern template class OptimizerOf<AdadeltaOptions>;

/// Adadelta (Zeiler 2012, arXiv:1212.5701).
///   v = rho v + (1 - rho) g^2,  d = sqrt(u + eps) / sqrt(v + eps) g,  u = rho u + (1 - rho) d^2
///   p = p - lr d
class Adadelta final : public OptimizerOf<AdadeltaOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const AdadeltaOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct RmspropOptions {
  double lr = 0.01;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const RmspropOptions& options);
extern template class OptimizerOf<RmspropOptions>;

/// RMSprop (Hinton 2012, lecture 6e; centred: Graves 2013, arXiv:1308.0850).
///   v = alpha v + (1 - alpha) g^2,  m = alpha m + (1 - alpha) g
///   d = g / (sqrt(centered ? v - m^2 : v) + eps),  b = momentum b + d
///   p = p - lr b
class Rmsprop final : public OptimizerOf<RmspropOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const RmspropOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct RpropOptions {
  double lr = 0.01;  // the length of the first steps
  double eta_minus = 0.5;
  double eta_plus = 1.2;
  double min_step = 1e-6;
  double max_step = 50;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const RpropOptions& options);
extern template class OptimizerOf<RpropOptions>;

/// Resilient backpropagation (Riedmiller & Braun 1993), for gradients of all the data at once: only their
/// signs count, and each element has a step length d of its own. It starts at lr, which has no effect later.
///   d = clamp(c d, min_step, max_step), c = eta_plus where g has the sign of the gradient before, eta_minus
///       where the other one, else 1
///   p = p - d sign(g), after eta_minus only at the next update, for which the sign counts as 0
class Rprop final : public OptimizerOf<RpropOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const RpropOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

struct LionOptions {
  double lr = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
  bool maximize = false;
};
/// ArgumentError for an option that is out of its range.
void check(const LionOptions& options);
extern template class OptimizerOf<LionOptions>;

/// Lion (Chen et al. 2023, arXiv:2302.06675); here g is without the decay, which is AdamW's.
///   p = (1 - lr weight_decay) p - lr sign(beta1 m + (1 - beta1) g)
///   m = beta2 m + (1 - beta2) g
class Lion final : public OptimizerOf<LionOptions> {
  using OptimizerOf::OptimizerOf;
  void update(const LionOptions&, Tensor&, const Tensor& gradient, Slot&) override;
};

}  // namespace gradus::optim
GRADUS_EXPORT_END

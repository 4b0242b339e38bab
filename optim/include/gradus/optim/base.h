#pragma once

#include "gradus/nn/module.h"

#include <cstdint>
#include <vector>

/// Optimisers change parameters in place from the gradients that backward has left in them. Each update is
/// one pass over memory. Make the optimiser after the last `to(model, dtype)`: that replaces the parameters.
namespace gradus::optim {

/// What all optimisers share.
///   errors    ArgumentError where no parameter, or one twice, or one that is undefined is given, or an
///             option is out of its range
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Changes every parameter that has a gradient.
  void step();
  /// Forgets all gradients.
  void zero_grad();

  double lr() const { return lr_; }
  /// ArgumentError unless it is 0 or more.
  void set_lr(double lr);
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Calls of `step` so far.
  std::int64_t steps() const { return steps_; }

 protected:
  Optimizer(std::vector<Parameter> parameters, double lr);

  /// The running sums that an optimiser keeps for one parameter; undefined before its first update.
  struct State {
    std::int64_t steps = 0;  // updates of this parameter, this one included
    Tensor first, second, third;
  };
  /// Updates one parameter; `gradient` is contiguous and of its dtype.
  virtual void update(Parameter& parameter, const Tensor& gradient, State& state) = 0;

 private:
  std::vector<Parameter> parameters_;
  std::vector<State> states_;
  double lr_;
  std::int64_t steps_ = 0;
};

struct SgdOptions {
  double lr = 0.01;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
  double dampening = 0;
  bool maximize = false;
};

/// Stochastic gradient descent with momentum (Polyak 1964; Sutskever et al. 2013 for Nesterov's).
///   g = gradient (negated to maximise) + weight_decay p
///   v = momentum v + (1 - dampening) g      (v = g at the first update)
///   p = p - lr (nesterov ? g + momentum v : v)
class Sgd : public Optimizer {
 public:
  explicit Sgd(std::vector<Parameter> parameters, SgdOptions options = {});

 private:
  void update(Parameter& parameter, const Tensor& gradient, State& state) override;
  SgdOptions options_;
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

/// Adam (Kingma & Ba 2014, arXiv:1412.6980, algorithm 1), with AMSGrad (Reddi et al. 2018) if asked.
///   g = gradient (negated to maximise) + weight_decay p
///   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
///   p = p - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)      (amsgrad: the largest v so far)
class Adam : public Optimizer {
 public:
  explicit Adam(std::vector<Parameter> parameters, AdamOptions options = {});

 private:
  void update(Parameter& parameter, const Tensor& gradient, State& state) override;
  AdamOptions options_;
};

}  // namespace gradus::optim

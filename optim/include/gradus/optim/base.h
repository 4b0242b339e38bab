#pragma once

#include "gradus/nn/module.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
/// Optimisers change parameters in place from the gradients that backward has left in them. Each update is
/// one pass over memory, by several threads where a parameter is large; the result does not depend on their
/// number.
namespace gradus::optim {

/// What something keeps between steps, by name: for nn::save_tensors, nn::load_tensors. Restoring it makes
/// everything go on bit for bit as it would have.
using State = std::map<std::string, Tensor>;

/// What all optimisers share. Parameters are in groups, each with options of its own; those given to the
/// constructor are group 0.
///   errors    ArgumentError where no parameter, or one twice, or one that is undefined is given, or an
///             option is out of its range; IndexError for a group that is not there
class Optimizer {
 public:
  /// Forgets gradients, does a forward and a backward pass, and returns the loss.
  using Closure = std::function<double()>;

  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Changes every parameter that has a gradient.
  virtual void step();
  /// The same with the gradients that `closure` makes. Returns its loss, that before the change.
  virtual double step(const Closure& closure);
  /// Forgets all gradients.
  void zero_grad();

  /// All groups' parameters, in order.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int groups() const { return static_cast<int>(ends_.size()); }
  double lr(int group = 0) const { return *self().rate(checked(group)); }
  /// Of all groups. ArgumentError unless it is 0 or more and finite.
  void set_lr(double lr);
  void set_lr(double lr, int group);
  /// What a schedule of the momentum changes: `momentum`, or beta1 where there is none.
  bool has_momentum() const { return self().friction(0) != nullptr; }
  /// ArgumentError if the optimiser has none.
  double momentum(int group = 0) const;
  /// Of all groups. ArgumentError also unless 0 <= momentum < 1.
  void set_momentum(double momentum);
  void set_momentum(double momentum, int group);
  /// Calls of `step` so far.
  std::int64_t steps() const { return steps_; }

  /// Copies of all that it keeps: counts, running sums, and each group's rate and momentum.
  virtual State state() const;
  /// Takes over what `state` gave for parameters of the same shapes in the same order.
  ///   errors    ArgumentError for names that don't fit, ShapeError and DTypeError for tensors that
  ///             don't; the optimiser is then as before
  virtual void set_state(const State& state);

 protected:
  Optimizer() = default;
  void add_parameters(std::vector<Parameter> parameters);
  int checked(int group) const;
  void count_step() { ++steps_; }

  /// What is kept for one parameter.
  struct Slot {
    std::int64_t steps = 0;       // updates of this parameter, the one under way included
    double product = 1;           // for a method that needs a number
    Tensor first, second, third;  // running sums; undefined before the first update
  };
  /// Updates one parameter from its gradient; both are contiguous and of one dtype.
  virtual void update_one(int group, Tensor& parameter, const Tensor& gradient, Slot& slot) = 0;
  /// Options of a group; `friction` may be null.
  virtual double* rate(int group) = 0;
  virtual double* friction(int group) = 0;

 private:
  Optimizer& self() const { return const_cast<Optimizer&>(*this); }

  std::vector<Parameter> parameters_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> ends_;  // of the groups
  std::int64_t steps_ = 0;
};

/// An optimiser whose groups have these options: a struct with a field `lr`, and `momentum` or `beta1` if it
/// has such a thing. A function `check(const Options&)`, where there is one, refuses what is out of range.
/// An optimiser of your own derives from it and defines `update`.
template <class OptionsType>
class OptimizerOf : public Optimizer {
 public:
  using Options = OptionsType;

  explicit OptimizerOf(std::vector<Parameter> parameters, Options options = {}) {
    add_group(std::move(parameters), std::move(options));
  }
  /// More parameters, with options of their own: `adam.add_group(biases, {.weight_decay = 0})`.
  void add_group(std::vector<Parameter> parameters, Options options = {}) {
    if constexpr (requires { check(options); }) check(options);
    add_parameters(std::move(parameters));
    options_.push_back(std::move(options));
  }
  const Options& options(int group = 0) const {
    return options_[static_cast<std::size_t>(checked(group))];
  }

 protected:
  virtual void update(const Options& options,
                      Tensor& parameter,
                      const Tensor& gradient,
                      Slot& slot) = 0;

 private:
  void update_one(int group, Tensor& parameter, const Tensor& gradient, Slot& slot) final {
    update(options(group), parameter, gradient, slot);
  }
  double* rate(int group) final { return &options_[static_cast<std::size_t>(group)].lr; }
  double* friction(int group) final {
    [[maybe_unused]] Options& options = options_[static_cast<std::size_t>(group)];
    if constexpr (requires { options.momentum; })
      return &options.momentum;
    else if constexpr (requires { options.beta1; })
      return &options.beta1;
    else
      return nullptr;
  }

  std::vector<Options> options_;
};

}  // namespace gradus::optim
GRADUS_EXPORT_END

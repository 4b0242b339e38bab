#pragma once

#include "gradus/graph/arg.h"
#include "gradus/nn/module.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
/// Optimisers change parameters in place from the gradients that backward has left in them; those without a
/// gradient, and frozen ones (nn::freeze), they leave as they are. Each update is one pass over memory, by
/// several threads where a parameter is large; the result does not depend on their number.
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

  /// Changes every parameter that has a gradient: all of them, or, where there is no memory for the sums of a first
  /// step (std::bad_alloc), none.
  virtual void step();
  /// The same with the gradients that `closure` makes. Returns its loss, that before the change.
  virtual double step(const Closure& closure);
  /// Forgets all gradients.
  void zero_grad();

  /// All groups' parameters, in order.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int groups() const { return static_cast<int>(ends_.size()); }
  double lr(int group = 0) const { return *self().lr_option(checked(group)); }
  /// Of all groups. ArgumentError unless it is 0 or more and finite.
  void set_lr(double lr, CallSite site = CallSite::here());
  void set_lr(double lr, int group, CallSite site = CallSite::here());
  /// What a schedule of the momentum changes: `momentum`, or beta1 where there is none.
  bool has_momentum() const { return self().momentum_option(0) != nullptr; }
  /// ArgumentError if the optimiser has none.
  double momentum(int group = 0, CallSite site = CallSite::here()) const;
  /// Of all groups. ArgumentError also unless 0 <= momentum < 1.
  void set_momentum(double momentum, CallSite site = CallSite::here());
  void set_momentum(double momentum, int group, CallSite site = CallSite::here());
  /// Calls of `step` so far.
  std::int64_t steps() const { return steps_; }

  /// Copies of all that it keeps: its kind, counts, running sums, and each group's options.
  virtual State state() const;
  /// Takes over what `state` gave for parameters of the same shapes in the same order, the options
  /// with it.
  ///   errors    ArgumentError for the state of another kind of optimiser, for names that don't fit
  ///             and options out of range, ShapeError and DTypeError for tensors that don't fit; the
  ///             optimiser is then as before
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
  /// Options of a group; `momentum_option` may be null.
  virtual double* lr_option(int group) = 0;
  virtual double* momentum_option(int group) = 0;

  /// The options of a group that are numbers, by name.
  using Numbers = std::map<std::string, double>;
  virtual Numbers numbers(int group) const = 0;
  /// Those of all groups; all are taken, or none.
  virtual void set_numbers(const std::vector<Numbers>& groups) = 0;
  /// "Adam"
  virtual std::string_view kind() const = 0;

 private:
  Optimizer& self() const { return const_cast<Optimizer&>(*this); }
  /// True if an update makes no sums, so asks for no memory.
  bool is_settled() const;
  void update_all();

  std::vector<Parameter> parameters_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> ends_;  // of the groups
  std::int64_t steps_ = 0;
  bool settled_ = false;  // all sums that the options of now need were made
};

namespace detail {

[[noreturn]] void fail_number(const std::string& name, double value);

/// A number of a state as an option. ArgumentError where it can't be one.
template <class T>
T number_as(const std::string& name, double value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (value != 0 && value != 1) fail_number(name, value);
  } else if constexpr (std::is_integral_v<T>) {
    constexpr double limit = 1 << 30;
    if (!(value >= -limit && value <= limit)) fail_number(name, value);
  }
  return static_cast<T>(value);
}

}  // namespace detail

/// An optimiser whose groups have these options: a struct with a field `lr`, and `momentum` or `beta1` if it
/// has such a thing. A function `check(const Options&)`, where there is one, refuses what is out of range.
/// An optimiser of your own derives from it and defines `update`.
template <class OptionsType>
class OptimizerOf : public Optimizer {
 public:
  using Options = OptionsType;

  explicit OptimizerOf(std::vector<Parameter> parameters, Options options = {}, CallSite site = CallSite::here());
  /// More parameters, with options of their own: `adam.add_group(biases, {.weight_decay = 0})`.
  void add_group(std::vector<Parameter> parameters, Options options = {}, CallSite site = CallSite::here());
  const Options& options(int group = 0) const { return options_[static_cast<std::size_t>(checked(group))]; }

 protected:
  virtual void update(const Options& options, Tensor& parameter, const Tensor& gradient, Slot& slot) = 0;

 private:
  void update_one(int group, Tensor& parameter, const Tensor& gradient, Slot& slot) final;
  double* lr_option(int group) final;
  double* momentum_option(int group) final;
  std::string_view kind() const final;
  Numbers numbers(int group) const final;
  void set_numbers(const std::vector<Numbers>& groups) final;
  template <class Struct, class F>
  static void visit_numbers(Struct& options, F&& f);

  std::vector<Options> options_;
};

// Not inline: those of this library's own optimisers are compiled once (`extern template`).

template <class O>
OptimizerOf<O>::OptimizerOf(std::vector<Parameter> parameters, O options, CallSite site) {
  add_group(std::move(parameters), std::move(options), site);
}

template <class O>
void OptimizerOf<O>::add_group(std::vector<Parameter> parameters, O options, CallSite site) {
  const gradus::detail::SitePin pin(site);
  if constexpr (requires { check(options); }) check(options);
  add_parameters(std::move(parameters));
  options_.push_back(std::move(options));
}

template <class O>
void OptimizerOf<O>::update_one(int group, Tensor& parameter, const Tensor& gradient, Slot& slot) {
  update(options(group), parameter, gradient, slot);
}

template <class O>
double* OptimizerOf<O>::lr_option(int group) {
  return &options_[static_cast<std::size_t>(group)].lr;
}

template <class O>
double* OptimizerOf<O>::momentum_option(int group) {
  [[maybe_unused]] O& options = options_[static_cast<std::size_t>(group)];
  if constexpr (requires { options.momentum; })
    return &options.momentum;
  else if constexpr (requires { options.beta1; })
    return &options.beta1;
  else
    return nullptr;
}

template <class O>
std::string_view OptimizerOf<O>::kind() const {
  std::string_view name = nn::type_name<O>;
  if (name.ends_with("Options")) name.remove_suffix(7);
  return name;
}

template <class O>
auto OptimizerOf<O>::numbers(int group) const -> Numbers {
  Numbers result;
  visit_numbers(options_[static_cast<std::size_t>(group)],
                [&](const std::string& name, auto value) { result[name] = static_cast<double>(value); });
  return result;
}

template <class O>
void OptimizerOf<O>::set_numbers(const std::vector<Numbers>& groups) {
  std::vector<O> all = options_;
  for (std::size_t i = 0; i < all.size(); ++i) {
    visit_numbers(all[i], [&]<class T>(const std::string& name, T& value) {
      value = detail::number_as<T>(name, groups[i].at(name));
    });
    if constexpr (requires { check(all[i]); }) check(all[i]);
  }
  options_ = std::move(all);
}

template <class O>
template <class Struct, class F>
void OptimizerOf<O>::visit_numbers(Struct& options, F&& f) {
  if constexpr (nn::Reflectable<Struct>)
    nn::visit_fields(options, [&](std::string_view name, auto& value) {
      if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) f(std::string(name), value);
    });
  else
    f("lr", options.lr);
}

}  // namespace gradus::optim
GRADUS_EXPORT_END

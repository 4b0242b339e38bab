#include "gradus/optim/base.h"

#include "checks.h"
#include "state.h"

#include "gradus/graph/node.h"

#include <algorithm>
#include <cmath>

namespace gradus::optim {

using gradus::detail::fail;
using gradus::detail::SitePin;

void detail::fail_number(const std::string& name, double value) {
  fail<ArgumentError>("optimizer", fmt::format("expected {} of another kind, got {}", name, value));
}

void Optimizer::add_parameters(std::vector<Parameter> parameters) {
  if (parameters.empty()) fail<ArgumentError>("optimizer", "expected at least one parameter, got none");
  std::vector<const void*> seen;
  for (const auto* list : {&parameters_, &parameters})
    for (const Parameter& p : *list) {
      if (!p.defined()) fail<ArgumentError>("optimizer", "expected parameters, got an undefined one");
      seen.push_back(p.raw());
    }
  std::sort(seen.begin(), seen.end());
  if (std::adjacent_find(seen.begin(), seen.end()) != seen.end())
    fail<ArgumentError>("optimizer", "expected each parameter once, got one twice");
  parameters_.insert(parameters_.end(), parameters.begin(), parameters.end());
  slots_.resize(parameters_.size());
  ends_.push_back(parameters_.size());
}

int Optimizer::checked(int group) const {
  if (group < 0 || group >= groups())
    fail<IndexError>("optimizer", fmt::format("expected a group below {}, got {}", groups(), group));
  return group;
}

void Optimizer::set_lr(double lr, int group, CallSite site) {
  const SitePin pin(site);
  check_range("optimizer", "lr", lr, lr >= 0 && std::isfinite(lr), ">= 0");
  *lr_option(checked(group)) = lr;
}

void Optimizer::set_lr(double lr, CallSite site) {
  for (int group = 0; group < groups(); ++group) set_lr(lr, group, site);
}

double Optimizer::momentum(int group, CallSite site) const {
  const SitePin pin(site);
  if (!has_momentum()) fail<ArgumentError>("optimizer", "expected an optimizer with momentum, got one without");
  return *self().momentum_option(checked(group));
}

void Optimizer::set_momentum(double momentum, int group, CallSite site) {
  const SitePin pin(site);
  check_range("optimizer", "momentum", momentum, momentum >= 0 && momentum < 1, "in [0, 1)");
  if (this->momentum(group) == 0) settled_ = false;
  *momentum_option(group) = momentum;
}

void Optimizer::set_momentum(double momentum, CallSite site) {
  for (int group = 0; group < groups(); ++group) set_momentum(momentum, group, site);
}

void Optimizer::zero_grad() {
  for (const Parameter& p : parameters_) gradus::zero_grad(p);
}

bool Optimizer::is_settled() const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    const Tensor g = gradient(parameters_[i]);
    if (!g.defined()) continue;
    const Slot& slot = slots_[i];
    if (slot.steps == 0 || !p.is_contiguous() || !g.is_contiguous()) return false;
    if (slot.first.defined() && slot.first.dtype() != p.dtype()) return false;
  }
  return settled_;
}

void Optimizer::step() {
  if (is_settled()) return update_all();
  // Sums are made, or more: should memory be wanting, all is put back.
  const auto copy = [](const Tensor& x) { return x.defined() ? clone(x) : x; };
  std::vector<Slot> slots = slots_;
  std::vector<Tensor> values;
  for (Slot& slot : slots)
    for (Tensor* sum : {&slot.first, &slot.second, &slot.third}) *sum = copy(*sum);
  for (const Parameter& p : parameters_) values.push_back(gradient(p).defined() ? clone(p) : Tensor());
  try {
    update_all();
    settled_ = true;
    for (std::size_t i = 0; i < values.size(); ++i) settled_ = settled_ && (values[i].defined() || slots[i].steps == 0);
  } catch (...) {
    --steps_;
    slots_ = std::move(slots);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i].defined()) copy_into(parameters_[i], values[i]);
    throw;
  }
}

void Optimizer::update_all() {
  ++steps_;
  int group = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (i == ends_[static_cast<std::size_t>(group)]) ++group;
    const Tensor g = gradient(parameters_[i]);
    if (!g.defined()) continue;
    ++slots_[i].steps;
    Tensor& p = parameters_[i];
    if (p.is_contiguous()) {
      update_one(group, p, contiguous(g), slots_[i]);
    } else {
      Tensor rows = clone(p);
      update_one(group, rows, contiguous(g), slots_[i]);
      copy_into(p, rows);
    }
  }
}

double Optimizer::step(const Closure& closure) {
  const double loss = closure();
  step();
  return loss;
}

/// ArgumentError unless the state names that kind of optimiser.
static void check_kind(const State& state, std::string_view kind) {
  constexpr std::string_view key = "kind.";
  std::string got = "a state without a kind";
  for (const auto& [name, x] : state)
    if (name.starts_with(key)) got = name.substr(key.size());
  if (got != kind) fail<ArgumentError>("optimizer", fmt::format("expected the state of {}, got {}", kind, got));
}

State Optimizer::state() const {
  State state{{fmt::format("kind.{}", kind()), number(true)}, {"steps", number(steps_)}};
  for (int group = 0; group < groups(); ++group)
    for (const auto& [name, value] : numbers(group)) state[fmt::format("groups.{}.{}", group, name)] = number(value);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.steps == 0) continue;
    state[fmt::format("{}.steps", i)] = number(slot.steps);
    state[fmt::format("{}.product", i)] = number(slot.product);
    for (const auto& [name, sum] :
         {std::pair("first", &slot.first), std::pair("second", &slot.second), std::pair("third", &slot.third)})
      if (sum->defined()) state[fmt::format("{}.{}", i, name)] = clone(*sum);
  }
  return state;
}

void Optimizer::set_state(const State& state) {
  StateReader in("optimizer", state);
  check_kind(state, kind());
  in.get<bool>(fmt::format("kind.{}", kind()));
  const auto steps = in.get<std::int64_t>("steps");
  std::vector<Numbers> options;
  for (int group = 0; group < groups(); ++group) {
    options.push_back(numbers(group));
    for (auto& [name, value] : options.back()) value = in.get<double>(fmt::format("groups.{}.{}", group, name));
  }
  std::vector<Slot> slots(slots_.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const std::string name = fmt::format("{}.", i);
    if (!in.has(name + "steps")) continue;
    slots[i].steps = in.get<std::int64_t>(name + "steps");
    slots[i].product = in.get<double>(name + "product");
    slots[i].first = in.like(name + "first", parameters_[i]);
    slots[i].second = in.like(name + "second", parameters_[i]);
    slots[i].third = in.like(name + "third", parameters_[i]);
  }
  in.finish();
  set_numbers(options);
  settled_ = false;
  slots_ = std::move(slots);
  steps_ = steps;
}

}  // namespace gradus::optim

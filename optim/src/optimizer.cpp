#include "gradus/optim/optimizer.h"

#include "checks.h"

#include "gradus/graph/node.h"

#include <algorithm>

namespace gradus::optim {

Optimizer::Optimizer(std::vector<Parameter> parameters, double lr)
    : parameters_(std::move(parameters)), states_(parameters_.size()) {
  if (parameters_.empty())
    detail::fail<ArgumentError>("optimizer", "expected at least one parameter, got none");
  std::vector<const void*> seen;
  for (const Parameter& p : parameters_) {
    if (!p.defined())
      detail::fail<ArgumentError>("optimizer", "expected parameters, got an undefined one");
    seen.push_back(p.raw());
  }
  std::sort(seen.begin(), seen.end());
  if (std::adjacent_find(seen.begin(), seen.end()) != seen.end())
    detail::fail<ArgumentError>("optimizer", "expected each parameter once, got one twice");
  set_lr(lr);
}

void Optimizer::set_lr(double lr) {
  check_range("optimizer", "lr", lr, lr >= 0, "of 0 or more");
  lr_ = lr;
}

void Optimizer::zero_grad() {
  for (const Parameter& p : parameters_) gradus::zero_grad(p);
}

void Optimizer::step() {
  ++steps_;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor g = gradient(parameters_[i]);
    if (!g.defined()) continue;
    ++states_[i].steps;
    update(parameters_[i], contiguous(g), states_[i]);
  }
}

}  // namespace gradus::optim

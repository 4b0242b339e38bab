#pragma once

#include "guards.h"
#include "snapshot.h"

#include "gradus/graph/node.h"

#include <utility>
#include <vector>

namespace gradus::train {

/// While it lives, training a model leaves nothing behind: weights, buffers, gradients, modes and the default
/// generator are afterwards as before, to the last bit.
class Kept {
 public:
  explicit Kept(nn::ModuleRef model) : weights_(model), modes_(model) {
    for (const Parameter& p : nn::detail::parameters(model)) {
      const Tensor g = gradient(p);
      gradients_.emplace_back(p, g.defined() ? clone(g) : Tensor());
    }
  }
  ~Kept() {
    weights_.restore();
    default_generator() = generator_;
    for (const auto& [parameter, g] : gradients_)
      if (requires_grad(parameter)) set_gradient(parameter, g);
  }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

 private:
  Snapshot weights_;
  nn::detail::KeptModes modes_;
  Generator generator_ = default_generator();
  std::vector<std::pair<Parameter, Tensor>> gradients_;
};

}  // namespace gradus::train

#pragma once

#include "gradus/nn/model.h"
#include "gradus/optim/base.h"

#include <utility>
#include <vector>

namespace gradus::train {

/// Copies of a model's weights.
class Snapshot {
 public:
  explicit Snapshot(nn::ModuleRef model);
  void take();
  void restore();
  optim::State state() const;
  /// ArgumentError unless it is that of such a model.
  void set_state(const optim::State& state);

 private:
  std::vector<std::pair<Tensor, Tensor>> items_;  // each with its copy
};

}  // namespace gradus::train

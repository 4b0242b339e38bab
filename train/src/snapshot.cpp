#include "snapshot.h"

#include "gradus/tensor/error.h"

#include <cstddef>
#include <string>

namespace gradus::train {

Snapshot::Snapshot(nn::ModuleRef model) {
  const auto add = [&](const Tensor& tensor) { items_.emplace_back(tensor, clone(tensor)); };
  for (const Parameter& parameter : nn::detail::parameters(model)) add(parameter);
  for (const Buffer& buffer : nn::detail::buffers(model)) add(buffer);
}

void Snapshot::take() {
  for (auto& [tensor, copy] : items_) copy_into(copy, tensor);
}

void Snapshot::restore() {
  for (auto& [tensor, copy] : items_) copy_into(tensor, copy);
}

optim::State Snapshot::state() const {
  optim::State state;
  for (const auto& [tensor, copy] : items_) state[std::to_string(state.size())] = clone(copy);
  return state;
}

void Snapshot::set_state(const optim::State& state) {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const auto at = state.find(std::to_string(i));
    if (state.size() != items_.size() || at == state.end() || at->second.shape() != items_[i].second.shape() ||
        at->second.dtype() != items_[i].second.dtype())
      gradus::detail::fail<ArgumentError>("fit", "expected the best weights of such a model, got others");
  }
  for (std::size_t i = 0; i < items_.size(); ++i) copy_into(items_[i].second, state.at(std::to_string(i)));
}

}  // namespace gradus::train

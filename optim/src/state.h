#pragma once

#include "gradus/optim/base.h"
#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <set>
#include <string>

namespace gradus::optim {

/// A number as an item of a state, exactly.
template <class T>
Tensor number(T value) {
  return from_vector(std::vector<T>{value}, Shape{});
}

/// Takes a state apart; every item must be asked for once `finish` is called.
class StateReader {
 public:
  StateReader(const char* op, const State& state) : op_(op), state_(state) {}

  bool has(const std::string& name) const { return state_.contains(name); }

  template <class T>
  T get(const std::string& name) {
    const Tensor& x = find(name);
    if (x.dtype() != dtype_of<T> || x.rank() != 0)
      refuse<DTypeError>(fmt::format("expected {} to be a number of type {}, got {} {}",
                                     name,
                                     to_string(dtype_of<T>),
                                     to_string(x.dtype()),
                                     to_string(x.shape())));
    return x.item<T>();
  }

  /// A copy; of the shape and dtype of `model`. Undefined if it isn't there and need not be.
  Tensor like(const std::string& name, const Tensor& model, bool needed = false) {
    if (!needed && !has(name)) return {};
    const Tensor& x = find(name);
    if (x.shape() != model.shape())
      refuse<ShapeError>(fmt::format("expected {} {}, got {}", name, to_string(model.shape()), to_string(x.shape())));
    if (x.dtype() != model.dtype())
      refuse<DTypeError>(fmt::format("expected {} {}, got {}", name, to_string(model.dtype()), to_string(x.dtype())));
    return clone(x);
  }

  void finish() const {
    for (const auto& [name, x] : state_)
      if (!used_.contains(name))
        refuse<ArgumentError>(fmt::format("expected a state that fits, got one with {}", name));
  }

 private:
  template <class E>
  [[noreturn]] void refuse(const std::string& message) const {
    gradus::detail::fail<E>(op_, message);
  }
  const Tensor& find(const std::string& name) {
    const auto at = state_.find(name);
    if (at == state_.end()) refuse<ArgumentError>(fmt::format("expected a state with {}, got one without", name));
    used_.insert(name);
    return at->second;
  }

  const char* op_;
  const State& state_;
  std::set<std::string> used_;
};

}  // namespace gradus::optim

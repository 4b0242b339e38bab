#pragma once

#include "gradus/optim.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gradus::test {

/// Every optimiser that steps on gradients alone, with all its sums in use.
struct Method {
  std::string name;
  std::function<std::unique_ptr<optim::Optimizer>(std::vector<Parameter>, double lr)> make;
};

template <class O>
Method method(const char* name, typename O::Options options = {}) {
  return {name, [options](std::vector<Parameter> parameters, double lr) {
            auto own = options;
            own.lr = lr;
            return std::make_unique<O>(std::move(parameters), own);
          }};
}

inline std::vector<Method> methods() {
  return {
      method<optim::Sgd>("sgd"),
      method<optim::Sgd>("nesterov", {.momentum = 0.9, .weight_decay = 1e-3, .nesterov = true}),
      method<optim::Adam>("adam", {.weight_decay = 1e-3}),
      method<optim::Adam>("amsgrad", {.amsgrad = true}),
      method<optim::AdamW>("adamw"),
      method<optim::AdamW>("adamw amsgrad", {.amsgrad = true}),
      method<optim::NAdam>("nadam"),
      method<optim::RAdam>("radam"),
      method<optim::Adamax>("adamax"),
      method<optim::Adagrad>("adagrad", {.lr_decay = 1e-3, .initial_accumulator_value = 0.1}),
      method<optim::Adadelta>("adadelta"),
      method<optim::Rmsprop>("rmsprop"),
      method<optim::Rmsprop>("rmsprop centred", {.centered = true}),
      method<optim::Rmsprop>("rmsprop momentum", {.momentum = 0.5}),
      method<optim::Rmsprop>("rmsprop both", {.momentum = 0.5, .centered = true}),
      method<optim::Rprop>("rprop"),
      method<optim::Lion>("lion", {.weight_decay = 1e-3}),
  };
}

}  // namespace gradus::test

#pragma once

#include "gradus/nn/model.h"
#include "gradus/optim/optimizer.h"
#include "gradus/tensor/random.h"

#include <cstddef>
#include <utility>
#include <vector>

/// What is put back when training or measuring is over, by whatever way.
namespace gradus::train {

/// Modules are back in the mode they had when it dies.
class ModeGuard {
 public:
  explicit ModeGuard(nn::ModuleRef model) {
    for (const nn::NamedModule& named : nn::detail::named_modules(model))
      if (named.module.has_training_mode())
        modes_.emplace_back(named.module, named.module.is_training());
  }
  ~ModeGuard() {
    for (const auto& [module, on] : modes_) module.set_training(on);
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  std::vector<std::pair<nn::ModuleRef, bool>> modes_;
};

/// Another default generator for as long as it lives.
class GeneratorGuard {
 public:
  explicit GeneratorGuard(const Generator& generator) { default_generator() = generator; }
  ~GeneratorGuard() { default_generator() = before_; }
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  Generator before_ = default_generator();
};

/// An optimiser has the rates back that it had when it dies.
class RateGuard {
 public:
  explicit RateGuard(optim::Optimizer& optimizer) : optimizer_(optimizer) {
    for (int group = 0; group < optimizer.groups(); ++group) rates_.push_back(optimizer.lr(group));
  }
  ~RateGuard() {
    for (std::size_t group = 0; group < rates_.size(); ++group)
      optimizer_.set_lr(rates_[group], static_cast<int>(group));
  }
  RateGuard(const RateGuard&) = delete;
  RateGuard& operator=(const RateGuard&) = delete;

 private:
  optim::Optimizer& optimizer_;
  std::vector<double> rates_;
};

}  // namespace gradus::train

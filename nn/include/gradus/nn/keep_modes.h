#pragma once

#include "gradus/nn/model.h"

#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::nn::detail {

/// Puts the modes that the modules of a model have back when it dies.
class [[nodiscard]] KeptModes {
 public:
  explicit KeptModes(ModuleRef model) {
    for (const NamedModule& named : named_modules(model))
      if (named.module.has_training_mode()) modes_.emplace_back(named.module, named.module.is_training());
  }
  ~KeptModes() {
    for (const auto& [module, on] : modes_) module.set_training(on);
  }
  KeptModes(const KeptModes&) = delete;
  KeptModes& operator=(const KeptModes&) = delete;

 private:
  std::vector<std::pair<ModuleRef, bool>> modes_;
};

}  // namespace gradus::nn::detail
GRADUS_EXPORT_END

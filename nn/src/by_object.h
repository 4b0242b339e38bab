#pragma once

#include "gradus/nn/module_ref.h"

#include <cstddef>
#include <functional>

namespace gradus::nn::detail {

/// Hashes modules for what they are: of one address there are several, a module and its first field.
struct ByObject {
  std::size_t operator()(const ModuleRef& module) const { return std::hash<const void*>()(module.object()); }
};

}  // namespace gradus::nn::detail

#pragma once

#include "gradus/nn/sequential.h"

#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
/// Modules made of modules; Sequential has a header of its own.
namespace gradus::nn {

/// Modules to index, which say nothing of how they are evaluated: a field of a model.
using ModuleList = std::vector<AnyModule>;

/// A path around a module: y = module(x) + shortcut(x), the shortcut being x itself if none is given.
///   errors    ShapeError unless the two are of one shape
///   source    He et al. 2015, arXiv:1512.03385
class Residual : public Module<Residual> {
 public:
  explicit Residual(AnyModule module_) : module(std::move(module_)) {}
  Residual(AnyModule module_, AnyModule shortcut_) : module(std::move(module_)), shortcut(std::move(shortcut_)) {}
  Tensor forward(Arg x) const;
  auto fields() { return nn::fields("module", module, "shortcut", shortcut); }

  AnyModule module, shortcut;
};

/// Modules side by side, each given x, their results joined along an axis.
///   source    Szegedy et al. 2014, arXiv:1409.4842, for the inception module
class Parallel : public Module<Parallel> {
 public:
  explicit Parallel(std::vector<AnyModule> modules, std::int64_t axis = 1)
      : modules_(std::move(modules)), axis_(axis) {}
  Tensor forward(Arg x) const;
  auto fields() { return nn::fields("", modules_); }

 private:
  std::vector<AnyModule> modules_;
  std::int64_t axis_;
};

}  // namespace gradus::nn
GRADUS_EXPORT_END

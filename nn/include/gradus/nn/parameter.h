#pragma once

#include "gradus/tensor/tensor.h"

GRADUS_EXPORT_BEGIN
namespace gradus {

/// A tensor that a model learns: a leaf that requires a gradient. Copies share the array and its
/// gradient, as copies of any tensor do.
class Parameter : public Tensor {
 public:
  /// None: where a layer leaves its bias out.
  Parameter() = default;
  /// Takes over a leaf; of any other tensor it shares the array, cut off from the tape (on_warning says
  /// so if there is one). DTypeError unless it is floating.
  Parameter(Tensor value);
};

/// The gradient of a parameter; undefined while there is none, and while it is frozen: requires none.
Tensor gradient(const Parameter& p);
/// Forgets it, if there is one.
void zero_grad(const Parameter& p);

/// A tensor that belongs to a model's state but is not learnt, such as a running mean.
class Buffer : public Tensor {
 public:
  Buffer() = default;
  Buffer(Tensor value);
};

}  // namespace gradus
GRADUS_EXPORT_END

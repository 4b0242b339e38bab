#pragma once

#include "gradus/graph/op.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// How a test draws one input of an op.
struct Sample {
  enum class Kind : std::uint8_t {
    real,      // uniform in the domain, away from its kinks
    distinct,  // the same, all values at least 0.05 apart (no ties, whatever is compared)
    index,     // int64 in [domain.low, domain.high)
    flag,      // bool
    constant,  // real, but takes no gradient (targets, weights of a loss)
  };
  Shape shape{2, 3};
  Domain domain{};
  Kind kind = Kind::real;
};

/// One way to call an op: drawn inputs, and the call with its attributes.
struct Example {
  std::string label;  // "axis 0, keepdim"
  std::vector<Sample> inputs;
  std::function<Tensor(std::span<const Tensor>)> call;
  /// True where result i depends on element i of the inputs alone: the tests then try other shapes,
  /// broadcasting included, by themselves.
  bool elementwise = false;
  /// False for results that depend on a generator's state or have no derivative.
  bool differentiable = true;
};

/// A public op: what it is called, its type (null if it is made of other ops), and examples of use.
struct OpEntry {
  const char* name;
  const OpClass* op;
  std::vector<Example> (*examples)();
};

/// Every public op of the library, family by family.
std::span<const OpEntry> all_ops();

}  // namespace gradus
GRADUS_EXPORT_END

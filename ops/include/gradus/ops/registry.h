#pragma once

#include "gradus/graph/op.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>
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
    spectrum,  // real matrices whose eigen- or singular values matter: also drawn with equal ones
  };
  Shape shape{2, 3};
  Domain domain{};
  Kind kind = Kind::real;

  bool takes_gradient() const { return kind == Kind::real || kind == Kind::distinct || kind == Kind::spectrum; }
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

/// What an op computes and how its rule takes the cotangent of its result back to its inputs, as text for docs/ops.md:
/// x, a, b, … are the inputs, y is the result, g its cotangent; σ is the sigmoid, Φ and φ are the standard normal
/// distribution and its density, Σ runs over the axes reduced, and [c] is 1 where the condition c holds and 0
/// elsewhere.
struct Formula {
  std::string_view value, gradient = "none";
};

/// A public op: what it is called, its type (null if it is made of other ops), its formula, and examples of use.
struct OpEntry {
  const char* name;
  const OpClass* op;
  Formula formula;
  std::vector<Example> (*examples)();
};

/// Every public op of the library, family by family.
std::span<const OpEntry> all_ops();

}  // namespace gradus
GRADUS_EXPORT_END

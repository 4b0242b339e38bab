#pragma once

#include "gradus/graph/op.h"
#include "gradus/graph/scope.h"

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace gradus::onnx {

using AttributeValue = std::variant<double, std::int64_t, bool, std::string, Shape>;

/// One op of a forward pass; its tensors are numbers in Trace::values, -1 for one left out.
struct TracedOp {
  const OpClass* op;
  std::map<std::string, AttributeValue, std::less<>> attributes;
  std::vector<int> inputs, outputs;
  const graph::Scope* scope;  // null outside any layer
  CallSite site;
};

/// All that a forward pass did.
struct Trace {
  std::vector<Tensor> values;  // first those that it was given
  std::vector<TracedOp> ops;
  std::vector<int> results;  // -1 for an undefined one
};

using Forward = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

/// Evaluates `forward` without a tape and notes its ops.
///   errors    ArgumentError if what an op gave is changed in place before another one reads it
Trace trace(const Forward& forward, const std::vector<Tensor>& inputs);

/// "matmul in net.fc1 (Linear 3 → 2) at train.cpp:31", as much as is known.
std::string place_of(const TracedOp& op);

}  // namespace gradus::onnx

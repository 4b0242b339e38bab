#pragma once

#include "gradus/graph/node.h"

#include <string>
#include <unordered_map>

namespace gradus::train {

/// What first was not finite behind a result.
struct Origin {
  std::string what;   // "the result of log"
  std::string layer;  // as the model names it; empty outside a layer
  CallSite site = {};
};

/// The names of parameters by their leaves.
using LeafNames = std::unordered_map<const Node*, std::string>;

/// Looks through what the tape behind `y`, which is not finite, keeps for the backward pass. Ops that keep
/// neither input nor result are seen by those that use them.
Origin find_origin(const Tensor& y, const LeafNames& names);

/// The path of a scope without the model's own name: "block2.fc".
std::string layer_of(const graph::Scope* scope);

}  // namespace gradus::train

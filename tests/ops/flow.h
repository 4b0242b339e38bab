#pragma once

#include "checks.h"

#include <gradus/graph/node.h>
#include <gradus/ops/arithmetic.h>

namespace gradus::ops_test {

/// What flows from the cotangent `g` of a node back to a leaf, path by path: for small graphs of nodes with one result.
inline void flow(Node& node, const Tensor& g, const Node* leaf, Tensor& total) {
  if (&node == leaf) {
    total = total.defined() ? add(total, g) : g;
    return;
  }
  if (node.is_leaf()) return;
  const Cotangents back = node.op().vjp(node.attributes(), Pullback(node, {&g, 1}));
  for (std::size_t i = 0; i < back.size(); ++i)
    if (Node* input = node.inputs()[i].node; input != nullptr && back[i].defined()) flow(*input, back[i], leaf, total);
}

inline Tensor gradient(const Tensor& y, const Tensor& x, const Tensor& g) {
  const RecordingGuard guard(false);
  Tensor total;
  flow(*node_of(y), g, node_of(x), total);
  return total;
}
inline Tensor gradient(const Tensor& y, const Tensor& x) { return gradient(y, x, ones_like(y)); }

}  // namespace gradus::ops_test

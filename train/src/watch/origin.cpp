#include "watch/origin.h"

#include "watch/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <vector>

namespace gradus::train {
namespace {

/// The nodes behind `y`, leaves aside, oldest first.
std::vector<Node*> tape_behind(const Tensor& y) {
  std::vector<Node*> nodes;
  if (!requires_grad(y)) return nodes;
  std::unordered_set<const Node*> seen{node_of(y)};
  nodes.push_back(node_of(y));
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (const Edge& edge : nodes[i]->inputs())
      if (edge.node != nullptr && !edge.node->is_leaf() && seen.insert(edge.node).second) nodes.push_back(edge.node);
  std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->id() < b->id(); });
  return nodes;
}

Origin result_of(const Node& node) {
  return {fmt::format("the result of {}", node.name()), layer_of(node.scope()), node.site()};
}

/// An input of `node` is not finite: who gave it.
Origin input_of(const Node& node, const Edge& edge, const LeafNames& names) {
  if (edge.node == nullptr)
    return {fmt::format("the input of {}, which is data", node.name()), layer_of(node.scope()), node.site()};
  if (!edge.node->is_leaf()) return result_of(*edge.node);
  const auto name = names.find(edge.node);
  return {name == names.end() ? "a parameter" : fmt::format("the parameter {}", name->second),
          layer_of(node.scope()),
          node.site()};
}

}  // namespace

Origin find_origin(const Tensor& y, const LeafNames& names) {
  const std::vector<Node*> nodes = tape_behind(y);
  for (Node* const node : nodes) {
    const SavedTensor* bad_output = nullptr;
    for (const SavedTensor& saved : node->saved()) {
      if (!saved.tensor.defined() || all_finite(saved.tensor)) continue;
      if (saved.slot >= 0) return input_of(*node, node->inputs()[static_cast<std::size_t>(saved.slot)], names);
      bad_output = &saved;
    }
    if (bad_output != nullptr) return result_of(*node);
  }
  return nodes.empty() ? Origin{} : result_of(*nodes.back());
}

std::string layer_of(const graph::Scope* scope) {
  if (scope == nullptr || scope->parent() == nullptr) return {};
  std::string path = scope->path();
  return path.substr(path.find('.') + 1);
}

}  // namespace gradus::train

#include "gradus/graph/node.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus {
namespace {

[[noreturn]] void fail_at(const Node& node, const std::string& message) {
  std::string scope;
  if (node.scope() != nullptr) scope = detail::scope_text.load()(node.scope());
  throw GradientError(node.name(), message, std::move(scope), node.site());
}

/// What a node saved, checked.
Tensor find_saved(Node& node, int slot, const char* what, int index) {
  if (node.is_released())
    fail_at(node,
            "expected a graph that still has its saved tensors, got one that an earlier backward "
            "pass has used up (pass retain_graph to go through it again)");
  const std::span<SavedTensor> saved = node.saved();
  // Where all inputs are saved, input i is at place i.
  const auto guess = static_cast<std::size_t>(std::max(slot, 0));
  const bool there = guess < saved.size() && saved[guess].slot == slot;
  for (const SavedTensor& s : there ? saved.subspan(guess, 1) : saved) {
    if (s.slot != slot) continue;
    if (!s.tensor.defined()) return node.unpack(slot);
    if (s.tensor.version() != s.version)
      fail_at(node,
              fmt::format("expected {} {} as it was when recorded (version {}), got it changed in place since "
                          "(version {})",
                          what,
                          index,
                          s.version,
                          s.tensor.version()));
    return s.tensor;
  }
  fail_at(node, fmt::format("expected {} {} among what the op saves (OpInfo::saves), got none", what, index));
}

const Edge& wanted_edge(const Node& node, int i) {
  const Edge& edge = node.inputs()[static_cast<std::size_t>(i)];
  if (edge.node == nullptr)
    fail_at(node, fmt::format("expected the rule to ask only for shapes of inputs it needs, got input {}", i));
  return edge;
}

}  // namespace

Tensor Pullback::in(int i) const {
  // A factor that no wanted cotangent depends on was not saved: whatever stands for it is not used.
  if (op().info.saves_factors(node_.inputs().size()) && !needs(1 - i) && !node_.is_released()) {
    Shape none = shape(i);
    for (std::int64_t& stride : none) stride = 0;
    return view_as(zeros({1}, dtype(i)), shape(i), none);
  }
  Tensor x = find_saved(node_, i, "input", i);
  const Edge& edge = node_.inputs()[static_cast<std::size_t>(i)];
  return is_recording() && edge.node != nullptr && !detail::has_node(x)
             ? edge.node->as_result(static_cast<int>(edge.output), x)
             : x;
}

Tensor Pullback::out(int i) const {
  Tensor y = find_saved(node_, -1 - i, "output", i);
  return is_recording() && i < node_.output_count() ? node_.as_result(i, y) : y;
}

bool Pullback::needs(int i) const { return node_.inputs()[static_cast<std::size_t>(i)].node != nullptr; }

const OpClass& Pullback::op() const { return node_.op(); }

int Pullback::arity() const { return static_cast<int>(node_.inputs().size()); }

Shape Pullback::shape(int i) const {
  const Edge& edge = wanted_edge(node_, i);
  return edge.node->shape(static_cast<int>(edge.output));
}

DType Pullback::dtype(int i) const {
  const Edge& edge = wanted_edge(node_, i);
  return edge.node->dtype(static_cast<int>(edge.output));
}

}  // namespace gradus

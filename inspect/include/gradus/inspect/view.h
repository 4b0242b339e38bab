#pragma once

#include "gradus/graph/node.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::graph {

/// What is known of one result of a node.
struct Result {
  Shape shape;
  DType dtype = float32;
};

/// One node, as it was when the view was made.
struct NodeInfo {
  Node* node = nullptr;  // alive as long as the view is
  std::uint64_t id = 0;  // tape order
  const char* op = "";   // "leaf" for a leaf
  bool is_leaf = false;
  std::uint32_t arity = 0;       // inputs, whether or not they require a gradient
  std::string label;             // of a leaf: "net.fc1.weight"
  std::string attributes;        // "axis=1, keepdim=false"
  std::vector<Result> results;   // those that can be differentiated
  std::int64_t bytes = 0;        // of their elements
  std::int64_t saved_bytes = 0;  // of the memory that its saved tensors keep alive
  double flops = 0;              // of its forward, by the op's own account
  double seconds = 0;            // of its forward, in a view that a Profile has timed
  const Scope* scope = nullptr;  // null outside any layer; of a leaf: the innermost that its users share
  CallSite site;

  /// Elements of all results.
  std::int64_t numel() const;
  /// The scope's, or empty.
  std::string path() const { return scope == nullptr ? std::string() : scope->path(); }
};

/// What a node counts for: `&NodeInfo::flops`, `&NodeInfo::saved_bytes`, or any function.
using Weight = std::function<double(const NodeInfo&)>;

/// A tensor on its way from the node that made it to one that uses it, by their places in the view.
struct EdgeInfo {
  std::uint32_t from = 0, to = 0;
  std::uint32_t output = 0;   // which result of `from`
  std::uint32_t operand = 0;  // which input of `to`
  std::int64_t bytes = 0;     // of its elements
};

/// A tensor kept for a rule.
struct SavedInfo {
  std::uint32_t node = 0;  // whose rule, by its place in the view
  std::int32_t slot = 0;   // input i is i, output i is -1 - i
  Shape shape;
  DType dtype = float32;
  std::uint32_t storage = 0;  // equal where memory is shared
  bool first = false;         // no tensor before it has this storage: sum over these counts each byte once
  std::int64_t bytes = 0;     // of the storage
};

/// A snapshot of the tape behind some results: what was recorded, without the values. It keeps the
/// tape alive, saved tensors included, as a handle to the results would. Copies share the snapshot.
class View {
 public:
  /// Of nothing.
  View();
  /// GradientError if nothing was recorded for the result.
  explicit View(Arg result) : View(std::span(&result.tensor, 1), result.site) {}
  explicit View(std::span<const Tensor> results, CallSite site = CallSite::here());
  View(std::initializer_list<Tensor> results, CallSite site = CallSite::here())
      : View(std::span(results.begin(), results.size()), site) {}

  std::size_t size() const;
  /// In tape order: each node stands behind those that it uses.
  std::span<const NodeInfo> nodes() const;
  const NodeInfo& operator[](std::size_t i) const { return nodes()[i]; }
  /// In the order of the nodes they lead to, and of their operands. Inputs that require no gradient
  /// have none.
  std::span<const EdgeInfo> edges() const;
  /// Those that lead to one node.
  std::span<const EdgeInfo> inputs(std::size_t node) const;
  /// In the order of the nodes that keep them.
  std::span<const SavedInfo> saved() const;
  /// Where the results it was made for stand.
  std::span<const std::size_t> results() const;
  /// Where the node that made `x`, or its leaf, stands.
  std::optional<std::size_t> find(const Tensor& x) const;

  /// The same view with other `NodeInfo::seconds`.
  View with_seconds(const Weight& seconds) const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

/// What a layer and the layers in it hold.
struct ScopeTotals {
  const Scope* scope = nullptr;  // null for the whole view
  int depth = 0;                 // 0 for the whole view, 1 for a layer in no other
  std::int64_t nodes = 0;
  std::int64_t parameters = 0;   // elements of leaves, inputs aside
  double flops = 0;              // of a forward pass
  std::int64_t bytes = 0;        // of the results of ops
  std::int64_t saved_bytes = 0;  // kept for backward; memory that several keep counts where it was kept first
};

/// The whole view first, then its layers as they first appear, each followed by the layers in it.
std::vector<ScopeTotals> totals_by_scope(const View& view);

/// Those totals as a table.
std::string summary(const View& view);

}  // namespace gradus::graph
GRADUS_EXPORT_END

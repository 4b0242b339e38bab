#pragma once

#include "onnx/save/graph_writer.h"

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::onnx {

/// Thrown by a rule that has no nodes for a use of its op.
struct NotInOnnx {
  std::string why;
};

/// What a rule sees: one recorded op, and the graph that it writes nodes to. Values are names of the graph's.
class OpWriter {
 public:
  OpWriter(GraphWriter& graph, std::size_t op) : graph_(graph), op_(op) {}

  // ---- what was recorded ----
  int inputs() const { return static_cast<int>(first().inputs.size()); }
  int outputs() const { return static_cast<int>(first().outputs.size()); }
  bool has(int i) const { return i < inputs() && input_value(i) >= 0; }
  bool used(int output) const { return graph_.is_needed(output_value(output)); }
  int rank(int i = 0) const { return graph_.rank(input_value(i)); }
  DType dtype(int i = 0) const { return graph_.dtype(input_value(i)); }
  Sizes size(int i, int axis) const { return graph_.size(input_value(i), axis); }
  std::vector<Sizes> shape(int i = 0) const { return graph_.shape(input_value(i)); }
  std::vector<Sizes> result_shape(int output = 0) const { return graph_.shape(output_value(output)); }
  DType result_dtype(int output = 0) const { return graph_.dtype(output_value(output)); }
  int input_value(int i) const { return first().inputs[static_cast<std::size_t>(i)]; }
  int output_value(int i) const { return first().outputs[static_cast<std::size_t>(i)]; }
  GraphWriter& graph() { return graph_; }

  // Attributes; `refuse` where one that should not varies with the sizes.
  bool flag(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::int64_t integer(std::string_view name);
  std::int64_t integer(std::string_view name, std::int64_t otherwise);
  double number(std::string_view name);
  std::vector<std::int64_t> integers(std::string_view name);
  Sizes sizes(std::string_view name) const;
  std::vector<Sizes> shape(std::string_view name) const;
  /// One that must be the same in all recordings.
  std::int64_t fixed(const Sizes& size, std::string_view what);
  std::vector<std::int64_t> fixed(std::span<const Sizes> sizes, std::string_view what);

  // ---- what is written ----
  std::string in(int i = 0) { return has(i) ? graph_.value(input_value(i)) : std::string(); }
  std::string node(const char* type, std::vector<std::string> inputs, std::vector<NodeAttribute> attributes = {}) {
    return nodes(type, std::move(inputs), std::move(attributes), 1)[0];
  }
  std::vector<std::string> nodes(const char* type,
                                 std::vector<std::string> inputs,
                                 std::vector<NodeAttribute> attributes,
                                 std::size_t results);
  /// A number of rank 0 and the dtype of input `i`.
  std::string number_like(double value, int i = 0) { return graph_.scalar(value, dtype(i)); }
  /// The attribute `name`, a number, as such; if it varies, from the sizes it or its reciprocal is made of.
  std::string attribute_like(std::string_view name, int i = 0);
  std::string list(std::vector<std::int64_t> values) { return graph_.list(std::move(values)); }
  /// Whole numbers as a list, computed where they vary.
  std::string size_list(const Sizes& size) { return size_list(std::span(&size, 1)); }
  std::string size_list(std::span<const Sizes> sizes) { return graph_.list_of(sizes, atoms(), *this); }
  /// x as a tensor of these sizes: -1 and 0 where they say it.
  std::string reshaped(const std::string& x, std::span<const Sizes> from, std::span<const Sizes> to);
  std::string cast(const std::string& x, DType dtype);
  /// Half-written rules leave no results.
  void give(int output, const std::string& name) { graph_.name(output_value(output), name); }
  void give(const std::string& name) { give(0, name); }
  /// NotInOnnx.
  [[noreturn]] static void refuse(std::string why) { throw NotInOnnx{std::move(why)}; }

  /// The sizes of its inputs that vary.
  std::vector<SizeAtom> atoms() const;
  const TracedOp& first() const { return graph_.op(0, op_); }

 private:
  friend class GraphWriter;
  const AttributeValue& attribute(std::size_t recording, std::string_view name) const;

  GraphWriter& graph_;
  std::size_t op_;
};

/// Writes the nodes of an op.
using Rule = void (*)(OpWriter& op);
struct NamedRule {
  std::string_view op;
  Rule rule;
};

std::span<const NamedRule> elementwise_rules();
std::span<const NamedRule> activation_rules();
std::span<const NamedRule> reduce_rules();
std::span<const NamedRule> shape_rules();
std::span<const NamedRule> index_rules();
std::span<const NamedRule> conv_rules();
std::span<const NamedRule> pool_rules();
std::span<const NamedRule> norm_rules();
std::span<const NamedRule> product_rules();
std::span<const NamedRule> sequence_rules();
std::span<const NamedRule> loss_rules();

/// Null where there is none.
Rule rule_of(const OpClass& op);

}  // namespace gradus::onnx

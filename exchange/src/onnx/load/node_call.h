#pragma once

#include "onnx/load/model.h"

#include "gradus/tensor/tensor.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::onnx {

using Integers = std::vector<std::int64_t>;

/// The attributes of a node, by name; what isn't there is what the operator's schema says.
class Attributes {
 public:
  Attributes(const std::vector<LoadedAttribute>& all, std::int64_t opset) : all_(&all), opset_(opset) {}

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  bool flag(std::string_view name, bool otherwise = false) const { return integer(name, otherwise ? 1 : 0) != 0; }
  double number(std::string_view name, double otherwise) const;
  std::string text(std::string_view name, std::string_view otherwise = {}) const;
  std::optional<Integers> integers(std::string_view name) const;
  std::vector<double> numbers(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  Tensor tensor(std::string_view name) const;
  const std::vector<LoadedAttribute>& all() const { return *all_; }
  /// The version of ONNX's operators that the node is written in.
  std::int64_t opset() const { return opset_; }

 private:
  const LoadedAttribute* find(std::string_view name) const;
  const std::vector<LoadedAttribute>* all_;
  std::int64_t opset_;
};

/// A node with the values of its inputs: what a rule computes its results of.
class NodeCall : public Attributes {
 public:
  NodeCall(const LoadedNode& node, std::int64_t opset, std::vector<Tensor> inputs, bool training)
      : Attributes(node.attributes, opset),
        node_(&node),
        inputs_(std::move(inputs)),
        results_(node.outputs.size()),
        training_(training) {}

  std::size_t count() const { return inputs_.size(); }
  bool has_input(std::size_t i) const { return i < inputs_.size() && inputs_[i].defined(); }
  /// ArgumentError if it is left out.
  const Tensor& in(std::size_t i = 0) const;
  /// The same, or undefined.
  Tensor maybe(std::size_t i) const { return has_input(i) ? inputs_[i] : Tensor(); }
  std::span<const Tensor> all_inputs() const { return inputs_; }
  /// The elements of an input, as sizes, places or axes are given.
  Integers list(std::size_t i) const { return in(i).to_vector<std::int64_t>(); }
  /// The same of input i, or of an attribute where the input is left out, as older versions have it.
  std::optional<Integers> list(std::size_t i, std::string_view name) const;

  bool wants(std::size_t result) const { return result < results_.size() && !node_->outputs[result].empty(); }
  std::size_t result_count() const { return results_.size(); }
  void give(std::size_t result, Tensor value) {
    if (result < results_.size()) results_[result] = std::move(value);
  }
  std::vector<Tensor> take_results() { return std::move(results_); }
  bool is_training() const { return training_; }

  /// ArgumentError "<operator>: expected …, got …".
  [[noreturn]] void fail(std::string_view expected, std::string_view got) const;

 private:
  const LoadedNode* node_;
  std::vector<Tensor> inputs_, results_;
  bool training_;
};

/// How an operator is computed.
struct LoadRule {
  std::string_view type;
  /// Result 0, or undefined where all are given by `give`.
  Tensor (*compute)(NodeCall& call);
  std::string_view attributes = {};  // that it knows, with blanks between them
  /// Why these attributes can't be, or null.
  const char* (*refuse)(const Attributes& attributes) = nullptr;
  std::uint32_t not_learnt = 0;  // bit i: input i is no parameter
  std::uint32_t statistics = 0;  // bit i: input i is a buffer that training changes
};

std::span<const LoadRule> load_elementwise_rules();
std::span<const LoadRule> load_shape_rules();
std::span<const LoadRule> load_index_rules();
std::span<const LoadRule> load_reduce_rules();
std::span<const LoadRule> load_product_rules();
std::span<const LoadRule> load_pool_rules();
std::span<const LoadRule> load_norm_rules();
std::span<const LoadRule> load_sequence_rules();
std::span<const LoadRule> load_resize_rules();

/// All of these.
std::vector<std::span<const LoadRule>> load_rule_tables();

/// Null for an operator that isn't known.
const LoadRule* find_load_rule(std::string_view type);

/// `axes` as a set of places counted from the front.
Integers normalized(const Integers& axes, int rank);

}  // namespace gradus::onnx

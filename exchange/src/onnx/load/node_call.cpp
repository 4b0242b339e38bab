#include "onnx/load/node_call.h"

#include "gradus/tensor/error.h"

#include <fmt/format.h>

#include <map>

namespace gradus::onnx {

const LoadedAttribute* Attributes::find(std::string_view name) const {
  for (const LoadedAttribute& a : *all_)
    if (a.name == name) return &a;
  return nullptr;
}
std::int64_t Attributes::integer(std::string_view name, std::int64_t otherwise) const {
  const LoadedAttribute* const a = find(name);
  return a == nullptr ? otherwise : a->integer.value_or(0);
}
double Attributes::number(std::string_view name, double otherwise) const {
  const LoadedAttribute* const a = find(name);
  return a == nullptr ? otherwise : a->number.value_or(0);
}
std::string Attributes::text(std::string_view name, std::string_view otherwise) const {
  const LoadedAttribute* const a = find(name);
  return a == nullptr ? std::string(otherwise) : a->text.value_or("");
}
std::optional<Integers> Attributes::integers(std::string_view name) const {
  const LoadedAttribute* const a = find(name);
  if (a == nullptr) return {};
  return a->integers;
}
std::vector<double> Attributes::numbers(std::string_view name) const {
  const LoadedAttribute* const a = find(name);
  return a == nullptr ? std::vector<double>() : a->numbers;
}
std::vector<std::string> Attributes::texts(std::string_view name) const {
  const LoadedAttribute* const a = find(name);
  return a == nullptr ? std::vector<std::string>() : a->texts;
}
Tensor Attributes::tensor(std::string_view name) const {
  const LoadedAttribute* const a = find(name);
  return a == nullptr ? Tensor() : a->tensor;
}

const Tensor& NodeCall::in(std::size_t i) const {
  if (!has_input(i)) fail(fmt::format("an input {}", i), "none");
  return inputs_[i];
}

std::optional<Integers> NodeCall::list(std::size_t i, std::string_view name) const {
  if (has_input(i)) return list(i);
  return integers(name);
}

void NodeCall::fail(std::string_view expected, std::string_view got) const {
  detail::fail<ArgumentError>(node_->type, fmt::format("expected {}, got {}", expected, got));
}

std::vector<std::span<const LoadRule>> load_rule_tables() {
  return {load_elementwise_rules(),
          load_shape_rules(),
          load_index_rules(),
          load_reduce_rules(),
          load_product_rules(),
          load_pool_rules(),
          load_norm_rules(),
          load_sequence_rules(),
          load_resize_rules()};
}

const LoadRule* find_load_rule(std::string_view type) {
  static const std::map<std::string_view, const LoadRule*> all = [] {
    std::map<std::string_view, const LoadRule*> rules;
    for (const auto table : load_rule_tables())
      for (const LoadRule& rule : table) rules.emplace(rule.type, &rule);
    return rules;
  }();
  const auto at = all.find(type);
  return at == all.end() ? nullptr : at->second;
}

Integers normalized(const Integers& axes, int rank) {
  Integers all;
  for (const std::int64_t axis : axes) all.push_back(normalize_axis(axis, rank, "load_onnx"));
  return all;
}

}  // namespace gradus::onnx

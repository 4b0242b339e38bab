#include "onnx/save/op_writer.h"

#include "onnx/save/file.h"

#include "gradus/ops/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace gradus::onnx {

// ---- attributes ----------------------------------------------------------------------------------

const AttributeValue& OpWriter::attribute(std::size_t recording, std::string_view name) const {
  const auto& all = graph_.op(recording, op_).attributes;
  const auto at = all.find(name);
  if (at == all.end()) refuse(fmt::format("it says nothing of {}", name));
  return at->second;
}

bool OpWriter::flag(std::string_view name) const {
  const auto at = first().attributes.find(name);
  return at != first().attributes.end() && std::get<bool>(at->second);
}

std::string OpWriter::text(std::string_view name) const { return std::get<std::string>(attribute(0, name)); }

std::int64_t OpWriter::integer(std::string_view name) { return fixed(sizes(name), name); }
std::int64_t OpWriter::integer(std::string_view name, std::int64_t otherwise) {
  return first().attributes.contains(name) ? integer(name) : otherwise;
}

Sizes OpWriter::sizes(std::string_view name) const {
  Sizes s{};
  for (std::size_t r = 0; r < kRecordings; ++r) s[r] = std::get<std::int64_t>(attribute(r, name));
  return s;
}

std::vector<Sizes> OpWriter::shape(std::string_view name) const {
  std::vector<Sizes> all(static_cast<std::size_t>(std::get<Shape>(attribute(0, name)).rank()));
  for (std::size_t r = 0; r < kRecordings; ++r) {
    const Shape shape = std::get<Shape>(attribute(r, name));
    for (int d = 0; d < shape.rank(); ++d) all[static_cast<std::size_t>(d)][r] = shape[d];
  }
  return all;
}

std::vector<std::int64_t> OpWriter::integers(std::string_view name) { return fixed(shape(name), name); }

double OpWriter::number(std::string_view name) {
  const double value = std::get<double>(attribute(0, name));
  for (std::size_t r = 1; r < kRecordings; ++r) {
    const double other = std::get<double>(attribute(r, name));
    if (other != value && !(std::isnan(other) && std::isnan(value)))
      refuse(fmt::format("its {} varies with the inputs, as {} and {}", name, value, other));
  }
  return value;
}

std::int64_t OpWriter::fixed(const Sizes& size, std::string_view what) {
  if (varies(size)) refuse(fmt::format("its {} varies with the inputs, as {} and {}", what, size[0], size[1]));
  return size[0];
}

std::vector<std::int64_t> OpWriter::fixed(std::span<const Sizes> sizes, std::string_view what) {
  std::vector<std::int64_t> all;
  for (const Sizes& s : sizes) all.push_back(fixed(s, what));
  return all;
}

// ---- nodes ---------------------------------------------------------------------------------------

std::vector<std::string> OpWriter::nodes(const char* type,
                                         std::vector<std::string> inputs,
                                         std::vector<NodeAttribute> attributes,
                                         std::size_t results) {
  return graph_.add(type, first(), std::move(inputs), std::move(attributes), results);
}

std::vector<SizeAtom> OpWriter::atoms() const {
  std::vector<SizeAtom> all;
  for (int i = 0; i < inputs(); ++i) {
    if (!has(i) || !graph_.has_name(input_value(i))) continue;
    for (int d = 0; d < rank(i); ++d)
      if (varies(size(i, d))) all.push_back({input_value(i), d, size(i, d)});
  }
  return all;
}

std::string OpWriter::attribute_like(std::string_view name, int i) {
  Sizes whole{}, parts{};
  bool same = true, is_whole = true, is_part = true;
  const double first_value = std::get<double>(attribute(0, name));
  for (std::size_t r = 0; r < kRecordings; ++r) {
    const double v = std::get<double>(attribute(r, name)), inverse = std::round(1 / v);
    same = same && v == first_value;
    is_whole = is_whole && v == std::round(v) && std::abs(v) < 0x1p53;
    is_part = is_part && std::abs(inverse) < 0x1p53 && inverse != 0 && v == 1 / inverse;
    if (is_whole) whole[r] = static_cast<std::int64_t>(v);
    if (is_part) parts[r] = static_cast<std::int64_t>(inverse);
  }
  if (same) return number_like(first_value, i);
  if (!is_whole && !is_part) number(name);  // says what it is
  const std::string n = cast(node("Squeeze", {size_list(is_whole ? whole : parts)}), dtype(i));
  return is_whole ? n : node("Reciprocal", {n});
}

std::string OpWriter::cast(const std::string& x, DType dtype) {
  return node("Cast", {x}, {{"to", type_number(dtype)}});
}

std::string OpWriter::reshaped(const std::string& x, std::span<const Sizes> from, std::span<const Sizes> to) {
  std::vector<std::int64_t> plain;
  int open = 0;
  bool empty = false;
  for (std::size_t d = 0; d < to.size(); ++d) {
    for (const std::int64_t size : to[d]) empty = empty || size == 0;
    if (!varies(to[d])) {
      plain.push_back(to[d][0]);
    } else if (d < from.size() && to[d] == from[d]) {
      plain.push_back(0);
    } else {
      plain.push_back(-1);
      ++open;
    }
  }
  if (!empty && open <= 1) return node("Reshape", {x, list(plain)});
  return node("Reshape", {x, size_list(to)}, {{"allowzero", std::int64_t{empty ? 1 : 0}}});
}

Rule rule_of(const OpClass& op) {
  static const std::map<std::string_view, Rule> rules = [] {
    std::map<std::string_view, Rule> all;
    for (const auto family : {elementwise_rules(),
                              activation_rules(),
                              reduce_rules(),
                              shape_rules(),
                              index_rules(),
                              conv_rules(),
                              pool_rules(),
                              norm_rules(),
                              product_rules(),
                              sequence_rules(),
                              loss_rules()})
      for (const NamedRule& named : family) all.emplace(named.op, named.rule);
    return all;
  }();
  // An op of the user's may bear the name of one of the library's.
  static const std::map<std::string_view, const OpClass*> own = [] {
    std::map<std::string_view, const OpClass*> all;
    for (const OpEntry& entry : all_ops())
      if (entry.op != nullptr) all.emplace(entry.op->info.name, entry.op);
    return all;
  }();
  const auto known = own.find(op.info.name);
  if (known != own.end() && known->second != &op) return nullptr;
  const auto at = rules.find(op.info.name);
  return at == rules.end() ? nullptr : at->second;
}

}  // namespace gradus::onnx

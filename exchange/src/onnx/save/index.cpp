// Elements taken and put by index.

#include "onnx/save/op_writer.h"

namespace gradus::onnx {
namespace {

/// x, or zeros of the result's shape where it is left out.
std::string start(OpWriter& op) {
  if (op.has(0)) return op.in(0);
  return op.node("Expand", {op.graph().scalar(0, op.result_dtype()), op.size_list(op.result_shape())});
}

std::string added(OpWriter& op, const std::string& index, const std::string& source, std::int64_t axis) {
  return op.node("ScatterElements", {start(op), index, source}, {{"axis", axis}, {"reduction", std::string("add")}});
}

/// Of a larger source what the index reaches.
void scatter_add(OpWriter& op) {
  std::string source = op.in(2);
  if (op.shape(1) != op.shape(2)) {
    const std::vector<std::int64_t> zeros(static_cast<std::size_t>(op.rank(1)), 0);
    source = op.node("Slice", {source, op.list(zeros), op.node("Shape", {op.in(1)})});
  }
  op.give(added(op, op.in(1), source, op.integer("axis")));
}

/// An index for whole parts becomes one for each of their elements.
void index_add(OpWriter& op) {
  const std::int64_t axis = op.integer("axis");
  std::vector<std::int64_t> column(static_cast<std::size_t>(op.rank(2)), 1);
  column[static_cast<std::size_t>(axis)] = -1;
  const std::string places = op.node("Reshape", {op.in(1), op.list(column)});
  op.give(added(op, op.node("Expand", {places, op.node("Shape", {op.in(2)})}), op.in(2), axis));
}

void one_hot(OpWriter& op) {
  const DType dtype = op.result_dtype() == boolean ? int64 : op.result_dtype();
  const std::string depth = op.graph().scalar(static_cast<double>(op.integer("classes")), int64);
  const std::string values = op.graph().constant(cast(tensor({0, 1}), dtype), "constant");
  const bool single = op.rank() == 0;
  const std::string index = single ? op.node("Unsqueeze", {op.in(), op.list({0})}) : op.in();
  std::string y = op.node("OneHot", {index, depth, values}, {{"axis", std::int64_t{-1}}});
  if (single) y = op.node("Squeeze", {y, op.list({0})});
  op.give(dtype == op.result_dtype() ? y : op.cast(y, op.result_dtype()));
}

/// Of equal elements the first comes first, on both sides.
void argsort(OpWriter& op) {
  const auto y = op.nodes("TopK",
                          {op.in(), op.size_list(op.sizes("count"))},
                          {{"axis", op.integer("axis")},
                           {"largest", std::int64_t{op.flag("descending") ? 1 : 0}},
                           {"sorted", std::int64_t{1}}},
                          2);
  op.give(y[1]);
}

constexpr NamedRule kRules[] = {
    {"index_select",
     [](OpWriter& op) { op.give(op.node("Gather", {op.in(0), op.in(1)}, {{"axis", op.integer("axis")}})); }},
    {"gather",
     [](OpWriter& op) { op.give(op.node("GatherElements", {op.in(0), op.in(1)}, {{"axis", op.integer("axis")}})); }},
    {"index_add", index_add},
    {"scatter_add", scatter_add},
    {"one_hot", one_hot},
    {"nonzero",
     [](OpWriter& op) {
       op.give(op.node("Transpose", {op.node("NonZero", {op.in()})}, {{"perm", std::vector<std::int64_t>{1, 0}}}));
     }},
    {"argsort", argsort},
};

}  // namespace

std::span<const NamedRule> index_rules() { return kRules; }

}  // namespace gradus::onnx

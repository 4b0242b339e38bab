// Shapes, slices, joins.

#include "onnx/save/op_writer.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>

namespace gradus::onnx {
namespace {

constexpr std::int64_t kBehindAll = std::numeric_limits<std::int64_t>::max(),
                       kBeforeAll = std::numeric_limits<std::int64_t>::min();

/// A place of an axis of that size, counted from behind if then it is the same in all recordings.
Sizes from_behind(const Sizes& place, const Sizes& size) {
  if (!varies(place)) return place;
  Sizes back;
  for (std::size_t r = 0; r < kRecordings; ++r) back[r] = place[r] - size[r];
  return !varies(back) && back[0] < 0 ? back : place;
}

std::vector<std::int64_t> axes_up_to(int rank) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(rank));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

void transpose(OpWriter& op, std::vector<std::int64_t> order) {
  if (order.empty()) return op.give(op.node("Identity", {op.in()}));
  op.give(op.node("Transpose", {op.in()}, {{"perm", std::move(order)}}));
}

void swap_two(OpWriter& op) {
  std::vector<std::int64_t> order = axes_up_to(op.rank());
  std::swap(order[static_cast<std::size_t>(op.integer("a"))], order[static_cast<std::size_t>(op.integer("b"))]);
  transpose(op, std::move(order));
}

/// The sum over axes that a smaller shape lacks or has with size 1.
void sum_to(OpWriter& op) {
  const std::vector<Sizes> from = op.shape(), to = op.result_shape();
  const std::size_t lead = from.size() - to.size();
  std::vector<std::int64_t> axes;
  for (std::size_t d = 0; d < from.size(); ++d)
    if (d < lead || to[d - lead] != from[d]) axes.push_back(static_cast<std::int64_t>(d));
  if (axes.empty()) return op.give(op.node("Identity", {op.in()}));
  const std::string y = op.node("ReduceSum", {op.in(), op.list(axes)}, {{"keepdims", std::int64_t{1}}});
  op.give(lead == 0 ? y : op.reshaped(y, {}, to));
}

void flip(OpWriter& op) {
  auto axes = op.integers("axes");
  // Of one element, or none, nothing is turned.
  std::erase_if(axes, [&](std::int64_t axis) {
    const Sizes size = op.size(0, static_cast<int>(axis));
    return !varies(size) && size[0] < 2;
  });
  const std::vector<std::int64_t> starts(axes.size(), -1), ends(axes.size(), kBeforeAll), steps(axes.size(), -1);
  if (axes.empty()) return op.give(op.node("Identity", {op.in()}));
  op.give(op.node("Slice", {op.in(), op.list(starts), op.list(ends), op.list(axes), op.list(steps)}));
}

void slice(OpWriter& op) {
  const std::int64_t axis = op.integer("axis"), step = op.integer("step");
  const Sizes start = op.sizes("start"), length = op.sizes("length"), size = op.size(0, static_cast<int>(axis));
  Sizes end;
  bool to_end = true;
  for (std::size_t r = 0; r < kRecordings; ++r) {
    end[r] = length[r] == 0 ? start[r] : start[r] + (length[r] - 1) * step + (step > 0 ? 1 : -1);
    to_end = to_end && (step > 0 ? end[r] + step > size[r] : end[r] + step < -1);
  }
  const std::string first = op.size_list(from_behind(start, size));
  const std::string last =
      to_end ? op.list({step > 0 ? kBehindAll : kBeforeAll}) : op.size_list(from_behind(end, size));
  op.give(op.node("Slice", {op.in(), first, last, op.list({axis}), op.list({step})}));
}

/// Also of a recurrence of which ONNX gives the last step only.
void select(OpWriter& op) {
  const std::int64_t axis = op.integer("axis");
  const Sizes size = op.size(0, static_cast<int>(axis)), index = from_behind(op.sizes("index"), size);
  const GraphWriter::LastStep* last = op.graph().last_of(op.input_value(0));
  if (last != nullptr && axis == 0) {
    bool is_last = true;
    for (std::size_t r = 0; r < kRecordings; ++r)
      is_last = is_last && op.sizes("index")[r] == (last->is_first ? 0 : size[r] - 1);
    if (is_last) return op.give(last->name);
  }
  const std::string place = varies(index) ? op.node("Squeeze", {op.size_list(index)})
                                          : op.graph().scalar(static_cast<double>(index[0]), int64);
  op.give(op.node("Gather", {op.in(), place}, {{"axis", axis}}));
}

void concat(OpWriter& op) {
  std::vector<std::string> parts;
  for (int i = 0; i < op.inputs(); ++i) parts.push_back(op.in(i));
  op.give(op.node("Concat", std::move(parts), {{"axis", op.integer("axis")}}));
}

void stack(OpWriter& op) {
  const std::int64_t axis = op.integer("axis");
  std::vector<std::string> parts;
  for (int i = 0; i < op.inputs(); ++i) parts.push_back(op.node("Unsqueeze", {op.in(i), op.list({axis})}));
  op.give(op.node("Concat", std::move(parts), {{"axis", axis}}));
}

void split(OpWriter& op) {
  const std::int64_t axis = op.integer("axis");
  std::vector<Sizes> sizes;
  for (int i = 0; i < op.outputs(); ++i) sizes.push_back(op.result_shape(i)[static_cast<std::size_t>(axis)]);
  const auto parts = op.nodes("Split", {op.in(), op.size_list(sizes)}, {{"axis", axis}}, sizes.size());
  for (std::size_t i = 0; i < parts.size(); ++i) op.give(static_cast<int>(i), parts[i]);
}

/// A window that begins at place `low` of x along each axis.
void pad(OpWriter& op) {
  const std::vector<Sizes> low = op.shape("low"), to = op.result_shape(), from = op.shape();
  std::vector<Sizes> pads(2 * from.size());
  for (std::size_t d = 0; d < from.size(); ++d)
    for (std::size_t r = 0; r < kRecordings; ++r) {
      pads[d][r] = -low[d][r];
      pads[from.size() + d][r] = low[d][r] + to[d][r] - from[d][r];
    }
  op.give(op.node("Pad", {op.in(), op.size_list(pads), op.number_like(op.number("value"))}));
}

/// Zeros, or x, with a part added: the part padded, or scattered where it lies apart.
void slice_put(OpWriter& op) {
  const std::int64_t axis = op.integer("axis"), step = op.integer("step");
  const auto at = static_cast<std::size_t>(axis), rank = static_cast<std::size_t>(op.rank(1));
  const std::vector<Sizes> to = op.result_shape(), part = op.shape(1);
  if (step == 1) {
    std::vector<Sizes> pads(2 * rank);
    pads[at] = op.sizes("start");
    for (std::size_t r = 0; r < kRecordings; ++r) pads[rank + at][r] = to[at][r] - pads[at][r] - part[at][r];
    const std::string y = op.node("Pad", {op.in(1), op.size_list(pads), op.number_like(0, 1)});
    return op.give(op.has(0) ? op.node("Add", {op.in(0), y}) : y);
  }
  std::vector<std::int64_t> places, column(rank, 1);
  for (std::int64_t i = 0; i < op.fixed(part[at], "length"); ++i) places.push_back(op.integer("start") + i * step);
  column[at] = static_cast<std::int64_t>(places.size());
  const std::string index =
      op.node("Expand", {op.node("Reshape", {op.list(places), op.list(column)}), op.size_list(part)});
  const std::string x = op.has(0) ? op.in(0) : op.node("Expand", {op.number_like(0, 1), op.size_list(to)});
  op.give(op.node("ScatterElements", {x, index, op.in(1)}, {{"axis", axis}, {"reduction", std::string("add")}}));
}

/// The two axes moved to the end and made one, from which every (columns + 1)st element is taken.
void diagonal(OpWriter& op) {
  const std::int64_t a = op.integer("axis1"), b = op.integer("axis2"), offset = op.integer("offset");
  std::vector<std::int64_t> order = axes_up_to(op.rank());
  std::erase_if(order, [&](std::int64_t axis) { return axis == a || axis == b; });
  order.insert(order.end(), {a, b});
  const std::int64_t rows = op.fixed(op.size(0, static_cast<int>(a)), "number of rows"),
                     columns = op.fixed(op.size(0, static_cast<int>(b)), "number of columns");
  std::vector<Sizes> flat = op.result_shape();
  flat.back().fill(rows * columns);
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < op.result_shape().back()[0]; ++i)
    places.push_back((i + std::max<std::int64_t>(0, -offset)) * columns + i + std::max<std::int64_t>(0, offset));
  const std::string y = op.reshaped(op.node("Transpose", {op.in()}, {{"perm", order}}), {}, flat);
  op.give(op.node("Gather", {y, op.list(places)}, {{"axis", std::int64_t{-1}}}));
}

/// Columns of x times a unit matrix, padded by the offset; the last two axes moved where they belong.
void diag_embed(OpWriter& op) {
  const std::int64_t a = op.integer("axis1"), b = op.integer("axis2"), offset = op.integer("offset");
  const std::int64_t n = op.fixed(op.shape().back(), "size");
  const auto rank = static_cast<std::size_t>(op.rank()) + 1;
  std::string y = op.node(
      "Mul", {op.node("Unsqueeze", {op.in(), op.list({-1})}), op.graph().constant(eye(n, -1, op.dtype()), "constant")});
  std::vector<std::int64_t> pads(2 * rank, 0);
  pads[offset > 0 ? rank - 1 : rank - 2] = pads[offset > 0 ? 2 * rank - 2 : 2 * rank - 1] = std::abs(offset);
  if (offset != 0) y = op.node("Pad", {y, op.list(pads), op.number_like(0)});
  std::vector<std::int64_t> order;
  for (std::int64_t d = 0, next = 0; d < static_cast<std::int64_t>(rank); ++d)
    order.push_back(d == a   ? static_cast<std::int64_t>(rank) - 2
                    : d == b ? static_cast<std::int64_t>(rank) - 1
                             : next++);
  op.give(op.node("Transpose", {y}, {{"perm", std::move(order)}}));
}

template <bool upper>
void triangle(OpWriter& op) {
  const bool flags = op.dtype() == boolean;
  const std::string x = flags ? op.cast(op.in(), int64) : op.in();
  const std::string k = op.graph().scalar(static_cast<double>(op.integer("diagonal")), int64);
  const std::string y = op.node("Trilu", {x, k}, {{"upper", std::int64_t{upper}}});
  op.give(flags ? op.cast(y, boolean) : y);
}

constexpr NamedRule kRules[] = {
    {"reshape", [](OpWriter& op) { op.give(op.reshaped(op.in(), op.shape(), op.result_shape())); }},
    {"transpose", swap_two},
    {"permute", [](OpWriter& op) { transpose(op, op.integers("axes")); }},
    {"squeeze",
     [](OpWriter& op) {
       const auto axes = op.integers("axes");
       op.give(axes.empty() ? op.in() : op.node("Squeeze", {op.in(), op.list(axes)}));
     }},
    {"unsqueeze", [](OpWriter& op) { op.give(op.node("Unsqueeze", {op.in(), op.list({op.integer("axis")})})); }},
    {"broadcast_to", [](OpWriter& op) { op.give(op.node("Expand", {op.in(), op.size_list(op.result_shape())})); }},
    {"sum_to", sum_to},
    {"flip", flip},
    {"slice", slice},
    {"select", select},
    {"concat", concat},
    {"stack", stack},
    {"split", split},
    {"pad", pad},
    {"slice_put", slice_put},
    {"diagonal", diagonal},
    {"diag_embed", diag_embed},
    {"tril", triangle<false>},
    {"triu", triangle<true>},
};

}  // namespace

std::span<const NamedRule> shape_rules() { return kRules; }

}  // namespace gradus::onnx

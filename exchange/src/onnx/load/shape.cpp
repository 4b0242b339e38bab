// Shapes, and tensors made of numbers.

#include "onnx/load/node_call.h"

#include "gradus/ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace gradus::onnx {
namespace {

using Call = NodeCall;

Shape shape_of(const Integers& sizes) { return Shape(std::span(sizes)); }
Tensor list_tensor(const Integers& values) { return from_vector(values); }

/// 0 is the size that x has there, -1 what is left.
Tensor reshaped(NodeCall& c) {
  const Tensor& x = c.in();
  Integers sizes = c.list(1);
  if (!c.flag("allowzero"))
    for (std::size_t i = 0; i < sizes.size(); ++i)
      if (sizes[i] == 0) sizes[i] = x.size(static_cast<std::int64_t>(i));
  return reshape(x, shape_of(sizes));
}

/// A matrix of what is before the axis and what is behind.
Tensor flattened(NodeCall& c) {
  const Tensor& x = c.in();
  std::int64_t axis = c.integer("axis", 1), rows = 1, columns = 1;
  if (axis < 0) axis += x.rank();
  for (int d = 0; d < x.rank(); ++d) (d < axis ? rows : columns) *= x.size(d);
  return reshape(x, {rows, columns});
}

Tensor transposed(NodeCall& c) {
  Integers order(static_cast<std::size_t>(c.in().rank()));
  std::iota(order.rbegin(), order.rend(), 0);
  return permute(c.in(), shape_of(c.integers("perm").value_or(order)));
}

Tensor squeezed(NodeCall& c) {
  const Tensor& x = c.in();
  const std::optional<Integers> axes = c.list(1, "axes");
  Shape shape = x.shape();
  Integers places;
  if (axes) {
    places = normalized(*axes, x.rank());
  } else {
    for (int d = 0; d < x.rank(); ++d)
      if (x.size(d) == 1) places.push_back(d);
  }
  std::sort(places.begin(), places.end(), std::greater<>());
  for (const std::int64_t axis : places) {
    if (x.size(axis) != 1) c.fail(fmt::format("a size of 1 on axis {}", axis), to_string(x.shape()));
    shape.erase(static_cast<int>(axis));
  }
  return reshape(x, shape);
}

Tensor unsqueezed(NodeCall& c) {
  const Integers axes = c.list(1, "axes").value_or(Integers());
  Integers places = normalized(axes, c.in().rank() + static_cast<int>(axes.size()));
  std::sort(places.begin(), places.end());
  Shape shape = c.in().shape();
  for (const std::int64_t axis : places) shape.insert(static_cast<int>(axis), 1);
  return reshape(c.in(), shape);
}

Tensor joined(NodeCall& c) { return concat(c.all_inputs(), c.integer("axis", 1)); }

/// Sizes are given, or equal but for the last one.
Tensor parts(NodeCall& c) {
  const std::int64_t axis = c.integer("axis", 0), n = c.in().size(axis);
  Integers sizes;
  if (const auto given = c.list(1, "split")) {
    sizes = *given;
  } else {
    const auto count = static_cast<std::int64_t>(c.result_count());
    const std::int64_t size = (n + count - 1) / count;
    for (std::int64_t i = 0; i < count; ++i) sizes.push_back(std::clamp<std::int64_t>(n - i * size, 0, size));
  }
  std::vector<Tensor> all = split(c.in(), sizes, axis);
  for (std::size_t i = 0; i < all.size(); ++i) c.give(i, all[i]);
  return {};
}

/// From start to end, which may be beyond; with a negative step from behind.
Tensor sliced_axis(const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t end, std::int64_t step) {
  const std::int64_t n = x.size(axis);
  const auto place = [n](std::int64_t i, std::int64_t low, std::int64_t high) {
    return std::clamp(i < 0 ? i + n : i, low, high);
  };
  if (step > 0) {
    const std::int64_t from = place(start, 0, n);
    return slice(x, axis, from, std::max(place(end, 0, n), from), step);
  }
  if (n == 0) return x;
  const std::int64_t from = n - 1 - place(start, 0, n - 1), to = n - 1 - place(end, -1, n - 1);
  const std::int64_t stride = step == std::numeric_limits<std::int64_t>::min() ? n : -step;
  return slice(flip(x, {axis}), axis, from, std::max(from, to), stride);
}

Tensor sliced(NodeCall& c) {
  const Integers starts = c.list(1, "starts").value_or(Integers()), ends = c.list(2, "ends").value_or(Integers());
  Integers axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = normalized(c.list(3, "axes").value_or(axes), c.in().rank());
  const Integers steps = c.has_input(4) ? c.list(4) : Integers(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    c.fail(fmt::format("{} ends, axes and steps", starts.size()), "others");
  Tensor y = c.in();
  for (std::size_t i = 0; i < starts.size(); ++i) {
    if (steps[i] == 0) c.fail("steps other than 0", "0");
    y = sliced_axis(y, axes[i], starts[i], ends[i], steps[i]);
  }
  return y;
}

Tensor expanded(NodeCall& c) {
  return broadcast_to(c.in(), broadcast_shapes(c.in().shape(), shape_of(c.list(1)), "Expand"));
}

PadMode pad_mode(const Attributes& a) {
  const std::string mode = a.text("mode", "constant");
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "edge") return PadMode::replicate;
  return mode == "wrap" ? PadMode::circular : PadMode::constant;
}

/// Pads are all those before, then all those behind.
Tensor padded(NodeCall& c) {
  const int rank = c.in().rank();
  const Integers pads = c.list(1, "pads").value_or(Integers());
  Integers axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  if (c.has_input(3)) axes = normalized(c.list(3), rank);
  if (pads.size() != 2 * axes.size()) c.fail(fmt::format("{} pads", 2 * axes.size()), fmt::format("{}", pads.size()));
  Integers all(2 * static_cast<std::size_t>(rank), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto from_back = static_cast<std::size_t>(rank - 1 - axes[i]);
    all[2 * from_back] = pads[i];
    all[2 * from_back + 1] = pads[i + axes.size()];
  }
  const double value = c.has_input(2) ? c.in(2).item() : c.number("value", 0);
  if (c.in().dtype() == boolean) return cast(pad(cast(c.in(), int64), all, pad_mode(c), value), boolean);
  return pad(c.in(), all, pad_mode(c), value);
}

Tensor shape_tensor(NodeCall& c) {
  const std::int64_t rank = c.in().rank();
  const auto place = [rank](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const std::int64_t from = place(c.integer("start", 0)), to = place(c.integer("end", rank));
  Integers sizes;
  for (std::int64_t d = from; d < to; ++d) sizes.push_back(c.in().size(d));
  return list_tensor(sizes);
}

Tensor constant(NodeCall& c) {
  if (c.has("value")) return c.tensor("value");
  if (c.has("value_float")) return full({}, c.number("value_float", 0));
  if (c.has("value_int")) return from_vector(Integers{c.integer("value_int", 0)}, Shape());
  if (c.has("value_ints")) return list_tensor(*c.integers("value_ints"));
  return cast(from_vector(c.numbers("value_floats")), float32);
}

Tensor filled(NodeCall& c) {
  const Tensor value = c.tensor("value");
  const Shape shape = shape_of(c.list(0));
  if (!value.defined()) return zeros(shape);
  return broadcast_to(reshape(value, {}), shape);
}

Tensor range(NodeCall& c) {
  const DType dtype = c.in(0).dtype();
  return arange(c.in(0).item(), c.in(1).item(), c.in(2).item(), dtype);
}

Tensor triangle(NodeCall& c) {
  const std::int64_t k = c.has_input(1) ? c.in(1).item<std::int64_t>() : 0;
  return c.flag("upper", true) ? triu(c.in(), k) : tril(c.in(), k);
}

std::int64_t block_size(const NodeCall& c) {
  const std::int64_t size = c.integer("blocksize", 1);
  if (size < 1 || size > 1 << 15) c.fail("a blocksize from 1 on", fmt::format("{}", size));
  return size;
}

/// Depth first, then the blocks' rows and columns, in each pixel's channels: mode DCR; CRD has the channels first.
Tensor depth_to_space(NodeCall& c) {
  const Tensor& x = c.in();
  const std::int64_t b = block_size(c), depth = x.size(1) / (b * b);
  if (c.text("mode", "DCR") == "CRD") return pixel_shuffle(x, b);
  const Tensor y = reshape(x, {x.size(0), b, b, depth, x.size(2), x.size(3)});
  return reshape(permute(y, {0, 3, 4, 1, 5, 2}), {x.size(0), depth, x.size(2) * b, x.size(3) * b});
}
Tensor space_to_depth(NodeCall& c) {
  const Tensor& x = c.in();
  const std::int64_t b = block_size(c), rows = x.size(2) / b, columns = x.size(3) / b;
  const Tensor y = reshape(x, {x.size(0), x.size(1), rows, b, columns, b});
  return reshape(permute(y, {0, 3, 5, 1, 2, 4}), {x.size(0), x.size(1) * b * b, rows, columns});
}

Tensor eye_like(NodeCall& c) {
  const Tensor& x = c.in();
  const DType dtype = c.has("dtype") ? dtype_of_type(c.integer("dtype", 1)).value_or(float32) : x.dtype();
  const Tensor row = unsqueeze(arange(x.size(0)), 1), column = arange(x.size(1));
  return cast(equal_to(row + static_cast<double>(c.integer("k", 0)), column), dtype);
}

const char* refuse_constant(const Attributes& a) {
  for (const LoadedAttribute& one : a.all())
    if (one.is_other) return "a sparse value";
  return a.has("value") || a.has("value_float") || a.has("value_int") || a.has("value_ints") || a.has("value_floats")
             ? nullptr
             : "no value of numbers";
}
const char* refuse_eye(const Attributes& a) {
  return dtype_of_type(a.integer("dtype", 1)) ? nullptr : "a type that isn't of numbers";
}

// clang-format off
constexpr LoadRule kRules[] = {
    {"Concat", joined, "axis"},
    {"Constant", constant, "value value_float value_int value_floats value_ints", refuse_constant},
    {"ConstantOfShape", filled, "value"},
    {"DepthToSpace", depth_to_space, "blocksize mode"},
    {"Expand", expanded},
    {"EyeLike", eye_like, "dtype k", refuse_eye},
    {"Flatten", flattened, "axis"},
    {"Pad", padded, "mode pads value", nullptr, 0b100},
    {"Range", range, "", nullptr, 0b111},
    {"Reshape", reshaped, "allowzero"},
    {"Shape", shape_tensor, "start end"},
    {"Size", [](Call& c) { return from_vector(Integers{c.in().numel()}, Shape()); }},
    {"Slice", sliced, "starts ends axes"},
    {"SpaceToDepth", space_to_depth, "blocksize"},
    {"Split", parts, "axis split num_outputs"},
    {"Squeeze", squeezed, "axes"},
    {"Tile", [](Call& c) { return tile(c.in(), shape_of(c.list(1))); }},
    {"Transpose", transposed, "perm"},
    {"Trilu", triangle, "upper"},
    {"Unsqueeze", unsqueezed, "axes"},
};
// clang-format on

}  // namespace

std::span<const LoadRule> load_shape_rules() { return kRules; }

}  // namespace gradus::onnx

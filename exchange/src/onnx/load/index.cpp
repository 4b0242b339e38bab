// Elements taken from places, put there, and put in order.

#include "onnx/load/node_call.h"

#include "gradus/ops.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::onnx {
namespace {

using Call = NodeCall;

Tensor gathered(NodeCall& c) {
  const Tensor &x = c.in(0), &index = c.in(1);
  const int axis = normalize_axis(c.integer("axis", 0), x.rank(), "Gather");
  Shape shape = index.shape();
  for (int d = 0; d < axis; ++d) shape.insert(d, x.size(d));
  for (int d = axis + 1; d < x.rank(); ++d) shape.push_back(x.size(d));
  return reshape(index_select(x, axis, reshape(index, {index.numel()})), shape);
}

/// Where the last axis of `index` [*, k] points to in a tensor of these sizes, as one number [*]; IndexError beyond.
Tensor places(const Tensor& index, std::span<const std::int64_t> sizes, const char* op) {
  const std::int64_t k = index.size(-1);
  Tensor sum;
  for (std::int64_t d = 0; d < k; ++d) {
    const std::int64_t n = sizes[static_cast<std::size_t>(d)];
    Tensor along = select(index, -1, d);
    if (along.numel() > 0 &&
        (amin(along).item() < static_cast<double>(-n) || amax(along).item() >= static_cast<double>(n)))
      detail::fail<IndexError>(op, fmt::format("expected indices from {} to {} on axis {}, got others", -n, n - 1, d));
    along = where(along < 0, along + static_cast<double>(n), along);
    sum = sum.defined() ? sum * static_cast<double>(n) + along : along;
  }
  return sum;
}

std::int64_t product(std::span<const std::int64_t> sizes) {
  std::int64_t n = 1;
  for (const std::int64_t size : sizes) n *= size;
  return n;
}

/// x [B, P, R], index [B, M, k] with places in the k axes whose product is P: y [B, M, R].
Tensor gathered_nd(NodeCall& c) {
  const Tensor &x = c.in(0), &index = c.in(1);
  const std::int64_t batch_dims = c.integer("batch_dims", 0), k = index.size(-1);
  const Shape sizes = x.shape();
  const std::span all(sizes.begin(), static_cast<std::size_t>(sizes.rank()));
  if (batch_dims < 0 || batch_dims >= index.rank() || batch_dims + k > x.rank() || k < 1)
    c.fail(fmt::format("places in at most {} axes", x.rank()), fmt::format("{} behind {}", k, batch_dims));
  const auto b = static_cast<std::size_t>(batch_dims), n = static_cast<std::size_t>(k);
  const std::int64_t batches = product(all.first(b)), room = product(all.subspan(b, n));
  const std::int64_t rest = product(all.subspan(b + n));
  Tensor at = places(index, all.subspan(b, n), "GatherND");
  Shape shape = at.shape();
  for (std::size_t d = b + n; d < all.size(); ++d) shape.push_back(all[d]);
  if (batches > 1) {
    at = reshape(at, {batches, at.numel() / batches});
    at = at + unsqueeze(arange(batches) * static_cast<double>(room), 1);
  }
  return reshape(index_select(reshape(x, {batches * room, rest}), 0, reshape(at, {at.numel()})), shape);
}

enum class Into : std::uint8_t { none, add, mul, max, min, other };
Into into(const Attributes& a) {
  const std::string name = a.text("reduction", "none");
  constexpr std::string_view names[] = {"none", "add", "mul", "max", "min"};
  for (int i = 0; i < 5; ++i)
    if (name == names[i]) return static_cast<Into>(i);
  return Into::other;
}
const char* refuse_scatter(const Attributes& a) {
  return into(a) == Into::other ? "a reduction that isn't known" : nullptr;
}

Tensor scattered(const Tensor& x, std::int64_t axis, const Tensor& index, const Tensor& source, Into how) {
  if (x.dtype() == boolean) return cast(scattered(cast(x, int64), axis, index, cast(source, int64), how), boolean);
  switch (how) {
    case Into::add: return scatter_add(x, axis, index, source);
    case Into::mul: return scatter_reduce(x, axis, index, source, ScatterReduce::prod);
    case Into::max: return scatter_reduce(x, axis, index, source, ScatterReduce::max);
    case Into::min: return scatter_reduce(x, axis, index, source, ScatterReduce::min);
    default: return scatter(x, axis, index, source);
  }
}

Tensor scatter_elements(NodeCall& c) {
  const int axis = normalize_axis(c.integer("axis", 0), c.in().rank(), "ScatterElements");
  const auto n = static_cast<double>(c.in().size(axis));
  const Tensor index = where(c.in(1) < 0, c.in(1) + n, c.in(1));
  return scattered(c.in(0), axis, index, c.in(2), into(c));
}

/// x [P, R] with rows put at places [M].
Tensor scatter_nd(NodeCall& c) {
  const Tensor &x = c.in(0), &index = c.in(1), &updates = c.in(2);
  const std::int64_t k = index.size(-1);
  if (k < 1 || k > x.rank()) c.fail(fmt::format("places in 1 to {} axes", x.rank()), fmt::format("{}", k));
  const Shape sizes = x.shape();
  const std::span all(sizes.begin(), static_cast<std::size_t>(sizes.rank()));
  const std::int64_t room = product(all.first(static_cast<std::size_t>(k)));
  const std::int64_t rest = product(all.subspan(static_cast<std::size_t>(k)));
  Tensor at = places(index, all.first(static_cast<std::size_t>(k)), "ScatterND");
  at = broadcast_to(reshape(at, {at.numel(), 1}), {at.numel(), rest});
  const Tensor rows = reshape(updates, at.shape());
  return reshape(scattered(reshape(x, {room, rest}), 0, at, rows, into(c)), sizes);
}

/// How many is an attribute up to version 9.
Tensor largest(NodeCall& c) {
  const std::int64_t k = c.has_input(1) ? c.in(1).item<std::int64_t>() : c.integer("k", 1);
  const Sorted best = topk(c.in(), k, c.integer("axis", -1), c.flag("largest", true));
  c.give(1, best.indices);
  return best.values;
}

/// Places of values off and on; indices beyond the depth have none.
Tensor one_hot_of(NodeCall& c) {
  const auto depth = c.in(1).item<std::int64_t>();
  const Tensor index = cast(c.in(0), int64), wrapped = where(index < 0, index + static_cast<double>(depth), index);
  const int axis = normalize_axis(c.integer("axis", -1), index.rank() + 1, "OneHot");
  Shape along;
  for (int d = 0; d <= index.rank(); ++d) along.push_back(d == axis ? depth : 1);
  const Tensor is = equal_to(unsqueeze(wrapped, axis), reshape(arange(depth), along));
  return where(is, select(c.in(2), 0, 1), select(c.in(2), 0, 0));
}

/// [rank, n], row-major.
Tensor places_not_zero(NodeCall& c) { return transpose(nonzero(c.in()), 0, 1); }

/// Rows of the first axis where the condition holds, or elements of all of x.
Tensor compressed(NodeCall& c) {
  const Tensor x = c.has("axis") ? c.in(0) : reshape(c.in(0), {c.in(0).numel()});
  const Tensor at = nonzero(c.in(1));
  return index_select(x, c.integer("axis", 0), reshape(at, {at.numel()}));
}

/// Sequences turned round up to their lengths.
Tensor reversed(NodeCall& c) {
  const Tensor& x = c.in(0);
  const std::int64_t time = c.integer("time_axis", 0), batch = c.integer("batch_axis", 1);
  const Integers lengths = c.list(1);
  std::vector<Tensor> all;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const Tensor one = narrow(x, batch, static_cast<std::int64_t>(i), 1);
    all.push_back(concat({flip(slice(one, time, 0, lengths[i]), {time}), slice(one, time, lengths[i])}, time));
  }
  return concat(all, batch);
}

// clang-format off
constexpr LoadRule kRules[] = {
    {"Compress", compressed, "axis"},
    {"Gather", gathered, "axis"},
    {"GatherElements", [](Call& c) { return gather(c.in(0), c.integer("axis", 0), c.in(1)); }, "axis"},
    {"GatherND", gathered_nd, "batch_dims"},
    {"NonZero", places_not_zero},
    {"OneHot", one_hot_of, "axis", nullptr, 0b111},
    {"ReverseSequence", reversed, "batch_axis time_axis"},
    {"Scatter", scatter_elements, "axis"},
    {"ScatterElements", scatter_elements, "axis reduction", refuse_scatter},
    {"ScatterND", scatter_nd, "reduction", refuse_scatter},
    {"TopK", largest, "axis k largest sorted"},
};
// clang-format on

}  // namespace

std::span<const LoadRule> load_index_rules() { return kRules; }

}  // namespace gradus::onnx

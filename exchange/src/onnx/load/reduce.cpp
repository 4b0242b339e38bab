// Reductions, running sums and functions of whole rows.

#include "onnx/load/node_call.h"

#include "gradus/ops.h"

namespace gradus::onnx {
namespace {

/// f over the axes, which are an attribute in older versions; all of them if nothing is said.
template <class F>
Tensor reduced(NodeCall& c, F f) {
  const Integers axes = c.list(1, "axes").value_or(Integers());
  if (axes.empty() && c.flag("noop_with_empty_axes")) return f(c.in(), Axes(Shape()), true);
  return f(c.in(), axes.empty() ? Axes() : Axes(Shape(std::span(axes))), c.flag("keepdims", true));
}

/// Of whole numbers as such, by float64.
template <class F>
Tensor as_numbers(const Tensor& x, F f) {
  return is_floating(x.dtype()) ? f(x) : cast(f(cast(x, float64)), x.dtype());
}

#define GRADUS_ONNX_REDUCE(value)                                          \
  [](NodeCall& c) {                                                        \
    return reduced(c, [](const Tensor& all, const Axes& axes, bool keep) { \
      return as_numbers(all, [&](const Tensor& x) { return value; });      \
    });                                                                    \
  }

template <bool largest>
Tensor place(NodeCall& c) {
  const std::int64_t axis = c.integer("axis", 0);
  const bool keep = c.flag("keepdims", true), is_last = c.flag("select_last_index");
  const Tensor x = is_last ? flip(c.in(), {axis}) : c.in();
  const Tensor at = largest ? argmax(x, axis, keep) : argmin(x, axis, keep);
  return is_last ? static_cast<double>(x.size(axis) - 1) - at : at;
}

/// Up to version 12 over all axes from `axis` on, as one.
template <class F>
Tensor by_rows(NodeCall& c, F f) {
  if (c.opset() >= 13) return f(c.in(), c.integer("axis", -1));
  const Tensor& x = c.in();
  std::int64_t axis = c.integer("axis", 1), rows = 1, columns = 1;
  if (axis < 0) axis += x.rank();
  for (int d = 0; d < x.rank(); ++d) (d < axis ? rows : columns) *= x.size(d);
  return reshape(f(reshape(x, {rows, columns}), 1), x.shape());
}

/// 1 at the first of the largest, else 0.
Tensor hardmax(const Tensor& x, std::int64_t axis) {
  const Tensor at = argmax(x, axis, true);
  const int place = normalize_axis(axis, x.rank(), "Hardmax");
  Shape along;
  for (int d = 0; d < x.rank(); ++d) along.push_back(d == place ? x.size(d) : 1);
  return cast(equal_to(at, reshape(arange(x.size(axis)), along)), x.dtype());
}

/// Exclusive: each sum without its own element.
Tensor running_sum(NodeCall& c) {
  const Tensor& x = c.in();
  const std::int64_t axis = normalize_axis(c.in(1).item<std::int64_t>(), x.rank(), "CumSum");
  const bool is_reverse = c.flag("reverse");
  if (!c.flag("exclusive") || x.size(axis) == 0) return cumsum(x, axis, is_reverse);
  const Tensor zero = zeros_like(slice(x, axis, 0, 1));
  const Tensor moved =
      is_reverse ? concat({slice(x, axis, 1), zero}, axis) : concat({zero, slice(x, axis, 0, -1)}, axis);
  return cumsum(moved, axis, is_reverse);
}

// clang-format off
constexpr const char* kReduce = "axes keepdims noop_with_empty_axes";
constexpr LoadRule kRules[] = {
    {"ArgMax", place<true>, "axis keepdims select_last_index"},
    {"ArgMin", place<false>, "axis keepdims select_last_index"},
    {"CumSum", running_sum, "exclusive reverse"},
    {"Hardmax", [](NodeCall& c) { return by_rows(c, [](const Tensor& x, std::int64_t axis) { return hardmax(x, axis); }); }, "axis"},
    {"LogSoftmax", [](NodeCall& c) { return by_rows(c, [](const Tensor& x, std::int64_t axis) { return log_softmax(x, axis); }); }, "axis"},
    {"ReduceL1", GRADUS_ONNX_REDUCE(sum(abs(x), axes, keep)), kReduce},
    {"ReduceL2", GRADUS_ONNX_REDUCE(sqrt(sum(square(x), axes, keep))), kReduce},
    {"ReduceLogSum", GRADUS_ONNX_REDUCE(log(sum(x, axes, keep))), kReduce},
    {"ReduceLogSumExp", GRADUS_ONNX_REDUCE(logsumexp(x, axes, keep)), kReduce},
    {"ReduceMax", GRADUS_ONNX_REDUCE(amax(x, axes, keep)), kReduce},
    {"ReduceMean", GRADUS_ONNX_REDUCE(mean(x, axes, keep)), kReduce},
    {"ReduceMin", GRADUS_ONNX_REDUCE(amin(x, axes, keep)), kReduce},
    {"ReduceProd", GRADUS_ONNX_REDUCE(prod(x, axes, keep)), kReduce},
    {"ReduceSum", [](NodeCall& c) { return reduced(c, [](const Tensor& x, const Axes& axes, bool keep) { return sum(x, axes, keep); }); }, kReduce},
    {"ReduceSumSquare", GRADUS_ONNX_REDUCE(sum(square(x), axes, keep)), kReduce},
    {"Softmax", [](NodeCall& c) { return by_rows(c, [](const Tensor& x, std::int64_t axis) { return softmax(x, axis); }); }, "axis"},
};
// clang-format on

}  // namespace

std::span<const LoadRule> load_reduce_rules() { return kRules; }

}  // namespace gradus::onnx

#include "gradus/ops/shape.h"

#include "axes.h"
#include "family.h"
#include "step_kernels.h"

#include "gradus/kernels/reduce.h"

#include <utility>
#include <vector>

namespace gradus {
namespace detail {

namespace {

/// Strides with which `shape`, of as many elements, is a view of x; false if there are none.
bool view_strides(const Tensor& x, const Shape& shape, Shape& strides) {
  if (x.is_contiguous() || x.numel() == 0) {
    strides = contiguous_strides(shape);
    return true;
  }
  // Each run of x's dimensions that lie evenly spaced in memory is cut into new ones, from the
  // back.
  const Loops<1> runs(x.rank(), x.raw()->sizes(), {x.raw()->strides()});
  strides = shape;
  int d = shape.rank() - 1;
  for (int run = runs.rank - 1; run >= 0; --run) {
    std::int64_t step = runs.strides[0][run];
    for (std::int64_t left = runs.sizes[run]; left > 1; --d) {
      if (left % shape[d] != 0) return false;
      strides[d] = step;
      step *= shape[d];
      left /= shape[d];
    }
  }
  for (; d >= 0; --d) strides[d] = 1;
  return true;
}

// clang-format off
struct Reshape : Op {
  static constexpr OpInfo info{.name = "reshape", .linearity = Linearity::linear, .flops = 0};
  Shape shape;
  Tensor forward(const Tensor& x) const {
    Shape strides;
    if (view_strides(x, shape, strides)) return view_as(x, shape, strides);
    return view_as(clone(x), shape, contiguous_strides(shape));
  }
  Cotangents vjp(const Pullback& p) const { return {reshape(p.g, p.shape())}; }
  template <class V> void visit(V&& v) const { v("shape", shape); }
  bool same_as(const Reshape& other) const { return shape == other.shape; }
  static constexpr const StepKernel* step_kernel() { return view_kernel<Reshape>(); }
};

struct Transpose : Op {
  static constexpr OpInfo info{.name = "transpose", .linearity = Linearity::linear, .flops = 0};
  int a = 0, b = 0;
  Tensor forward(const Tensor& x) const {
    Shape sizes = x.shape(), strides = x.strides();
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
    return view_as(x, sizes, strides);
  }
  Cotangents vjp(const Pullback& p) const { return {transpose(p.g, a, b)}; }
  template <class V> void visit(V&& v) const { v("a", a); v("b", b); }
  bool same_as(const Transpose& other) const { return a == other.a && b == other.b; }
  static constexpr const StepKernel* step_kernel() { return view_kernel<Transpose>(); }
};

struct Permute : Op {
  static constexpr OpInfo info{.name = "permute", .linearity = Linearity::linear, .flops = 0};
  Shape axes;
  Tensor forward(const Tensor& x) const {
    Shape sizes = axes, strides = axes;
    for (int d = 0; d < axes.rank(); ++d) {
      sizes[d] = x.raw()->sizes()[axes[d]];
      strides[d] = x.raw()->strides()[axes[d]];
    }
    return view_as(x, sizes, strides);
  }
  Cotangents vjp(const Pullback& p) const {
    Shape inverse = axes;
    for (int d = 0; d < axes.rank(); ++d) inverse[static_cast<int>(axes[d])] = d;
    return {permute(p.g, inverse)};
  }
  template <class V> void visit(V&& v) const { v("axes", axes); }
  bool same_as(const Permute& other) const { return axes == other.axes; }
  static constexpr const StepKernel* step_kernel() { return view_kernel<Permute>(); }
};

struct Squeeze : Op {
  static constexpr OpInfo info{.name = "squeeze", .linearity = Linearity::linear, .flops = 0};
  std::uint32_t mask = 0;
  Tensor forward(const Tensor& x) const {
    Shape sizes, strides;
    for (int d = 0; d < x.rank(); ++d) {
      if ((mask >> d & 1) != 0) continue;
      sizes.push_back(x.raw()->sizes()[d]);
      strides.push_back(x.raw()->strides()[d]);
    }
    return view_as(x, sizes, strides);
  }
  Cotangents vjp(const Pullback& p) const { return {reshape(p.g, p.shape())}; }
  template <class V> void visit(V&& v) const { v("axes", axes_of(mask)); }
  bool same_as(const Squeeze& other) const { return mask == other.mask; }
  static constexpr const StepKernel* step_kernel() { return view_kernel<Squeeze>(); }
};

struct Unsqueeze : Op {
  static constexpr OpInfo info{.name = "unsqueeze", .linearity = Linearity::linear, .flops = 0};
  int axis = 0;
  Tensor forward(const Tensor& x) const {
    Shape sizes = x.shape(), strides = x.strides();
    strides.insert(axis, axis < x.rank() ? sizes[axis] * strides[axis] : 1);
    sizes.insert(axis, 1);
    return view_as(x, sizes, strides);
  }
  Cotangents vjp(const Pullback& p) const { return {squeeze(p.g, axis)}; }
  template <class V> void visit(V&& v) const { v("axis", axis); }
  bool same_as(const Unsqueeze& other) const { return axis == other.axis; }
  static constexpr const StepKernel* step_kernel() { return view_kernel<Unsqueeze>(); }
};

struct BroadcastTo : Op {
  static constexpr OpInfo info{.name = "broadcast_to", .linearity = Linearity::linear, .flops = 0};
  Shape shape;
  Tensor forward(const Tensor& x) const {
    Shape strides = shape;
    const int lead = shape.rank() - x.rank();
    for (int d = 0; d < shape.rank(); ++d)
      strides[d] = d < lead || x.raw()->sizes()[d - lead] != shape[d] ? 0 : x.raw()->strides()[d - lead];
    return view_as(x, shape, strides);
  }
  Cotangents vjp(const Pullback& p) const { return {sum_to(p.g, p.shape())}; }
  template <class V> void visit(V&& v) const { v("shape", shape); }
  bool same_as(const BroadcastTo& other) const { return shape == other.shape; }
  static constexpr const StepKernel* step_kernel() { return view_kernel<BroadcastTo>(); }
};

struct SumTo : Op {
  static constexpr OpInfo info{.name = "sum_to", .linearity = Linearity::linear};
  Shape shape;
  Tensor forward(const Tensor& x) const {
    std::uint32_t mask = 0;
    const int lead = x.rank() - shape.rank();
    for (int d = 0; d < x.rank(); ++d)
      if (d < lead || shape[d - lead] != x.raw()->sizes()[d]) mask |= 1U << d;
    return sum_over(x, mask, shape);
  }
  Cotangents vjp(const Pullback& p) const { return {broadcast_to(p.g, p.shape())}; }
  template <class V> void visit(V&& v) const { v("shape", shape); }
};

struct Flip : Op {
  static constexpr OpInfo info{.name = "flip", .linearity = Linearity::linear, .flops = 0};
  std::uint32_t mask = 0;
  Tensor forward(const Tensor& x) const {
    Shape strides = x.strides();
    std::int64_t offset = 0;
    for (int d = 0; d < x.rank(); ++d) {
      if ((mask >> d & 1) == 0) continue;
      if (x.numel() > 0) offset += (x.raw()->sizes()[d] - 1) * strides[d];
      strides[d] = -strides[d];
    }
    return view_as(x, x.shape(), strides, offset);
  }
  Cotangents vjp(const Pullback& p) const { return {flip(p.g, axes_of(mask))}; }
  template <class V> void visit(V&& v) const { v("axes", axes_of(mask)); }
};
// clang-format on

/// A size for "the rest" filled in, and the number of elements compared.
Shape fill_in(Arg x, Shape shape) {
  int open = -1;
  std::int64_t known = 1;
  bool valid = true;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] == -1 && open < 0) {
      open = d;
    } else {
      valid = valid && shape[d] >= 0 && !__builtin_mul_overflow(known, shape[d], &known);
    }
  }
  const std::int64_t n = x->numel();
  if (open >= 0) {
    valid = valid && known > 0 && n % known == 0;
    if (valid) shape[open] = n / known;
  } else {
    valid = valid && known == n;
  }
  if (!valid)
    fail<ShapeError>(
        "reshape",
        fmt::format("expected a shape for the {} elements of {}, got {}", n, to_string(x->shape()), to_string(shape)),
        x.site);
  return shape;
}

/// True where `from` broadcasts to `to` by NumPy's rule, and `to` is a shape that can be counted.
bool broadcasts(const Shape& from, const Shape& to) {
  const int lead = to.rank() - from.rank();
  if (lead < 0) return false;
  std::int64_t numel = 1;
  for (int d = 0; d < to.rank(); ++d) {
    if (to[d] < 0 || __builtin_mul_overflow(numel, to[d], &numel)) return false;
    if (d >= lead && from[d - lead] != 1 && from[d - lead] != to[d]) return false;
  }
  return true;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor reshape(Arg x, const Shape& shape) {
  Reshape op;
  op.shape = fill_in(x, shape);
  return op.shape == x->shape() ? x.tensor : apply(op, x);
}

Tensor flatten(Arg x, std::int64_t first, std::int64_t last) {
  if (x->rank() == 0 && first == 0) return reshape(x, {1});
  const int a = check_axis("flatten", x, first, x->rank());
  const int b = check_axis("flatten", x, last, x->rank());
  if (a > b)
    fail<ArgumentError>("flatten", fmt::format("expected a first axis before the last, got {} and {}", a, b), x.site);
  const Shape from = x->shape();
  Shape to;
  for (int d = 0; d < from.rank(); ++d) {
    if (d > a && d <= b) {
      to[a] *= from[d];
    } else {
      to.push_back(from[d]);
    }
  }
  return reshape(x, to);
}

Tensor transpose(Arg x, std::int64_t a, std::int64_t b) {
  Transpose op;
  op.a = check_axis("transpose", x, a, x->rank());
  op.b = check_axis("transpose", x, b, x->rank());
  return op.a == op.b ? x.tensor : apply(op, x);
}

Tensor permute(Arg x, const Shape& axes) {
  if (axes.rank() != x->rank())
    fail<ShapeError>("permute",
                     fmt::format("expected an order of the axes of {}, got {}", to_string(x->shape()), to_string(axes)),
                     x.site);
  Permute op;
  op.axes = axes;
  for (std::int64_t& axis : op.axes) axis = check_axis("permute", x, axis, x->rank());
  axis_mask("permute", x, axes);
  return apply(op, x);
}

Tensor squeeze(Arg x, std::int64_t axis) {
  const int d = check_axis("squeeze", x, axis, x->rank());
  if (x->raw()->sizes()[d] != 1)
    fail<ShapeError>(
        "squeeze", fmt::format("expected an axis of size 1, got axis {} of {}", axis, to_string(x->shape())), x.site);
  Squeeze op;
  op.mask = 1U << d;
  return apply(op, x);
}

Tensor squeeze(Arg x) {
  Squeeze op;
  for (int d = 0; d < x->rank(); ++d)
    if (x->raw()->sizes()[d] == 1) op.mask |= 1U << d;
  return op.mask == 0 ? x.tensor : apply(op, x);
}

Tensor unsqueeze(Arg x, std::int64_t axis) {
  check_room("unsqueeze", x->shape(), x.site);
  Unsqueeze op;
  op.axis = check_axis("unsqueeze", x, axis, x->rank() + 1);
  return apply(op, x);
}

Tensor broadcast_to(Arg x, const Shape& shape) {
  const Shape from = x->shape();
  if (from == shape) return x;
  if (!broadcasts(from, shape))
    fail<ShapeError>("broadcast_to",
                     fmt::format("expected a shape that {} broadcasts to, got {}", to_string(from), to_string(shape)),
                     x.site);
  BroadcastTo op;
  op.shape = shape;
  return apply(op, x);
}

Tensor sum_to(Arg x, const Shape& shape) {
  const Shape from = x->shape();
  if (from == shape) return x;
  if (!broadcasts(shape, from))
    fail<ShapeError>("sum_to",
                     fmt::format("expected a shape that broadcasts to {}, got {}", to_string(from), to_string(shape)),
                     x.site);
  if (x->dtype() == boolean) fail<DTypeError>("sum_to", "expected a tensor of numbers, got bool", x.site);
  SumTo op;
  op.shape = shape;
  return apply(op, x);
}

Tensor flip(Arg x, const Shape& axes) {
  Flip op;
  op.mask = axis_mask("flip", x, axes);
  return op.mask == 0 ? x.tensor : apply(op, x);
}

namespace detail {

std::vector<OpEntry> shape_examples();  // in examples/shape.cpp

std::span<const OpEntry> shape_ops() {
  static const auto table =
      typed<Reshape, Transpose, Permute, Squeeze, Unsqueeze, BroadcastTo, SumTo, Flip>(shape_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus

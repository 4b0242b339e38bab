// The part of the shape family that joins tensors and takes them apart.

#include "axes.h"
#include "family.h"
#include "step_kernels.h"

#include "gradus/kernels/lines.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace gradus {
namespace detail {
namespace {

using Sizes = std::vector<std::int64_t, CachingAllocator<std::int64_t>>;

/// Of one node; more are made in steps.
constexpr std::size_t kMostParts = 31;

Shape with_size(Shape shape, int axis, std::int64_t size) {
  shape[axis] = size;
  return shape;
}

/// `length` places of an axis from `start` on, all in range.
Tensor narrow(const Tensor& x, int axis, std::int64_t start, std::int64_t length, std::int64_t step = 1) {
  Shape sizes = x.shape(), strides = x.strides();
  sizes[axis] = length;
  const std::int64_t offset = length == 0 ? 0 : start * strides[axis];
  strides[axis] *= step;
  return view_as(x, sizes, strides, offset);
}

/// Copies `x` to where `part`, a view of a fresh tensor, lies.
void fill_part(Tensor part, const Tensor& x) {
  if (x.numel() > 0) copy_into(part, x);
}

// clang-format off
/// Which places of an axis a slice takes.
struct Range : Op {
  int axis = 0;
  std::int64_t start = 0, length = 0, step = 1;
  template <class V> void visit(V&& v) const { v("axis", axis); v("start", start); v("length", length); v("step", step); }
};

/// x, or zeros of `shape` if it is left out, with a part added at those places.
struct SlicePut : Range {
  static constexpr OpInfo info{.name = "slice_put", .arity = 2, .linearity = Linearity::linear, .flops = 0};
  Shape shape;
  void add(const Tensor& x, const Tensor& part) const {
    Tensor y = narrow(x, axis, start, length, step);
    add_in_place(y, part);
  }
  Tensor forward(const Tensor& x, const Tensor& part) const {
    const Tensor y = x.defined() ? clone(x) : zeros(shape, part.dtype());
    if (x.defined())
      add(y, part);
    else
      fill_part(narrow(y, axis, start, length, step), part);
    return y;
  }
  Cotangents vjp(const Pullback& p) const;
  template <class V> void visit(V&& v) const { Range::visit(v); v("shape", shape); }
};

struct Slice : Range {
  static constexpr OpInfo info{.name = "slice", .linearity = Linearity::linear, .flops = 0};
  Tensor forward(const Tensor& x) const { return narrow(x, axis, start, length, step); }
  Cotangents vjp(const Pullback& p) const { return {apply(SlicePut{*this, p.shape()}, Tensor(), p.g)}; }
  Tensor add_to(const Pullback& p, Tensor sum) const {
    return apply_in_place(SlicePut{*this, p.shape()}, std::move(sum), p.g);
  }
  bool same_as(const Slice& other) const {
    return axis == other.axis && start == other.start && length == other.length && step == other.step;
  }
  static constexpr const StepKernel* step_kernel() { return view_kernel<Slice>(); }
};

Cotangents SlicePut::vjp(const Pullback& p) const { return {p.g, p.needs(1) ? apply(Slice{*this}, p.g) : Tensor()}; }

struct Select : Op {
  static constexpr OpInfo info{.name = "select", .linearity = Linearity::linear, .flops = 0};
  int axis = 0;
  std::int64_t index = 0;
  Tensor forward(const Tensor& x) const {
    Shape sizes = x.shape(), strides = x.strides();
    const std::int64_t offset = x.numel() == 0 ? 0 : index * strides[axis];
    sizes.erase(axis);
    strides.erase(axis);
    return view_as(x, sizes, strides, offset);
  }
  SlicePut put(const Pullback& p) const { return {{{}, axis, index, 1}, p.shape()}; }
  Cotangents vjp(const Pullback& p) const { return {apply(put(p), Tensor(), unsqueeze(p.g, axis))}; }
  Tensor add_to(const Pullback& p, Tensor sum) const {
    return apply_in_place(put(p), std::move(sum), unsqueeze(p.g, axis));
  }
  template <class V> void visit(V&& v) const { v("axis", axis); v("index", index); }
  bool same_as(const Select& other) const { return axis == other.axis && index == other.index; }
  static constexpr const StepKernel* step_kernel() { return view_kernel<Select>(); }
};
// clang-format on

/// Sizes of parts along an axis.
struct Parts : Op {
  int axis = 0;
  Sizes sizes;
  template <class V>
  void visit(V&& v) const {
    v("axis", axis);
    if (sizes.size() <= kMaxRank)
      v("sizes", Shape(std::span(sizes)));
    else
      v("parts", static_cast<std::int64_t>(sizes.size()));
  }
};

struct Concat : Parts {
  static constexpr OpInfo info{.name = "concat", .arity = kVariadic, .linearity = Linearity::linear, .flops = 0};

  Tensor forward(std::span<const Tensor> xs) const {
    std::int64_t size = 0;
    for (const Tensor& x : xs) size += x.raw()->sizes()[axis];
    Tensor y = empty(with_size(xs[0].shape(), axis, size), xs[0].dtype());
    const Lines lines(y.shape(), axis);
    const std::int64_t inner = lines.inner * static_cast<std::int64_t>(size_of(y.dtype()));
    std::int64_t at = 0;
    for (const Tensor& x : xs) {
      const std::int64_t n = x.raw()->sizes()[axis];
      if (!x.is_contiguous()) {
        fill_part(narrow(y, axis, at, n), x);
      } else {
        const std::int64_t bytes = n * inner;  // of a row
        std::byte* const out = y.raw()->data + at * inner;
        const std::byte* const in = x.raw()->data;
        parallel_for(lines.outer * bytes, 8 * kGrain, [=](std::int64_t begin, std::int64_t end) {
          for (std::int64_t part = 0; begin < end; begin += part) {
            part = std::min(end - begin, bytes - begin % bytes);
            std::memcpy(out + begin / bytes * size * inner + begin % bytes, in + begin, static_cast<std::size_t>(part));
          }
        });
      }
      at += n;
    }
    return y;
  }

  Cotangents vjp(const Pullback& p) const {
    Cotangents result(sizes.size());
    std::int64_t at = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (p.needs(static_cast<int>(i))) result[i] = slice(p.g, axis, at, at + sizes[i]);
      at += sizes[i];
    }
    return result;
  }
};

struct Stack : Op {
  static constexpr OpInfo info{.name = "stack", .arity = kVariadic, .linearity = Linearity::linear, .flops = 0};
  int axis = 0;

  Tensor forward(std::span<const Tensor> xs) const {
    Tensors rows(xs.size());
    for (std::size_t i = 0; i < xs.size(); ++i) rows[i] = unsqueeze(xs[i], axis);
    Concat concat;
    concat.axis = axis;
    return concat.forward(rows);
  }
  Cotangents vjp(const Pullback& p) const {
    Cotangents result(static_cast<std::size_t>(p.arity()));
    for (int i = 0; i < p.arity(); ++i)
      if (p.needs(i)) result[i] = select(p.g, axis, i);
    return result;
  }
  template <class V>
  void visit(V&& v) const {
    v("axis", axis);
  }
};

struct Split : Parts {
  static constexpr OpInfo info{.name = "split", .linearity = Linearity::linear, .outputs = kMostParts, .flops = 0};

  Tensors forward(const Tensor& x) const {
    Tensors result(sizes.size());
    std::int64_t at = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      result[i] = narrow(x, axis, at, sizes[i]);
      at += sizes[i];
    }
    return result;
  }
  Cotangents vjp(const Pullback& p) const {
    const Shape shape = p.shape();
    Tensors parts(sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i)
      parts[i] = p.all[i].defined() ? p.all[i] : zeros(with_size(shape, axis, sizes[i]), p.dtype());
    return {concat(parts, axis)};
  }
  bool same_as(const Split& other) const { return axis == other.axis && sizes == other.sizes; }
  static constexpr const StepKernel* step_kernel() { return view_kernel<Split>(); }
};

/// A slice in Python's terms as places of an axis of size n.
Range resolve(
    const char* op, int axis, std::int64_t n, std::int64_t start, std::int64_t stop, std::int64_t step, CallSite site) {
  if (step == 0) fail<ArgumentError>(op, "expected a step other than 0", site);
  Range range;
  range.axis = axis;
  const std::int64_t first = step > 0 ? 0 : -1, last = step > 0 ? n : n - 1;
  const auto place = [&](std::int64_t i) { return std::clamp(i < 0 ? i + n : i, first, last); };
  range.step = std::clamp(step, -std::max<std::int64_t>(n, 1), std::max<std::int64_t>(n, 1));
  range.start = place(start);
  const std::int64_t end = step < 0 && stop == kEnd ? -1 : place(stop);
  const std::int64_t span = step > 0 ? end - range.start : range.start - end;
  const std::int64_t stride = std::abs(range.step);
  range.length = span > 0 ? (span + stride - 1) / stride : 0;
  if (range.length == 0) range.start = 0;
  return range;
}

/// Checks that there are tensors, of one rank, and gives them one dtype.
Tensors gather_inputs(const char* op, std::span<const Tensor> xs, CallSite site) {
  if (xs.empty()) fail<ArgumentError>(op, "expected at least one tensor, got none", site);
  DType dtype = xs[0].dtype();
  for (const Tensor& x : xs) dtype = promote(dtype, x.dtype());
  Tensors result(xs.size());
  for (std::size_t i = 0; i < xs.size(); ++i) result[i] = xs[i].dtype() == dtype ? xs[i] : to(Arg(xs[i], site), dtype);
  return result;
}

[[noreturn]] void fail_unequal(
    const char* op, const std::string& what, const Tensor& a, const Tensor& b, CallSite site) {
  fail<ShapeError>(
      op, fmt::format("expected {}, got {} and {}", what, to_string(a.shape()), to_string(b.shape())), site);
}

std::vector<Tensor> split_into(Arg x, std::span<const std::int64_t> sizes, int axis) {
  Split op;
  op.axis = axis;
  if (sizes.size() <= kMostParts) {
    op.sizes.assign(sizes.begin(), sizes.end());
    const Tensors parts = apply(op, x);
    return {parts.begin(), parts.end()};
  }
  // In two or more steps.
  std::vector<Tensor> result;
  const std::size_t group = (sizes.size() + kMostParts - 1) / kMostParts;
  std::vector<std::int64_t> sums;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (i % group == 0) sums.push_back(0);
    sums.back() += sizes[i];
  }
  const std::vector<Tensor> groups = split_into(x, sums, axis);
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const auto part = sizes.subspan(k * group, std::min(group, sizes.size() - k * group));
    for (Tensor& t : split_into(Arg(groups[k], x.site), part, axis)) result.push_back(std::move(t));
  }
  return result;
}

std::vector<Tensor> split_evenly(Arg x, std::int64_t size, int axis) {
  std::vector<std::int64_t> sizes;
  const std::int64_t n = x->raw()->sizes()[axis];
  for (std::int64_t at = 0; at < n || at == 0; at += size) sizes.push_back(std::min(size, n - at));
  return split_into(x, sizes, axis);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor concat(std::span<const Tensor> xs, std::int64_t axis, CallSite site) {
  const Tensors inputs = gather_inputs("concat", xs, site);
  const Arg first(inputs[0], site);
  Concat op;
  op.axis = check_axis("concat", first, axis, first->rank());
  op.sizes.reserve(inputs.size());
  const Shape shape = first->shape();
  for (const Tensor& x : inputs) {
    if (x.rank() != shape.rank() || with_size(x.shape(), op.axis, 0) != with_size(shape, op.axis, 0))
      fail_unequal("concat", fmt::format("shapes that agree but for axis {}", op.axis), first, x, site);
    op.sizes.push_back(x.raw()->sizes()[op.axis]);
  }
  return apply_list(op, inputs, site);
}

Tensor stack(std::span<const Tensor> xs, std::int64_t axis, CallSite site) {
  const Tensors inputs = gather_inputs("stack", xs, site);
  const Arg first(inputs[0], site);
  check_room("stack", first->shape(), site);
  Stack op;
  op.axis = check_axis("stack", first, axis, first->rank() + 1);
  for (const Tensor& x : inputs)
    if (x.shape() != first->shape()) fail_unequal("stack", "tensors of one shape", first, x, site);
  return apply_list(op, inputs, site);
}

Tensor concat(std::initializer_list<Tensor> xs, std::int64_t axis, CallSite site) {
  return concat(std::span(xs.begin(), xs.size()), axis, site);
}

Tensor stack(std::initializer_list<Tensor> xs, std::int64_t axis, CallSite site) {
  return stack(std::span(xs.begin(), xs.size()), axis, site);
}

std::vector<Tensor> split(Arg x, const std::vector<std::int64_t>& sizes, std::int64_t axis) {
  const int d = check_axis("split", x, axis, x->rank());
  std::int64_t left = x->raw()->sizes()[d];
  bool fits = true;
  for (std::int64_t size : sizes) {
    fits = fits && size >= 0 && size <= left;
    if (fits) left -= size;
  }
  if (!fits || left != 0) {
    std::string got;
    for (std::int64_t size : sizes) got += fmt::format("{}{}", got.empty() ? "" : ", ", size);
    fail<ShapeError>(
        "split",
        fmt::format("expected sizes with the sum of axis {} of {}, got [{}]", d, to_string(x->shape()), got),
        x.site);
  }
  return sizes.empty() ? std::vector<Tensor>() : split_into(x, sizes, d);
}

std::vector<Tensor> split(Arg x, std::int64_t size, std::int64_t axis) {
  const int d = check_axis("split", x, axis, x->rank());
  if (size < 1) fail<ArgumentError>("split", fmt::format("expected a size >= 1, got {}", size), x.site);
  return split_evenly(x, std::min(size, std::max<std::int64_t>(1, x->raw()->sizes()[d])), d);
}

std::vector<Tensor> chunk(Arg x, std::int64_t count, std::int64_t axis) {
  const int d = check_axis("chunk", x, axis, x->rank());
  if (count < 1) fail<ArgumentError>("chunk", fmt::format("expected parts >= 1, got {}", count), x.site);
  const std::int64_t n = x->raw()->sizes()[d];
  return split_evenly(x, std::max<std::int64_t>(1, n / count + (n % count != 0)), d);
}

Tensor slice(Arg x, std::int64_t axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const int d = check_axis("slice", x, axis, x->rank());
  Slice op;
  static_cast<Range&>(op) = resolve("slice", d, x->raw()->sizes()[d], start, stop, step, x.site);
  return op.step == 1 && op.length == x->raw()->sizes()[d] ? x.tensor : apply(op, x);
}

Tensor slice_put(
    Arg x, const Shape& shape, std::int64_t axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const int d = check_axis("slice_put", x, axis, shape.rank());
  SlicePut op;
  const std::int64_t n = std::max<std::int64_t>(0, shape[d]);
  static_cast<Range&>(op) = resolve("slice_put", d, n, start, stop, step, x.site);
  op.shape = shape;
  const Shape taken = with_size(shape, d, op.length);
  if (taken != x->shape())
    fail<ShapeError>("slice_put",
                     fmt::format("expected {}, the shape of that slice of {}, got {}",
                                 to_string(taken),
                                 to_string(shape),
                                 to_string(x->shape())),
                     x.site);
  return apply(op, Arg(Tensor(), x.site), x);
}

Tensor select(Arg x, std::int64_t axis, std::int64_t index) {
  const int d = check_axis("select", x, axis, x->rank());
  const std::int64_t n = x->raw()->sizes()[d];
  Select op;
  op.axis = d;
  op.index = index < 0 ? index + n : index;
  if (n == 0) fail<IndexError>("select", fmt::format("expected no index into size 0, got {}", index), x.site);
  if (op.index < 0 || op.index >= n)
    fail<IndexError>("select", fmt::format("expected an index in {}..{}, got {}", -n, n - 1, index), x.site);
  return apply(op, x);
}

namespace detail {

std::vector<OpEntry> slice_examples();  // in examples/slice.cpp

std::span<const OpEntry> slice_ops() {
  static const auto table = typed<Concat, Stack, Split, Slice, SlicePut, Select>(slice_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus

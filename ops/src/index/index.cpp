#include "gradus/ops/index.h"

#include "axes.h"
#include "index/places.h"

#include "gradus/kernels/index.h"
#include "gradus/kernels/modular.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

#include <algorithm>
#include <atomic>

namespace gradus {
namespace detail {

void check_index(const char* op, const Tensor& index, CallSite site) {
  if (index.dtype() != int64)
    fail<DTypeError>(op, fmt::format("expected an int64 index, got {}", to_string(index.dtype())), site);
}

namespace {

[[noreturn]] void fail_index(const char* op, std::int64_t lowest, std::int64_t n, std::int64_t got) {
  if (n == 0) fail<IndexError>(op, fmt::format("expected no index into size 0, got {}", got));
  fail<IndexError>(op, fmt::format("expected indices in {}..{}, got {}", lowest, n - 1, got));
}

}  // namespace

Tensor places(const char* op, const Tensor& index, std::int64_t lowest, std::int64_t n) {
  Tensor dense = contiguous(index);
  const std::int64_t* const in = dense.data<std::int64_t>();
  std::atomic<std::int64_t> signs = 0;  // below 0 where an index is, or n - 1 less an index
  parallel_for(dense.numel(), 2 * kGrain, [=, &signs](std::int64_t begin, std::int64_t end) {
    std::int64_t all = 0;
    for (std::int64_t i = begin; i < end; ++i) all |= in[i] | modular_sum(n, ~in[i]);
    signs |= all;
  });
  if (signs >= 0) return dense;
  const auto* const end = in + dense.numel();
  const auto* const wrong = std::find_if(in, end, [=](std::int64_t i) { return i < lowest || i >= n; });
  if (wrong != end) fail_index(op, lowest, n, *wrong);
  return map<std::int64_t, std::int64_t>(dense, [n](std::int64_t i) { return i < 0 ? i + n : i; });
}

void check_writes(const char* op, const Tensor& x, int axis, const Tensor& index, const Tensor& source, CallSite site) {
  bool fits = index.rank() == x.rank() && source.rank() == x.rank();
  for (int d = 0; fits && d < x.rank(); ++d)
    fits = index.shape()[d] <= source.shape()[d] && (d == axis || index.shape()[d] <= x.shape()[d]);
  if (!fits)
    fail<ShapeError>(op,
                     fmt::format("expected an index no larger than {} and, but for axis {}, {}, got {}",
                                 to_string(source.shape()),
                                 axis,
                                 to_string(x.shape()),
                                 to_string(index.shape())),
                     site);
}

namespace {

/// A copy of x, or zeros where it is left out.
Tensor start(const Tensor& x, const Shape& shape, DType dtype) { return x.defined() ? clone(x) : zeros(shape, dtype); }

// clang-format off
/// x, or zeros if it is left out, with parts added at indices of an axis.
struct IndexAdd : Op {
  static constexpr OpInfo info{.name = "index_add", .arity = 3, .saves = Saves::input1};
  int axis = 0;
  std::int64_t size = 0;  // of that axis
  void add(Tensor y, const Tensor& index, const Tensor& source) const;
  Tensor forward(const Tensor& x, const Tensor& index, const Tensor& source) const;
  Cotangents vjp(const Pullback& p) const {
    return {p.g, {}, p.needs(2) ? index_select(p.g, axis, p.in(1)) : Tensor()};
  }
  template <class V> void visit(V&& v) const { v("axis", axis); v("size", size); }
};

struct IndexSelect : Op {
  static constexpr OpInfo info{.name = "index_select", .arity = 2, .saves = Saves::input1};
  int axis = 0;
  Tensor forward(const Tensor& x, const Tensor& index) const;
  Cotangents vjp(const Pullback& p) const {
    return {apply(IndexAdd{{}, axis, p.shape()[axis]}, Tensor(), p.in(1), p.g), {}};
  }
  Tensor add_to(const Pullback& p, Tensor sum) const {
    return apply_in_place(IndexAdd{{}, axis, p.shape()[axis]}, std::move(sum), p.in(1), p.g);
  }
  template <class V> void visit(V&& v) const { v("axis", axis); }
};

/// x, or zeros of `shape` if it is left out, with elements added at indices.
struct ScatterAdd : Op {
  static constexpr OpInfo info{.name = "scatter_add", .arity = 3, .saves = Saves::input1};
  int axis = 0;
  Shape shape;
  void add(Tensor y, const Tensor& index, const Tensor& source) const;
  Tensor forward(const Tensor& x, const Tensor& index, const Tensor& source) const;
  Cotangents vjp(const Pullback& p) const;
  template <class V> void visit(V&& v) const { v("axis", axis); v("shape", shape); }
};

struct Gather : Op {
  static constexpr OpInfo info{.name = "gather", .arity = 2, .saves = Saves::input1};
  int axis = 0;
  Tensor forward(const Tensor& x, const Tensor& index) const;
  Cotangents vjp(const Pullback& p) const {
    return {apply(ScatterAdd{{}, axis, p.shape()}, Tensor(), p.in(1), p.g), {}};
  }
  Tensor add_to(const Pullback& p, Tensor sum) const {
    return apply_in_place(ScatterAdd{{}, axis, p.shape()}, std::move(sum), p.in(1), p.g);
  }
  template <class V> void visit(V&& v) const { v("axis", axis); }
};

struct OneHot : Op {
  static constexpr OpInfo info{.name = "one_hot", .differentiable = false};
  std::int64_t classes = 1;
  DType dtype = float32;
  Tensor forward(const Tensor& index) const;
  template <class V> void visit(V&& v) const { v("classes", classes); v("dtype", dtype); }
};
// clang-format on

Tensor IndexSelect::forward(const Tensor& x, const Tensor& index) const {
  Shape shape = x.shape();
  const Lines lines(shape, axis);
  const Tensor at = places(info.name, index, lines.size), dense = contiguous(x);
  shape[axis] = index.numel();
  Tensor y = empty(shape, x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    take(lines, index.numel(), at.data<std::int64_t>(), dense.data<T>(), y.mutable_data<T>());
  });
  return y;
}

void IndexAdd::add(Tensor y, const Tensor& index, const Tensor& source) const {
  const Tensor at = places(info.name, index, size), dense = contiguous(source);
  dispatch_numbers(y.dtype(), [&]<class T>() {
    add_at(Lines(y.shape(), axis), index.numel(), at.data<std::int64_t>(), dense.data<T>(), y.mutable_data<T>());
  });
}

Tensor IndexAdd::forward(const Tensor& x, const Tensor& index, const Tensor& source) const {
  Shape shape = source.shape();
  shape[axis] = size;
  const Tensor y = start(x, shape, source.dtype());
  add(y, index, source);
  return y;
}

Tensor Gather::forward(const Tensor& x, const Tensor& index) const {
  const Tensor at = places(info.name, index, x.raw()->sizes()[axis]);
  Tensor y = empty(index.shape(), x.dtype());
  take_along(axis, at, x, y);
  return y;
}

void ScatterAdd::add(Tensor y, const Tensor& index, const Tensor& source) const {
  add_along(axis, places(info.name, index, shape[axis]), source, y);
}

Tensor ScatterAdd::forward(const Tensor& x, const Tensor& index, const Tensor& source) const {
  const Tensor y = start(x, shape, source.dtype());
  add(y, index, source);
  return y;
}

Cotangents ScatterAdd::vjp(const Pullback& p) const {
  if (!p.needs(2)) return {p.g, {}, {}};
  Tensor g = gather(p.g, axis, p.in(1));
  // What of the source the index does not reach takes no part.
  const Shape whole = p.shape(2);
  for (int d = 0; d < whole.rank(); ++d) {
    Shape wider = g.shape();
    if (wider[d] == whole[d]) continue;
    const std::int64_t used = std::exchange(wider[d], whole[d]);
    g = slice_put(g, wider, d, 0, used);
  }
  return {p.g, {}, g};
}

Tensor OneHot::forward(const Tensor& index) const {
  const Tensor at = places(info.name, index, 0, classes);
  Shape shape = index.shape();
  shape.push_back(classes);
  Tensor y = zeros(shape, dtype);
  const std::int64_t* place = at.data<std::int64_t>();
  dispatch(dtype, [&]<class T>() {
    T* out = y.mutable_data<T>();
    for (std::int64_t i = 0; i < at.numel(); ++i) out[i * classes + place[i]] = T(1);
  });
  return y;
}

// ---- checks --------------------------------------------------------------------------------------

void check_vector(const char* op, const Tensor& index, CallSite site) {
  check_index(op, index, site);
  if (index.rank() != 1) fail<ShapeError>(op, "expected an index of rank 1, got " + to_string(index.shape()), site);
}

/// An index no larger than `x`, but for `axis`.
void check_fits(const char* op, const Tensor& index, const Tensor& x, int axis, CallSite site) {
  bool fits = index.rank() == x.rank();
  for (int d = 0; fits && d < x.rank(); ++d) fits = d == axis || index.raw()->sizes()[d] <= x.raw()->sizes()[d];
  if (!fits)
    fail<ShapeError>(op,
                     fmt::format("expected an index no larger than {} but for axis {}, got {}",
                                 to_string(x.shape()),
                                 axis,
                                 to_string(index.shape())),
                     site);
}

void check_source(const char* op, Arg x, const Tensor& source) {
  if (x->dtype() == boolean) fail<DTypeError>(op, "expected a tensor of numbers, got bool", x.site);
  check_same_dtype(op, x, source);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor index_select(Arg x, std::int64_t axis, const Tensor& index) {
  check_vector("index_select", index, x.site);
  IndexSelect op;
  op.axis = check_axis("index_select", x, axis, x->rank());
  return apply(op, x, index);
}

Tensor index_add(Arg x, std::int64_t axis, const Tensor& index, const Tensor& source) {
  check_vector("index_add", index, x.site);
  check_source("index_add", x, source);
  IndexAdd op;
  op.axis = check_axis("index_add", x, axis, x->rank());
  Shape part = x->shape();
  op.size = std::exchange(part[op.axis], index.numel());
  if (source.shape() != part)
    fail<ShapeError>("index_add",
                     fmt::format("expected a source {} for {} and {} indices, got {}",
                                 to_string(part),
                                 to_string(x->shape()),
                                 index.numel(),
                                 to_string(source.shape())),
                     x.site);
  return apply(op, x, index, source);
}

Tensor gather(Arg x, std::int64_t axis, const Tensor& index) {
  check_index("gather", index, x.site);
  Gather op;
  op.axis = check_axis("gather", x, axis, x->rank());
  check_fits("gather", index, x, op.axis, x.site);
  return apply(op, x, index);
}

Tensor scatter_add(Arg x, std::int64_t axis, const Tensor& index, const Tensor& source) {
  check_index("scatter_add", index, x.site);
  check_source("scatter_add", x, source);
  ScatterAdd op;
  op.axis = check_axis("scatter_add", x, axis, x->rank());
  check_writes("scatter_add", x, op.axis, index, source, x.site);
  op.shape = x->shape();
  return apply(op, x, index, source);
}

Tensor one_hot(Arg index, std::int64_t classes, DType dtype) {
  check_index("one_hot", index, index.site);
  check_room("one_hot", index->shape(), index.site);
  if (classes < 1) fail<ArgumentError>("one_hot", fmt::format("expected classes >= 1, got {}", classes), index.site);
  OneHot op;
  op.classes = classes;
  op.dtype = dtype;
  return apply(op, index);
}

namespace detail {

std::vector<OpEntry> index_examples();  // in examples/index.cpp

std::span<const OpEntry> index_ops() {
  static const auto table = typed<IndexSelect, IndexAdd, Gather, ScatterAdd, OneHot>(index_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus

// The part of the index family that writes at places, and masks.

#include "axes.h"
#include "index/places.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/index.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace detail {
namespace {

void check_mask(const char* op, const Tensor& mask, CallSite site) {
  if (mask.dtype() != boolean)
    fail<DTypeError>(op, fmt::format("expected a bool mask, got {}", to_string(mask.dtype())), site);
}

/// Which element of a source, counted in row-major order, ends up at each place; -1 for none. Of those that
/// go to one place it is the last.
Tensor writers(const char* op, const Shape& shape, int axis, const Tensor& index, const Shape& source) {
  Tensor y = full(shape, -1, int64);
  write_along(axis, places(op, index, shape[axis]), source, y);
  return y;
}

/// x, with the parts of `source` along axis 0 that `writer` names (not -1) instead.
Tensor written(const Tensor& x, const Tensor& writer, const Tensor& source) {
  const Tensor none = less(writer, 0.0);
  Shape shape = x.shape();
  for (int d = 1; d < shape.rank(); ++d) shape[d] = 1;
  return where(reshape(none, shape), x, index_select(source, 0, where(none, 0.0, writer)));
}

/// The places of elements other than 0 in row-major order.
std::vector<std::int64_t> places_of(const Tensor& x) {
  const Tensor dense = contiguous(x);
  std::vector<std::int64_t> places;
  dispatch(x.dtype(), [&]<class T>() {
    const T* in = dense.data<T>();
    for (std::int64_t i = 0; i < dense.numel(); ++i)
      if (in[i] != T(0)) places.push_back(i);
  });
  return places;
}

struct Nonzero : Op {
  static constexpr OpInfo info{.name = "nonzero", .differentiable = false};
  Tensor forward(const Tensor& x) const {
    const std::vector<std::int64_t> places = places_of(x);
    Tensor y = empty({static_cast<std::int64_t>(places.size()), x.rank()}, int64);
    const Shape strides = contiguous_strides(x.shape());
    std::int64_t* out = y.mutable_data<std::int64_t>();
    for (std::int64_t place : places)
      for (int d = 0; d < x.rank(); ++d) {
        *out++ = place / strides[d];
        place %= strides[d];
      }
    return y;
  }
};

[[noreturn]] void fail_shape(
    const char* op, const std::string& what, const Shape& wanted, const Shape& got, CallSite site) {
  fail<ShapeError>(op, fmt::format("expected {} {}, got {}", what, to_string(wanted), to_string(got)), site);
}

/// ShapeError unless `from` broadcasts to `to`.
void check_broadcasts(const char* op, const std::string& what, const Shape& from, const Shape& to, CallSite site) {
  bool fits = from.rank() <= to.rank();
  for (int d = 1; fits && d <= from.rank(); ++d) {
    const std::int64_t size = from[from.rank() - d];
    fits = size == 1 || size == to[to.rank() - d];
  }
  if (!fits) fail_shape(op, what, to, from, site);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor scatter(Arg x, std::int64_t axis, const Tensor& index, const Tensor& source) {
  constexpr auto name = "scatter";
  check_index(name, index, x.site);
  check_same_dtype(name, x, source);
  const int d = check_axis(name, x, axis, x->rank());
  check_writes(name, x, d, index, source, x.site);
  const SitePin pin(x.site);
  if (index.numel() == 0) return x;
  const Tensor writer = writers(name, x->shape(), d, index, source.shape());
  const Shape row{x->numel()};
  return reshape(written(reshape(x, row), reshape(writer, row), reshape(source, {source.numel()})), x->shape());
}

Tensor index_fill(Arg x, std::int64_t axis, const Tensor& index, double value) {
  constexpr auto name = "index_fill";
  check_index(name, index, x.site);
  if (index.rank() != 1) fail<ShapeError>(name, "expected an index of rank 1, got " + to_string(index.shape()), x.site);
  const int d = check_axis(name, x, axis, x->rank());
  check_scalar(name, x, value);
  const SitePin pin(x.site);
  const std::int64_t n = x->shape()[d];
  const Tensor kept = less(writers(name, {n}, 0, index, index.shape()), 0.0);
  Shape shape = x->shape();
  for (int i = 0; i < shape.rank(); ++i)
    if (i != d) shape[i] = 1;
  return where(reshape(kept, shape), x, value);
}

Tensor index_put(Arg x, std::span<const Tensor> indices, const Tensor& values, bool accumulate) {
  constexpr auto name = "index_put";
  const int k = static_cast<int>(indices.size());
  if (k == 0 || k > x->rank())
    fail<ArgumentError>(name, fmt::format("expected 1 to {} indices, got {}", x->rank(), k), x.site);
  check_same_dtype(name, x, values);
  if (accumulate && x->dtype() == boolean) fail<DTypeError>(name, "expected a tensor of numbers, got bool", x.site);
  Shape shape;
  for (const Tensor& index : indices) {
    check_index(name, index, x.site);
    shape = broadcast_shapes(shape, index.shape(), name, x.site);
  }
  const SitePin pin(x.site);
  Tensor flat = zeros(shape, int64);
  std::int64_t rows = 1;
  for (int d = 0; d < k; ++d) {
    const std::int64_t n = x->shape()[d];
    rows *= n;
    flat = add(mul(flat, static_cast<double>(n)), places(name, indices[static_cast<std::size_t>(d)], n));
  }
  const std::int64_t count = flat.numel();
  Shape whole{rows}, parts{count};
  for (int d = k; d < x->rank(); ++d) {
    shape.push_back(x->shape()[d]);
    whole.push_back(x->shape()[d]);
    parts.push_back(x->shape()[d]);
  }
  check_broadcasts(name, "values that broadcast to", values.shape(), shape, x.site);
  if (count == 0) return x;
  const Tensor source = reshape(broadcast_to(values, shape), parts), base = reshape(x, whole);
  flat = reshape(flat, {count});
  const Tensor y =
      accumulate ? index_add(base, 0, flat, source) : written(base, writers(name, {rows}, 0, flat, {count}), source);
  return reshape(y, x->shape());
}

Tensor slice_assign(
    Arg x, const Tensor& source, std::int64_t axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  constexpr auto name = "slice_assign";
  const int d = check_axis(name, x, axis, x->rank());
  check_same_dtype(name, x, source);
  if (step == 0) fail<ArgumentError>(name, "expected a step other than 0", x.site);
  const SitePin pin(x.site);
  const Shape part = slice(detach(x), d, start, stop, step).shape();
  check_broadcasts(name, "a source that broadcasts to", source.shape(), part, x.site);
  Shape line = x->shape();
  for (int i = 0; i < line.rank(); ++i)
    if (i != d) line[i] = 1;
  Shape taken = line;
  taken[d] = part[d];
  return where(slice_put(ones(taken, boolean), line, d, start, stop, step),
               slice_put(broadcast_to(source, part), x->shape(), d, start, stop, step),
               x);
}

Tensor masked_select(Arg x, const Tensor& mask) {
  check_mask("masked_select", mask, x.site);
  const Shape shape = broadcast_shapes(x->shape(), mask.shape(), "masked_select", x.site);
  const SitePin pin(x.site);
  const Tensor places = from_vector(places_of(broadcast_to(mask, shape)));
  return index_select(reshape(broadcast_to(x, shape), {shape.numel()}), 0, places);
}

Tensor masked_fill(Arg x, const Tensor& mask, double value) {
  check_mask("masked_fill", mask, x.site);
  check_broadcasts("masked_fill", "a mask that broadcasts to", mask.shape(), x->shape(), x.site);
  check_scalar("masked_fill", x, value);
  const SitePin pin(x.site);
  return where(mask, value, x);
}

Tensor nonzero(Arg x) { return apply(Nonzero{}, x); }

namespace detail {

std::vector<OpEntry> scatter_examples();  // in examples/scatter.cpp

std::span<const OpEntry> scatter_ops() {
  static const auto table = typed<Nonzero>(scatter_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus

// The part of the shape family that repeats, pads and moves axes.

#include "axes.h"
#include "family.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"

#include <limits>

namespace gradus {
namespace detail {
namespace {

/// x or zeros in a window which begins at place low[d] of x along each axis; a number outside x.
struct Window : Op {
  static constexpr OpInfo info{.name = "pad", .flops = 0};
  Shape low, shape;
  double value = 0;
  Tensor forward(const Tensor& x) const {
    Tensor y = full(shape, value, x.dtype());
    Shape sizes = shape;
    std::int64_t from = 0, to = 0;
    for (int d = 0; d < shape.rank(); ++d) {
      const std::int64_t first = std::max<std::int64_t>(0, low[d]);
      sizes[d] = std::min(x.raw()->sizes()[d], low[d] + shape[d]) - first;
      if (sizes[d] <= 0) return y;
      from += first * x.raw()->strides()[d];
      to += (first - low[d]) * y.raw()->strides()[d];
    }
    Tensor part = view_as(y, sizes, y.strides(), to);
    copy_into(part, view_as(x, sizes, x.strides(), from));
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    Window back{{}, low, p.shape()};
    for (std::int64_t& place : back.low) place = -place;
    return {apply(back, p.g)};
  }
  template <class V>
  void visit(V&& v) const {
    v("low", low);
    v("shape", shape);
    v("value", value);
  }
};

/// The parts place(0), place(1), … place(n - 1) of an axis.
template <class F>
Tensor picked(const Tensor& x, int axis, std::int64_t n, F place) {
  Tensor index = empty({n}, int64);
  std::int64_t* out = index.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < n; ++i) out[i] = place(i);
  return index_select(x, axis, index);
}

std::int64_t modulo(std::int64_t i, std::int64_t n) { return (i % n + n) % n; }

void check_repeats(const char* op, std::int64_t repeats, CallSite site) {
  if (repeats < 0) fail<ArgumentError>(op, fmt::format("expected repeats >= 0, got {}", repeats), site);
}

void check_pairs(const char* op, Arg x, const char* what, const Shape& a, const Shape& b) {
  if (a.rank() != b.rank())
    fail<ShapeError>(op, fmt::format("expected {}, got {} and {}", what, to_string(a), to_string(b)), x.site);
}

Tensor repeated(const char* op, Arg x, Shape repeats) {
  for (std::int64_t n : repeats) check_repeats(op, n, x.site);
  const SitePin pin(x.site);
  Shape shape = x->shape();
  while (shape.rank() < repeats.rank()) shape.insert(0, 1);
  Tensor y = reshape(x, shape);
  for (int d = 0; d < shape.rank(); ++d) {
    const std::int64_t n = shape[d];
    if (repeats[d] != 1) y = picked(y, d, n * repeats[d], [n](std::int64_t i) { return i % n; });
  }
  return y;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor narrow(Arg x, std::int64_t axis, std::int64_t start, std::int64_t length) {
  const int d = check_axis("narrow", x, axis, x->rank());
  const std::int64_t n = x->shape()[d], first = start < 0 ? start + n : start;
  if (first < 0 || first > n || length < 0 || length > n - first)
    fail<IndexError>(
        "narrow", fmt::format("expected places within 0..{}, got {} from {} on", n, length, start), x.site);
  return slice(x, d, first, first + length);
}

std::vector<Tensor> unbind(Arg x, std::int64_t axis) {
  const int d = check_axis("unbind", x, axis, x->rank());
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < x->shape()[d]; ++i) parts.push_back(select(x, d, i));
  return parts;
}

Tensor unflatten(Arg x, std::int64_t axis, const Shape& sizes) {
  const int d = check_axis("unflatten", x, axis, x->rank());
  Shape shape = x->shape(), given = sizes;
  const std::int64_t n = shape[d];
  std::int64_t known = 1;
  int open = -1;
  bool valid = true;
  for (int i = 0; i < sizes.rank(); ++i) {
    if (sizes[i] == -1 && open < 0)
      open = i;
    else
      valid = valid && sizes[i] >= 0 && !__builtin_mul_overflow(known, sizes[i], &known);
  }
  if (open >= 0 && valid && known > 0) {
    given[open] = n / known;
    known *= given[open];
  }
  if (!valid || known != n || (open >= 0 && given[open] < 0))
    fail<ShapeError>(
        "unflatten",
        fmt::format("expected sizes with the product of axis {} of {}, got {}", d, to_string(shape), to_string(sizes)),
        x.site);
  const SitePin pin(x.site);
  shape.erase(d);
  for (int i = 0; i < given.rank(); ++i) shape.insert(d + i, given[i]);
  return reshape(x, shape);
}

Tensor movedim(Arg x, const Shape& source, const Shape& destination) {
  check_pairs("movedim", x, "as many places as axes", source, destination);
  const std::uint32_t from = axis_mask("movedim", x, source);
  axis_mask("movedim", x, destination);
  Shape order = x->shape();
  for (std::int64_t& axis : order) axis = -1;
  for (int i = 0; i < source.rank(); ++i)
    order[normalize_axis(destination[i], x->rank(), "movedim")] = normalize_axis(source[i], x->rank(), "movedim");
  const Shape others = axes_of(~from & ((1U << x->rank()) - 1));
  int next = 0;
  for (std::int64_t& axis : order)
    if (axis < 0) axis = others[next++];
  return permute(x, order);
}

Tensor movedim(Arg x, std::int64_t source, std::int64_t destination) {
  return movedim(x, Shape{source}, Shape{destination});
}

Tensor swapdims(Arg x, std::int64_t a, std::int64_t b) {
  check_axis("swapdims", x, a, x->rank());
  check_axis("swapdims", x, b, x->rank());
  return transpose(x, a, b);
}

Tensor rot90(Arg x, std::int64_t k, const Shape& axes) {
  if (axes.rank() != 2) fail<ArgumentError>("rot90", "expected two axes, got " + to_string(axes), x.site);
  axis_mask("rot90", x, axes);
  const SitePin pin(x.site);
  switch (modulo(k, 4)) {
    case 1: return transpose(flip(x, {axes[1]}), axes[0], axes[1]);
    case 2: return flip(x, axes);
    case 3: return flip(transpose(x, axes[0], axes[1]), {axes[1]});
    default: return x;
  }
}

Tensor repeat(Arg x, const Shape& repeats) {
  if (repeats.rank() < x->rank())
    fail<ShapeError>("repeat",
                     fmt::format("expected at least {} numbers, one an axis of {}, got {}",
                                 x->rank(),
                                 to_string(x->shape()),
                                 to_string(repeats)),
                     x.site);
  return repeated("repeat", x, repeats);
}

Tensor tile(Arg x, const Shape& repeats) {
  Shape all = repeats;
  while (all.rank() < x->rank()) all.insert(0, 1);
  return repeated("tile", x, all);
}

Tensor repeat_interleave(Arg x, std::int64_t repeats, std::int64_t axis) {
  const int d = check_axis("repeat_interleave", x, axis, x->rank());
  check_repeats("repeat_interleave", repeats, x.site);
  const SitePin pin(x.site);
  return picked(x, d, x->shape()[d] * repeats, [repeats](std::int64_t i) { return i / repeats; });
}

Tensor repeat_interleave(Arg x, const Tensor& repeats, std::int64_t axis) {
  constexpr auto name = "repeat_interleave";
  const int d = check_axis(name, x, axis, x->rank());
  if (repeats.dtype() != int64)
    fail<DTypeError>(name, fmt::format("expected int64 repeats, got {}", to_string(repeats.dtype())), x.site);
  if (repeats.shape() != Shape{x->shape()[d]})
    fail<ShapeError>(
        name, fmt::format("expected {} repeats, got {}", x->shape()[d], to_string(repeats.shape())), x.site);
  const Tensor dense = contiguous(repeats);
  const std::int64_t* count = dense.data<std::int64_t>();
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < dense.numel(); ++i) {
    check_repeats(name, count[i], x.site);
    places.insert(places.end(), static_cast<std::size_t>(count[i]), i);
  }
  return index_select(x, d, from_vector(places));
}

Tensor roll(Arg x, const Shape& shifts, const Shape& axes) {
  check_pairs("roll", x, "as many shifts as axes", shifts, axes);
  for (std::int64_t axis : axes) check_axis("roll", x, axis, x->rank());
  const SitePin pin(x.site);
  Tensor y = x;
  for (int i = 0; i < axes.rank(); ++i) {
    const std::int64_t n = y.size(axes[i]), cut = n == 0 ? 0 : modulo(-shifts[i], n);
    if (cut != 0) y = concat({slice(y, axes[i], cut), slice(y, axes[i], 0, cut)}, axes[i]);
  }
  return y;
}

Tensor roll(Arg x, std::int64_t shift, std::int64_t axis) { return roll(x, Shape{shift}, Shape{axis}); }

Tensor pad(Arg x, const std::vector<std::int64_t>& pads, PadMode mode, double value) {
  if (pads.size() % 2 != 0 || static_cast<int>(pads.size() / 2) > x->rank())
    fail<ArgumentError>(
        "pad",
        fmt::format("expected a pair of pads for each of at most {} axes, got {} numbers", x->rank(), pads.size()),
        x.site);
  const int pairs = static_cast<int>(pads.size() / 2);
  Window window;
  window.shape = window.low = x->shape();
  for (std::int64_t& low : window.low) low = 0;
  window.value = value;
  bool same = true;
  for (int i = 0; i < pairs; ++i) {
    const int d = x->rank() - 1 - i;
    const std::int64_t left = pads[static_cast<std::size_t>(2 * i)], right = pads[static_cast<std::size_t>(2 * i + 1)],
                       n = x->shape()[d];
    const std::int64_t kept = n + std::min<std::int64_t>(left, 0) + std::min<std::int64_t>(right, 0);
    const std::int64_t most = mode == PadMode::reflect                  ? kept - 1
                              : mode == PadMode::circular               ? kept
                              : mode == PadMode::replicate && kept <= 0 ? 0
                                                                        : std::numeric_limits<std::int64_t>::max() / 4;
    if (left > std::max<std::int64_t>(0, most) || right > std::max<std::int64_t>(0, most) || left < -n || right < -n ||
        left + right < -n)
      fail<ShapeError>(
          "pad",
          fmt::format("expected pads that fit axis {} of {}, got {} and {}", d, to_string(x->shape()), left, right),
          x.site);
    window.low[d] = -left;
    window.shape[d] = n + left + right;
    same = same && left == 0 && right == 0;
  }
  if (same) return x;
  if (mode == PadMode::constant) {
    window.value = check_scalar("pad", x, value);
    return apply(window, x);
  }
  const SitePin pin(x.site);
  Tensor y = x;
  for (int d = 0; d < x->rank(); ++d) {
    const std::int64_t n = x->shape()[d], low = window.low[d];
    if (window.shape[d] == n && low == 0) continue;
    // What a crop cuts off is gone: it does not come back around the other end.
    const std::int64_t first = std::max<std::int64_t>(0, low), count = std::min(n, low + window.shape[d]) - first;
    y = picked(y, d, window.shape[d], [=](std::int64_t i) {
      const std::int64_t place = low + i;
      if (mode == PadMode::circular) return first + modulo(place - first, count);
      if (mode == PadMode::replicate) return std::clamp<std::int64_t>(place, 0, n - 1);
      return place < 0 ? -place : place < n ? place : 2 * (n - 1) - place;
    });
  }
  return y;
}

std::vector<Tensor> meshgrid(std::span<const Tensor> xs, bool xy, CallSite site) {
  if (xs.empty()) fail<ArgumentError>("meshgrid", "expected at least one tensor, got none", site);
  if (xs.size() > kMaxRank)
    fail<ShapeError>("meshgrid", fmt::format("expected at most {} tensors, got {}", kMaxRank, xs.size()), site);
  const SitePin pin(site);
  Shape shape;
  for (const Tensor& x : xs) {
    if (x.rank() > 1) fail<ShapeError>("meshgrid", "expected vectors, got " + to_string(x.shape()), site);
    shape.push_back(x.numel());
  }
  std::vector<Tensor> grids;
  for (int i = 0; i < shape.rank(); ++i) {
    Shape column = shape;
    for (int d = 0; d < column.rank(); ++d)
      if (d != i) column[d] = 1;
    const Tensor grid = broadcast_to(reshape(xs[static_cast<std::size_t>(i)], column), shape);
    grids.push_back(xy && shape.rank() > 1 ? transpose(grid, 0, 1) : grid);
  }
  return grids;
}

namespace detail {

std::vector<OpEntry> rearrange_examples();  // in examples/rearrange.cpp

std::span<const OpEntry> rearrange_ops() {
  static const auto table = typed<Window>(rearrange_examples());
  return table;
}

}  // namespace detail
}  // namespace gradus

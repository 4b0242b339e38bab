// The part of the shape family that takes diagonals and triangles of matrices.

#include "axes.h"
#include "family.h"

#include "gradus/ops/shape.h"

#include <cmath>
#include <cstdlib>

namespace gradus {
namespace detail {
namespace {

/// A diagonal of two axes seen as a last axis.
struct Diagonal : Op {
  static constexpr OpInfo info{.name = "diagonal", .linearity = Linearity::linear, .flops = 0};
  int axis1 = 0, axis2 = 1;
  std::int64_t offset = 0;
  Tensor forward(const Tensor& x) const {
    Shape sizes = x.shape(), strides = x.strides();
    const std::int64_t row = std::max<std::int64_t>(0, -offset), column = std::max<std::int64_t>(0, offset);
    const std::int64_t n = std::max<std::int64_t>(0, std::min(sizes[axis1] - row, sizes[axis2] - column));
    const std::int64_t step = strides[axis1] + strides[axis2];
    const std::int64_t first = row * strides[axis1] + column * strides[axis2];
    for (Shape* s : {&sizes, &strides}) {
      s->erase(std::max(axis1, axis2));
      s->erase(std::min(axis1, axis2));
    }
    sizes.push_back(n);
    strides.push_back(step);
    return view_as(x, sizes, strides, sizes.numel() == 0 ? 0 : first);
  }
  Cotangents vjp(const Pullback& p) const;
  template <class V>
  void visit(V&& v) const {
    v("offset", offset);
    v("axis1", axis1);
    v("axis2", axis2);
  }
};

/// The inverse: zeros of a shape but for a diagonal.
struct DiagEmbed : Op {
  static constexpr OpInfo info{.name = "diag_embed", .linearity = Linearity::linear, .flops = 0};
  Diagonal place;
  Shape shape;
  Tensor forward(const Tensor& x) const {
    const Tensor y = zeros(shape, x.dtype());
    Tensor part = place.forward(y);
    if (x.numel() > 0) copy_into(part, x);
    return y;
  }
  Cotangents vjp(const Pullback& p) const { return {apply(place, p.g)}; }
  template <class V>
  void visit(V&& v) const {
    place.visit(v);
    v("shape", shape);
  }
};

Cotangents Diagonal::vjp(const Pullback& p) const { return {apply(DiagEmbed{{}, *this, p.shape()}, p.g)}; }

/// The elements below, or above, a diagonal of the last two axes, and on it.
template <bool lower>
struct Triangle : Op {
  static constexpr OpInfo info{.name = lower ? "tril" : "triu", .linearity = Linearity::linear, .flops = 0};
  std::int64_t diagonal = 0;
  Tensor forward(const Tensor& x) const {
    const Tensor y = clone(x);
    const std::int64_t n = x.shape().back(), rows = x.shape()[x.rank() - 2];
    if (y.numel() == 0) return y;
    dispatch(x.dtype(), [&]<class T>() {
      T* out = Tensor(y).mutable_data<T>();
      for (std::int64_t row = 0; row < y.numel() / n; ++row, out += n) {
        const std::int64_t i = row % rows;
        const std::int64_t edge = std::clamp<std::int64_t>(diagonal > n       ? n
                                                           : diagonal < -rows ? 0
                                                                              : i + diagonal + lower,
                                                           0,
                                                           n);
        lower ? std::fill(out + edge, out + n, T(0)) : std::fill(out, out + edge, T(0));
      }
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const { return {apply(*this, p.g)}; }
  template <class V>
  void visit(V&& v) const {
    v("diagonal", diagonal);
  }
};

template <bool lower>
Tensor triangle(Arg x, std::int64_t diagonal) {
  using O = Triangle<lower>;
  if (x->rank() < 2)
    fail<ShapeError>(O::info.name, "expected a tensor of rank >= 2, got " + to_string(x->shape()), x.site);
  return apply(O{{}, diagonal}, x);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor diagonal(Arg x, std::int64_t offset, std::int64_t axis1, std::int64_t axis2) {
  axis_mask("diagonal", x, {axis1, axis2});
  Diagonal op;
  op.axis1 = normalize_axis(axis1, x->rank(), "diagonal");
  op.axis2 = normalize_axis(axis2, x->rank(), "diagonal");
  const std::int64_t rows = x->shape()[op.axis1], columns = x->shape()[op.axis2];
  op.offset = std::clamp(offset, -rows, columns);
  return apply(op, x);
}

Tensor diag_embed(Arg x, std::int64_t offset, std::int64_t axis1, std::int64_t axis2) {
  constexpr auto name = "diag_embed";
  if (x->rank() == 0) fail<ShapeError>(name, "expected a tensor of rank >= 1, got []", x.site);
  check_room(name, x->shape(), x.site);
  DiagEmbed op;
  const int a = check_axis(name, x, axis1, x->rank() + 1), b = check_axis(name, x, axis2, x->rank() + 1);
  if (a == b) fail<IndexError>(name, fmt::format("expected two axes, got {} and {}", axis1, axis2), x.site);
  const std::int64_t size = x->shape().back() + std::abs(offset);
  op.place.axis1 = a;
  op.place.axis2 = b;
  op.place.offset = offset;
  op.shape = x->shape();
  op.shape.erase(x->rank() - 1);
  op.shape.insert(std::min(a, b), size);
  op.shape.insert(std::max(a, b), size);
  return apply(op, x);
}

Tensor diag(Arg x, std::int64_t offset) {
  if (x->rank() != 1 && x->rank() != 2)
    fail<ShapeError>("diag", "expected a vector or a matrix, got " + to_string(x->shape()), x.site);
  return x->rank() == 1 ? diag_embed(x, offset) : diagonal(x, offset);
}

Tensor tril(Arg x, std::int64_t diagonal) { return triangle<true>(x, diagonal); }
Tensor triu(Arg x, std::int64_t diagonal) { return triangle<false>(x, diagonal); }

namespace detail {

std::span<const OpEntry> diagonal_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const OpEntry table[] = {
      {"diagonal",
       &op_class<Diagonal>,
       {"x[i, i + k]", "g on the diagonal"},
       [] {
         return Examples{{"main", {{}}, [](In in) { return diagonal(in[0]); }},
                         {"1 of axes 2, 0", {{{2, 3, 4}}}, [](In in) { return diagonal(in[0], 1, 2, 0); }},
                         {"-1", {{{3, 3}}}, [](In in) { return diagonal(in[0], -1); }},
                         {"outside", {{}}, [](In in) { return diagonal(in[0], 7); }}};
       }},
      {"diag_embed",
       &op_class<DiagEmbed>,
       {"a matrix with x on the diagonal", "the diagonal of g"},
       [] {
         return Examples{{"main", {{}}, [](In in) { return diag_embed(in[0]); }},
                         {"-1, axes 0, 2", {{}}, [](In in) { return diag_embed(in[0], -1, 0, 2); }}};
       }},
      {"diag",
       nullptr,
       {"a vector as a diagonal, or a matrix's diagonal", "the other of g"},
       [] {
         return Examples{{"vector", {{{3}}}, [](In in) { return diag(in[0], 1); }},
                         {"matrix", {{}}, [](In in) { return diag(in[0], 1); }}};
       }},
      {"tril",
       &op_class<Triangle<true>>,
       {"the part below the diagonal", "that of g"},
       [] {
         return Examples{{"0", {{{3, 3}}}, [](In in) { return tril(in[0]); }},
                         {"-1 of three", {{{2, 3, 4}}}, [](In in) { return tril(in[0], -1); }}};
       }},
      {"triu",
       &op_class<Triangle<false>>,
       {"the part above the diagonal", "that of g"},
       [] {
         return Examples{{"0", {{{3, 3}}}, [](In in) { return triu(in[0]); }},
                         {"1 of three", {{{2, 4, 3}}}, [](In in) { return triu(in[0], 1); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

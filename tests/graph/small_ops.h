#pragma once

#include "errors.h"

#include <gradus/graph.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

/// Ops of float tensors of one shape, just enough to record with.
namespace gradus::small {

template <class F>
Tensor map(const Tensor& a, F&& f) {
  Tensor y = empty_like(a);
  const Tensor x = contiguous(a);
  for (std::int64_t i = 0; i < x.numel(); ++i) y.mutable_data<float>()[i] = f(x.data<float>()[i], i);
  return y;
}

struct Add : Op {
  static constexpr OpInfo info{.name = "add", .arity = 2, .linearity = Linearity::linear};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    return map(a, [&](float v, std::int64_t i) { return v + b.data<float>()[i]; });
  }
  Cotangents vjp(const Pullback& p) const { return {p.g, p.g}; }
};
inline const auto add = make_op<Add>();

struct Mul : Op {
  static constexpr OpInfo info{.name = "mul", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  Tensor forward(const Tensor& a, const Tensor& b) const {
    if (a.shape() != b.shape()) detail::fail<ShapeError>("mul", "expected equal shapes");
    return map(a, [&](float v, std::int64_t i) { return v * b.data<float>()[i]; });
  }
  Cotangents vjp(const Pullback& p) const;
};
inline const auto mul = make_op<Mul>();
inline Cotangents Mul::vjp(const Pullback& p) const {
  Cotangents result(2);
  if (p.needs(0)) result[0] = mul(p.g, p.in(1));
  if (p.needs(1)) result[1] = mul(p.g, p.in(0));
  return result;
}

struct Exp : Op {
  static constexpr OpInfo info{.name = "exp", .saves = Saves::output};
  Tensor forward(const Tensor& x) const {
    return map(x, [](float v, std::int64_t) { return std::exp(v); });
  }
  Cotangents vjp(const Pullback& p) const { return {mul(p.g, p.out())}; }
};
inline const auto exp = make_op<Exp>();

/// alpha * x, with an attribute of each kind.
struct Scale : Op {
  static constexpr OpInfo info{.name = "scale", .linearity = Linearity::linear};
  double alpha = 1;
  std::int64_t axis = 0;
  bool keep = false;
  Shape sizes{};
  std::string mode = "same";

  Tensor forward(const Tensor& x) const {
    return map(x, [this](float v, std::int64_t) { return static_cast<float>(alpha) * v; });
  }
  Cotangents vjp(const Pullback& p) const { return {apply(*this, p.g)}; }
  template <class V>
  void visit(V&& v) const {
    v("alpha", alpha);
    v("axis", axis);
    v("keep", keep);
    v("sizes", sizes);
    v("mode", std::string_view(mode));
  }
};
inline Tensor scale(Arg x, double alpha) {
  Scale op;
  op.alpha = alpha;
  return apply(op, x);
}

/// Two differentiable results, the halves of a vector.
struct Halves : Op {
  static constexpr OpInfo info{.name = "halves", .outputs = 2};
  Tensors forward(const Tensor& x) const {
    const std::int64_t n = x.numel() / 2;
    return {clone(view_as(x, {n}, {1})), clone(view_as(x, {x.numel() - n}, {1}, n))};
  }
};
inline const auto halves = make_op<Halves>();

/// The largest element, and behind it its place, which the rule keeps.
struct Largest : Op {
  static constexpr OpInfo info{.name = "largest", .saves = Saves::extras};
  Tensors forward(const Tensor& x) const {
    std::int64_t at = 0;
    for (std::int64_t i = 1; i < x.numel(); ++i)
      if (x.data<float>()[i] > x.data<float>()[at]) at = i;
    return {scalar(x.data<float>()[at]), scalar(static_cast<double>(at), int64)};
  }
};
inline const auto largest = make_op<Largest>();

/// Any number of inputs, all saved.
struct Join : Op {
  static constexpr OpInfo info{.name = "join", .arity = kVariadic, .saves = Saves::inputs};
  Tensor forward(std::span<const Tensor> xs) const {
    std::vector<float> all;
    for (const Tensor& x : xs)
      for (float v : x.to_vector<float>()) all.push_back(v);
    return from_vector(all);
  }
};
inline const auto join = make_op<Join>();

struct Sign : Op {
  static constexpr OpInfo info{.name = "sign", .differentiable = false};
  Tensor forward(const Tensor& x) const {
    return map(x, [](float v, std::int64_t) { return v < 0 ? -1.0F : 1.0F; });
  }
};
inline const auto sign = make_op<Sign>();

/// Does nothing to a shape of any kind: for graphs whose values don't matter.
template <int N>
struct Fake : Op {
  static constexpr OpInfo info{.name = "fake", .arity = N, .saves = Saves::inputs};
};

/// One element, a leaf.
inline Tensor one(float value = 1) { return leaf(full({1}, value)); }

// ---- what a node holds ---------------------------------------------------------------------------

/// The nodes of the inputs.
inline std::vector<const void*> makers(const Node& node) {
  std::vector<const void*> result;
  for (const Edge& edge : node.inputs()) result.push_back(edge.node);
  return result;
}
using Makers = std::vector<const void*>;

/// What the rule of the op that made `y` gives for a cotangent of ones.
inline Cotangents pull(const Tensor& y) {
  Node& node = *node_of(y);
  std::vector<Tensor> cotangents(static_cast<std::size_t>(node.output_count()));
  for (int k = 0; k < node.output_count(); ++k)
    cotangents[static_cast<std::size_t>(k)] = ones(node.shape(k), node.dtype(k));
  return node.op().vjp(node.attributes(), Pullback(node, cotangents));
}

/// The slots of what a node saves.
inline std::vector<int> slots(const Tensor& y) {
  std::vector<int> result;
  for (const SavedTensor& s : node_of(y)->saved()) result.push_back(s.slot);
  return result;
}

}  // namespace gradus::small

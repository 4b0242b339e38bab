#include "family.h"
#include "step_kernels.h"

#include "gradus/graph/node.h"
#include "gradus/kernels/elementary.h"
#include "gradus/kernels/maxout.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace detail {
namespace {

constexpr Domain kAroundZero = domain(-3, 3, {0});

// clang-format off

/// g where y > 0, else 0; y is the relu's result, or its input. (NaN lets g pass.)
struct ReluGrad : Op {
  static constexpr OpInfo info{.name = "relu_grad", .arity = 2, .saves = Saves::input1, .domain = kAroundZero};
  Tensor forward(const Tensor& g, const Tensor& y) const {
    return dispatch_floating(y.dtype(), [&]<class T>() { return map<T, T>(g, y, [](T u, T v) { return v <= 0 ? T(0) : u; }); });
  }
  Cotangents vjp(const Pullback& p) const { return {p.needs(0) ? apply(*this, p.g, p.in(1)) : Tensor(), Tensor()}; }
};

struct Relu : Op {
  static constexpr OpInfo info{.name = "relu", .saves = Saves::output, .domain = kAroundZero};
  Tensor forward(const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() { return map<T, T>(x, [](T v) { return T(0) > v ? T(0) : v; }); });
  }
  Cotangents vjp(const Pullback& p) const { return {apply(ReluGrad{}, p.g, p.out())}; }
  static constexpr const StepKernel* step_kernel() {
    return element_kernel<Relu>([]<class T>(T a) { return T(0) > a ? T(0) : a; }, []<class T>(T g, T y, T) { return y <= 0 ? T(0) : g; });
  }
};

struct Slope : Op {
  double slope = 0.01;
  template <class V> void visit(V&& v) const { v("negative_slope", slope); }
};

/// g where x > 0, else slope g
struct LeakyReluGrad : Slope {
  static constexpr OpInfo info{.name = "leaky_relu_grad", .arity = 2, .saves = Saves::input1, .domain = kAroundZero};
  Tensor forward(const Tensor& g, const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T s = static_cast<T>(slope);
      return map<T, T>(g, x, [=](T u, T v) { return v > 0 ? u : s * u; });
    });
  }
  Cotangents vjp(const Pullback& p) const { return {p.needs(0) ? apply(*this, p.g, p.in(1)) : Tensor(), Tensor()}; }
};

struct LeakyRelu : Slope {
  static constexpr OpInfo info{.name = "leaky_relu", .saves = Saves::input0, .domain = kAroundZero};
  Tensor forward(const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T s = static_cast<T>(slope);
      return map<T, T>(x, [=](T v) { return v > 0 ? v : s * v; });
    });
  }
  Cotangents vjp(const Pullback& p) const { return {apply(LeakyReluGrad{*this}, p.g, p.in(0))}; }
};

struct Prelu : Op {
  static constexpr OpInfo info{.name = "prelu", .arity = 2, .saves = Saves::inputs, .domain = kAroundZero};
  Tensor forward(const Tensor& x, const Tensor& w) const {
    return dispatch_floating(x.dtype(), [&]<class T>() { return map<T, T>(x, w, [](T v, T s) { return v > 0 ? v : s * v; }); });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(0), positive = greater(x, 0);
    return {p.needs(0) ? where(positive, p.g, mul(p.g, p.in(1))) : Tensor(),
            p.needs(1) ? where(positive, 0.0, mul(p.g, x)) : Tensor()};
  }
};

struct Alpha : Op {
  double alpha = 1;
  template <class V> void visit(V&& v) const { v("alpha", alpha); }
};

/// g where x > 0, else alpha g e^x
struct EluGrad : Alpha {
  static constexpr OpInfo info{.name = "elu_grad", .arity = 2, .saves = Saves::inputs, .domain = kAroundZero};
  Tensor forward(const Tensor& g, const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T a = static_cast<T>(alpha);
      return map<T, T>(g, x, [=](T u, T v) {
        const T slope = a * elementary::exp(v);
        return u * (v > 0 ? T(1) : slope);
      });
    });
  }
  Cotangents vjp(const Pullback& p) const {
    const Tensor x = p.in(1);
    Cotangents result(2);
    if (p.needs(0)) result[0] = apply(*this, p.g, x);
    if (p.needs(1)) {
      // e^x only of what is used: an infinite one would spoil the third derivative.
      const Tensor curved = mul(exp(clamp(x, {}, 0)), alpha);
      result[1] = where(greater(x, 0), 0.0, mul(mul(p.g, p.in(0)), curved));
    }
    return result;
  }
};

struct Elu : Alpha {
  static constexpr OpInfo info{.name = "elu", .saves = Saves::input0, .domain = kAroundZero};
  Tensor forward(const Tensor& x) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T a = static_cast<T>(alpha);
      return map<T, T>(x, [=](T v) {
        const T curved = a * elementary::expm1(v);
        return v > 0 ? v : curved;
      });
    });
  }
  Cotangents vjp(const Pullback& p) const { return {apply(EluGrad{*this}, p.g, p.in(0))}; }
};
// clang-format on

/// The largest of each group of `pieces` neighbours along an axis.
struct Maxout : Op {
  static constexpr OpInfo info{.name = "maxout", .saves = Saves::input0 | Saves::output};
  std::int64_t pieces = 2;
  int axis = 0;

  template <class V>
  void visit(V&& v) const {
    v("pieces", pieces);
    v("axis", axis);
  }

  Tensor forward(const Tensor& input) const {
    const Tensor x = dense(input);
    Shape shape = x.shape();
    shape[axis] /= pieces;
    Tensor y = empty(shape, x.dtype());
    dispatch(x.dtype(),
             [&]<class T>() { kernels::maxout(Lines(shape, axis), pieces, x.data<T>(), y.mutable_data<T>()); });
    return y;
  }

  /// g / count for each of the `count` elements of a group that are the largest.
  Cotangents vjp(const Pullback& p) const {
    if (is_recording()) {
      const Tensor y = detach(p.out());
      Shape groups = y.shape(), split;
      groups.insert(axis + 1, 1);
      split = groups;
      split[axis + 1] = pieces;
      const Tensor chosen = to(equal_to(reshape(p.in(0), split), reshape(y, groups)), y.dtype());
      const Tensor share = div(reshape(p.g, groups), sum(chosen, axis + 1, true));
      return {reshape(mul(chosen, share), p.shape())};
    }
    const Tensor x = dense(p.in(0)), y = p.out(), g = dense(p.g);
    Tensor dx = empty_like(x);
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::maxout_gradient(
          Lines(y.shape(), axis), pieces, x.data<T>(), y.data<T>(), g.data<T>(), dx.mutable_data<T>());
    });
    return {dx};
  }
};

/// The weight of a prelu in a shape that broadcasts to x's.
Tensor prelu_weight(Arg x, const Tensor& weight) {
  if (weight.numel() == 1) return weight.rank() == 0 ? weight : reshape(weight, {});
  const std::int64_t channels = x->rank() > 1 ? x->size(1) : 1;
  if (weight.rank() != 1 || weight.size(0) != channels)
    fail<ShapeError>("prelu",
                     fmt::format("expected weight [{}] or [1] for input {}, got {}",
                                 channels,
                                 to_string(x->shape()),
                                 to_string(weight.shape())),
                     x.site);
  Shape shape{channels};
  for (int d = 2; d < x->rank(); ++d) shape.push_back(1);
  return reshape(weight, shape);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor relu(Arg x) {
  check_floating("relu", x);
  return apply(Relu{}, x);
}

Tensor leaky_relu(Arg x, double negative_slope) {
  check_floating("leaky_relu", x);
  LeakyRelu op;
  op.slope = negative_slope;
  return apply(op, x);
}

Tensor prelu(Arg x, const Tensor& weight) {
  check_floating("prelu", x);
  check_floating("prelu", Arg(weight, x.site));
  const SitePin pin(x.site);
  return apply_matched<Prelu>(x, prelu_weight(x, weight));
}

Tensor elu(Arg x, double alpha) {
  check_floating("elu", x);
  Elu op;
  op.alpha = alpha;
  return apply(op, x);
}

Tensor maxout(Arg x, std::int64_t pieces, std::int64_t axis) {
  const int at = check_axis("maxout", x, axis, x->rank());
  if (pieces < 1) fail<ArgumentError>("maxout", fmt::format("expected pieces >= 1, got {}", pieces), x.site);
  const Shape shape = x->shape();
  if (shape[at] % pieces != 0)
    fail<ShapeError>("maxout",
                     fmt::format("expected dimension {} to be a multiple of {}, got {}", at, pieces, to_string(shape)),
                     x.site);
  Maxout op;
  op.pieces = pieces;
  op.axis = at;
  return apply(op, x);
}

namespace detail {

/// An example of an elementwise function around zero.
static Example around_zero(const char* label, std::function<Tensor(const Tensor&)> function) {
  return {label, {{.domain = kAroundZero}}, [=](std::span<const Tensor> in) { return function(in[0]); }, true};
}

static std::vector<Example> leaky_relu_examples() {
  return {around_zero("", [](const Tensor& x) { return leaky_relu(x); }),
          around_zero("slope 0.3", [](const Tensor& x) { return leaky_relu(x, 0.3); }),
          around_zero("slope -0.5", [](const Tensor& x) { return leaky_relu(x, -0.5); })};
}

static std::vector<Example> elu_examples() {
  return {around_zero("", [](const Tensor& x) { return elu(x); }),
          around_zero("alpha 0.5", [](const Tensor& x) { return elu(x, 0.5); })};
}

static std::vector<Example> prelu_examples() {
  const auto call = [](std::span<const Tensor> in) { return prelu(in[0], in[1]); };
  const auto x = [](const Shape& shape) { return Sample{shape, kAroundZero}; };
  return {{"a slope for each channel", {x({2, 3, 2}), {{3}}}, call}, {"one slope", {x({2, 3}), {{1}}}, call}};
}

static std::vector<Example> maxout_examples() {
  using Inputs = std::span<const Tensor>;
  const auto x = [](const Shape& shape) { return Sample{shape, {}, Sample::Kind::distinct}; };
  return {{"pieces 3", {x({2, 6})}, [](Inputs in) { return maxout(in[0], 3); }},
          {"pieces 2", {x({3, 4})}, [](Inputs in) { return maxout(in[0], 2); }},
          {"pieces 2, axis 1", {x({2, 4, 3})}, [](Inputs in) { return maxout(in[0], 2, 1); }}};
}

/// A rule's own op, which takes inputs of one shape; the second has the kink.
template <class O>
static OpEntry fused_entry(Formula formula) {
  return {O::info.name, &op_class<O>, formula, [] {
            return std::vector<Example>{{"", {{}, {.domain = kAroundZero}}, [](std::span<const Tensor> in) {
                                           return apply(O{}, in[0], in[1]);
                                         }}};
          }};
}

std::span<const OpEntry> relu_ops() {
  static const OpEntry table[] = {
      unary_entry<Relu, relu>({"max(x, 0)", "g [x > 0]"}),
      fused_entry<ReluGrad>({"g [y > 0]", "the same of its cotangent; 0"}),
      {"leaky_relu", &op_class<LeakyRelu>, {"x where x > 0, else αx", "g (1 or α)"}, leaky_relu_examples},
      fused_entry<LeakyReluGrad>({"g (1 or α)", "the same of its cotangent; 0"}),
      {"prelu", &op_class<Prelu>, {"x where x > 0, else wx", "g (1 or w), Σ g x [x ≤ 0]"}, prelu_examples},
      {"elu", &op_class<Elu>, {"x where x > 0, else α (e^x - 1)", "g (1 or α e^x)"}, elu_examples},
      fused_entry<EluGrad>({"g (1 or α e^x)", "the same of its cotangent u; u g α e^x [x ≤ 0]"}),
      {"maxout", &op_class<Maxout>, {"the greatest of k neighbours", "g for the greatest"}, maxout_examples},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "gradus/ops/conv.h"

#include "conv/conv_geometry.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace detail {
namespace {

constexpr const char* kConvNames[] = {"conv1d", "conv2d", "conv3d"};
constexpr const char* kTransposeNames[] = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};

// The three are linear in each operand, and the gradients of each are the others:
//   y = Conv(x, w), dx = ConvInput(y, w), dw = ConvWeight(x, y)

struct Conv;
struct ConvInput;
struct ConvWeight;
Tensor convolve(const ConvGeometry& g, const Tensor& x, const Tensor& w);
Tensor convolve_back(const ConvGeometry& g, const Tensor& y, const Tensor& w, const Shape& size);
Tensor correlate(const ConvGeometry& g, const Tensor& x, const Tensor& y, const Shape& kernel);

/// With a bias; its gradient is that of a sum.
struct Conv : ConvGeometry {
  static constexpr OpInfo info{.name = "conv", .arity = 3, .saves = Saves::input0 | Saves::input1};
  double flops(const OpShapes& s) const { return flops_of(s.out[0], s.in[1]); }

  Tensor forward(const Tensor& x, const Tensor& weight, const Tensor& bias) const {
    const Tensor a = dense(x), w = dense(weight), b = bias.defined() ? dense(bias) : bias;
    Tensor y = empty(result(x.shape(), weight.shape()), x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      conv_forward<T>(sizes(x.shape(), weight.shape(), y.shape()),
                      a.data<T>(),
                      w.data<T>(),
                      b.defined() ? b.data<T>() : nullptr,
                      y.mutable_data<T>());
    });
    return y;
  }
  Cotangents vjp(const Pullback& p) const {
    if (!is_recording()) return fused(p);
    Cotangents result(3);
    if (p.needs(0)) result[0] = convolve_back(*this, p.g, p.in(1), p.shape(0));
    if (p.needs(1)) result[1] = correlate(*this, p.in(0), p.g, p.shape(1));
    if (p.needs(2)) {
      Shape axes{0};
      for (int d = 2; d < p.g.rank(); ++d) axes.push_back(d);
      result[2] = sum(p.g, Axes(axes));
    }
    return result;
  }

 private:
  Cotangents fused(const Pullback& p) const {
    const Tensor g = dense(p.g), x = p.needs(1) ? dense(p.in(0)) : Tensor(), w = p.needs(0) ? dense(p.in(1)) : Tensor();
    Cotangents result(3);
    for (int i = 0; i < 3; ++i)
      if (p.needs(i)) result[i] = empty(p.shape(i), g.dtype());
    dispatch_floating(g.dtype(), [&]<class T>() {
      const auto from = [](const Tensor& t) { return t.defined() ? t.data<T>() : nullptr; };
      const auto to = [&](int i) { return result[i].defined() ? result[i].mutable_data<T>() : nullptr; };
      conv_gradients<T>(
          sizes(p.in(0).shape(), p.in(1).shape(), g.shape()), from(x), from(w), from(g), to(0), to(1), to(2));
    });
    return result;
  }
};

/// The gradient of a convolution's input; `size` is that of its spatial axes.
struct ConvInput : ConvGeometry {
  static constexpr OpInfo info{
      .name = "conv_input", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  Shape size;
  template <class V>
  void visit(V&& v) const {
    ConvGeometry::visit(v);
    v("size", size);
  }
  double flops(const OpShapes& s) const { return flops_of(s.in[0], s.in[1]); }

  Tensor forward(const Tensor& g, const Tensor& weight) const {
    const Tensor a = dense(g), w = dense(weight);
    Tensor x = empty(with_spatial(g.size(0), weight.size(1) * groups, size), g.dtype());
    dispatch_floating(g.dtype(), [&]<class T>() {
      conv_input<T>(sizes(x.shape(), weight.shape(), g.shape()), a.data<T>(), w.data<T>(), x.mutable_data<T>());
    });
    return x;
  }
  Cotangents vjp(const Pullback& p) const {
    return {p.needs(0) ? convolve(*this, p.g, p.in(1)) : Tensor(),
            p.needs(1) ? correlate(*this, p.g, p.in(0), p.shape(1)) : Tensor()};
  }
};

/// The gradient of a convolution's weight; `kernel` is the size of its spatial axes.
struct ConvWeight : ConvGeometry {
  static constexpr OpInfo info{
      .name = "conv_weight", .arity = 2, .saves = Saves::inputs, .linearity = Linearity::bilinear};
  Shape kernel;
  template <class V>
  void visit(V&& v) const {
    ConvGeometry::visit(v);
    v("kernel", kernel);
  }
  double flops(const OpShapes& s) const { return flops_of(s.in[1], s.out[0]); }

  Tensor forward(const Tensor& x, const Tensor& g) const {
    check_same_dtype(info.name, x, g);
    check_rank(info.name, x, kernel.rank() + 2);
    check_rank(info.name, g, kernel.rank() + 2);
    const Tensor a = dense(x), b = dense(g);
    const Shape shape = with_spatial(g.size(1), x.size(1) / groups, kernel);
    check_shape(info.name, g, result(x.shape(), shape));
    Tensor w = empty(shape, x.dtype());
    dispatch_floating(x.dtype(), [&]<class T>() {
      conv_weight<T>(sizes(x.shape(), shape, g.shape()), a.data<T>(), b.data<T>(), w.mutable_data<T>());
    });
    return w;
  }
  Cotangents vjp(const Pullback& p) const {
    return {p.needs(0) ? convolve_back(*this, p.in(1), p.g, p.shape(0)) : Tensor(),
            p.needs(1) ? convolve(*this, p.in(0), p.g) : Tensor()};
  }
};

Tensor convolve(const ConvGeometry& g, const Tensor& x, const Tensor& w) { return apply(Conv{g}, x, w, Tensor()); }
Tensor convolve_back(const ConvGeometry& g, const Tensor& y, const Tensor& w, const Shape& x) {
  return apply(ConvInput{g, spatial_part(x)}, y, w);
}
Tensor correlate(const ConvGeometry& g, const Tensor& x, const Tensor& y, const Shape& w) {
  return apply(ConvWeight{g, spatial_part(w)}, x, y);
}

/// The operands of a convolution, checked; x with a batch axis. `in` is the axis of the weight that belongs to
/// the channels of x.
Tensor check_operands(const char* op,
                      Arg x,
                      const Tensor& weight,
                      const Tensor& bias,
                      int spatial,
                      std::int64_t groups,
                      bool transposed) {
  check_floating(op, x);
  check_same_dtype(op, x, weight);
  if (weight.rank() != spatial + 2)
    fail<ShapeError>(
        op,
        fmt::format("expected a weight with {} dimensions, got {}", spatial + 2, to_string(weight.shape())),
        x.site);
  const Tensor batch = with_batch_axis(op, x, spatial);
  if (groups < 1) fail<ArgumentError>(op, fmt::format("expected groups >= 1, got {}", groups), x.site);
  const std::int64_t channels = batch.size(1), rows = weight.size(0);
  const std::int64_t expected = transposed ? rows : weight.size(1) * groups;
  if (channels != expected)
    fail<ShapeError>(op,
                     fmt::format("expected an input with {} channels for weight {} and {} groups, "
                                 "got {}",
                                 expected,
                                 to_string(weight.shape()),
                                 groups,
                                 to_string(x->shape())),
                     x.site);
  if (rows % groups != 0)
    fail<ShapeError>(
        op,
        fmt::format(
            "expected a weight {} whose first size is a multiple of {} groups", to_string(weight.shape()), groups),
        x.site);
  const std::int64_t out = transposed ? weight.size(1) * groups : rows;
  if (bias.defined()) {
    check_same_dtype(op, x, bias);
    if (bias.shape() != Shape{out})
      fail<ShapeError>(op, fmt::format("expected bias [{}], got {}", out, to_string(bias.shape())), x.site);
  }
  return batch;
}

Tensor conv(Arg x, const Tensor& weight, const Tensor& bias, const ConvOptions& o, int spatial) {
  const char* name = kConvNames[spatial - 1];
  const Tensor batch = check_operands(name, x, weight, bias, spatial, o.groups, false);
  Conv op;
  op.groups = o.groups;
  op.stride = per_axis(name, "stride", o.stride, spatial, 1, x.site);
  op.dilation = per_axis(name, "dilation", o.dilation, spatial, 1, x.site);
  op.low = per_axis(name, "padding", o.padding.low(), spatial, 0, x.site);
  op.high = per_axis(name, "padding", o.padding.high(), spatial, 0, x.site);
  for (int d = 0; d < spatial; ++d) {
    const std::int64_t reach = op.dilation[d] * (weight.size(2 + d) - 1);
    if (o.padding.is_same()) {
      if (op.stride[d] != 1)
        fail<ArgumentError>(
            name, fmt::format("expected stride 1 with padding same, got {}", to_string(op.stride)), x.site);
      op.low[d] = reach / 2;
      op.high[d] = reach - reach / 2;
    }
    check_reach(name, batch.shape(), d, op.low[d] + op.high[d], reach + 1, x.site);
  }
  return without_batch_axis(apply(op, Arg(batch, x.site), weight, bias), x->rank() == spatial + 1);
}

Tensor conv_transpose(Arg x, const Tensor& weight, const Tensor& bias, const ConvTransposeOptions& o, int spatial) {
  const char* name = kTransposeNames[spatial - 1];
  const Tensor batch = check_operands(name, x, weight, bias, spatial, o.groups, true);
  ConvInput op;
  op.groups = o.groups;
  op.stride = per_axis(name, "stride", o.stride, spatial, 1, x.site);
  op.dilation = per_axis(name, "dilation", o.dilation, spatial, 1, x.site);
  if (o.padding.is_same()) fail<ArgumentError>(name, "expected a padding in numbers, got same", x.site);
  op.low = per_axis(name, "padding", o.padding.low(), spatial, 0, x.site);
  op.high = per_axis(name, "padding", o.padding.high(), spatial, 0, x.site);
  const Shape more = per_axis(name, "output_padding", o.output_padding, spatial, 0, x.site);
  for (int d = 0; d < spatial; ++d) {
    if (more[d] >= std::max(op.stride[d], op.dilation[d]))
      fail<ArgumentError>(name,
                          fmt::format("expected output_padding below stride {} or dilation {}, got {}",
                                      to_string(op.stride),
                                      to_string(op.dilation),
                                      to_string(more)),
                          x.site);
    const std::int64_t size = (batch.size(2 + d) - 1) * op.stride[d] - op.low[d] - op.high[d] +
                              op.dilation[d] * (weight.size(2 + d) - 1) + more[d] + 1;
    if (size < 1)
      fail<ShapeError>(name,
                       fmt::format("expected a result with elements, got size {} from input {} and weight {}",
                                   size,
                                   to_string(x->shape()),
                                   to_string(weight.shape())),
                       x.site);
    op.size.push_back(size);
    // The convolution whose gradient this is has results for whole strides of output_padding too, which
    // must not count: its padding behind ends before them, within the input if need be.
    op.high[d] -= more[d] / op.stride[d] * op.stride[d];
  }
  const SitePin pin(x.site);
  Tensor y = apply(op, Arg(batch, x.site), weight);
  if (bias.defined()) {
    Shape shape{1, bias.size(0)};
    for (int d = 0; d < spatial; ++d) shape.push_back(1);
    y = add(y, reshape(bias, shape));
  }
  return without_batch_axis(y, x->rank() == spatial + 1);
}

}  // namespace

Shape per_axis(
    const char* op, const char* what, const PerAxis& values, int spatial, std::int64_t least, CallSite site) {
  if (values.count() > 1 && values.count() != spatial)
    fail<ArgumentError>(
        op, fmt::format("expected {} for one or {} axes, got {} numbers", what, spatial, values.count()), site);
  Shape shape;
  for (int d = 0; d < spatial; ++d) {
    if (values[d] < least)
      fail<ArgumentError>(op, fmt::format("expected {} >= {}, got {}", what, least, values[d]), site);
    shape.push_back(values[d]);
  }
  return shape;
}

void check_reach(const char* op, const Shape& x, int axis, std::int64_t padding, std::int64_t kernel, CallSite site) {
  if (kernel < 1) fail<ShapeError>(op, "expected a kernel with elements, got one of size 0", site);
  if (x[2 + axis] + padding < kernel)
    fail<ShapeError>(op,
                     fmt::format("expected a kernel that reaches over at most {} elements of spatial "
                                 "axis {} (with padding), got {} for input {}",
                                 x[2 + axis] + padding,
                                 axis,
                                 kernel,
                                 to_string(x)),
                     site);
}

Tensor with_batch_axis(const char* op, Arg x, int spatial) {
  if (x->rank() != spatial + 1 && x->rank() != spatial + 2)
    fail<ShapeError>(op,
                     fmt::format("expected an input with {} or {} dimensions ([N, C, *] or [C, *]), got {}",
                                 spatial + 2,
                                 spatial + 1,
                                 to_string(x->shape())),
                     x.site);
  return x->rank() == spatial + 2 ? x.tensor : unsqueeze(x, 0);
}

Tensor without_batch_axis(const Tensor& y, bool added) { return added ? squeeze(y, 0) : y; }

}  // namespace detail

using namespace detail;

PerAxis::PerAxis(const Shape& values) : count_(values.rank()) {
  if (count_ < 1 || count_ > 3) fail<ArgumentError>("PerAxis", fmt::format("expected 1 to 3 numbers, got {}", count_));
  std::copy(values.begin(), values.end(), values_.begin());
}

Tensor conv1d(Arg x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv(x, weight, bias, options, 1);
}
Tensor conv2d(Arg x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv(x, weight, bias, options, 2);
}
Tensor conv3d(Arg x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv(x, weight, bias, options, 3);
}
Tensor conv_transpose1d(Arg x, const Tensor& w, const Tensor& b, const ConvTransposeOptions& o) {
  return conv_transpose(x, w, b, o, 1);
}
Tensor conv_transpose2d(Arg x, const Tensor& w, const Tensor& b, const ConvTransposeOptions& o) {
  return conv_transpose(x, w, b, o, 2);
}
Tensor conv_transpose3d(Arg x, const Tensor& w, const Tensor& b, const ConvTransposeOptions& o) {
  return conv_transpose(x, w, b, o, 3);
}

namespace detail {

std::vector<OpEntry> conv_examples();  // in examples/conv.cpp

std::span<const OpEntry> conv_ops() {
  static const auto table = typed<Conv, ConvInput>(
      conv_examples(),
      {{"conv_weight",
        &op_class<ConvWeight>,
        {"Σ x g over the places of windows", "conv_input of g and its cotangent; the convolution of x with that"},
        [] {
          return std::vector<Example>{{"", {{{2, 2, 3, 3}}, {{2, 3, 2, 2}}}, [](std::span<const Tensor> in) {
                                         ConvGeometry g;
                                         g.stride = {2, 1};
                                         g.low = {1, 0};
                                         g.high = {1, 1};
                                         g.dilation = {1, 2};
                                         return apply(ConvWeight{g, {3, 2}}, in[0], in[1]);
                                       }}};
        }}});
  return table;
}

}  // namespace detail
}  // namespace gradus

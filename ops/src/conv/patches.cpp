#include "conv/conv_geometry.h"

#include "gradus/ops/conv.h"

// The patches of images as columns, and back.

namespace gradus {
namespace detail {
namespace {

/// The columns of images; the kernel's sizes are an attribute.
struct Columns : ConvGeometry {
  Shape kernel;
  template <class V>
  void visit(V&& v) const {
    v("kernel", kernel);
    v("stride", stride);
    v("padding", low);
    v("dilation", dilation);
  }

  ConvSizes geometry(const Shape& image) const {
    const Shape weight = with_spatial(1, 1, kernel);
    return sizes(image, weight, result(image, weight));
  }
};

struct Unfold : Columns {
  static constexpr OpInfo info{.name = "unfold", .linearity = Linearity::linear, .flops = 0};
  Tensor forward(const Tensor& x) const;
  Cotangents vjp(const Pullback& p) const;
};

struct Fold : Columns {
  static constexpr OpInfo info{.name = "fold", .linearity = Linearity::linear};
  Shape size;
  template <class V>
  void visit(V&& v) const {
    v("size", size);
    Columns::visit(v);
  }
  Shape image(std::int64_t batch, std::int64_t rows) const { return with_spatial(batch, rows / kernel.numel(), size); }

  Tensor forward(const Tensor& x) const {
    const Tensor columns = dense(x);
    const Shape shape = image(x.size(0), x.size(1));
    Tensor y = zeros(shape, x.dtype());
    dispatch_floating(x.dtype(),
                      [&]<class T>() { columns_to_images(geometry(shape), columns.data<T>(), y.mutable_data<T>()); });
    return y;
  }
  Cotangents vjp(const Pullback& p) const { return {apply(Unfold{*this}, p.g)}; }
};

Tensor Unfold::forward(const Tensor& x) const {
  const Tensor images = dense(x);
  const ConvSizes s = geometry(x.shape());
  Tensor y = empty({s.batch, s.in * volume(s.kernel), volume(s.result)}, x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() { images_to_columns(s, images.data<T>(), y.mutable_data<T>()); });
  return y;
}
Cotangents Unfold::vjp(const Pullback& p) const { return {apply(Fold{*this, spatial_part(p.shape(0))}, p.g)}; }

/// The attributes shared by both, checked against the image's shape.
Columns columns(const char* op, const Shape& image, const PerAxis& kernel, const UnfoldOptions& o, CallSite site) {
  const int spatial = image.rank() - 2;
  Columns c;
  c.kernel = per_axis(op, "kernel", kernel, spatial, 1, site);
  c.stride = per_axis(op, "stride", o.stride, spatial, 1, site);
  c.low = c.high = per_axis(op, "padding", o.padding, spatial, 0, site);
  c.dilation = per_axis(op, "dilation", o.dilation, spatial, 1, site);
  for (int d = 0; d < spatial; ++d)
    check_reach(op, image, d, 2 * c.low[d], c.dilation[d] * (c.kernel[d] - 1) + 1, site);
  return c;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor unfold(Arg x, const PerAxis& kernel, const UnfoldOptions& options) {
  check_floating("unfold", x);
  if (x->rank() < 3 || x->rank() > 5)
    fail<ShapeError>("unfold",
                     fmt::format("expected an input [N, C, *] with 1 to 3 spatial axes, got {}", to_string(x->shape())),
                     x.site);
  return apply(Unfold{columns("unfold", x->shape(), kernel, options, x.site)}, x);
}

Tensor fold(Arg x, const Shape& size, const PerAxis& kernel, const UnfoldOptions& options) {
  check_floating("fold", x);
  if (x->rank() != 3 || size.rank() < 1 || size.rank() > 3)
    fail<ShapeError>("fold",
                     fmt::format("expected an input [N, C prod(kernel), L] and 1 to 3 sizes, got {} and {}",
                                 to_string(x->shape()),
                                 to_string(size)),
                     x.site);
  const Shape image = with_spatial(x->size(0), 1, size);
  Fold op{columns("fold", image, kernel, options, x.site), size};
  const std::int64_t patches = volume(op.geometry(image).result), area = op.kernel.numel();
  if (x->size(1) % area != 0 || x->size(2) != patches)
    fail<ShapeError>(
        "fold",
        fmt::format("expected an input [N, a multiple of {}, {}], got {}", area, patches, to_string(x->shape())),
        x.site);
  return apply(op, x);
}

namespace detail {

std::span<const OpEntry> patch_ops() {
  using Inputs = std::span<const Tensor>;
  static const OpEntry table[] = {
      {"unfold",
       &op_class<Unfold>,
       {"the patches of windows as columns", "fold(g)"},
       [] {
         return std::vector<Example>{{"", {{{2, 2, 3, 4}}}, [](Inputs in) { return unfold(in[0], 2); }},
                                     {"all options", {{{1, 2, 5, 4}}}, [](Inputs in) {
                                        return unfold(
                                            in[0], {2, 3}, {.stride = {2, 1}, .padding = {0, 1}, .dilation = {2, 1}});
                                      }}};
       }},
      {"fold",
       &op_class<Fold>,
       {"columns added where their windows lie", "unfold(g)"},
       [] {
         return std::vector<Example>{{"", {{{2, 8, 6}}}, [](Inputs in) { return fold(in[0], {3, 4}, 2); }},
                                     {"stride, padding", {{{1, 4, 6}}}, [](Inputs in) {
                                        return fold(in[0], {4, 3}, 2, {.stride = 2, .padding = 1});
                                      }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "oracle.h"

namespace oracle {

using namespace gradus;

namespace {

PerAxis per_axis(const Call& c, const char* key, std::int64_t otherwise) {
  if (!c.has(key)) return otherwise;
  return c.attrs().at(key).is_number() ? PerAxis(c.integer(key)) : PerAxis(c.shape(key));
}

Padding padding(const Call& c) {
  if (c.has("padding") && c.attrs().at("padding").is_string())
    return c.text("padding") == "same" ? Padding::same : Padding::valid;
  return per_axis(c, "padding", 0);
}

std::int64_t groups(const Call& c) { return c.has("groups") ? c.integer("groups") : 1; }
bool flag(const Call& c, const char* key, bool otherwise) { return c.has(key) ? c.flag(key) : otherwise; }

using Conv = Tensor (*)(Arg, const Tensor&, const Tensor&, const ConvOptions&);
Function conv(Conv f) {
  return one([f](const Call& c) {
    return f(c("x"),
             c("weight"),
             c("bias"),
             {.stride = per_axis(c, "stride", 1),
              .padding = padding(c),
              .dilation = per_axis(c, "dilation", 1),
              .groups = groups(c)});
  });
}

using ConvTranspose = Tensor (*)(Arg, const Tensor&, const Tensor&, const ConvTransposeOptions&);
Function conv_transpose(ConvTranspose f) {
  return one([f](const Call& c) {
    return f(c("x"),
             c("weight"),
             c("bias"),
             {.stride = per_axis(c, "stride", 1),
              .padding = per_axis(c, "padding", 0),
              .output_padding = per_axis(c, "output_padding", 0),
              .dilation = per_axis(c, "dilation", 1),
              .groups = groups(c)});
  });
}

/// The kernel's sizes if no stride is given.
PerAxis stride(const Call& c) { return c.has("stride") ? per_axis(c, "stride", 1) : PerAxis(); }

Function max_pool(Tensor (*f)(Arg, const PerAxis&, const MaxPoolOptions&)) {
  return one([f](const Call& c) {
    return f(c("x"),
             per_axis(c, "kernel_size", 1),
             {.stride = stride(c),
              .padding = per_axis(c, "padding", 0),
              .dilation = per_axis(c, "dilation", 1),
              .ceil_mode = flag(c, "ceil_mode", false)});
  });
}

Function avg_pool(Tensor (*f)(Arg, const PerAxis&, const AvgPoolOptions&)) {
  return one([f](const Call& c) {
    AvgPoolOptions options{.stride = stride(c),
                           .padding = per_axis(c, "padding", 0),
                           .ceil_mode = flag(c, "ceil_mode", false),
                           .count_include_pad = flag(c, "count_include_pad", true)};
    if (c.has("divisor_override")) options.divisor = c.integer("divisor_override");
    return f(c("x"), per_axis(c, "kernel_size", 1), options);
  });
}

Function adaptive(Tensor (*f)(Arg, const PerAxis&)) {
  return one([f](const Call& c) { return f(c("x"), per_axis(c, "output_size", 1)); });
}

UnfoldOptions unfold_options(const Call& c) {
  return {
      .stride = per_axis(c, "stride", 1), .padding = per_axis(c, "padding", 0), .dilation = per_axis(c, "dilation", 1)};
}

/// A number as size or scale_factor stands for all spatial axes.
Tensor interpolate_case(const Call& c) {
  InterpolateOptions options{.mode = c.has("mode") ? interpolation(c.text("mode")) : Interpolation::nearest,
                             .align_corners = flag(c, "align_corners", false)};
  const Tensor x = c("x");
  if (c.has("size")) {
    Shape size;
    for (int d = 2; d < x.rank(); ++d)
      size.push_back(c.attrs().at("size").is_number() ? c.integer("size") : c.shape("size")[d - 2]);
    return interpolate(x, size, options);
  }
  const Json& factor = c.attrs().at("scale_factor");
  options.scale = factor.is_number() ? std::vector{factor.get<double>()} : factor.get<std::vector<double>>();
  if (!flag(c, "recompute_scale_factor", false)) return interpolate(x, {}, options);
  Shape size;
  for (int d = 2; d < x.rank(); ++d) {
    const auto i = options.scale.size() == 1 ? 0 : static_cast<std::size_t>(d - 2);
    size.push_back(static_cast<std::int64_t>(static_cast<double>(x.size(d)) * options.scale[i]));
  }
  options.scale.clear();
  return interpolate(x, size, options);
}

Tensor embedding_bag_case(const Call& c) {
  const std::string mode = c.has("mode") ? c.text("mode") : "mean";
  return embedding_bag(c("index"),
                       c("offsets"),
                       c("weight"),
                       mode == "max"   ? BagMode::max
                       : mode == "sum" ? BagMode::sum
                                       : BagMode::mean);
}

}  // namespace

Interpolation interpolation(const std::string& mode) {
  return mode == "nearest"         ? Interpolation::nearest
         : mode == "nearest-exact" ? Interpolation::nearest_exact
         : mode == "area"          ? Interpolation::area
         : mode == "bicubic"       ? Interpolation::cubic
                                   : Interpolation::linear;
}

Functions image_functions() {
  return {
      {"adaptive_avg_pool1d", adaptive(adaptive_avg_pool1d)},
      {"adaptive_avg_pool2d", adaptive(adaptive_avg_pool2d)},
      {"adaptive_avg_pool3d", adaptive(adaptive_avg_pool3d)},
      {"adaptive_max_pool1d", adaptive(adaptive_max_pool1d)},
      {"adaptive_max_pool2d", adaptive(adaptive_max_pool2d)},
      {"adaptive_max_pool3d", adaptive(adaptive_max_pool3d)},
      {"attention", one([](const Call& c) {
         return attention(c("q"), c("k"), c("v"), {.mask = c("mask"), .causal = flag(c, "causal", false)});
       })},
      {"avg_pool1d", avg_pool(avg_pool1d)},
      {"avg_pool2d", avg_pool(avg_pool2d)},
      {"avg_pool3d", avg_pool(avg_pool3d)},
      {"bilinear", one([](const Call& c) { return bilinear(c("a"), c("b"), c("weight"), c("bias")); })},
      {"col2im", one([](const Call& c) {
         return fold(c("x"), c.shape("output_size"), per_axis(c, "kernel_size", 1), unfold_options(c));
       })},
      {"conv1d", conv(conv1d)},
      {"conv2d", conv(conv2d)},
      {"conv3d", conv(conv3d)},
      {"conv_transpose1d", conv_transpose(conv_transpose1d)},
      {"conv_transpose2d", conv_transpose(conv_transpose2d)},
      {"conv_transpose3d", conv_transpose(conv_transpose3d)},
      {"embedding", one([](const Call& c) -> Tensor {
         if (!c.has("padding_idx")) return embedding(c("index"), c("weight"));
         const std::int64_t row = c.integer("padding_idx");
         return embedding(c("index"), c("weight"), row < 0 ? row + c("weight").size(0) : row);
       })},
      {"embedding_bag", one(embedding_bag_case)},
      {"group_norm", one([](const Call& c) {
         return group_norm(c("x"), c.integer("groups"), c("weight"), c("bias"), c.number("eps", 1e-5));
       })},
      {"im2col", one([](const Call& c) { return unfold(c("x"), per_axis(c, "kernel_size", 1), unfold_options(c)); })},
      {"instance_norm",
       one([](const Call& c) { return instance_norm(c("x"), c("weight"), c("bias"), c.number("eps", 1e-5)); })},
      {"interpolate", one(interpolate_case)},
      {"layer_norm", one([](const Call& c) {
         return layer_norm(c("x"), c.shape("normalized_shape"), c("weight"), c("bias"), c.number("eps", 1e-5));
       })},
      {"local_response_norm", one([](const Call& c) {
         return local_response_norm(
             c("x"),
             c.integer("size"),
             {.alpha = c.number("alpha", 1e-4), .beta = c.number("beta", 0.75), .k = c.number("k", 1)});
       })},
      {"max_pool1d", max_pool(max_pool1d)},
      {"max_pool2d", max_pool(max_pool2d)},
      {"max_pool3d", max_pool(max_pool3d)},
      {"pixel_shuffle", one([](const Call& c) { return pixel_shuffle(c("x"), c.integer("upscale_factor")); })},
      {"pixel_unshuffle", one([](const Call& c) { return pixel_unshuffle(c("x"), c.integer("downscale_factor")); })},
      {"rms_norm", one([](const Call& c) {
         return rms_norm(c("x"), c.shape("normalized_shape"), c("weight"), c.number("eps", 1e-5));
       })},
  };
}

}  // namespace oracle

#pragma once

#include "gradus/nn/module.h"
#include "gradus/ops/conv.h"
#include "gradus/ops/pool.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <string>

GRADUS_EXPORT_BEGIN
/// Layers over spatial axes: convolutions and pools.
namespace gradus::nn {

struct ConvOptions {
  PerAxis kernel = 3;
  PerAxis stride = 1;
  Padding padding = 0;
  PerAxis dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  DType dtype = float32;
};

struct ConvTransposeOptions {
  PerAxis kernel = 3;
  PerAxis stride = 1;
  PerAxis padding = 0;
  PerAxis output_padding = 0;
  PerAxis dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  DType dtype = float32;
};

namespace detail {

/// The weight [first, second, *kernel] and the bias [out] of a convolution, uniform in +-1/sqrt(fan-in).
/// ArgumentError for a size below 1, or channels that the groups don't divide.
struct ConvParameters {
  Parameter weight, bias;
};
ConvParameters conv_parameters(const char* op,
                               std::int64_t in,
                               std::int64_t out,
                               std::int64_t groups,
                               const PerAxis& kernel,
                               int spatial,
                               bool transposed,
                               bool bias,
                               DType dtype,
                               Generator& generator);
std::string describe_conv(const Tensor& weight, std::int64_t in, std::int64_t out);

/// A convolution over `spatial` axes.
template <class Self, int spatial>
class Conv : public Module<Self> {
 public:
  Conv(std::int64_t in,
       std::int64_t out,
       ConvOptions options = {},
       Generator& generator = default_generator())
      : options_{options.stride, options.padding, options.dilation, options.groups} {
    auto made = conv_parameters("conv",
                                in,
                                out,
                                options.groups,
                                options.kernel,
                                spatial,
                                false,
                                options.bias,
                                options.dtype,
                                generator);
    weight = std::move(made.weight);
    bias = std::move(made.bias);
  }

  Tensor forward(Arg x) const {
    if constexpr (spatial == 1) return conv1d(x, weight, bias, options_);
    if constexpr (spatial == 2) return conv2d(x, weight, bias, options_);
    if constexpr (spatial == 3) return conv3d(x, weight, bias, options_);
  }
  auto fields() { return nn::fields("weight", weight, "bias", bias); }
  std::string describe() const {
    return describe_conv(weight, weight.size(1) * options_.groups, weight.size(0));
  }

  Parameter weight, bias;

 private:
  gradus::ConvOptions options_;
};

/// A transposed convolution over `spatial` axes.
template <class Self, int spatial>
class ConvTranspose : public Module<Self> {
 public:
  ConvTranspose(std::int64_t in,
                std::int64_t out,
                ConvTransposeOptions options = {},
                Generator& generator = default_generator())
      : options_{options.stride,
                 options.padding,
                 options.output_padding,
                 options.dilation,
                 options.groups} {
    auto made = conv_parameters("conv_transpose",
                                in,
                                out,
                                options.groups,
                                options.kernel,
                                spatial,
                                true,
                                options.bias,
                                options.dtype,
                                generator);
    weight = std::move(made.weight);
    bias = std::move(made.bias);
  }

  Tensor forward(Arg x) const {
    if constexpr (spatial == 1) return conv_transpose1d(x, weight, bias, options_);
    if constexpr (spatial == 2) return conv_transpose2d(x, weight, bias, options_);
    if constexpr (spatial == 3) return conv_transpose3d(x, weight, bias, options_);
  }
  auto fields() { return nn::fields("weight", weight, "bias", bias); }
  std::string describe() const {
    return describe_conv(weight, weight.size(0), weight.size(1) * options_.groups);
  }

  Parameter weight, bias;

 private:
  gradus::ConvTransposeOptions options_;
};

std::string describe_pool(const PerAxis& sizes);

/// A pool with windows of one size.
template <class Self, class Options, Tensor (*function)(Arg, const PerAxis&, const Options&)>
class Pool : public Module<Self> {
 public:
  explicit Pool(PerAxis kernel, Options options = {}) : kernel_(kernel), options_(options) {}
  Tensor forward(Arg x) const { return function(x, kernel_, options_); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return describe_pool(kernel_); }

 private:
  PerAxis kernel_;
  Options options_;
};

/// A pool with a result of one size.
template <class Self, Tensor (*function)(Arg, const PerAxis&)>
class AdaptivePool : public Module<Self> {
 public:
  explicit AdaptivePool(PerAxis size) : size_(size) {}
  Tensor forward(Arg x) const { return function(x, size_); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return describe_pool(size_); }

 private:
  PerAxis size_;
};

}  // namespace detail

// Convolutions, as the functions of the same name: Conv2d(in, out, {.kernel = 3, .padding = 1}).
//   shapes    x [N, in, *], y [N, out, *], weight [out, in / groups, *kernel], bias [out]
//   start     weight and bias uniform in +-1/sqrt(in / groups * prod(kernel))
// clang-format off
struct Conv1d : detail::Conv<Conv1d, 1> { using Conv::Conv; };
struct Conv2d : detail::Conv<Conv2d, 2> { using Conv::Conv; };
struct Conv3d : detail::Conv<Conv3d, 3> { using Conv::Conv; };

// Transposed ones; weight [in, out / groups, *kernel], uniform in +-1/sqrt(out / groups * prod(kernel)).
struct ConvTranspose1d : detail::ConvTranspose<ConvTranspose1d, 1> { using ConvTranspose::ConvTranspose; };
struct ConvTranspose2d : detail::ConvTranspose<ConvTranspose2d, 2> { using ConvTranspose::ConvTranspose; };
struct ConvTranspose3d : detail::ConvTranspose<ConvTranspose3d, 3> { using ConvTranspose::ConvTranspose; };

// Pools, as the functions of the same name: MaxPool2d(2), AvgPool2d(3, {.stride = 2}), AdaptiveAvgPool2d(1).
struct MaxPool1d : detail::Pool<MaxPool1d, MaxPoolOptions, max_pool1d> { using Pool::Pool; };
struct MaxPool2d : detail::Pool<MaxPool2d, MaxPoolOptions, max_pool2d> { using Pool::Pool; };
struct MaxPool3d : detail::Pool<MaxPool3d, MaxPoolOptions, max_pool3d> { using Pool::Pool; };
struct AvgPool1d : detail::Pool<AvgPool1d, AvgPoolOptions, avg_pool1d> { using Pool::Pool; };
struct AvgPool2d : detail::Pool<AvgPool2d, AvgPoolOptions, avg_pool2d> { using Pool::Pool; };
struct AvgPool3d : detail::Pool<AvgPool3d, AvgPoolOptions, avg_pool3d> { using Pool::Pool; };
struct AdaptiveAvgPool1d : detail::AdaptivePool<AdaptiveAvgPool1d, adaptive_avg_pool1d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveAvgPool2d : detail::AdaptivePool<AdaptiveAvgPool2d, adaptive_avg_pool2d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveAvgPool3d : detail::AdaptivePool<AdaptiveAvgPool3d, adaptive_avg_pool3d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveMaxPool1d : detail::AdaptivePool<AdaptiveMaxPool1d, adaptive_max_pool1d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveMaxPool2d : detail::AdaptivePool<AdaptiveMaxPool2d, adaptive_max_pool2d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveMaxPool3d : detail::AdaptivePool<AdaptiveMaxPool3d, adaptive_max_pool3d> { using AdaptivePool::AdaptivePool; };
// clang-format on

}  // namespace gradus::nn
GRADUS_EXPORT_END

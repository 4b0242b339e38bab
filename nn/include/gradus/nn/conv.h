#pragma once

#include "gradus/nn/module.h"
#include "gradus/ops/conv.h"
#include "gradus/ops/pool.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

GRADUS_EXPORT_BEGIN
/// Layers over spatial axes: convolutions and pools.
namespace gradus::nn {

namespace detail {

/// An option by a name that others give it: a compile error that says ours.
struct WriteKernel {
  WriteKernel() = default;
  template <class T>
  WriteKernel(const T&) {
    static_assert(std::is_void_v<T>, "write .kernel instead of .kernel_size");
  }
  template <class T = int>
  WriteKernel(std::initializer_list<std::int64_t>) : WriteKernel(T()) {}
};

}  // namespace detail

struct ConvLayerOptions {
  PerAxis kernel = 3;
  [[no_unique_address]] detail::WriteKernel kernel_size = {};
  PerAxis stride = 1;
  Padding padding = 0;
  PerAxis dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  DType dtype = float32;
};

struct ConvTransposeLayerOptions {
  PerAxis kernel = 3;
  [[no_unique_address]] detail::WriteKernel kernel_size = {};
  PerAxis stride = 1;
  Padding padding = 0;
  PerAxis output_padding = 0;
  PerAxis dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  DType dtype = float32;
};

namespace detail {

inline ConvOptions options_of_op(const ConvLayerOptions& o) { return {o.stride, o.padding, o.dilation, o.groups}; }
inline ConvTransposeOptions options_of_op(const ConvTransposeLayerOptions& o) {
  return {o.stride, o.padding, o.output_padding, o.dilation, o.groups};
}

struct ConvSizes {
  std::int64_t in, out, groups;
  PerAxis kernel;
  int spatial;
  bool transposed;
};
/// The weight [first, second, *kernel] and the bias [out] of a convolution, uniform in +-1/sqrt(fan-in).
/// ArgumentError for a size below 1, or channels that the groups don't divide.
struct ConvParameters {
  Parameter weight, bias;
};
ConvParameters conv_parameters(const ConvSizes& sizes, bool bias, DType dtype, Generator& generator);
std::string describe_conv(const Tensor& weight, std::int64_t in, std::int64_t out);

/// A convolution over `spatial` axes, or a transposed one.
template <class Self, class Options, int spatial, auto function>
class Conv : public Module<Self> {
 public:
  Conv(std::int64_t in, std::int64_t out, Options options = {}, Generator& generator = default_generator())
      : options_(options_of_op(options)) {
    ConvParameters made = conv_parameters(
        {in, out, options.groups, options.kernel, spatial, transposed}, options.bias, options.dtype, generator);
    weight = std::move(made.weight);
    bias = std::move(made.bias);
  }

  Tensor forward(Arg x) const { return function(x, weight, bias, options_); }
  auto fields() { return nn::fields("weight", weight, "bias", bias); }
  std::string describe() const {
    const std::int64_t first = weight.size(0), second = weight.size(1) * options_.groups;
    return describe_conv(weight, transposed ? first : second, transposed ? second : first);
  }

  Parameter weight, bias;

 private:
  static constexpr bool transposed = std::is_same_v<Options, ConvTransposeLayerOptions>;
  decltype(options_of_op(Options())) options_;
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

/// The way back from a max pool: x and its indices.
template <class Self, Tensor (*function)(Arg, const Tensor&, const PerAxis&, const MaxUnpoolOptions&)>
class Unpool : public Module<Self> {
 public:
  explicit Unpool(PerAxis kernel, MaxUnpoolOptions options = {}) : kernel_(kernel), options_(options) {}
  Tensor forward(Arg x, const Tensor& indices) const { return function(x, indices, kernel_, options_); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return describe_pool(kernel_); }

 private:
  PerAxis kernel_;
  MaxUnpoolOptions options_;
};

/// A pool of p-norms.
template <class Self, Tensor (*function)(Arg, double, const PerAxis&, const LpPoolOptions&)>
class NormPool : public Module<Self> {
 public:
  NormPool(double p, PerAxis kernel, LpPoolOptions options = {}) : p_(p), kernel_(kernel), options_(options) {}
  Tensor forward(Arg x) const { return function(x, p_, kernel_, options_); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return describe_pool(kernel_); }

 private:
  double p_;
  PerAxis kernel_;
  LpPoolOptions options_;
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
struct Conv1d : detail::Conv<Conv1d, ConvLayerOptions, 1, conv1d> { using Conv::Conv; };
struct Conv2d : detail::Conv<Conv2d, ConvLayerOptions, 2, conv2d> { using Conv::Conv; };
struct Conv3d : detail::Conv<Conv3d, ConvLayerOptions, 3, conv3d> { using Conv::Conv; };

// Transposed ones; weight [in, out / groups, *kernel], uniform in +-1/sqrt(out / groups * prod(kernel)).
struct ConvTranspose1d : detail::Conv<ConvTranspose1d, ConvTransposeLayerOptions, 1, conv_transpose1d> { using Conv::Conv; };
struct ConvTranspose2d : detail::Conv<ConvTranspose2d, ConvTransposeLayerOptions, 2, conv_transpose2d> { using Conv::Conv; };
struct ConvTranspose3d : detail::Conv<ConvTranspose3d, ConvTransposeLayerOptions, 3, conv_transpose3d> { using Conv::Conv; };

// Pools, as the functions of the same name: MaxPool2d(2), AvgPool2d(3, {.stride = 2}), LPPool2d(p, 2),
// AdaptiveAvgPool2d(1), and MaxUnpool2d(2)(x, indices).
struct MaxPool1d : detail::Pool<MaxPool1d, MaxPoolOptions, max_pool1d> { using Pool::Pool; };
struct MaxPool2d : detail::Pool<MaxPool2d, MaxPoolOptions, max_pool2d> { using Pool::Pool; };
struct MaxPool3d : detail::Pool<MaxPool3d, MaxPoolOptions, max_pool3d> { using Pool::Pool; };
struct AvgPool1d : detail::Pool<AvgPool1d, AvgPoolOptions, avg_pool1d> { using Pool::Pool; };
struct AvgPool2d : detail::Pool<AvgPool2d, AvgPoolOptions, avg_pool2d> { using Pool::Pool; };
struct AvgPool3d : detail::Pool<AvgPool3d, AvgPoolOptions, avg_pool3d> { using Pool::Pool; };
struct LPPool1d : detail::NormPool<LPPool1d, lp_pool1d> { using NormPool::NormPool; };
struct LPPool2d : detail::NormPool<LPPool2d, lp_pool2d> { using NormPool::NormPool; };
struct LPPool3d : detail::NormPool<LPPool3d, lp_pool3d> { using NormPool::NormPool; };
struct MaxUnpool1d : detail::Unpool<MaxUnpool1d, max_unpool1d> { using Unpool::Unpool; };
struct MaxUnpool2d : detail::Unpool<MaxUnpool2d, max_unpool2d> { using Unpool::Unpool; };
struct MaxUnpool3d : detail::Unpool<MaxUnpool3d, max_unpool3d> { using Unpool::Unpool; };
struct AdaptiveAvgPool1d : detail::AdaptivePool<AdaptiveAvgPool1d, adaptive_avg_pool1d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveAvgPool2d : detail::AdaptivePool<AdaptiveAvgPool2d, adaptive_avg_pool2d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveAvgPool3d : detail::AdaptivePool<AdaptiveAvgPool3d, adaptive_avg_pool3d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveMaxPool1d : detail::AdaptivePool<AdaptiveMaxPool1d, adaptive_max_pool1d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveMaxPool2d : detail::AdaptivePool<AdaptiveMaxPool2d, adaptive_max_pool2d> { using AdaptivePool::AdaptivePool; };
struct AdaptiveMaxPool3d : detail::AdaptivePool<AdaptiveMaxPool3d, adaptive_max_pool3d> { using AdaptivePool::AdaptivePool; };
// clang-format on

}  // namespace gradus::nn
GRADUS_EXPORT_END

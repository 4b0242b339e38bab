#pragma once

#include "gradus/autograd/checkpoint.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/sequential.h"
#include "gradus/ops/norm.h"

#include <concepts>
#include <string>

GRADUS_EXPORT_BEGIN
/// Layers that normalise values, wrappers that normalise weights, and folding.
namespace gradus::nn {

struct NormOptions {
  double eps = 1e-5;
  bool affine = true;  // with a learnt weight and bias
  DType dtype = float32;
};

/// layer_norm: each sample over its last dimensions.
///   shapes    x [*, *normalized], y like x, weight and bias [*normalized]
///   start     weight 1, bias 0
///   source    Ba, Kiros & Hinton 2016, arXiv:1607.06450
class LayerNorm : public Module<LayerNorm> {
 public:
  explicit LayerNorm(const Shape& normalized, NormOptions options = {});
  explicit LayerNorm(std::int64_t size, NormOptions options = {}) : LayerNorm(Shape{size}, options) {}
  Tensor forward(Arg x) const { return layer_norm(x, normalized_, weight, bias, eps_); }
  auto fields() { return nn::fields("weight", weight, "bias", bias); }
  std::string describe() const { return to_string(normalized_); }

  Parameter weight, bias;

 private:
  Shape normalized_;
  double eps_;
};

/// rms_norm: layer_norm without mean and bias.
///   shapes    x [*, *normalized], y like x, weight [*normalized]
///   start     weight 1
///   source    Zhang & Sennrich 2019, arXiv:1910.07467
class RMSNorm : public Module<RMSNorm> {
 public:
  explicit RMSNorm(const Shape& normalized, NormOptions options = {});
  explicit RMSNorm(std::int64_t size, NormOptions options = {}) : RMSNorm(Shape{size}, options) {}
  Tensor forward(Arg x) const { return rms_norm(x, normalized_, weight, eps_); }
  auto fields() { return nn::fields("weight", weight); }
  std::string describe() const { return to_string(normalized_); }

  Parameter weight;

 private:
  Shape normalized_;
  double eps_;
};

/// group_norm: each sample over groups of channels and all positions.
///   shapes    x [N, channels, *], y like x, weight and bias [channels]
///   start     weight 1, bias 0
///   errors    ArgumentError unless groups divide channels
///   source    Wu & He 2018, arXiv:1803.08494
class GroupNorm : public Module<GroupNorm> {
 public:
  GroupNorm(std::int64_t groups, std::int64_t channels, NormOptions options = {});
  Tensor forward(Arg x) const;
  auto fields() { return nn::fields("weight", weight, "bias", bias); }
  std::string describe() const;

  Parameter weight, bias;

 private:
  std::int64_t groups_, channels_;
  double eps_;
};

struct InstanceNormOptions {
  double eps = 1e-5;
  bool affine = false;
  DType dtype = float32;
};

/// instance_norm: each channel of each sample over its positions.
///   shapes    x [N, channels, *], y like x, weight and bias [channels] if affine
///   source    Ulyanov et al. 2016, arXiv:1607.08022
class InstanceNorm : public Module<InstanceNorm> {
 public:
  explicit InstanceNorm(std::int64_t channels, InstanceNormOptions options = {});
  Tensor forward(Arg x) const { return instance_norm(x, weight, bias, eps_); }
  auto fields() { return nn::fields("weight", weight, "bias", bias); }

  Parameter weight, bias;

 private:
  double eps_;
};

/// local_response_norm: each element divided by what its neighbours across `size` channels sum up to.
///   shapes    x [N, C, *], y like x
///   source    Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks", 3.3
class LocalResponseNorm : public Module<LocalResponseNorm> {
 public:
  explicit LocalResponseNorm(std::int64_t size, LocalResponseOptions options = {}) : size_(size), options_(options) {}
  Tensor forward(Arg x) const { return local_response_norm(x, size_, options_); }
  auto fields() { return nn::fields(); }

 private:
  std::int64_t size_;
  LocalResponseOptions options_;
};

// ---- weights ------------------------------------------------------------------------------------

namespace detail {

Parameter lengths_of_rows(const Tensor& weight);
Tensor with_lengths(const Tensor& direction, const Tensor& lengths);
/// One step of the power iteration on weight [out, rest] with its vectors u [out] and v [rest].
void power_step(const Tensor& weight, Buffer& u, Buffer& v);
Tensor divide_by_spectral_norm(const Tensor& weight, const Tensor& u, const Tensor& v);
struct SpectralVectors {
  Buffer u, v;
};
SpectralVectors spectral_vectors(const Tensor& weight, Generator& generator);

/// Evaluates a copy of the layer with another weight; what a copy shares, it only reads.
template <class M>
Tensor call_with_weight(const M& layer, const Tensor& weight, Arg x) {
  M other(layer);
  static_cast<Tensor&>(other.weight) = weight;
  return other.forward(x);
}

template <class M>
concept Weighted = requires(M& m) {
  { m.weight } -> std::same_as<Parameter&>;
  { m.bias } -> std::same_as<Parameter&>;
};

}  // namespace detail

/// A layer (Linear or a convolution) with its weight given by lengths and directions, which are learnt apart:
///
///     nn::WeightNorm fc{nn::Linear(784, 256)};
///
///   value     weight = weight_g weight_v / |weight_v|, the 2-norm over all dimensions but the first
///   shapes    weight_g [out, 1, …], weight_v as the layer's weight
///   start     so that the layer computes what it did before
///   source    Salimans & Kingma 2016, arXiv:1602.07868
template <detail::Weighted M>
class WeightNorm : public Module<WeightNorm<M>> {
 public:
  explicit WeightNorm(M layer)
      : bias(layer.bias),
        weight_g(detail::lengths_of_rows(layer.weight)),
        weight_v(layer.weight),
        layer_(std::move(layer)) {}

  Tensor weight() const { return detail::with_lengths(weight_v, weight_g); }
  Tensor forward(Arg x) const {
    M layer(layer_);
    static_cast<Tensor&>(layer.bias) = bias;
    return detail::call_with_weight(layer, weight(), x);
  }
  auto fields() { return nn::fields("bias", bias, "weight_g", weight_g, "weight_v", weight_v); }
  std::string describe() const { return layer_.describe(); }

  Parameter bias, weight_g, weight_v;

 private:
  M layer_;
};

/// A layer (Linear or a convolution) whose weight is divided by its largest singular value, so that it
/// stretches nothing. That value comes from a power iteration, one step each time the layer is evaluated in
/// training; the gradient flows through the weight, not through the vectors.
///   value     weight = weight_orig / (u^T weight_orig v), weight_orig seen as a matrix [out, rest]
///   start     u and v after 15 steps from random ones
///   source    Miyato et al. 2018, arXiv:1802.05957
template <detail::Weighted M>
class SpectralNorm : public Module<SpectralNorm<M>> {
 public:
  explicit SpectralNorm(M layer, Generator& generator = default_generator())
      : bias(layer.bias), weight_orig(layer.weight), layer_(std::move(layer)) {
    auto made = detail::spectral_vectors(weight_orig, generator);
    weight_u = std::move(made.u);
    weight_v = std::move(made.v);
  }

  Tensor weight() const { return detail::divide_by_spectral_norm(weight_orig, weight_u, weight_v); }
  Tensor forward(Arg x) {
    if (training && !is_recomputing()) detail::power_step(weight_orig, weight_u, weight_v);
    M layer(layer_);
    static_cast<Tensor&>(layer.bias) = bias;
    return detail::call_with_weight(layer, weight(), x);
  }
  auto fields() {
    return nn::fields("bias", bias, "weight_orig", weight_orig, "weight_u", weight_u, "weight_v", weight_v);
  }
  std::string describe() const { return layer_.describe(); }

  Parameter bias, weight_orig;
  Buffer weight_u, weight_v;
  bool training = true;

 private:
  M layer_;
};

namespace detail {
struct Folded {
  Tensor weight, bias;
};
Folded fold(const Tensor& weight, const Tensor& bias, const BatchNorm& norm);
}  // namespace detail

/// One layer that computes what `layer` (Linear or a convolution, not a transposed one) and then `norm` do in
/// evaluation; it shares nothing with them.
///   value     weight' = s weight, bias' = s (bias - mean) + norm.bias, with s = norm.weight / sqrt(var + eps)
///   errors    ArgumentError if norm has no running statistics; ShapeError if it is of another size
template <detail::Weighted M>
M fold(const M& layer, const BatchNorm& norm) {
  auto folded = detail::fold(layer.weight, layer.bias, norm);
  M result(layer);
  result.weight = Parameter(std::move(folded.weight));
  result.bias = Parameter(std::move(folded.bias));
  return result;
}

/// A copy of the net for evaluation in which each batch norm that has statistics and comes right behind a Linear or a
/// convolution is folded into it; nets inside the net, too. It shares nothing with the net.
Sequential fold(const Sequential& net);

}  // namespace gradus::nn
GRADUS_EXPORT_END

#pragma once

#include "gradus/nn/module.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/norm.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <initializer_list>
#include <string>

GRADUS_EXPORT_BEGIN
/// Activations as layers: ReLU(), LeakyReLU(0.2), Softmax(1). Formulas, errors and sources are those of the
/// functions of the same name; x and y have one shape unless another thing is said.
namespace gradus::nn {

namespace detail {

/// "0.5, 2": what a layer with numbers says of itself.
std::string spell_numbers(std::initializer_list<double> numbers);

/// A function without numbers.
template <class Self, Tensor (*function)(Arg)>
struct Activation : Module<Self> {
  Tensor forward(Arg x) const { return function(x); }
  auto fields() { return nn::fields(); }
};

/// A function along an axis, the last if nothing is said.
template <class Self, Tensor (*function)(Arg, std::int64_t)>
struct ActivationAlong : Module<Self> {
  explicit ActivationAlong(std::int64_t axis_ = -1) : axis(axis_) {}
  Tensor forward(Arg x) const { return function(x, axis); }
  auto fields() { return nn::fields(); }

  std::int64_t axis;
};

}  // namespace detail

// clang-format off
struct ReLU : detail::Activation<ReLU, relu> {};
struct ReLU6 : detail::Activation<ReLU6, relu6> {};
struct Sigmoid : detail::Activation<Sigmoid, sigmoid> {};
struct Tanh : detail::Activation<Tanh, tanh> {};
struct SELU : detail::Activation<SELU, selu> {};
struct SiLU : detail::Activation<SiLU, silu> {};
struct Mish : detail::Activation<Mish, mish> {};
struct Softsign : detail::Activation<Softsign, softsign> {};
struct LogSigmoid : detail::Activation<LogSigmoid, log_sigmoid> {};
struct Tanhshrink : detail::Activation<Tanhshrink, tanhshrink> {};
struct Hardsigmoid : detail::Activation<Hardsigmoid, hardsigmoid> {};
struct Hardswish : detail::Activation<Hardswish, hardswish> {};

struct Softmax : detail::ActivationAlong<Softmax, softmax> { using ActivationAlong::ActivationAlong; };
struct LogSoftmax : detail::ActivationAlong<LogSoftmax, log_softmax> { using ActivationAlong::ActivationAlong; };
struct Softmin : detail::ActivationAlong<Softmin, softmin> { using ActivationAlong::ActivationAlong; };
/// Halves the size along the axis.
struct GLU : detail::ActivationAlong<GLU, glu> { using ActivationAlong::ActivationAlong; };
// clang-format on

/// leaky_relu: x where x > 0, else negative_slope x.
struct LeakyReLU : Module<LeakyReLU> {
  explicit LeakyReLU(double slope = 0.01) : negative_slope(slope) {}
  Tensor forward(Arg x) const { return leaky_relu(x, negative_slope); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({negative_slope}); }

  double negative_slope;
};
/// One learnt slope for all channels, or one for each.
class PReLU : public Module<PReLU> {
 public:
  explicit PReLU(std::int64_t channels = 1, double start = 0.25, DType dtype = float32);
  Tensor forward(Arg x) const { return prelu(x, weight); }
  auto fields() { return nn::fields("weight", weight); }

  Parameter weight;
};
/// elu: x where x > 0, else alpha (e^x - 1).
struct ELU : Module<ELU> {
  explicit ELU(double alpha_ = 1) : alpha(alpha_) {}
  Tensor forward(Arg x) const { return elu(x, alpha); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({alpha}); }

  double alpha;
};
/// celu: x where x > 0, else alpha (e^(x / alpha) - 1).
struct CELU : Module<CELU> {
  explicit CELU(double alpha_ = 1) : alpha(alpha_) {}
  Tensor forward(Arg x) const { return celu(x, alpha); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({alpha}); }

  double alpha;
};
/// gelu: x times the standard normal distribution function at x.
struct GELU : Module<GELU> {
  explicit GELU(Approximate how = Approximate::none) : approximate(how) {}
  Tensor forward(Arg x) const { return gelu(x, approximate); }
  auto fields() { return nn::fields(); }

  Approximate approximate;
};
/// softplus: log(1 + e^(beta x)) / beta, and x itself where beta x > threshold.
struct Softplus : Module<Softplus> {
  explicit Softplus(double beta_ = 1, double threshold_ = 20) : beta(beta_), threshold(threshold_) {}
  Tensor forward(Arg x) const { return softplus(x, beta, threshold); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({beta, threshold}); }

  double beta, threshold;
};
/// softshrink: x moved towards 0 by lambda, and 0 from -lambda to lambda.
struct Softshrink : Module<Softshrink> {
  explicit Softshrink(double lambda_ = 0.5) : lambda(lambda_) {}
  Tensor forward(Arg x) const { return softshrink(x, lambda); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({lambda}); }

  double lambda;
};
/// hardshrink: x, and 0 from -lambda to lambda.
struct Hardshrink : Module<Hardshrink> {
  explicit Hardshrink(double lambda_ = 0.5) : lambda(lambda_) {}
  Tensor forward(Arg x) const { return hardshrink(x, lambda); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({lambda}); }

  double lambda;
};
/// hardtanh: x, or the bound it lies beyond.
struct Hardtanh : Module<Hardtanh> {
  explicit Hardtanh(double min_ = -1, double max_ = 1) : min(min_), max(max_) {}
  Tensor forward(Arg x) const { return hardtanh(x, min, max); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({min, max}); }

  double min, max;
};
/// threshold: x where x > limit, else value.
struct Threshold : Module<Threshold> {
  Threshold(double limit_, double value_) : limit(limit_), value(value_) {}
  Tensor forward(Arg x) const { return threshold(x, limit, value); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({limit, value}); }

  double limit, value;
};

/// The largest of each group of neighbours along the last dimension, whose size is divided by `pieces`.
struct Maxout : Module<Maxout> {
  explicit Maxout(std::int64_t pieces_ = 2) : pieces(pieces_) {}
  Tensor forward(Arg x) const { return maxout(x, pieces); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({static_cast<double>(pieces)}); }

  std::int64_t pieces;
};

struct MaxoutLinearOptions {
  bool bias = true;
  DType dtype = float32;
};

/// Maxout as a layer: units that are the largest of `pieces` linear functions, so with `pieces` times the
/// parameters of a Linear.
///   value     y[…, o] = max_k (x weight^T + bias)[…, o pieces + k]
///   shapes    x [*, in], y [*, out], weight [out pieces, in], bias [out pieces]
///   start     as Linear
///   errors    ArgumentError for a size or a number of pieces below 1
///   source    Goodfellow et al. 2013, arXiv:1302.4389
class MaxoutLinear : public Module<MaxoutLinear> {
 public:
  MaxoutLinear(std::int64_t in,
               std::int64_t out,
               std::int64_t pieces = 2,
               MaxoutLinearOptions options = {},
               Generator& generator = default_generator());
  Tensor forward(Arg x) const;
  auto fields() { return nn::fields("weight", weight, "bias", bias); }
  std::string describe() const;

  Parameter weight, bias;

 private:
  std::int64_t pieces_;
};

}  // namespace gradus::nn
GRADUS_EXPORT_END

#pragma once

#include "gradus/nn/module.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <optional>
#include <string>

/// Layers. Parameters bear PyTorch's names. What a layer draws at the start comes from the generator it is
/// given.
namespace gradus::nn {

struct LinearOptions {
  bool bias = true;
  DType dtype = float32;
};

/// y = x weight^T + bias.
///   shapes    x [*, in], y [*, out], weight [out, in], bias [out]
///   start     weight and bias uniform in +-1/sqrt(in)
class Linear : public Module<Linear> {
 public:
  Linear(std::int64_t in,
         std::int64_t out,
         LinearOptions options = {},
         Generator& generator = default_generator());

  Tensor forward(Arg x) const;
  auto fields() { return nn::fields("weight", weight, "bias", bias); }
  std::string describe() const;

  Parameter weight, bias;
};

struct BatchNormOptions {
  double eps = 1e-5;
  /// The share of a new batch in the running statistics; nothing: their plain average over all batches.
  std::optional<double> momentum = 0.1;
  bool affine = true;
  /// Without them evaluation, too, normalises by the statistics of the batch.
  bool track_running_stats = true;
  DType dtype = float32;
};

/// Batch normalisation over every dimension but the second: by the batch's own mean and variance in
/// training, by running ones in evaluation.
///   shapes    x [N, features] or [N, features, *], y like x
///   start     weight 1, bias 0, running_mean 0, running_var 1
///   errors    ShapeError for another number of features; ArgumentError in training if a feature has fewer
///             than 2 values
///   source    Ioffe & Szegedy 2015, arXiv:1502.03167
class BatchNorm : public Module<BatchNorm> {
 public:
  explicit BatchNorm(std::int64_t features, BatchNormOptions options = {});

  Tensor forward(Arg x);
  auto fields() {
    return nn::fields("weight",
                      weight,
                      "bias",
                      bias,
                      "running_mean",
                      running_mean,
                      "running_var",
                      running_var,
                      "num_batches_tracked",
                      num_batches_tracked);
  }
  std::string describe() const;

  Parameter weight, bias;
  Buffer running_mean, running_var, num_batches_tracked;
  bool training = true;

 private:
  void update_statistics(const Tensor& mean, const Tensor& var);

  std::int64_t features_;
  BatchNormOptions options_;
};

/// Zeroes each element with probability p in training and divides the others by 1 - p; the identity in
/// evaluation (Srivastava et al. 2014). Draws from the thread's default generator.
struct Dropout : Module<Dropout> {
  explicit Dropout(double p = 0.5);
  Tensor forward(Arg x) const;
  auto fields() { return nn::fields(); }
  std::string describe() const;

  double p;
  bool training = true;
};

/// All dimensions but the first as one.
struct Flatten : Module<Flatten> {
  Tensor forward(Arg x) const { return flatten(x); }
};

// Activations; their formulas are those of the functions of the same name.
struct ReLU : Module<ReLU> {
  Tensor forward(Arg x) const { return relu(x); }
};
struct LeakyReLU : Module<LeakyReLU> {
  explicit LeakyReLU(double slope = 0.01) : negative_slope(slope) {}
  Tensor forward(Arg x) const { return leaky_relu(x, negative_slope); }
  auto fields() { return nn::fields(); }

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
struct ELU : Module<ELU> {
  explicit ELU(double alpha_ = 1) : alpha(alpha_) {}
  Tensor forward(Arg x) const { return elu(x, alpha); }
  auto fields() { return nn::fields(); }

  double alpha;
};
struct Sigmoid : Module<Sigmoid> {
  Tensor forward(Arg x) const { return sigmoid(x); }
};
struct Tanh : Module<Tanh> {
  Tensor forward(Arg x) const { return tanh(x); }
};
struct Softplus : Module<Softplus> {
  explicit Softplus(double beta_ = 1, double threshold_ = 20)
      : beta(beta_), threshold(threshold_) {}
  Tensor forward(Arg x) const { return softplus(x, beta, threshold); }
  auto fields() { return nn::fields(); }

  double beta, threshold;
};
/// The largest of each group of neighbours along the last dimension; a Linear before it gives the pieces.
struct Maxout : Module<Maxout> {
  explicit Maxout(std::int64_t pieces_ = 2) : pieces(pieces_) {}
  Tensor forward(Arg x) const { return maxout(x, pieces); }
  auto fields() { return nn::fields(); }

  std::int64_t pieces;
};

}  // namespace gradus::nn

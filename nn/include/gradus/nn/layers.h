#pragma once

#include "gradus/nn/activation.h"
#include "gradus/nn/module.h"
#include "gradus/ops/image.h"
#include "gradus/ops/random.h"
#include "gradus/ops/rotary.h"
#include "gradus/ops/sequence.h"
#include "gradus/ops/shape.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

GRADUS_EXPORT_BEGIN
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
  Linear(std::int64_t in, std::int64_t out, LinearOptions options = {}, Generator& generator = default_generator());

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
  double eps() const { return options_.eps; }

  Parameter weight, bias;
  Buffer running_mean, running_var, num_batches_tracked;
  bool training = true;

 private:
  void update_statistics(const Tensor& mean, const Tensor& var);

  std::int64_t features_;
  BatchNormOptions options_;
};

namespace detail {

std::string describe_dropout(double p);
void check_dropout(double p);

template <class Self, Tensor (*function)(Arg, double, bool, Generator&)>
struct DropoutOf : Module<Self> {
  explicit DropoutOf(double p_ = 0.5) : p(p_) { check_dropout(p); }
  Tensor forward(Arg x) const { return function(x, p, training, default_generator()); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return describe_dropout(p); }

  double p;
  bool training = true;
};

}  // namespace detail

// Layers that drop values in training and are the identity in evaluation. They draw from the thread's default
// generator.
//   errors    ArgumentError unless 0 <= p <= 1
// clang-format off

/// Zeroes each element with probability p and divides the others by 1 - p (Srivastava et al. 2014).
struct Dropout : detail::DropoutOf<Dropout, dropout> { using DropoutOf::DropoutOf; };
/// The same of whole channels: x [N, C, *] (Tompson et al. 2014, arXiv:1411.4280).
struct FeatureDropout : detail::DropoutOf<FeatureDropout, feature_dropout> { using DropoutOf::DropoutOf; };
/// For SELU: keeps mean and variance (Klambauer et al. 2017, arXiv:1706.02515).
struct AlphaDropout : detail::DropoutOf<AlphaDropout, alpha_dropout> { using DropoutOf::DropoutOf; };
// clang-format on

/// LeakyReLU with slopes drawn from [lower, upper) in training, and their mean in evaluation (Xu et al. 2015,
/// arXiv:1505.00853).
///   errors    ArgumentError, when called, unless lower <= upper
struct RReLU : Module<RReLU> {
  explicit RReLU(double lower_ = 1.0 / 8, double upper_ = 1.0 / 3) : lower(lower_), upper(upper_) {}
  Tensor forward(Arg x) const { return rrelu(x, lower, upper, training); }
  auto fields() { return nn::fields(); }
  std::string describe() const { return detail::spell_numbers({lower, upper}); }

  double lower, upper;
  bool training = true;
};

struct BilinearOptions {
  bool bias = true;
  DType dtype = float32;
};

/// y[…, o] = sum_ij a[…, i] weight[o, i, j] b[…, j] + bias[o]
///   shapes    a [*, in1], b [*, in2], y [*, out], weight [out, in1, in2], bias [out]
///   start     weight and bias uniform in +-1/sqrt(in1)
class Bilinear : public Module<Bilinear> {
 public:
  Bilinear(std::int64_t in1,
           std::int64_t in2,
           std::int64_t out,
           BilinearOptions options = {},
           Generator& generator = default_generator());

  Tensor forward(Arg a, const Tensor& b) const { return bilinear(a, b, weight, bias); }
  auto fields() { return nn::fields("weight", weight, "bias", bias); }
  std::string describe() const;

  Parameter weight, bias;
};

struct EmbeddingOptions {
  std::optional<std::int64_t> padding{};  // a row that stays 0
  DType dtype = float32;
};

/// A table of vectors, one for each word.
///   shapes    index [*] int64, y [*, dim], weight [count, dim]
///   start     weight normal with mean 0 and variance 1; row `padding` is 0 and takes no gradient
///   errors    IndexError for an index or padding out of range
class Embedding : public Module<Embedding> {
 public:
  Embedding(std::int64_t count,
            std::int64_t dim,
            EmbeddingOptions options = {},
            Generator& generator = default_generator());

  Tensor forward(Arg index) const { return embedding(index, weight, padding_); }
  auto fields() { return nn::fields("weight", weight); }
  std::string describe() const;

  Parameter weight;

 private:
  std::optional<std::int64_t> padding_;
};

struct EmbeddingBagOptions {
  BagMode mode = BagMode::mean;
  DType dtype = float32;
};

/// Sums, means or maxima of bags of vectors of a table.
///   shapes    index [n] and offsets [bags], int64; y [bags, dim]
///   start     as Embedding
class EmbeddingBag : public Module<EmbeddingBag> {
 public:
  EmbeddingBag(std::int64_t count,
               std::int64_t dim,
               EmbeddingBagOptions options = {},
               Generator& generator = default_generator());

  Tensor forward(Arg index, const Tensor& offsets) const { return embedding_bag(index, offsets, weight, mode_); }
  auto fields() { return nn::fields("weight", weight); }
  std::string describe() const;

  Parameter weight;

 private:
  BagMode mode_;
};

/// Images `factor` times as large, as interpolate by a scale: x [N, C, *], y [N, C, *floor(factor size)].
///   errors    ArgumentError unless factor > 0
struct Upsample : Module<Upsample> {
  explicit Upsample(double factor, InterpolateOptions options = {});
  Tensor forward(Arg x) const { return interpolate(x, {}, options); }
  auto fields() { return nn::fields(); }

  InterpolateOptions options;
};

/// rotary_embedding of queries and keys.
struct RotaryEmbedding : Module<RotaryEmbedding> {
  explicit RotaryEmbedding(RotaryOptions options_ = {}) : options(std::move(options_)) {}
  Tensor forward(Arg x) const { return rotary_embedding(x, options); }
  auto fields() { return nn::fields(); }

  RotaryOptions options;
};

/// Dimensions first to last as one; all but the first of a batch if nothing is said.
struct Flatten : Module<Flatten> {
  explicit Flatten(std::int64_t first_ = 1, std::int64_t last_ = -1) : first(first_), last(last_) {}
  Tensor forward(Arg x) const { return flatten(x, first, last); }
  auto fields() { return nn::fields(); }

  std::int64_t first, last;
};
/// One dimension as several.
struct Unflatten : Module<Unflatten> {
  Unflatten(std::int64_t axis_, const Shape& sizes_) : axis(axis_), sizes(sizes_) {}
  Tensor forward(Arg x) const { return unflatten(x, axis, sizes); }
  auto fields() { return nn::fields(); }

  std::int64_t axis;
  Shape sizes;
};
/// x itself.
struct Identity : Module<Identity> {
  Tensor forward(Arg x) const { return x; }
};

}  // namespace gradus::nn
GRADUS_EXPORT_END

#include "gradus/nn/layers.h"

#include "gradus/autograd/checkpoint.h"
#include "gradus/nn/init.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/random.h"

#include <fmt/format.h>

#include <cmath>

namespace gradus::nn {
namespace {

void check_sizes(const char* op, std::initializer_list<std::int64_t> sizes) {
  for (std::int64_t size : sizes)
    if (size < 1) gradus::detail::fail<ArgumentError>(op, fmt::format("expected sizes >= 1, got {}", size));
}

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, LinearOptions options, Generator& generator) {
  check_sizes("linear", {in, out});
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = uniform({out, in}, -bound, bound, options.dtype, generator);
  if (options.bias) bias = uniform({out}, -bound, bound, options.dtype, generator);
}

Tensor Linear::forward(Arg x) const { return linear(x, weight, bias); }

std::string Linear::describe() const {
  return fmt::format("{} → {}{}", weight.size(1), weight.size(0), bias.defined() ? "" : ", no bias");
}

BatchNorm::BatchNorm(std::int64_t features, BatchNormOptions options) : features_(features), options_(options) {
  check_sizes("batch_norm", {features});
  if (!(options.eps >= 0))
    gradus::detail::fail<ArgumentError>("batch_norm", fmt::format("expected eps >= 0, got {}", options.eps));
  if (options.momentum && !(*options.momentum >= 0 && *options.momentum <= 1))
    gradus::detail::fail<ArgumentError>("batch_norm",
                                        fmt::format("expected a momentum in [0, 1], got {}", *options.momentum));
  if (options.affine) {
    weight = ones({features}, options.dtype);
    bias = zeros({features}, options.dtype);
  }
  if (options.track_running_stats) {
    running_mean = zeros({features}, options.dtype);
    running_var = ones({features}, options.dtype);
    num_batches_tracked = zeros({}, int64);
  }
}

Tensor BatchNorm::forward(Arg x) {
  if (x->rank() < 2 || x->size(1) != features_)
    gradus::detail::fail<ShapeError>(
        "batch_norm",
        fmt::format("expected input [N, {}] or [N, {}, *], got {}", features_, features_, to_string(x->shape())),
        x.site);
  if (!training && running_mean.defined())
    return batch_norm_eval(x, running_mean, running_var, weight, bias, options_.eps);
  BatchNormResult result = batch_norm(x, weight, bias, options_.eps);
  if (training && running_mean.defined() && !is_recomputing()) update_statistics(result.mean, result.var);
  return std::move(result.y);
}

void BatchNorm::update_statistics(const Tensor& mean, const Tensor& var) {
  const std::int64_t batches = ++*num_batches_tracked.mutable_data<std::int64_t>();
  const double share = options_.momentum.value_or(1 / static_cast<double>(batches));
  dispatch_floating(running_mean.dtype(), [&]<class T>() {
    const auto mix = [&](Buffer& running, const Tensor& batch) {
      T* r = running.mutable_data<T>();
      const T* b = batch.data<T>();
      const T keep = static_cast<T>(1 - share), take = static_cast<T>(share);
      for (std::int64_t i = 0; i < features_; ++i) r[i] = keep * r[i] + take * b[i];
    };
    mix(running_mean, mean);
    mix(running_var, var);
  });
}

std::string BatchNorm::describe() const { return fmt::format("{}", features_); }

namespace detail {

void check_dropout(double p) {
  if (!(p >= 0 && p <= 1))
    gradus::detail::fail<ArgumentError>("dropout", fmt::format("expected p in [0, 1], got {}", p));
}
std::string describe_dropout(double p) { return fmt::format("p {}", p); }
std::string spell_numbers(std::initializer_list<double> numbers) { return fmt::format("{}", fmt::join(numbers, ", ")); }

}  // namespace detail

Bilinear::Bilinear(
    std::int64_t in1, std::int64_t in2, std::int64_t out, BilinearOptions options, Generator& generator) {
  check_sizes("bilinear", {in1, in2, out});
  const double bound = 1 / std::sqrt(static_cast<double>(in1));
  weight = uniform({out, in1, in2}, -bound, bound, options.dtype, generator);
  if (options.bias) bias = uniform({out}, -bound, bound, options.dtype, generator);
}

std::string Bilinear::describe() const {
  return fmt::format("{}, {} → {}", weight.size(1), weight.size(2), weight.size(0));
}

Embedding::Embedding(std::int64_t count, std::int64_t dim, EmbeddingOptions options, Generator& generator)
    : padding_(options.padding) {
  check_sizes("embedding", {count, dim});
  Tensor table = normal({count, dim}, 0, 1, options.dtype, generator);
  if (padding_) {
    if (*padding_ < -count || *padding_ >= count)
      gradus::detail::fail<IndexError>("embedding",
                                       fmt::format("expected a padding row below {}, got {}", count, *padding_));
    Tensor row = select(table, 0, *padding_);
    copy_into(row, zeros_like(row));
  }
  weight = table;
}

static std::string describe_table(const Tensor& weight) {
  return fmt::format("{} × {}", weight.size(0), weight.size(1));
}
std::string Embedding::describe() const { return describe_table(weight); }

EmbeddingBag::EmbeddingBag(std::int64_t count, std::int64_t dim, EmbeddingBagOptions options, Generator& generator)
    : mode_(options.mode) {
  check_sizes("embedding_bag", {count, dim});
  weight = normal({count, dim}, 0, 1, options.dtype, generator);
}

std::string EmbeddingBag::describe() const { return describe_table(weight); }

Upsample::Upsample(double factor, InterpolateOptions options_) : options(std::move(options_)) {
  if (!(factor > 0 && std::isfinite(factor)))
    gradus::detail::fail<ArgumentError>("upsample", fmt::format("expected a factor above 0, got {}", factor));
  options.scale = {factor};
}

PReLU::PReLU(std::int64_t channels, double start, DType dtype) {
  check_sizes("prelu", {channels});
  weight = full({channels}, start, dtype);
}

MaxoutLinear::MaxoutLinear(
    std::int64_t in, std::int64_t out, std::int64_t pieces, MaxoutLinearOptions options, Generator& generator)
    : pieces_(pieces) {
  check_sizes("maxout", {in, out, pieces});
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = uniform({out * pieces, in}, -bound, bound, options.dtype, generator);
  if (options.bias) bias = uniform({out * pieces}, -bound, bound, options.dtype, generator);
}

Tensor MaxoutLinear::forward(Arg x) const { return maxout(linear(x, weight, bias), pieces_); }

std::string MaxoutLinear::describe() const {
  return fmt::format("{} → {}, {} pieces", weight.size(1), weight.size(0) / pieces_, pieces_);
}

}  // namespace gradus::nn

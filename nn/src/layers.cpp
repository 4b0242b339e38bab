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
    if (size < 1)
      gradus::detail::fail<ArgumentError>(op,
                                          fmt::format("expected sizes of 1 or more, got {}", size));
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
  return fmt::format(
      "{} → {}{}", weight.size(1), weight.size(0), bias.defined() ? "" : ", no bias");
}

BatchNorm::BatchNorm(std::int64_t features, BatchNormOptions options)
    : features_(features), options_(options) {
  check_sizes("batch_norm", {features});
  if (!(options.eps >= 0))
    gradus::detail::fail<ArgumentError>(
        "batch_norm", fmt::format("expected eps of 0 or more, got {}", options.eps));
  if (options.momentum && !(*options.momentum >= 0 && *options.momentum <= 1))
    gradus::detail::fail<ArgumentError>(
        "batch_norm", fmt::format("expected a momentum in [0, 1], got {}", *options.momentum));
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
    gradus::detail::fail<ShapeError>("batch_norm",
                                     fmt::format("expected input [N, {}] or [N, {}, *], got {}",
                                                 features_,
                                                 features_,
                                                 to_string(x->shape())),
                                     x.site);
  if (!training && running_mean.defined())
    return batch_norm_eval(x, running_mean, running_var, weight, bias, options_.eps);
  BatchNormResult result = batch_norm(x, weight, bias, options_.eps);
  if (training && running_mean.defined()) update_statistics(result.mean, result.var);
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

Dropout::Dropout(double probability) : p(probability) {
  if (!(p >= 0 && p <= 1))
    gradus::detail::fail<ArgumentError>("dropout", fmt::format("expected p in [0, 1], got {}", p));
}

Tensor Dropout::forward(Arg x) const { return dropout(x, p, training); }

std::string Dropout::describe() const { return fmt::format("p {}", p); }

PReLU::PReLU(std::int64_t channels, double start, DType dtype) {
  check_sizes("prelu", {channels});
  weight = full({channels}, start, dtype);
}

}  // namespace gradus::nn

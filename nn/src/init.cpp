#include "gradus/nn/init.h"

#include <fmt/format.h>

#include <cmath>

namespace gradus::nn::init {

double gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::tanh: return 5.0 / 3;
    case Nonlinearity::relu: return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: return std::sqrt(2 / (1 + slope * slope));
    case Nonlinearity::selu: return 0.75;
    default: return 1;
  }
}

std::pair<std::int64_t, std::int64_t> fans(const Tensor& weight) {
  const Shape shape = weight.shape();
  if (shape.rank() < 2)
    gradus::detail::fail<ShapeError>(
        "init",
        fmt::format("expected a weight of two or more dimensions, got {}", to_string(shape)));
  std::int64_t field = 1;
  for (int d = 2; d < shape.rank(); ++d) field *= shape[d];
  return {shape[1] * field, shape[0] * field};
}

Tensor& constant(Tensor& weight, double value) {
  copy_into(weight, full_like(weight, value));
  return weight;
}
Tensor& zeros(Tensor& weight) { return constant(weight, 0); }
Tensor& ones(Tensor& weight) { return constant(weight, 1); }

Tensor& normal(Tensor& weight, double mean, double std, Generator& generator) {
  copy_into(weight, gradus::normal(weight.shape(), mean, std, weight.dtype(), generator));
  return weight;
}

Tensor& uniform(Tensor& weight, double low, double high, Generator& generator) {
  copy_into(weight, gradus::uniform(weight.shape(), low, high, weight.dtype(), generator));
  return weight;
}

/// Uniform with the standard deviation `std`; of no elements where a fan is 0.
static Tensor& symmetric(Tensor& weight, double std, Generator& generator) {
  const double bound = std::isfinite(std) ? std::sqrt(3.0) * std : 0;
  return uniform(weight, -bound, bound, generator);
}

static double xavier_std(const Tensor& weight, double gain) {
  const auto [in, out] = fans(weight);
  return gain * std::sqrt(2.0 / static_cast<double>(in + out));
}

Tensor& xavier_uniform(Tensor& weight, double gain, Generator& generator) {
  return symmetric(weight, xavier_std(weight, gain), generator);
}
Tensor& xavier_normal(Tensor& weight, double gain, Generator& generator) {
  return normal(weight, 0, xavier_std(weight, gain), generator);
}

static double he_std(const Tensor& weight, const HeOptions& options) {
  const auto [in, out] = fans(weight);
  return gain(options.nonlinearity, options.slope) /
         std::sqrt(static_cast<double>(options.fan == Fan::in ? in : out));
}

Tensor& he_uniform(Tensor& weight, HeOptions options, Generator& generator) {
  return symmetric(weight, he_std(weight, options), generator);
}
Tensor& he_normal(Tensor& weight, HeOptions options, Generator& generator) {
  return normal(weight, 0, he_std(weight, options), generator);
}

}  // namespace gradus::nn::init

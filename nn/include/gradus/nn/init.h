#pragma once

#include "gradus/tensor/random.h"

#include <cstdint>
#include <utility>

/// Initialisers: each fills a parameter in place and hands it back.
///   errors    ShapeError where fans are needed and the tensor has fewer than two dimensions;
///             ArgumentError for a scale out of its range
namespace gradus::nn::init {

/// What follows the layer.
enum class Nonlinearity : std::uint8_t { linear, sigmoid, tanh, relu, leaky_relu, selu };

/// The factor by which weights are larger than 1/sqrt(fan) for values to keep their variance through the
/// nonlinearity: 1, 1, 5/3, sqrt 2, sqrt(2 / (1 + slope^2)), 3/4.
double gain(Nonlinearity nonlinearity, double slope = 0.01);

/// {fan-in, fan-out} of a weight [out, in, k…]: in and out times the product of the k.
std::pair<std::int64_t, std::int64_t> fans(const Tensor& weight);

Tensor& zeros(Tensor& weight);
Tensor& ones(Tensor& weight);
Tensor& constant(Tensor& weight, double value);
Tensor& normal(Tensor& weight,
               double mean = 0,
               double std = 1,
               Generator& generator = default_generator());
Tensor& uniform(Tensor& weight,
                double low = 0,
                double high = 1,
                Generator& generator = default_generator());

/// Keeps the variance forward and backward on average (Glorot & Bengio 2010, equation 12 and section 4.2.1):
/// standard deviation gain sqrt(2 / (fan-in + fan-out)).
Tensor& xavier_uniform(Tensor& weight, double gain = 1, Generator& generator = default_generator());
Tensor& xavier_normal(Tensor& weight, double gain = 1, Generator& generator = default_generator());

/// Which variance is kept: that of values (in) or of gradients (out).
enum class Fan : std::uint8_t { in, out };

struct HeOptions {
  Fan fan = Fan::in;
  Nonlinearity nonlinearity = Nonlinearity::relu;
  double slope = 0.01;  // of leaky_relu
};
/// Keeps the variance through rectifiers (He et al. 2015, arXiv:1502.01852, equations 10 and 14): standard
/// deviation gain / sqrt(fan).
Tensor& he_uniform(Tensor& weight,
                   HeOptions options = {},
                   Generator& generator = default_generator());
Tensor& he_normal(Tensor& weight,
                  HeOptions options = {},
                  Generator& generator = default_generator());

}  // namespace gradus::nn::init

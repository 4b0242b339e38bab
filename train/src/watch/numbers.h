#pragma once

#include "gradus/tensor/tensor.h"
#include "gradus/train/rule.h"

#include <cstdint>
#include <vector>

/// Figures of tensors and of series.
namespace gradus::train {

/// Whether no element is NaN or infinite; also true of what is undefined or not floating.
bool all_finite(const Tensor& x);
/// The Euclidean norm.
double norm_of(const Tensor& x);
/// |a - b|, of tensors of one shape and dtype.
double distance(const Tensor& a, const Tensor& b);

struct Moments {
  double mean = 0, std = 0;
};
/// Over all elements.
Moments moments(const Tensor& x);
/// Of the finite elements, in 30 bins; of a large tensor at most 65536, evenly spaced, are looked at.
Histogram histogram(const Tensor& x);
/// E x^2.
double mean_square(const Tensor& x);

/// The q-quantile (nearest rank); NaN of nothing.
double quantile(std::vector<double> values, double q);
inline double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

}  // namespace gradus::train

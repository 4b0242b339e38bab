#pragma once

#include "gradus/autograd/functional.h"

#include <vector>

namespace gradus::detail {

/// Derivatives of all entries of f along one direction.
struct Quotient {
  std::vector<double> value;  // NaN where f is not finite nearby
  std::vector<double> error;  // as estimated by the extrapolation
  double noise = 0;           // what rounding of f's values can make of it
};

/// Differences of a function's values, all its results in one row.
class Differences {
 public:
  /// `xs` are contiguous; those of `moved` are float64 and are counted as one row of numbers.
  Differences(Function f, std::vector<Tensor> xs, std::vector<std::size_t> moved, double eps);

  /// f(x).
  const std::vector<double>& value() const { return value_; }
  /// The largest |f| seen so far.
  double magnitude() const { return magnitude_; }
  /// The rounding unit of f's results.
  double rounding() const { return rounding_; }
  /// max(1, |x_i|)
  double scale(std::size_t i) const { return scales_[i]; }
  std::size_t size() const { return scales_.size(); }

  /// df/dx_i for one entry of the row of inputs.
  Quotient entry(std::size_t i);
  /// Along a direction of all of them, given in units of their scales.
  Quotient along(const std::vector<double>& direction);

  /// The difference quotients to the right and to the left along `direction`, of the combination
  /// <weights, f>, where they do not seem to approach each other; both NaN otherwise.
  std::pair<double, double> one_sided(const std::vector<double>& direction, const std::vector<double>& weights);

 private:
  std::vector<double> evaluate(const std::vector<double>& direction, double t);
  Quotient derivative(const std::vector<double>& direction);

  Function f_;
  std::vector<Tensor> xs_;
  std::vector<std::size_t> moved_;
  std::vector<double> x_, scales_, value_;
  double eps_, magnitude_ = 0, rounding_ = 0;
};

}  // namespace gradus::detail

#include "differences.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::detail {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kTiny = std::numeric_limits<double>::min();
constexpr int kMostSteps = 12;

bool all_finite(const std::vector<double>& v) {
  return std::all_of(v.begin(), v.end(), [](double x) { return std::isfinite(x); });
}

}  // namespace

Differences::Differences(Function f, std::vector<Tensor> xs, std::vector<std::size_t> moved, double eps)
    : f_(std::move(f)), xs_(std::move(xs)), moved_(std::move(moved)), eps_(eps) {
  for (std::size_t k : moved_)
    for (double x : xs_[k].to_vector()) {
      x_.push_back(x);
      scales_.push_back(std::max(1.0, std::abs(x)));
    }
  value_ = evaluate({}, 0);
}

/// f(x + t direction); the direction is in units of the scales.
std::vector<double> Differences::evaluate(const std::vector<double>& direction, double t) {
  std::vector<Tensor> at = xs_;
  std::size_t i = 0;
  for (std::size_t k : moved_) {
    at[k] = clone(xs_[k]);
    double* data = at[k].mutable_data<double>();
    for (std::int64_t j = 0; j < at[k].numel(); ++j, ++i)
      if (!direction.empty()) data[j] += t * scales_[i] * direction[i];
  }
  std::vector<double> row;
  for (const Tensor& y : f_(at)) {
    if (!is_floating(y.dtype())) continue;
    rounding_ = std::max<double>(
        rounding_,
        y.dtype() == float64 ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon());
    const std::vector<double> values = y.to_vector();
    row.insert(row.end(), values.begin(), values.end());
  }
  for (double y : row)
    if (std::isfinite(y)) magnitude_ = std::max(magnitude_, std::abs(y));
  return row;
}

/// Ridders' scheme: a table of quotients with ever smaller steps, each row extrapolated to step 0, from
/// which every result takes the value that changed least for its size. Kinks and poles near x only spoil the
/// first rows.
Quotient Differences::derivative(const std::vector<double>& direction) {
  const std::size_t m = value_.size();
  Quotient best{std::vector<double>(m, kNaN), std::vector<double>(m, INFINITY), 0};
  std::vector<double> rank(m, INFINITY), noises(m);  // of the chosen values
  std::vector<std::vector<double>> row, last;
  double h = eps_;
  for (int k = 0; k < kMostSteps; ++k, h /= 4) {
    const std::vector<double> right = evaluate(direction, h), left = evaluate(direction, -h);
    if (right.size() != m || left.size() != m) break;
    last.swap(row);
    row.assign(1, std::vector<double>(m));
    for (std::size_t j = 0; j < m; ++j) row[0][j] = (right[j] - left[j]) / (2 * h);
    if (!all_finite(row[0])) {
      row.clear();
      continue;
    }
    if (last.empty()) continue;
    double factor = 16;
    for (std::size_t c = 1; c <= last.size(); ++c, factor *= 16) {
      row.emplace_back(m);
      for (std::size_t j = 0; j < m; ++j) row[c][j] = row[c - 1][j] + (row[c - 1][j] - last[c - 1][j]) / (factor - 1);
    }
    double largest = 0;
    for (double v : row.back()) largest = std::max(largest, std::abs(v));
    const double noise = 8 * rounding_ * magnitude_ / h;
    bool done = true;
    for (std::size_t j = 0; j < m; ++j) {
      for (std::size_t c = 0; c < row.size(); ++c) {
        const double value = row[c][j];
        const double error = c == 0 ? std::abs(value - last[0][j])
                                    : std::max(std::abs(value - last[c - 1][j]), std::abs(value - row[c - 1][j]));
        const double relative = error / (std::abs(value) + 0.01 * largest + noise + kTiny);
        if (!(relative < rank[j])) continue;
        rank[j] = relative;
        best.value[j] = value;
        best.error[j] = error;
        noises[j] = noise;
      }
      done = done && best.error[j] <= 1e-10 * (std::abs(best.value[j]) + 0.01 * largest) + noise;
    }
    if (done || noise > largest) break;
  }
  for (double noise : noises) best.noise = std::max(best.noise, noise);
  return best;
}

Quotient Differences::entry(std::size_t i) {
  std::vector<double> direction(size());
  direction[i] = 1;
  Quotient q = derivative(direction);
  for (double& v : q.value) v /= scales_[i];
  for (double& e : q.error) e /= scales_[i];
  q.noise /= scales_[i];
  return q;
}

Quotient Differences::along(const std::vector<double>& direction) { return derivative(direction); }

std::pair<double, double> Differences::one_sided(const std::vector<double>& direction,
                                                 const std::vector<double>& weights) {
  const auto quotients = [&](double t) {
    const std::vector<double> right = evaluate(direction, t), left = evaluate(direction, -t);
    std::pair<double, double> q{0, 0};
    for (std::size_t j = 0; j < weights.size(); ++j) {
      q.first += weights[j] * (right[j] - value_[j]) / t;
      q.second += weights[j] * (value_[j] - left[j]) / t;
    }
    return q;
  };
  const auto wide = quotients(1e-5), narrow = quotients(1e-7);
  const double gap = std::abs(narrow.first - narrow.second);
  const double size = std::max(std::abs(narrow.first), std::abs(narrow.second));
  const bool apart =
      gap > 1e-3 * size && gap > 100 * rounding_ * magnitude_ / 1e-7 && gap > 0.2 * std::abs(wide.first - wide.second);
  return apart || !std::isfinite(gap) ? narrow : std::pair{kNaN, kNaN};
}

}  // namespace gradus::detail

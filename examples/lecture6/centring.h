#pragma once

#include <gradus/gradus.h>

#include <string>
#include <vector>

/// What zero-centring, and more preprocessing, does for the first steps of a linear classifier.
namespace lecture6::centring {

/// Two classes of rows around two places; every feature has variance 1 and lies far from zero.
gradus::data::Dataset far_from_zero(double offset, std::int64_t rows = 1000, std::int64_t features = 20);

struct Options {
  /// With classes 0 and 1; if there are none, the tumours of GRADUS_SHARED_DIR/data/tabular/breast_cancer.csv, or
  /// without that file far_from_zero(3).
  gradus::data::Dataset rows = {};
  int steps = 100;
};

struct Row {
  std::string preprocessing;
  double curvature;            // the largest eigenvalue of the loss's Hessian at the start
  double condition;            // that divided by the smallest
  std::vector<double> losses;  // at the start and after each step, of length 1 / curvature times the gradient
};

std::vector<Row> run(const Options& options = {});
void show(const std::vector<Row>& result, const std::string& folder);

}  // namespace lecture6::centring

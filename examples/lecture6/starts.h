#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What biases, weights and centred inputs decide before the first step.
namespace lecture6::starts {

struct Options {
  std::int64_t width = 500, rows = 500;  // of layers, and of normal inputs
  int layers = 5;
  std::vector<double> biases = {0, 0.01, 0.1, 1};
  std::vector<double> scales = {0.01, 0.03, 0.1, 0.3, 1};  // standard deviations of weights
  std::vector<double> offsets = {0, 1};                    // means of the inputs
  int seeds = 3;                                           // trainings for each bias
};

/// ReLU units whose bias is positive at the start, with He's weights.
struct Bias {
  double bias;
  double active;            // share of units and rows whose value is not 0
  double accuracy, spread;  // after training, on other digits: mean and standard deviation over seeds
};
/// Sigmoid units by the size of their weights.
struct Saturation {
  double scale;
  double slope;      // mean of sigmoid's derivative, which is 1/4 at most
  double saturated;  // share with a derivative below a hundredth of that
};
/// The share of each layer's inputs that is their mean over the rows: |mean|² / mean of |x|², 0 if centred.
struct Offset {
  double offset;
  std::vector<double> shares;
};
struct Result {
  std::vector<Bias> biases;
  std::vector<Saturation> saturations;
  std::vector<Offset> offsets;
};

Result run(const Options& options = {});
void show(const Result& result, const std::string& folder);

}  // namespace lecture6::starts

#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// ELU beside leaky ReLU where inputs are noisy.
namespace lecture6::noise {

struct Options {
  double at = -4, deviation = 0.5;                // of a unit's input: it is off
  std::vector<double> deviations = {0, 1, 2, 3};  // of the noise on inputs whose variance is 1
  std::int64_t rows = 1000;                       // to train on, and as many others
  int seeds = 3;                                  // trainings, whose accuracies' mean is taken
};

struct Case {
  std::string nonlinearity;
  double unit;  // standard deviation of a unit's output
  std::vector<double> deviations, accuracies;
};

std::vector<Case> run(const Options& options = {});
void show(const std::vector<Case>& result, const std::string& folder);

}  // namespace lecture6::noise

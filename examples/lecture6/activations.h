#pragma once

#include <gradus/gradus.h>

#include <string>
#include <vector>

/// What becomes of the activations of a deep network at its start, under several initialisers.
namespace lecture6::activations {

struct Options {
  int layers = 10;
  std::int64_t width = 500;
  std::int64_t rows = 1000;  // of input, normal with mean 0 and variance 1
  std::uint64_t seed = 0;
};

struct Layer {
  double mean, std;
  double second_moment;  // the mean of squares
  double saturated;      // the share beyond 0.99 in size
  std::vector<double> values;
};

struct Case {
  std::string nonlinearity, init;
  std::vector<Layer> layers;
};

std::vector<Case> run(const Options& options = {});
void show(const std::vector<Case>& result, const std::string& folder);

}  // namespace lecture6::activations

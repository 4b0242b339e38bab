#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// A deep network from weights of several sizes, with batch normalisation and without.
namespace lecture6::batch_norm {

struct Options {
  std::vector<double> scales = {0.01, 0.1, 0.3, 1};  // standard deviations of the weights
  int layers = 10;
  std::int64_t width = 100;
  std::int64_t rows = 2000;
  int epochs = 8;
  double rate = 0.05;
  std::uint64_t seed = 0;
};

struct Curve {
  double scale;
  bool batch_norm;
  std::vector<double> losses;  // of each step
  double accuracy;             // on the training rows, at the end
};

std::vector<Curve> run(const Options& options = {});
void show(const std::vector<Curve>& result, const std::string& folder);

}  // namespace lecture6::batch_norm

#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Units that die: a step too large leaves them on the flat side of the rectifier for every row, where no
/// gradient reaches them any more.
namespace lecture6::dying_relu {

struct Options {
  std::vector<double> rates = {0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 2, 3};
  std::int64_t rows = 2000;
  std::int64_t width = 100;  // of the hidden layer
  int epochs = 3;
  double slope = 0.01;  // of leaky_relu
  std::uint64_t seed = 0;
};

struct Outcome {
  double dead;      // share of hidden units whose derivative is 0 for every row
  double accuracy;  // on the training rows
};
struct Row {
  double rate;
  Outcome relu, leaky_relu;
};

std::vector<Row> run(const Options& options = {});
void show(const std::vector<Row>& result, const std::string& folder);

}  // namespace lecture6::dying_relu

#pragma once

#include <string>
#include <vector>

/// A neuron whose inputs are all positive: the gradients of its weights have one sign, so its steps are
/// confined to two quadrants.
namespace lecture6::zigzag {

struct Options {
  int rows = 200;
  int epochs = 10;  // of steps with one row each
  double rate = 0.5;
  int many = 10;  // weights of the neuron whose signs are counted
  std::uint64_t seed = 0;
};

struct Path {
  std::string inputs;
  double one_sign_of_two, one_sign_of_many;  // share of rows whose gradient has one sign
  std::vector<double> x, y;                  // the two weights after each step
  int steps_to_target = -1;                  // until nine tenths of the way are done; -1 if never
  double length = 0;                         // of the path until then, in straight distances
};

struct Result {
  double target_x = 1, target_y = -1;  // the weights sought, from (0, 0)
  Path positive, centred;
};

Result run(const Options& options = {});
void show(const Result& result, const std::string& folder);

}  // namespace lecture6::zigzag

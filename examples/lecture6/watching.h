#pragma once

#include <gradus/train.h>

#include <cstdint>
#include <string>
#include <vector>

/// What to look at before and while a network trains.
namespace lecture6::watching {

struct Options {
  std::int64_t rows = 1000;
  std::int64_t hidden = 50;
  double scale = 0.01;  // standard deviation of the weights; for the rates they are He's
  std::vector<double> penalties = {0, 0.1, 1, 10, 100};
  int overfit_rows = 20, overfit_steps = 200;
  std::vector<double> rates = {1e-5, 1e-2, 1e-1, 1, 10};
  int epochs = 10;
  std::uint64_t seed = 0;
};

/// The loss before training, with penalty / 2 times the sum of squared weights added.
struct Start {
  double penalty, loss;
};
struct Curve {
  double rate;
  std::vector<double> losses;  // of each step, until one is not finite
  double update_ratio;         // norm of the first layer's update by that of its weights: median of the last steps
};
struct Result {
  std::vector<Start> starts;
  std::int64_t weights;                                    // that the penalty is for
  std::vector<double> overfit_losses, overfit_accuracies;  // of each step
  std::vector<Curve> curves;
  gradus::train::RateRange range;  // of the same network
};

Result run(const Options& options = {});
void show(const Result& result, const std::string& folder);

}  // namespace lecture6::watching

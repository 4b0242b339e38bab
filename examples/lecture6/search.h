#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// A search for the learning rate and the weight decay: on a grid, at random, and then more finely around the best.
namespace lecture6::search {

/// From 10^low to 10^high.
struct Decades {
  double low, high;
};

struct Options {
  Decades rate = {-4, 1}, decay = {-5, 0};
  int side = 3;    // side² trials in each search
  int rates = 16;  // trials along the rate alone
  int folds = 3;
  std::int64_t rows = 600;
  std::int64_t hidden = 32;
  int epochs = 4;
  std::uint64_t seed = 0;
};

struct Trial {
  double rate, decay;
  double accuracy;  // on the rows left out, the mean of all folds
};
struct Result {
  std::vector<Trial> grid, random, fine;
  /// Trials at many rates, without decay, and the best accuracy that a search can expect if only the rate mattered: the
  /// mean over many grids, shifted at random, and over many draws.
  std::vector<Trial> rates;
  double expected_grid, expected_random;
};

Result run(const Options& options = {});
void show(const Result& result, const std::string& folder);

/// The one with the highest accuracy.
const Trial& best(const std::vector<Trial>& trials);

}  // namespace lecture6::search

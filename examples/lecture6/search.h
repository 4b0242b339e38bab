#pragma once

#include <gradus/train.h>

#include <cstdint>
#include <string>
#include <vector>

/// A search for the learning rate and the weight decay: on a grid, at random, and then more finely around the best.
namespace lecture6::search {

struct Options {
  gradus::train::Space space{{"rate", gradus::train::LogUniform{1e-4, 10}},
                             {"decay", gradus::train::LogUniform{1e-5, 1}}};
  int side = 3;    // side² trials in each search
  int rates = 16;  // trials along the rate alone
  int folds = 3;
  int many_folds = 10;  // for their spread
  std::int64_t rows = 600;
  std::int64_t hidden = 32;
  int epochs = 4;
  std::uint64_t seed = 0;
};

struct Result {
  gradus::train::SearchResults grid,
      random;  // trials of `random` that are `fine` are drawn near the best of the others
  /// Accuracies at evenly spaced logarithms of the rate, with the least decay, and the best that a search can expect if
  /// only the rate mattered: the mean over many grids, shifted at random, and over many draws.
  std::vector<double> rates;
  double expected_grid, expected_random;
  /// Many folds of the best trial, and the spread that chance alone gives n rows a fold: sqrt(p (1 - p) / n).
  gradus::train::CrossValidation folds;
  double chance;
};

Result run(const Options& options = {});
void show(const Result& result, const std::string& folder);

/// The share of searches that come within width / 2 of the best value of one parameter of two, both from 0 to 1, of
/// which the other does not matter: side² trials on a grid and at random.
struct Hits {
  double grid, random;
};
Hits hits(double width, int side, int searches = 300);

}  // namespace lecture6::search

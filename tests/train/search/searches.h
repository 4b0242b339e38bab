#pragma once

// What tests of the search share.

#include "gradus/train/search.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace gradus::train {

/// The largest distance between the empirical distribution of `x` and the uniform one on [0, 1] (Kolmogorov & Smirnov).
inline double distance_from_uniform(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  double largest = 0;
  const auto n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto below = static_cast<double>(i);
    largest = std::max({largest, x[i] - below / n, (below + 1) / n - x[i]});
  }
  return largest;
}
/// What that stays below in 999 of 1000 cases.
inline double largest_distance(std::size_t n) { return 1.95 / std::sqrt(static_cast<double>(n)); }

inline Space mixed_space() {
  return {{"lr", LogUniform{1e-6, 1e-1}},
          {"optimizer", Choice{{"adam", "sgd", "lion"}}},
          {"momentum", Uniform{0, 0.99}, When{"optimizer", {"sgd"}}},
          {"hidden", Integer{.low = 16, .high = 512, .log = true}},
          {"layers", Integer{1, 4}}};
}

/// Of mixed_space: smallest at lr 1e-3 and momentum 0.9.
inline double bowl(Trial& trial) {
  double value = std::pow(std::log10(trial.real("lr")) + 3, 2);
  if (trial.has("momentum")) value += std::pow(trial.real("momentum") - 0.9, 2);
  return value + static_cast<double>(trial.whole("layers")) / 100;
}

/// Runs a search of `space` whose objective does nothing, for its values.
inline std::vector<TrialResult> trials_of(const Space& space, const Method& method, SearchOptions options = {}) {
  return Search(space, method, std::move(options)).run([](Trial&) { return 0.0; }).trials;
}

}  // namespace gradus::train

#pragma once

#include "gradus/train/search.h"

#include <functional>
#include <vector>

namespace gradus::train {

/// Which trials a search has, round after round. The trials of a round follow from the results of those before it.
class Plan {
 public:
  Plan(const Space& space, const Method& method, const SearchOptions& options);

  /// Number, configuration, budget, seed and values of the next round's trials; none when the search is over.
  /// `done`: the results of all rounds before, by number.
  std::vector<TrialResult> next(const std::vector<TrialResult>& done);

 private:
  using Draw = std::function<Values(int index)>;

  std::vector<TrialResult> draw(const Rung& rung, int first, const Draw& from);
  /// Those around the best that are due after the brackets so far.
  std::vector<TrialResult> fine(const std::vector<TrialResult>& done);
  /// Of the trials of the last round the best ones, with another budget.
  std::vector<TrialResult> promote(const Rung& rung, const std::vector<TrialResult>& done) const;

  /// Places at random or by Sobol's sequence; of each stream others.
  Draw draw_from(const Space& space, std::uint64_t stream) const;

  const Space& space_;
  const SearchOptions& options_;
  std::vector<std::vector<Rung>> brackets_;
  Draw draw_;
  bool even_ = false;  // fine trials by Sobol's sequence too
  std::size_t bracket_ = 0, rung_ = 0;
  std::size_t round_begin_ = 0;  // of the last round, in `done`
  int coarse_ = 0, fine_ = 0;    // trials drawn
};

///   errors    ArgumentError as `brackets`
void check_halving(const Halving& method, double budget, CallSite site);

/// Whether a is better than b: both finished, and of the same value the lower number.
bool is_better(const TrialResult& a, const TrialResult& b, bool maximize);

}  // namespace gradus::train

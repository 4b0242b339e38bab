#pragma once

#include "gradus/train/space.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

/// How a trial ended.
enum class TrialStatus : std::uint8_t {
  finished,   // with a value
  condemned,  // stopped early: Trial::stop, or a reported value that is not finite
  failed,     // by an exception, a signal, or a value that is not finite
};
/// "finished", "condemned" or "failed".
std::string to_string(TrialStatus status);

/// A trial, and what came of it.
struct TrialResult {
  int number = 0;         // from 0, in the order of the search
  int configuration = 0;  // the first trial with these values: another one where Halving gives it a larger budget
  double budget = 1;
  bool fine = false;  // drawn near the best of those before
  std::uint64_t seed = 0;
  Values values;
  TrialStatus status = TrialStatus::failed;
  double value = std::numeric_limits<double>::quiet_NaN();  // of the objective, if finished
  std::string reason;                                       // why not finished
  std::string finding;                                      // the rule of a Babysitter that condemned it
  std::vector<std::pair<std::int64_t, double>> curve;       // what it reported: step, value
  std::vector<double> folds;                                // of a cross-validation
  double seconds = 0;
};

/// How much of what the trials differ by one parameter explains.
struct Importance {
  std::string name;
  double share = 0;         // 0 … 1; NaN where too few trials have the parameter
  std::int64_t trials = 0;  // that it was measured on
};

/// What came of a search.
struct SearchResults {
  Space space{std::vector<Hyperparameter>{}};
  bool maximize = false;
  std::vector<TrialResult> trials;  // by number

  /// The best of the finished trials that had the largest budget of these; of equal ones the first.
  ///   errors    ArgumentError if none finished
  const TrialResult& best(CallSite site = CallSite::here()) const;
  /// Finished trials from the best to the worst, those with a larger budget first; then condemned, then failed ones.
  std::vector<const TrialResult*> ranked() const;

  /// A line a trial, ranked, for people: number, value (± spread over folds), parameters, reason. Depends on nothing
  /// but space, options, seed and objective.
  std::string table() const;
  /// By number, with a line of names. Fields with commas, quotes or line ends are quoted (RFC 4180).
  std::string csv() const;
  /// By number, an object a line.
  std::string jsonl() const;

  /// For each parameter the share of the variance of the trials' ranks that groups of its values explain: the effect
  /// size of Kruskal & Wallis' test, (H - g + 1) / (n - g) with g groups of n trials (Kruskal & Wallis 1952; Tomczak &
  /// Tomczak 2014), 0 where that is negative. Groups: its words or whole numbers where they are few, else up to five
  /// with as many trials each. Ranks, so that one loss of 1e30 does not hide all else; condemned trials come last, by
  /// how far they came and then by what they last reported; failed ones, fine and promoted ones, in which parameters
  /// go together, and those with another budget than most have do not count. It tells of a parameter by itself: of two
  /// that matter only together it sees neither, and below some 20 trials it is rough (under 10: NaN).
  std::vector<Importance> importances() const;

  /// What the lecture warns of: the best value within 5 % (whole numbers: at the end) of the border of its range, where
  /// a better one may lie beyond; one fold of the best trial much better than its others (Grubbs' test at 5 %). And
  /// that more than a quarter of the trials failed.
  std::vector<std::string> warnings() const;
};

}  // namespace gradus::train
GRADUS_EXPORT_END

#pragma once

#include "gradus/train/cross_validation.h"
#include "gradus/train/search_results.h"
#include "gradus/train/space.h"

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

/// Values drawn at random (Bergstra & Bengio 2012: where few parameters matter, better than a grid).
struct Random {
  int trials = 20;
};
/// Values spread more evenly than at random: Sobol's sequence, shifted by the seed. At most 21 parameters; powers of
/// two as numbers of trials fill the space best.
struct Sobol {
  int trials = 32;
};
/// Space::grid.
struct Grid {
  int points = 5;
};
/// Successive halving (Jamieson & Talwalkar 2016): all begin with a small budget, the best 1 in `eta` go on with `eta`
/// times as much, up to SearchOptions::budget; `least` is the smallest budget that makes sense.
struct Halving {
  int trials = 27;
  double eta = 3;
  double least = 1;
};
/// Several halvings, from many trials with a small budget to few with the whole (Li et al. 2018, JMLR 18, algorithm 1).
struct Hyperband {
  double eta = 3;
  double least = 1;
};
/// How a search chooses its trials.
using Method = std::variant<Random, Sobol, Grid, Halving, Hyperband>;

/// So many trials, each with this budget.
struct Rung {
  int trials = 0;
  double budget = 1;
  bool operator==(const Rung&) const = default;
};
/// The halvings of Hyperband with R = budget / least, each from its first rung to its last: s from floor(log_eta R) to
/// 0, with n = ceil((s_max + 1) / (s + 1) eta^s) trials of budget R eta^-s, then floor(n eta^-i) of R eta^(i - s).
///   errors    ArgumentError unless eta > 1 and 0 < least <= budget, all finite; for R > eta^100, or more than
///             kMostTrials trials in all
std::vector<std::vector<Rung>> brackets(const Hyperband& method, double budget, CallSite site = CallSite::here());

/// When a trial is stopped for what it reports: see SearchOptions::prune.
struct Pruning {
  const std::vector<TrialResult>* earlier = nullptr;  // trials; none: never
  double share = 0;
  bool maximize = false;
};

/// One evaluation of the objective.
class Trial {
 public:
  /// For tests of an objective; a search makes its own. `pruning.earlier` outlives it.
  explicit Trial(TrialResult& record, Pruning pruning = {}) : record_(record), pruning_(pruning) {}
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  int number() const { return record_.number; }
  /// The same for a trial that goes on with these values and a larger budget: a name for a checkpoint.
  int configuration() const { return record_.configuration; }
  /// What may be spent, in the unit of SearchOptions::budget.
  double budget() const { return record_.budget; }
  /// Of this configuration, derived from the search's. The default generator starts from it.
  std::uint64_t seed() const { return record_.seed; }

  /// See Values. What is not there, or of another kind, ends the search.
  const Values& values() const { return record_.values; }
  bool has(std::string_view name, CallSite site = CallSite::here()) const;
  double real(std::string_view name, CallSite site = CallSite::here()) const;
  std::int64_t whole(std::string_view name, CallSite site = CallSite::here()) const;
  const std::string& word(std::string_view name, CallSite site = CallSite::here()) const;

  /// Puts down a value on the way, after an epoch, say. Condemned is a trial whose value is not finite or, with
  /// SearchOptions::prune, worse than most.
  void report(std::int64_t step, double value);
  /// Ends the trial, which is recorded as condemned, by throwing Condemned. May be called from an Observer of `fit`;
  /// TrialSitter is one. `finding`: the rule of a Babysitter that is the reason.
  [[noreturn]] void stop(std::string reason, std::string finding = {});
  /// Puts down the folds behind the value, and gives their mean: `return trial.from(cross_validate(…))`.
  double from(const CrossValidation& folds);

 private:
  TrialResult& record_;
  Pruning pruning_;
};

/// What Trial::stop throws.
class Condemned : public std::exception {
 public:
  const char* what() const noexcept override { return "the trial was stopped"; }
};

/// What is to be made small, or large with `maximize`.
using Objective = std::function<double(Trial&)>;

struct SearchOptions {
  bool maximize = false;
  std::uint64_t seed = 0;
  /// What a trial may spend, in a unit of your own such as epochs: Trial::budget. Halving and Hyperband let most trials
  /// spend less.
  double budget = 1;
  /// So many trials more, drawn from Space::around(best, fine_share): coarse to fine. Those after a `round` of Random
  /// or Sobol, or a halving of Hyperband, go around the best by then.
  int fine = 0;
  double fine_share = 0.25;
  /// The share of trials that are condemned for what they report: each whose value at a step is worse than those of a
  /// share of 1 - prune of the trials of the same budget in earlier rounds. One that had been condemned by then counts
  /// as worse than any; fewer than four decide nothing. 0.5: a median rule (Golovin et al. 2017, Google Vizier, section
  /// 3.2). What is reported last, and then returned, costs a trial its value and saves nothing.
  double prune = 0;
  /// So many trials of Random and Sobol, with `fine` or `prune`, are drawn before the results of others decide on them.
  /// At least `processes` keeps those busy.
  int round = 6;
  /// Trials at a time. 1: in this process, on as many threads as it uses. More: each in a process of its own, made by
  /// fork(), on one thread, as those of this process do not exist there; what another thread of this process has locked
  /// at that moment stays locked, so call `run` while no others work.
  int processes = 1;
  /// A process for each trial even where `processes` is 1, so that one that crashes does not end the search.
  bool isolated = false;
  /// A file to which each trial that ends adds a line. If it is there, the search goes on from it: what it holds is not
  /// run again. Empty: none. docs/search.md tells its form.
  std::string journal = {};
  /// What else makes a search another one, by name: {{"data", "mnist"}}. Compared with the journal's. Not by a name
  /// that the journal uses: space, method, seed, budget, goal, fine, prune, round.
  std::map<std::string, std::string> notes = {};
  /// Told of each trial that ends, in this process; not of those read from the journal. Stopped, thrown here, ends the
  /// search.
  std::function<void(const TrialResult&)> after_trial = nullptr;
};

/// A search for hyper-parameters:
///
///     train::Search search({{"lr", train::LogUniform{1e-5, 1e-1}}}, train::Random{.trials = 40}, {.maximize = true});
///     const train::SearchResults results = search.run([&](train::Trial& trial) {
///       … trains with trial.real("lr") …
///       return accuracy;
///     });
///
/// Which trials there are follows from space, method, options and, for rounds after the first, from the values of those
/// before; not from the order in which parallel ones end. An objective that throws (but for Stopped, which ends the
/// search) or gives what is not finite makes a failed trial.
class Search {
 public:
  ///   errors    ArgumentError for options out of range, or a space without parameters
  explicit Search(Space space, Method method = Random{}, SearchOptions options = {}, CallSite site = CallSite::here());

  /// Runs all trials, or those that the journal does not have.
  ///   errors    IoError for a journal that can't be written, is damaged other than in its last line, or in use by
  ///             another search; ArgumentError for one of another search, naming what differs, and for an objective
  ///             that asks for a parameter that is not there; Stopped
  SearchResults run(const Objective& objective) const;

  const Space& space() const { return space_; }

 private:
  Space space_;
  Method method_;
  SearchOptions options_;
  CallSite site_;
};

}  // namespace gradus::train
GRADUS_EXPORT_END

#include "gradus/train/search.h"

#include "clock.h"
#include "guards.h"
#include "journal.h"
#include "plan.h"
#include "record.h"
#include "sobol.h"
#include "workers.h"

#include "gradus/train/observer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>

namespace gradus::train {

using gradus::detail::fail;

namespace {

using Json = nlohmann::ordered_json;

// What a trial's process says instead of a result: {kEnd: kMisused, "message": …}, {kEnd: kStopped, "checkpoint": …}.
constexpr const char* kEnd = "ends the search";
constexpr const char* kMisused = "misused";
constexpr const char* kStopped = "stopped";

/// Whether the objective asked for a parameter that is not there, or of another kind: see Values.
bool is_misuse(const std::exception& error) {
  const auto* argument = dynamic_cast<const ArgumentError*>(&error);
  return argument != nullptr && argument->op() == "Trial";
}

/// Evaluates the objective. Whatever it does is put down; only Stopped, and a parameter that is not there, get through.
void evaluate(const Objective& objective, TrialResult& result, Pruning pruning) {
  const auto generator = with_generator(Generator(result.seed));
  const Clock::time_point begin = Clock::now();
  Trial trial(result, pruning);
  std::optional<double> value;
  try {
    value = objective(trial);
  } catch (const Condemned&) {
  } catch (const Stopped&) {
    throw;
  } catch (const std::bad_alloc&) {
    result.reason = "not enough memory";
  } catch (const std::exception& error) {
    if (is_misuse(error)) throw;
    result.reason = error.what();
  } catch (...) {
    result.reason = "an exception of an unknown type";
  }
  result.seconds = seconds_since(begin);
  if (result.status == TrialStatus::condemned || !value) return;  // condemned also if Condemned was caught on the way
  if (std::isfinite(*value)) {
    result.status = TrialStatus::finished;
    result.value = *value;
  } else {
    result.reason = fmt::format("expected a finite value of the objective, got {}", *value);
  }
}

/// The result of a trial, in its process, as text.
std::string evaluate_to_text(const Objective& objective, TrialResult result, Pruning pruning) noexcept {
  Json json;
  try {
    evaluate(objective, result, pruning);
    json = to_json(result);
  } catch (const Stopped& stopped) {
    json = Json{{kEnd, kStopped}, {"checkpoint", stopped.checkpoint}};
  } catch (const Error& error) {
    json = Json{{kEnd, kMisused}, {"message", error.message()}};
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class Run {
 public:
  Run(const Space& space, const SearchOptions& options, const Objective& objective, Journal& journal, CallSite site)
      : space_(space), options_(options), objective_(objective), journal_(journal), site_(site) {}

  /// Fills in the results of a round's trials; `earlier` has those of the rounds before.
  void finish(std::vector<TrialResult>& round, const std::vector<TrialResult>& earlier) {
    const Pruning pruning{&earlier, options_.prune, options_.maximize};
    std::vector<TrialResult*> waiting;
    for (TrialResult& trial : round)
      if (!recall(trial)) waiting.push_back(&trial);
    if (options_.processes > 1 || options_.isolated) {
      in_processes(waiting, pruning);
    } else {
      for (TrialResult* trial : waiting) {
        evaluate(objective_, *trial, pruning);
        keep(*trial);
      }
    }
  }

 private:
  /// The result, if the journal has it.
  bool recall(TrialResult& trial) const {
    const auto at = journal_.trials().find(trial.number);
    if (at == journal_.trials().end()) return false;
    const TrialResult& known = at->second;
    if (known.values != trial.values || known.budget != trial.budget || known.seed != trial.seed)
      fail<IoError>("Search",
                    fmt::format("expected trial {} with {}, budget {}, in the journal '{}', got {}, budget {}",
                                trial.number,
                                to_string(trial.values),
                                trial.budget,
                                options_.journal,
                                to_string(known.values),
                                known.budget),
                    site_);
    trial = known;
    return true;
  }

  void keep(const TrialResult& trial) {
    journal_.append(trial);
    if (options_.after_trial) options_.after_trial(trial);
  }

  void in_processes(const std::vector<TrialResult*>& waiting, Pruning pruning) {
    Workers workers;
    std::size_t next = 0;
    while (next < waiting.size() || workers.running() > 0) {
      if (next < waiting.size() && workers.running() < static_cast<std::size_t>(options_.processes)) {
        started_[next] = Clock::now();
        workers.start(static_cast<int>(next), [&, trial = waiting[next]] {
          journal_.release();
          return evaluate_to_text(objective_, *trial, pruning);
        });
        ++next;
        continue;
      }
      const Workers::Ended ended = workers.wait();
      TrialResult& trial = *waiting[static_cast<std::size_t>(ended.id)];
      take(trial, ended);
      keep(trial);
    }
  }

  void take(TrialResult& trial, const Workers::Ended& ended) {
    const Json json = Json::parse(ended.text, nullptr, false);
    if (json.is_object() && json.contains(kEnd)) {
      if (json[kEnd] == kStopped) {
        Stopped stopped;
        stopped.checkpoint = json["checkpoint"].get<std::string>();
        throw stopped;
      }
      fail<ArgumentError>("Trial", json["message"].get<std::string>(), site_);
    }
    if (auto result = json.is_discarded() ? std::nullopt : trial_from_json(json, space_)) {
      trial = std::move(*result);
      return;
    }
    trial.status = TrialStatus::failed;
    trial.reason = ended.problem.empty() ? "its process ended without a result" : "its process " + ended.problem;
    trial.seconds = seconds_since(started_[static_cast<std::size_t>(ended.id)]);
  }

  const Space& space_;
  const SearchOptions& options_;
  const Objective& objective_;
  Journal& journal_;
  CallSite site_;
  std::map<std::size_t, Clock::time_point> started_;
};

void check_method(const Space& space, const Method& method, const SearchOptions& options, CallSite site) {
  const auto check_trials = [&](int trials) {
    if (trials < 1 || trials > kMostTrials)
      fail<ArgumentError>("Search", fmt::format("expected trials from 1 to a million, got {}", trials), site);
  };
  if (const auto* random = std::get_if<Random>(&method)) check_trials(random->trials);
  if (const auto* grid = std::get_if<Grid>(&method)) space.grid(grid->points, site);
  if (const auto* halving = std::get_if<Halving>(&method)) {
    check_trials(halving->trials);
    check_halving(*halving, options.budget, site);
  }
  if (const auto* hyperband = std::get_if<Hyperband>(&method)) brackets(*hyperband, options.budget, site);
  if (const auto* sobol = std::get_if<Sobol>(&method)) {
    check_trials(sobol->trials);
    if (space.size() > kSobolDimensions)
      fail<ArgumentError>(
          "Search",
          fmt::format("expected at most {} parameters for Sobol, got {}", kSobolDimensions, space.size()),
          site);
  }
}

}  // namespace

Search::Search(Space space, Method method, SearchOptions options, CallSite site)
    : space_(std::move(space)), method_(method), options_(std::move(options)), site_(site) {
  if (space_.size() == 0) fail<ArgumentError>("Search", "expected parameters to search for, got none", site);
  const auto check = [&](bool well, const char* expected, double got) {
    if (!well) fail<ArgumentError>("Search", fmt::format("expected {}, got {}", expected, got), site);
  };
  check(options_.budget > 0 && std::isfinite(options_.budget), "budget > 0", options_.budget);
  check(options_.fine >= 0 && options_.fine <= kMostTrials, "fine from 0 to a million", options_.fine);
  check(options_.fine_share > 0 && options_.fine_share <= 1, "a fine_share in (0, 1]", options_.fine_share);
  check(options_.prune >= 0 && options_.prune < 1, "a share to prune in [0, 1)", options_.prune);
  check(options_.round >= 1 && options_.round <= kMostTrials, "a round from 1 to a million", options_.round);
  check(options_.processes >= 1 && options_.processes <= 1024, "1 to 1024 processes", options_.processes);
  check_method(space_, method_, options_, site);
  SearchOptions plain = options_;
  plain.notes.clear();
  for (const auto& [name, text] : identity(space_, method_, plain))
    if (options_.notes.contains(name))
      fail<ArgumentError>(
          "Search", fmt::format("expected notes of other names than the search's, got '{}'", name), site);
}

SearchResults Search::run(const Objective& objective) const {
  SearchResults results{space_, options_.maximize, {}};
  Journal journal(options_.journal, identity(space_, method_, options_), space_, site_);
  Plan plan(space_, method_, options_);
  Run run(space_, options_, objective, journal, site_);
  for (;;) {
    std::vector<TrialResult> round = plan.next(results.trials);
    if (round.empty()) return results;
    run.finish(round, results.trials);
    for (TrialResult& trial : round) results.trials.push_back(std::move(trial));
  }
}

}  // namespace gradus::train

#include "gradus/train/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace gradus::train {
namespace {

constexpr std::int64_t kFewestEarlier = 4;  // trials, to judge another by
constexpr double kRounding = 1e-9;          // of a number of trials, so that 0.3 of 30 are 9

/// How many earlier trials reported at the step, or had been condemned by then, and how many of these were better.
struct Standing {
  std::int64_t earlier = 0, better = 0;
};

Standing standing(const Pruning& pruning, double budget, std::int64_t step, double value) {
  Standing standing;
  for (const TrialResult& trial : *pruning.earlier) {
    if (trial.budget != budget) continue;
    const auto at =
        std::find_if(trial.curve.begin(), trial.curve.end(), [&](const auto& point) { return point.first == step; });
    const bool reported = at != trial.curve.end() && std::isfinite(at->second);
    if (!reported && trial.status != TrialStatus::condemned) continue;
    ++standing.earlier;
    standing.better += reported && (pruning.maximize ? at->second > value : at->second < value);
  }
  return standing;
}

}  // namespace

bool Trial::has(std::string_view name, CallSite site) const { return record_.values.has(name, site); }
double Trial::real(std::string_view name, CallSite site) const { return record_.values.real(name, site); }
std::int64_t Trial::whole(std::string_view name, CallSite site) const { return record_.values.whole(name, site); }
const std::string& Trial::word(std::string_view name, CallSite site) const { return record_.values.word(name, site); }

void Trial::report(std::int64_t step, double value) {
  record_.curve.emplace_back(step, value);
  if (!std::isfinite(value)) stop(fmt::format("reported {} at step {}", value, step));
  if (pruning_.earlier == nullptr || pruning_.share <= 0) return;
  const auto [earlier, better] = standing(pruning_, record_.budget, step, value);
  const double kept = (1 - pruning_.share) * static_cast<double>(earlier);
  if (earlier < kFewestEarlier || static_cast<double>(better) < kept - kRounding) return;
  stop(fmt::format("reported {} at step {}, where {} of {} earlier trials were better", value, step, better, earlier),
       "pruned");
}

void Trial::stop(std::string reason, std::string finding) {
  record_.status = TrialStatus::condemned;
  record_.reason = std::move(reason);
  record_.finding = std::move(finding);
  throw Condemned();
}

double Trial::from(const CrossValidation& folds) {
  record_.folds = folds.values;
  return folds.mean;
}

}  // namespace gradus::train

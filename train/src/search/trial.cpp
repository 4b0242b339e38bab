#include "gradus/train/search.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace gradus::train {

bool Trial::has(std::string_view name, CallSite site) const { return record_.values.has(name, site); }
double Trial::real(std::string_view name, CallSite site) const { return record_.values.real(name, site); }
std::int64_t Trial::whole(std::string_view name, CallSite site) const { return record_.values.whole(name, site); }
const std::string& Trial::word(std::string_view name, CallSite site) const { return record_.values.word(name, site); }

void Trial::report(std::int64_t step, double value) {
  record_.curve.emplace_back(step, value);
  if (!std::isfinite(value)) stop(fmt::format("reported {} at step {}", value, step));
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

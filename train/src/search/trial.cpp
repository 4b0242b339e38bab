#include "gradus/train/search.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace gradus::train {

template <class F>
decltype(auto) Trial::checked(F&& f) const {
  try {
    return f(record_.values);
  } catch (const ArgumentError&) {
    misused_ = true;
    throw;
  }
}

bool Trial::has(std::string_view name, CallSite site) const {
  return checked([&](const Values& values) { return values.has(name, site); });
}
double Trial::real(std::string_view name, CallSite site) const {
  return checked([&](const Values& values) { return values.real(name, site); });
}
std::int64_t Trial::whole(std::string_view name, CallSite site) const {
  return checked([&](const Values& values) { return values.whole(name, site); });
}
const std::string& Trial::word(std::string_view name, CallSite site) const {
  return checked([&](const Values& values) -> const std::string& { return values.word(name, site); });
}

void Trial::report(std::int64_t step, double value) {
  record_.curve.emplace_back(step, value);
  if (!std::isfinite(value)) stop(fmt::format("reported {} at step {}", value, step));
}

void Trial::stop(std::string reason) {
  record_.status = TrialStatus::condemned;
  record_.reason = std::move(reason);
  throw Condemned();
}

double Trial::from(const CrossValidation& folds) {
  record_.folds = folds.values;
  return folds.mean;
}

}  // namespace gradus::train

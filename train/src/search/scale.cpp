#include "scale.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace gradus::train {

Scale::Scale(const Domain& domain) : domain_(domain) {
  if (const auto* range = std::get_if<Uniform>(&domain)) {
    low_ = range->low, high_ = range->high;
  } else if (const auto* decades = std::get_if<LogUniform>(&domain)) {
    log_ = true;
    low_ = std::log(decades->low), high_ = std::log(decades->high);
  } else if (const auto* whole = std::get_if<Integer>(&domain)) {
    log_ = whole->log;
    low_ = forward(static_cast<double>(whole->low) - 0.5), high_ = forward(static_cast<double>(whole->high) + 0.5);
  } else {
    high_ = static_cast<double>(std::get<Choice>(domain).words.size());
  }
}

double Scale::forward(double x) const { return log_ ? std::log(x) : x; }
double Scale::back(double y) const { return log_ ? std::exp(y) : y; }

Value Scale::at(double coordinate) const {
  const double x = back(std::lerp(low_, high_, coordinate));
  const auto within = [&](double low, double high) {  // the ends as they were given, not as rounded by exp(log(x))
    return coordinate <= 0 ? low : coordinate >= 1 ? high : std::clamp(x, low, high);
  };
  if (const auto* range = std::get_if<Uniform>(&domain_)) return within(range->low, range->high);
  if (const auto* decades = std::get_if<LogUniform>(&domain_)) return within(decades->low, decades->high);
  if (const auto* whole = std::get_if<Integer>(&domain_))
    return std::clamp(static_cast<std::int64_t>(std::floor(x + 0.5)), whole->low, whole->high);
  const auto& words = std::get<Choice>(domain_).words;
  return words[std::min(static_cast<std::size_t>(std::max(x, 0.0)), words.size() - 1)];
}

double Scale::coordinate(const Value& value) const {
  double x = 0;
  if (const auto* real = std::get_if<double>(&value)) {
    x = forward(*real);
  } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    const auto n = static_cast<double>(*whole);
    x = (forward(n - 0.5) + forward(n + 0.5)) / 2;
  } else {
    const auto& words = std::get<Choice>(domain_).words;
    const auto at = std::find(words.begin(), words.end(), std::get<std::string>(value));
    x = static_cast<double>(at - words.begin()) + 0.5;
  }
  return high_ > low_ ? (x - low_) / (high_ - low_) : 0.5;
}

std::vector<Value> Scale::grid(int points) const {
  if (const auto* choice = std::get_if<Choice>(&domain_)) return {choice->words.begin(), choice->words.end()};
  // Of whole numbers the ends are the middles of the first and last part.
  double first = 0, last = 1;
  if (const auto* whole = std::get_if<Integer>(&domain_))
    first = coordinate(whole->low), last = coordinate(whole->high);
  std::vector<Value> values;
  for (int i = 0; i < points; ++i) {
    Value value = at(std::lerp(first, last, points == 1 ? 0.5 : i / (points - 1.0)));
    if (values.empty() || values.back() != value) values.push_back(std::move(value));
  }
  return values;
}

Domain Scale::around(const Value& value, double share) const {
  const double middle = coordinate(value), half = share / 2;
  const Value low = at(std::max(middle - half, 0.0)), high = at(std::min(middle + half, 1.0));
  if (std::holds_alternative<Uniform>(domain_)) return Uniform{std::get<double>(low), std::get<double>(high)};
  if (std::holds_alternative<LogUniform>(domain_)) return LogUniform{std::get<double>(low), std::get<double>(high)};
  if (const auto* whole = std::get_if<Integer>(&domain_))
    return Integer{std::get<std::int64_t>(low), std::get<std::int64_t>(high), whole->log};
  return Choice{{std::get<std::string>(value)}};
}

}  // namespace gradus::train

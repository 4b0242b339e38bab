#include "gradus/train/space.h"

#include "scale.h"

#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace gradus::train {

using gradus::detail::fail;

namespace {

constexpr std::int64_t kExact = std::int64_t{1} << 53;  // whole numbers up to here are doubles

std::string text_of(const Domain& domain) {
  if (const auto* range = std::get_if<Uniform>(&domain)) return fmt::format("uniform {}..{}", range->low, range->high);
  if (const auto* decades = std::get_if<LogUniform>(&domain))
    return fmt::format("log-uniform {}..{}", decades->low, decades->high);
  if (const auto* whole = std::get_if<Integer>(&domain))
    return fmt::format("{} {}..{}", whole->log ? "log-integer" : "integer", whole->low, whole->high);
  return fmt::format("one of {}", fmt::join(std::get<Choice>(domain).words, "|"));
}

void check_words(const std::vector<std::string>& words, const std::string& of, CallSite site) {
  if (words.empty()) fail<ArgumentError>("Space", fmt::format("expected words for {}, got none", of), site);
  std::set<std::string_view> seen;
  for (const std::string& word : words) {
    if (word.empty() || !gradus::detail::is_utf8(word))
      fail<ArgumentError>("Space", fmt::format("expected text in UTF-8 for {}, got '{}'", of, word), site);
    if (!seen.insert(word).second)
      fail<ArgumentError>("Space", fmt::format("expected different words for {}, got '{}' twice", of, word), site);
  }
}

void check_domain(const Hyperparameter& parameter, CallSite site) {
  const auto refuse = [&](const char* expected) {
    fail<ArgumentError>(
        "Space", fmt::format("expected {} for {}, got {}", expected, parameter.name, text_of(parameter.domain)), site);
  };
  // Not NaN either.
  const auto rises = [](double low, double high) { return low < high && std::isfinite(low) && std::isfinite(high); };
  if (const auto* range = std::get_if<Uniform>(&parameter.domain)) {
    if (!rises(range->low, range->high) || !std::isfinite(range->high - range->low)) refuse("low < high, both finite");
  } else if (const auto* decades = std::get_if<LogUniform>(&parameter.domain)) {
    if (!rises(decades->low, decades->high) || !(decades->low > 0)) refuse("0 < low < high, both finite");
  } else if (const auto* whole = std::get_if<Integer>(&parameter.domain)) {
    if (whole->low > whole->high || whole->low < -kExact || whole->high > kExact) refuse("low <= high within ±2^53");
    if (whole->log && whole->low < 1) refuse("low >= 1");
  } else {
    check_words(std::get<Choice>(parameter.domain).words, parameter.name, site);
  }
}

/// `above`: the parameters before it.
void check_condition(const Hyperparameter& parameter, std::span<const Hyperparameter> above, CallSite site) {
  if (!parameter.when) return;
  const When& when = *parameter.when;
  check_words(when.among, fmt::format("the condition of {}", parameter.name), site);
  std::vector<std::string_view> choices;
  for (const Hyperparameter& other : above) {
    const auto* choice = std::get_if<Choice>(&other.domain);
    if (choice == nullptr) continue;
    choices.push_back(other.name);
    if (other.name != when.name) continue;
    const std::vector<std::string_view> words(choice->words.begin(), choice->words.end());
    for (const std::string& word : when.among)
      if (std::find(words.begin(), words.end(), word) == words.end())
        fail<ArgumentError>("Space",
                            fmt::format("{}, in the condition of {}",
                                        gradus::detail::unknown_word(
                                            "a word of " + when.name, word, std::span<const std::string_view>(words)),
                                        parameter.name),
                            site);
    return;
  }
  fail<ArgumentError>("Space",
                      fmt::format("{}, in the condition of {}",
                                  gradus::detail::unknown_word(
                                      "a choice further up", when.name, std::span<const std::string_view>(choices)),
                                  parameter.name),
                      site);
}

}  // namespace

std::string to_string(const Value& value) {
  return std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
}

std::string to_string(const Hyperparameter& parameter) {
  std::string text = fmt::format("{}: {}", parameter.name, text_of(parameter.domain));
  if (parameter.when) text += fmt::format(" if {} = {}", parameter.when->name, fmt::join(parameter.when->among, "|"));
  return text;
}

std::string to_string(const Values& values) {
  std::string text;
  for (const auto& [name, value] : values.entries())
    if (value) text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, to_string(*value));
  return text;
}

const std::optional<Value>& Values::find(std::string_view name, CallSite site) const {
  std::vector<std::string_view> names;
  for (const auto& [known, value] : entries_) {
    if (known == name) return value;
    names.push_back(known);
  }
  fail<ArgumentError>(
      "Trial",
      gradus::detail::unknown_word("a parameter of the search", name, std::span<const std::string_view>(names)),
      site);
}

template <class T>
const T& Values::get(std::string_view name, std::string_view kind, CallSite site) const {
  const std::optional<Value>& value = find(name, site);
  if (!value)
    fail<ArgumentError>(
        "Trial", fmt::format("expected a parameter that this trial has, got '{}', whose condition fails", name), site);
  if (const T* typed = std::get_if<T>(&*value)) return *typed;
  constexpr const char* kKinds[] = {"a real number: real()", "a whole number: whole()", "a word: word()"};
  fail<ArgumentError>(
      "Trial",
      fmt::format("expected a parameter that is {}, got '{}', which is {}", kind, name, kKinds[value->index()]),
      site);
}

bool Values::has(std::string_view name, CallSite site) const { return find(name, site).has_value(); }
double Values::real(std::string_view name, CallSite site) const { return get<double>(name, "a real number", site); }
std::int64_t Values::whole(std::string_view name, CallSite site) const {
  return get<std::int64_t>(name, "a whole number", site);
}
const std::string& Values::word(std::string_view name, CallSite site) const {
  return get<std::string>(name, "a word", site);
}

Space::Space(std::initializer_list<Hyperparameter> parameters, CallSite site)
    : Space(std::vector<Hyperparameter>(parameters), site) {}

Space::Space(std::vector<Hyperparameter> parameters, CallSite site) : parameters_(std::move(parameters)) {
  std::vector<std::string> names;
  for (const Hyperparameter& parameter : parameters_) names.push_back(parameter.name);
  if (!names.empty()) check_words(names, "the names of parameters", site);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    check_domain(parameters_[i], site);
    check_condition(parameters_[i], std::span(parameters_).first(i), site);
  }
}

/// `above`: the values before it.
bool Space::holds(const Hyperparameter& parameter, std::span<const Values::Entry> above) const {
  if (!parameter.when) return true;
  const auto& among = parameter.when->among;
  for (const auto& [name, value] : above)
    if (name == parameter.when->name)
      return value && std::find(among.begin(), among.end(), std::get<std::string>(*value)) != among.end();
  return false;
}

Values Space::at(std::span<const double> place, CallSite site) const {
  if (place.size() != size())
    fail<ArgumentError>("at", fmt::format("expected {} coordinates, got {}", size(), place.size()), site);
  for (const double coordinate : place)
    if (!(coordinate >= 0 && coordinate <= 1))
      fail<ArgumentError>("at", fmt::format("expected coordinates in [0, 1], got {}", coordinate), site);
  std::vector<Values::Entry> entries;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    std::optional<Value> value;
    if (holds(parameters_[i], entries)) value = Scale(parameters_[i].domain).at(place[i]);
    entries.emplace_back(parameters_[i].name, std::move(value));
  }
  return Values(std::move(entries));
}

/// ArgumentError unless the i-th parameter can have the value.
void Space::check_value(const char* op, std::size_t i, const Value& value, CallSite site) const {
  const Domain& domain = parameters_[i].domain;
  const auto within = [&](const auto& range, const auto* v) { return v && *v >= range.low && *v <= range.high; };
  bool well = false;
  if (const auto* range = std::get_if<Uniform>(&domain)) {
    well = within(*range, std::get_if<double>(&value));
  } else if (const auto* decades = std::get_if<LogUniform>(&domain)) {
    well = within(*decades, std::get_if<double>(&value));
  } else if (const auto* whole = std::get_if<Integer>(&domain)) {
    well = within(*whole, std::get_if<std::int64_t>(&value));
  } else {
    const auto& words = std::get<Choice>(domain).words;
    const auto* word = std::get_if<std::string>(&value);
    well = word && std::find(words.begin(), words.end(), *word) != words.end();
  }
  if (!well)
    fail<ArgumentError>(
        op, fmt::format("expected a value of {}, got {}", to_string(parameters_[i]), to_string(value)), site);
}

double Space::coordinate(std::size_t i, const Value& value, CallSite site) const {
  if (i >= size())
    fail<ArgumentError>("coordinate", fmt::format("expected a parameter below {}, got {}", size(), i), site);
  check_value("coordinate", i, value, site);
  return Scale(parameters_[i].domain).coordinate(value);
}

Space Space::around(const Values& best, double share, CallSite site) const {
  if (!(share > 0 && share <= 1))
    fail<ArgumentError>("around", fmt::format("expected a share in (0, 1], got {}", share), site);
  const auto& entries = best.entries();
  const auto same = [](const Hyperparameter& p, const Values::Entry& e) { return p.name == e.first; };
  if (!std::equal(parameters_.begin(), parameters_.end(), entries.begin(), entries.end(), same))
    fail<ArgumentError>("around", fmt::format("expected values of this space, got {}", to_string(best)), site);
  Space result = *this;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].second) continue;
    check_value("around", i, *entries[i].second, site);
    result.parameters_[i].domain = Scale(parameters_[i].domain).around(*entries[i].second, share);
  }
  return result;
}

std::vector<Values> Space::grid(int points, CallSite site) const {
  if (points < 1) fail<ArgumentError>("grid", fmt::format("expected points >= 1, got {}", points), site);
  std::vector<std::vector<Values::Entry>> rows(1);
  for (const Hyperparameter& parameter : parameters_) {
    const std::vector<Value> values = Scale(parameter.domain).grid(points);
    std::size_t count = 0;
    for (const auto& row : rows) count += holds(parameter, row) ? values.size() : 1;
    if (count > static_cast<std::size_t>(kMostTrials))
      fail<ArgumentError>(
          "grid", fmt::format("expected at most a million combinations, got more with {} points", points), site);
    std::vector<std::vector<Values::Entry>> longer;
    for (auto& row : rows) {
      if (!holds(parameter, row)) {
        longer.push_back(std::move(row));
        longer.back().emplace_back(parameter.name, std::nullopt);
        continue;
      }
      for (const Value& value : values) {
        longer.push_back(row);
        longer.back().emplace_back(parameter.name, value);
      }
    }
    rows = std::move(longer);
  }
  std::vector<Values> result;
  for (auto& row : rows) result.emplace_back(std::move(row));
  return result;
}

}  // namespace gradus::train

#include "collect.h"

#include "gradus/tensor/error.h"
#include "gradus/train/search_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

namespace gradus::report {
namespace {

using gradus::detail::fail;

/// The values that one parameter had in all trials.
struct Column {
  std::set<std::string> words, all;  // the second with numbers as they are written
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool whole = true;
};

std::string spelled(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// Not so large that a range of it were infinite.
double number_of(const Json& value) { return std::clamp(value.get<double>(), -1e300, 1e300); }

void see(Column& column, const Json& value) {
  column.all.insert(spelled(value));
  if (value.is_string()) {
    column.words.insert(value.get<std::string>());
    return;
  }
  constexpr double kMostWhole = 0x1p53;  // of train::Integer
  column.whole = column.whole && value.is_number_integer() && std::abs(value.get<double>()) <= kMostWhole;
  column.low = std::min(column.low, number_of(value));
  column.high = std::max(column.high, number_of(value));
}

/// A space that holds them: importances depend on ranks, not on its borders.
train::Space space_of(const std::map<std::string, Column>& columns) {
  std::vector<train::Hyperparameter> parameters;
  for (const auto& [name, column] : columns) {
    train::Domain domain = train::Uniform{column.low, std::max(column.high, std::nextafter(column.low, 1e301))};
    if (!column.words.empty())
      domain = train::Choice{{column.all.begin(), column.all.end()}};
    else if (column.whole)
      domain =
          train::Integer{.low = static_cast<std::int64_t>(column.low), .high = static_cast<std::int64_t>(column.high)};
    parameters.push_back({name, domain});
  }
  return train::Space(parameters);
}

train::TrialResult trial_of(const Json& json, const std::map<std::string, Column>& columns) {
  train::TrialResult trial;
  trial.number = json.value("trial", 0);
  trial.configuration = json.value("configuration", trial.number);
  trial.budget = json.value("budget", 1.0);
  trial.fine = json.value("fine", false);
  const std::string status = json.value("status", "");
  trial.status = status == "finished"    ? train::TrialStatus::finished
                 : status == "condemned" ? train::TrialStatus::condemned
                                         : train::TrialStatus::failed;
  if (json["value"].is_number()) trial.value = json["value"].get<double>();
  std::vector<train::Values::Entry> entries;
  for (const auto& [name, column] : columns) {
    std::optional<train::Value> value;
    if (const auto at = json["values"].find(name); at != json["values"].end()) {
      if (!column.words.empty())
        value = spelled(*at);
      else if (column.whole)
        value = at->get<std::int64_t>();
      else
        value = number_of(*at);
    }
    entries.emplace_back(name, std::move(value));
  }
  trial.values = train::Values(std::move(entries));
  return trial;
}

void check_trial(const Json& trial, const std::string& where) {
  for (const char* key : {"trial", "configuration", "budget", "seconds", "value"}) number(trial, key, where);
  for (const char* key : {"trial", "configuration"})
    if (trial.contains(key) &&
        (!trial[key].is_number_unsigned() || trial[key].get<std::uint64_t>() > train::kMostTrials))
      fail<IoError>("report", fmt::format("{}: expected '{}' to be the number of a trial", where, key));
  for (const char* key : {"status", "values"})
    if (!trial.contains(key)) fail<IoError>("report", fmt::format("{}: expected a trial with '{}'", where, key));
  if (!trial["status"].is_string() || !trial["values"].is_object() || !trial.contains("value"))
    fail<IoError>("report", where + ": expected a trial with a status, values and a value");
  for (const auto& [name, value] : trial["values"].items())
    if (!value.is_number() && !value.is_string())
      fail<IoError>("report", fmt::format("{}: expected '{}' to be a number or a word", where, name));
}

}  // namespace

Json read_search(const std::string& path) {
  std::vector<Json> lines = read_lines(path);
  if (lines.empty() || !lines[0].contains("gradus_search"))
    fail<IoError>("report",
                  fmt::format("expected a run's folder or a journal of a search, got '{}' (another file)", path));
  Json search{{"name", path.substr(path.find_last_of('/') + 1)}, {"path", path}, {"about", lines[0]}};
  std::map<std::string, Column> columns;
  Json trials = Json::array();
  for (std::size_t i = 1; i < lines.size(); ++i) {
    check_trial(lines[i], fmt::format("{}:{}", path, i + 1));
    for (const auto& [name, value] : lines[i]["values"].items()) see(columns[name], value);
    trials.push_back(lines[i]);
  }
  train::SearchResults results;
  results.maximize = lines[0].value("goal", "") == "maximize";
  try {
    results.space = space_of(columns);
    for (const Json& trial : trials) results.trials.push_back(trial_of(trial, columns));
  } catch (const ArgumentError& error) {  // a parameter without a name, say
    fail<IoError>("report",
                  fmt::format("expected the trials of a search in {}, got them wrong: {}", path, error.message()));
  }
  Json importances = Json::array();
  for (const train::Importance& one : results.importances())
    importances.push_back({{"name", one.name}, {"share", one.share}, {"trials", one.trials}});
  search["parameters"] = Json::array();
  for (const auto& [name, column] : columns)
    search["parameters"].push_back(
        {{"name", name}, {"words", column.words}, {"low", column.low}, {"high", column.high}});
  search["maximize"] = results.maximize;
  search["trials"] = std::move(trials);
  search["importances"] = std::move(importances);
  return search;
}

}  // namespace gradus::report

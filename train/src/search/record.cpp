#include "record.h"

#include <array>
#include <cmath>
#include <utility>

namespace gradus::train {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array kStatuses = {std::pair{TrialStatus::finished, "finished"},
                                  std::pair{TrialStatus::condemned, "condemned"},
                                  std::pair{TrialStatus::failed, "failed"}};

/// Whether a number is whole and one of T: the JSON library would make some number of others.
template <class T>
bool is_whole(const Json& json) {
  if (json.is_number_unsigned()) return std::in_range<T>(json.get<std::uint64_t>());
  return json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>());
}

/// Values as the domains of a space have them: 1 may stand for the real number.
std::optional<Values> values_from(const Json& json, const Space& space) {
  std::vector<Values::Entry> entries;
  std::size_t found = 0;
  for (const Hyperparameter& parameter : space.parameters()) {
    std::optional<Value> value;
    if (const auto at = json.find(parameter.name); at != json.end()) {
      ++found;
      if (std::holds_alternative<Choice>(parameter.domain))
        value = at->get<std::string>();
      else if (std::holds_alternative<Integer>(parameter.domain) && !is_whole<std::int64_t>(*at))
        return {};
      else if (std::holds_alternative<Integer>(parameter.domain))
        value = at->get<std::int64_t>();
      else
        value = at->get<double>();
    }
    entries.emplace_back(parameter.name, std::move(value));
  }
  if (found != json.size()) return {};
  return Values(std::move(entries));
}

/// What is not finite has no number in JSON.
double number_from(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

}  // namespace

std::string to_string(TrialStatus status) {
  for (const auto& [known, name] : kStatuses)
    if (known == status) return name;
  return "unknown";
}

Json to_json(const TrialResult& trial) {
  Json values = Json::object();
  for (const auto& [name, value] : trial.values.entries())
    if (value) std::visit([&, &key = name](const auto& v) { values[key] = v; }, *value);
  Json json{{"trial", trial.number},
            {"configuration", trial.configuration},
            {"budget", trial.budget},
            {"fine", trial.fine},
            {"seed", trial.seed},
            {"values", std::move(values)},
            {"status", to_string(trial.status)},
            {"value", trial.value}};
  if (!trial.reason.empty()) json["reason"] = trial.reason;
  if (!trial.finding.empty()) json["finding"] = trial.finding;
  if (!trial.curve.empty()) json["curve"] = trial.curve;
  if (!trial.folds.empty()) json["folds"] = trial.folds;
  json["seconds"] = trial.seconds;
  return json;
}

std::optional<TrialResult> trial_from_json(const Json& json, const Space& space) {
  try {
    TrialResult trial;
    for (const char* key : {"trial", "configuration"})
      if (!is_whole<int>(json.at(key))) return {};
    if (!is_whole<std::uint64_t>(json.at("seed"))) return {};
    trial.number = json.at("trial").get<int>();
    trial.configuration = json.at("configuration").get<int>();
    trial.budget = json.at("budget").get<double>();
    trial.fine = json.at("fine").get<bool>();
    trial.seed = json.at("seed").get<std::uint64_t>();
    auto values = values_from(json.at("values"), space);
    if (!values) return {};
    trial.values = std::move(*values);
    const auto status = json.at("status").get<std::string>();
    bool known = false;
    for (const auto& [value, name] : kStatuses)
      if (name == status) trial.status = value, known = true;
    if (!known) return {};
    trial.value = number_from(json.at("value"));
    if (trial.status == TrialStatus::finished && !std::isfinite(trial.value)) return {};
    trial.reason = json.value("reason", std::string());
    trial.finding = json.value("finding", std::string());
    if (json.contains("curve"))
      for (const Json& point : json["curve"]) {
        if (!is_whole<std::int64_t>(point.at(0))) return {};
        trial.curve.emplace_back(point.at(0).get<std::int64_t>(), number_from(point.at(1)));
      }
    if (json.contains("folds"))
      for (const Json& fold : json["folds"]) trial.folds.push_back(number_from(fold));
    trial.seconds = json.at("seconds").get<double>();
    return trial;
  } catch (const Json::exception&) {
    return {};
  }
}

}  // namespace gradus::train

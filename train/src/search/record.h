#pragma once

#include "gradus/train/search_results.h"

#include <nlohmann/json.hpp>

#include <optional>

namespace gradus::train {

/// One line of a journal, and what a trial's process tells. Numbers are read back as they were.
nlohmann::ordered_json to_json(const TrialResult& trial);
/// Back again, with the names of `space`. Nothing for what is no trial of it.
std::optional<TrialResult> trial_from_json(const nlohmann::ordered_json& json, const Space& space);

}  // namespace gradus::train

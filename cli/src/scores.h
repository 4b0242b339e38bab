#pragma once

#include "gradus/report/saved_run.h"
#include "gradus/train/observer.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace gradus::cli {

/// A line; nothing where nothing was measured.
void print_score(const char* name, const train::Score& score);
nlohmann::ordered_json score_json(const train::Score& score);

/// A table with the recall and the precision of each class.
std::string confusion_text(const report::Confusion& counts, const std::vector<std::string>& names);

}  // namespace gradus::cli

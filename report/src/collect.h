#pragma once

#include "gradus/report/report.h"

#include <nlohmann/json.hpp>

#include <string>

namespace gradus::report {

using Json = nlohmann::ordered_json;

/// {"gradus_report": 1, "runs": […], "searches": […]}
Json collect(const Subjects& subjects);

Json read_run(const std::string& path);
Json read_search(const std::string& path);

/// Adds to a run what its weights and its model's text give: "weights", "graph", "profile"; with `rows` also
/// "rows" (confusion, worst) and "activations".
void add_model(Json& run, const std::string& folder, const Subjects& subjects);

/// A file of one JSON object, or of one in each line; a torn last line is left out, as one is while a run goes on.
///   errors    IoError naming the file (and line) if it can't be read or holds something else
Json read_object(const std::string& path);
std::vector<Json> read_lines(const std::string& path);

/// A number, or null where there is none, as JSON has no NaN. IoError naming `where` for anything else.
Json number(const Json& object, const char* key, const std::string& where);

}  // namespace gradus::report

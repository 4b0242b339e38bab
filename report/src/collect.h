#pragma once

#include "gradus/report/report.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <string>
#include <vector>

namespace gradus::report {

using Json = nlohmann::ordered_json;

/// {"gradus_report": 1, "runs": […], "searches": […]}, with what `add` adds to each run from where its files are.
Json collect(const Subjects& subjects, const std::function<void(Json& run, const std::string& folder)>& add = {});

Json read_run(const std::string& path);
Json read_search(const std::string& path);

/// As text, and as the page; names need not be UTF-8, the rest becomes U+FFFD.
std::string text_of(const Json& all);
std::string page_of(const Json& all, bool live);

/// Adds to a run what its weights and its model's text give: "weights", "graph", "profile"; with `rows` also
/// "rows" (confusion, worst) and "activations". It evaluates the model, so files of curves do without.
void add_model(Json& run, const std::string& folder, const Subjects& subjects);

/// A file of one JSON object, or of one in each line; a torn last line is left out, as one is while a run goes on.
///   errors    IoError naming the file (and line) if it can't be read or holds something else
Json read_object(const std::string& path);
std::vector<Json> read_lines(const std::string& path);

/// A number, or null where there is none, as JSON has no NaN. IoError naming `where` for anything else.
Json number(const Json& object, const char* key, const std::string& where);

}  // namespace gradus::report

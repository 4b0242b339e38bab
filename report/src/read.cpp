#include "collect.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"
#include "gradus/tensor/parse_json.h"
#include "gradus/train/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>

namespace gradus::report {
namespace {

namespace fs = std::filesystem;
using gradus::detail::fail;

constexpr std::size_t kMostPoints = 1500;  // of a curve
constexpr const char* kStepKeys[] = {"step", "epoch", "loss", "lr", "batch", "noise_scale"};
constexpr const char* kRunFiles[] = {"config.json", "metrics.jsonl", "summary.json", "steps.jsonl", "findings.jsonl"};

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  fail<IoError>("report", fmt::format("expected a run's folder or a journal of a search, got '{}' ({})", path, why));
}

/// Where the files of a run stand: in its folder, or while it goes on in one inside.
fs::path files_of(const fs::path& folder) {
  train::detail::complete_run(folder.string());
  for (const char* name : kRunFiles)
    if (fs::exists(folder / name)) return folder;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && entry.path().filename().string().starts_with(".unfinished-")) return entry.path();
  refuse(folder.string(), "no file of a run in it");
}

bool has_histogram(const Json& line) {
  const auto seen = line.find("activations");
  return seen != line.end() &&
         std::any_of(seen->begin(), seen->end(), [](const Json& one) { return one.contains("histogram"); });
}

/// The points of a curve that are kept: all, or every n-th, those with histograms and the last.
std::vector<Json> thinned(std::vector<Json> lines) {
  if (lines.size() <= kMostPoints) return lines;
  const std::size_t stride = (lines.size() + kMostPoints - 1) / kMostPoints;
  std::vector<Json> kept;
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (i % stride == 0 || i + 1 == lines.size() || has_histogram(lines[i])) kept.push_back(std::move(lines[i]));
  return kept;
}

void check_whole(const Json& object, const char* key, const std::string& where) {
  const auto at = object.find(key);
  if (at != object.end() && !at->is_null() && !at->is_number_integer())
    fail<IoError>("report", fmt::format("{}: expected '{}' to be a whole number, got {}", where, key, at->dump()));
}

/// {"step", "low", "high", "counts"}
Json histogram(const Json& given, const Json& step, const std::string& where) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  const auto is_count = [](const Json& count) {
    return count.is_number_unsigned() && count.get<std::uint64_t>() <= kMost;
  };
  const Json counts = given.is_object() ? given.value("counts", Json()) : Json();
  if (!counts.is_array() || counts.empty() || !std::all_of(counts.begin(), counts.end(), is_count))
    fail<IoError>("report", where + ": expected a histogram with a list 'counts'");
  Json result{{"step", step}};
  for (const char* key : {"low", "high"})
    if ((result[key] = number(given, key, where)).is_null())
      fail<IoError>("report", fmt::format("{}: expected a histogram with a number '{}'", where, key));
  if (result["low"] > result["high"]) fail<IoError>("report", where + ": expected a histogram with low <= high");
  result["counts"] = counts;
  return result;
}

/// One list for each quantity, as long as there are steps, with null where a step does not have it;
/// histograms, which few steps have, each with its step.
Json columns(const std::vector<Json>& lines, const std::string& path) {
  Json steps = Json::object();
  for (const char* key : kStepKeys) steps[key] = Json::array();
  Json parameters = Json::object(), activations = Json::object(), histograms = Json::object();
  const auto put = [&](Json& column, std::size_t at, Json value) {
    if (column.is_null()) column = Json::array();
    while (column.size() < at) column.push_back(nullptr);
    column.push_back(std::move(value));
  };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string where = fmt::format("{}:{}", path, i + 1);
    for (const char* key : kStepKeys) steps[key].push_back(number(lines[i], key, where));
    for (const char* key : {"step", "epoch"}) check_whole(lines[i], key, where);
    const Json empty = Json::object(), none = Json::array();
    const Json& of = lines[i].contains("parameters") ? lines[i]["parameters"] : empty;
    if (!of.is_object()) fail<IoError>("report", where + ": expected 'parameters' to be an object");
    for (const auto& [name, values] : of.items())
      for (const char* key : {"weight", "gradient", "update"})
        put(parameters[name][key], i, number(values, key, where));
    const Json& seen = lines[i].contains("activations") ? lines[i]["activations"] : none;
    if (!seen.is_array()) fail<IoError>("report", where + ": expected 'activations' to be a list");
    std::set<std::string> names;
    for (const Json& one : seen) {
      if (!one.is_object() || !one.contains("layer") || !one["layer"].is_string() || !one.contains("op") ||
          !one["op"].is_string())
        fail<IoError>("report", where + ": expected 'layer' and 'op' of an activation");
      const std::string name = one["layer"].get<std::string>() + " " + one["op"].get<std::string>();
      if (!names.insert(name).second) continue;  // the op ran several times in the layer
      for (const char* key : {"mean", "std", "dead", "saturated"})
        if (one.contains(key)) put(activations[name][key], i, number(one, key, where));
      if (one.contains("histogram"))
        histograms[name].push_back(histogram(one["histogram"], steps["step"].back(), where));
    }
  }
  steps["parameters"] = std::move(parameters);
  steps["activations"] = std::move(activations);
  steps["histograms"] = std::move(histograms);
  return steps;
}

Json epochs(const std::vector<Json>& lines, const std::string& path) {
  Json table = Json::object();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    check_whole(lines[i], "epoch", fmt::format("{}:{}", path, i + 1));
    for (const char* key : {"epoch",
                            "train_loss",
                            "train_accuracy",
                            "train_r2",
                            "validation_loss",
                            "validation_accuracy",
                            "validation_r2",
                            "test_loss",
                            "test_accuracy",
                            "test_r2",
                            "lr",
                            "seconds"})
      table[key].push_back(number(lines[i], key, fmt::format("{}:{}", path, i + 1)));
  }
  return table;
}

Json findings(std::vector<Json> lines, const std::string& path) {
  for (std::size_t i = 0; i < lines.size(); ++i)
    for (const char* key : {"severity", "rule", "layer", "text"})
      if (!lines[i].contains(key) || !lines[i][key].is_string())
        fail<IoError>("report", fmt::format("{}:{}: expected a finding with a text '{}'", path, i + 1, key));
  return lines;
}

}  // namespace

Json number(const Json& object, const char* key, const std::string& where) {
  if (!object.is_object()) fail<IoError>("report", where + ": expected an object");
  const auto at = object.find(key);
  if (at == object.end() || at->is_null()) return nullptr;
  if (!at->is_number())
    fail<IoError>("report",
                  fmt::format("{}: expected '{}' to be a number, got {}", where, key, at->dump(-1, ' ', true)));
  return *at;
}

Json read_object(const std::string& path) {
  Json json = gradus::detail::parse_json<Json>(gradus::detail::read_file("report", path));
  if (!json.is_object())
    fail<IoError>("report", fmt::format("expected an object of JSON in '{}', got other text", path));
  return json;
}

std::vector<Json> read_lines(const std::string& path) {
  const std::string text = gradus::detail::read_file("report", path);
  std::vector<Json> lines;
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    lines.push_back(gradus::detail::parse_json<Json>(std::string_view(text).substr(at, end - at)));
    if (!lines.back().is_object())
      fail<IoError>("report", fmt::format("{}:{}: expected an object of JSON", path, lines.size()));
  }
  return lines;
}

Json read_run(const std::string& path) {
  const fs::path files = files_of(path);
  const auto file = [&](const char* name) { return (files / name).string(); };
  const auto has = [&](const char* name) { return fs::exists(files / name); };
  fs::path name = fs::absolute(path).lexically_normal();
  if (name.filename().empty()) name = name.parent_path();
  if (fs::is_symlink(name)) name = fs::canonical(name);  // runs/latest
  Json run{{"name", name.filename().string()}, {"path", path}};
  run["config"] = has("config.json") ? read_object(file("config.json")) : Json::object();
  run["summary"] = has("summary.json") ? read_object(file("summary.json")) : Json::object();
  if (!run["summary"].contains("status"))
    run["summary"]["status"] = fs::exists(fs::path(path) / "checkpoint.safetensors") ? "stopped" : "running";
  run["epochs"] =
      has("metrics.jsonl") ? epochs(read_lines(file("metrics.jsonl")), file("metrics.jsonl")) : Json::object();
  run["steps"] =
      has("steps.jsonl") ? columns(thinned(read_lines(file("steps.jsonl"))), file("steps.jsonl")) : Json::object();
  run["findings"] =
      has("findings.jsonl") ? findings(read_lines(file("findings.jsonl")), file("findings.jsonl")) : Json::array();
  return run;
}

Json collect(const Subjects& subjects, const std::function<void(Json& run, const std::string& folder)>& add) {
  if (subjects.paths.empty()) fail<ArgumentError>("report", "expected a run's folder or a journal, got none");
  Json all{{"gradus_report", 1}, {"runs", Json::array()}, {"searches", Json::array()}};
  for (const std::string& path : subjects.paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) refuse(path, error ? error.message() : "not there");
    gradus::detail::at_boundary("report", path, [&] {  // a value of another type than it should have, say
      if (fs::is_directory(status)) {
        all["runs"].push_back(read_run(path));
        if (add) add(all["runs"].back(), files_of(path).string());
      } else {
        all["searches"].push_back(read_search(path));
      }
    });
  }
  return all;
}

}  // namespace gradus::report

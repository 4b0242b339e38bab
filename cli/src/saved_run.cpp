#include "saved_run.h"

#include "gradus/nn/model.h"
#include "gradus/nn/model_text.h"
#include "gradus/nn/save.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>

namespace gradus::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& folder, const std::string& why) {
  gradus::detail::fail<IoError>("run",
                                fmt::format("expected the folder of a finished run, got '{}' ({})", folder, why));
}

/// The JSON of a run's file, an object.
Json read(const std::string& folder, const char* name) {
  std::ifstream in(fs::path(folder) / name);
  if (!in) refuse(folder, fmt::format("{} is missing", name));
  Json json = Json::parse(in, nullptr, false);
  if (!json.is_object()) refuse(folder, fmt::format("{} is no JSON object", name));
  return json;
}

}  // namespace

SavedRun::SavedRun(const std::string& folder) {
  const Json config = read(folder, "config.json");
  try {
    model = config.at("model").get<std::string>();
    const auto sizes = config.at("input_shape").get<std::vector<std::int64_t>>();
    for (const std::int64_t size : sizes) input.push_back(size);
    regression = config.contains("target_std");
    target_mean = config.value("target_mean", 0.0);
    target_std = config.value("target_std", 1.0);
    class_names = config.value("class_names", std::vector<std::string>());
    if (config.value("preprocess", "standardise") != "none" || config.contains("impute_mean"))
      preprocess = data::load<data::Pipeline>((fs::path(folder) / "preprocess.npz").string());
  } catch (const Json::exception&) {
    refuse(folder, "its config.json is of another program");
  }
  Shape one = input;
  one.insert(0, 1);
  Shape row = preprocess(zeros(one)).shape();
  row.erase(0);
  net = nn::model_from_text(model, row);
  nn::load(net, (fs::path(folder) / "weights.safetensors").string());
  nn::eval(net);
}

void add_saved_run_options(po::options_description& known) {
  add_option(known, "config", "FILE", "options in JSON (those the run was trained with)");
  add_data_options(known);
  add_option(known, "part", "NAME", "of the data: test, validation or train (test, or what there is)");
}

std::vector<std::string> with_run_options(const char* command, const std::vector<std::string>& arguments) {
  po::options_description known("");
  if (arguments.empty() || arguments[0].starts_with("-"))
    throw UsageError(fmt::format("{}: expected the folder of a run first, got {} (see 'gradus {} --help')",
                                 command,
                                 arguments.empty() ? "nothing" : fmt::format("'{}'", arguments[0]),
                                 command));
  std::vector<std::string> all = arguments;
  const bool has_config =
      std::any_of(all.begin(), all.end(), [](const std::string& a) { return a.starts_with("--config"); });
  read(arguments[0], "config.json");
  if (!has_config) all.insert(all.end(), {"--config", (fs::path(arguments[0]) / "config.json").string()});
  return all;
}

data::Dataset rows_of(const Options& options, const SavedRun& run) {
  const Source source = load_source(options);
  const data::Splits& splits = source.splits;
  struct Part {
    std::string_view name;
    const data::Dataset* rows;
  };
  const std::array parts{
      Part{"test", &splits.test}, Part{"validation", &splits.validation}, Part{"train", &splits.train}};
  const data::Dataset* rows = nullptr;
  if (options.has("part")) {
    rows = find_word("--part: ", "a part of the data", options.text("part"), parts).rows;
  } else {
    const auto at = std::find_if(parts.begin(), parts.end(), [](const Part& part) { return part.rows->size() > 0; });
    rows = at == parts.end() ? nullptr : at->rows;
  }
  if (rows == nullptr || rows->size() == 0)
    throw UsageError(fmt::format("--part: expected a part with rows, got none in {}", options.text("part")));
  Shape row = rows->inputs.shape();
  row.erase(0);
  if (row != run.input)
    throw UsageError(fmt::format(
        "--data: expected rows {}, which the run was trained on, got {}", to_string(run.input), to_string(row)));
  return *rows;
}

}  // namespace gradus::cli

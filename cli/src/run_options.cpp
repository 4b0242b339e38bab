#include "run_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace gradus::cli {

void add_run_options(po::options_description& known) {
  add_option(known, "config", "FILE", "options in JSON (those the run was trained with)");
  add_data_options(known);
  add_option(known, "part", "NAME", "of the data: test, validation or train (test, or what there is)");
}

Options run_options(const char* command,
                    const po::options_description& known,
                    const std::vector<std::string>& arguments,
                    const char* usage,
                    const std::string& examples) {
  Options given(command, known, arguments, usage, examples, 1);
  if (given.help_shown() || given.has("config")) return given;
  if (given.arguments().empty())
    throw UsageError(
        fmt::format("{}: expected the folder of a run first, got nothing (see 'gradus {} --help')", command, command));
  std::vector<std::string> all = arguments;
  all.insert(all.end(), {"--config", report::SavedRun::config_file(given.arguments()[0])});
  return Options(command, known, all, usage, examples, 1);
}

report::SavedRun load_run(const Options& options) {
  const std::string& folder = options.arguments().at(0);
  report::SavedRun run(folder);
  const char* const missing = !run.has_weights ? "weights.safetensors" : !run.transform ? "preprocess.npz" : nullptr;
  if (missing != nullptr)
    gradus::detail::fail<IoError>(
        "run", fmt::format("expected the folder of a finished run, got '{}' ({} is missing)", folder, missing));
  return run;
}

data::Dataset rows_of(const Options& options, const report::SavedRun& run) {
  const Source source = load_source(options, run.class_names);
  const data::Splits& splits = source.splits;
  struct Part {
    std::string_view name;
    const data::Dataset* rows;
  };
  const std::array parts{
      Part{"test", &splits.test}, Part{"validation", &splits.validation}, Part{"train", &splits.train}};
  const auto* part = std::find_if(parts.begin(), parts.end(), [](const Part& p) { return p.rows->size() > 0; });
  if (options.has("part")) part = &find_word("--part: ", "a part of the data", options.text("part"), parts);
  if (part == parts.end() || part->rows->size() == 0)
    throw UsageError(fmt::format("--part: expected a part with rows, got none in '{}'", options.text("part")));
  Shape row = part->rows->inputs.shape();
  row.erase(0);
  if (row != run.input)
    throw UsageError(fmt::format(
        "--data: expected rows {}, which the run was trained on, got {}", to_string(run.input), to_string(row)));
  return *part->rows;
}

data::Dataset test_rows_of(const std::string& folder) {
  po::options_description known("");
  add_run_options(known);
  return load_source(run_options("report", known, {folder}, "", "")).splits.test;
}

}  // namespace gradus::cli

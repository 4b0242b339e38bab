#include "command.h"
#include "run_options.h"
#include "scores.h"

#include "gradus/data/preprocess.h"
#include "gradus/train/fit.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

namespace gradus::cli {
namespace {

constexpr const char* kUsage =
    "Scores of a trained model on rows: those of its own run, or others.\n\n"
    "usage: gradus eval RUN [options]";

std::string examples() {
  return source_help() +
         "\nexamples\n"
         "  gradus eval runs/latest\n"
         "  gradus eval my-run --part validation --confusion\n"
         "  gradus eval my-run --data csv:other.csv --json\n";
}

}  // namespace

int run_eval(const std::vector<std::string>& arguments) {
  po::options_description known("");
  add_run_options(known);
  known.add_options()("confusion", "which classes were taken for which");
  known.add_options()("json", "prints the scores as JSON");
  const Options options = run_options("eval", known, arguments, kUsage, examples());
  if (options.help_shown()) return 0;
  report::SavedRun run = load_run(options);
  data::Dataset rows = rows_of(options, run);
  if (!rows.targets.defined()) throw UsageError("--no-label: expected rows with labels to score by, got none");
  if (run.regression != (rows.targets.dtype() != int64))
    throw UsageError(fmt::format("--data: expected labels that are {}, as in training, got others",
                                 run.regression ? "numbers" : "classes"));
  if (run.regression && options.has("confusion"))
    throw UsageError("--confusion: expected a model of classes, got one of numbers");
  if (run.regression) {
    const auto tensor_of = [](double value) { return full({}, value, float64); };
    rows.targets =
        data::Standardize(tensor_of(run.target_mean), tensor_of(run.target_std), data::Per::all)(rows.targets);
  }
  train::Score score = train::evaluate(run.net, rows, {.transform = run.transform});
  score.loss *= run.regression ? run.target_std * run.target_std : 1;
  report::Confusion counts;
  if (options.has("confusion"))
    counts = report::confusion(report::outputs_of(run.net, rows.inputs, run.transform), rows.targets);
  if (options.has("json")) {
    nlohmann::ordered_json json = score_json(score);
    json["rows"] = rows.size();
    if (options.has("confusion")) json["confusion"] = counts;
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{} rows\n", rows.size());
  print_score("model", score);
  if (options.has("confusion")) fmt::print("{}", confusion_text(counts, run.class_names));
  return 0;
}

}  // namespace gradus::cli

#include "command.h"
#include "saved_run.h"
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
  add_saved_run_options(known);
  known.add_options()("confusion", "which classes were taken for which");
  known.add_options()("json", "prints the scores as JSON");
  if (Options("eval", known, arguments, kUsage, examples(), 1).help_shown()) return 0;
  const Options options("eval", known, with_run_options("eval", arguments), kUsage, examples(), 1);
  SavedRun run(options.arguments()[0]);
  data::Dataset rows = rows_of(options, run);
  if (!rows.targets.defined()) throw UsageError("--no-label: expected rows with labels to score by, got none");
  if (run.regression != (rows.targets.dtype() != int64))
    throw UsageError(fmt::format("--data: expected labels that are {}, as in training, got others",
                                 run.regression ? "numbers" : "classes"));
  if (run.regression) {
    const auto tensor_of = [](double value) { return full({}, value, float64); };
    rows.targets =
        data::Standardize(tensor_of(run.target_mean), tensor_of(run.target_std), data::Per::all)(rows.targets);
  }
  train::Score score = train::evaluate(run.net, rows, {.transform = run.preprocess});
  score.loss *= run.regression ? run.target_std * run.target_std : 1;
  if (options.has("json")) {
    nlohmann::ordered_json json = score_json(score);
    json["rows"] = rows.size();
    if (options.has("confusion") && !run.regression)
      json["confusion"] = confusion(run.net, rows, run.preprocess, rows.num_classes());
    fmt::print("{}\n", json.dump(2));
    return 0;
  }
  fmt::print("{} rows\n", rows.size());
  print_score("model", score);
  if (options.has("confusion")) {
    if (run.regression) throw UsageError("--confusion: expected a model of classes, got one of numbers");
    fmt::print("{}", confusion_text(confusion(run.net, rows, run.preprocess, rows.num_classes()), run.class_names));
  }
  return 0;
}

}  // namespace gradus::cli

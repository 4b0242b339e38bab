#include "small_models.h"
#include "target.h"

#include "gradus/report/report.h"
#include "gradus/report/saved_run.h"
#include "gradus/train/search.h"

#include <nlohmann/json.hpp>

#include <filesystem>

namespace gradus::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMetrics =
    "{\"epoch\":1,\"train_loss\":2.5,\"train_accuracy\":0.25,\"lr\":0.1,\"seconds\":1}\n"
    "{\"epoch\":2,\"train_loss\":1.5,\"validation_loss\":null}\n";
constexpr const char* kSteps =
    "{\"epoch\":1,\"step\":1,\"loss\":3,\"lr\":0.1,\"parameters\":{}}\n"
    "{\"epoch\":1,\"step\":5,\"loss\":null,\"lr\":0.1,\"batch\":8,\"noise_scale\":70.5,\"parameters\":"
    "{\"w\":{\"weight\":2,\"gradient\":4,\"update\":0.5}},\"activations\":[{\"layer\":\"2\",\"op\":\"relu\","
    "\"mean\":1,\"std\":2,\"dead\":0.5,\"histogram\":{\"low\":-1,\"high\":3.5,\"counts\":[4,0,2]}}]}\n";
constexpr const char* kFindings =
    "{\"severity\":\"note\",\"rule\":\"loss.flat\",\"layer\":\"1\",\"text\":\"t\",\"step\":3,\"epoch\":1}\n";
constexpr const char* kSummary = "{\"status\":\"finished\",\"train_loss\":1.5,\"epochs\":2,\"best_epoch\":2}\n";

void write_run(const TempFolder& folder) {
  fs::create_directories(folder.path("run"));
  folder.write("run/metrics.jsonl", kMetrics);
  folder.write("run/steps.jsonl", kSteps);
  folder.write("run/findings.jsonl", kFindings);
  folder.write("run/summary.json", kSummary);
}

void report_folder(const std::string& path) {
  const report::Subjects subjects{.paths = {fs::path(path).parent_path().string()}};
  report::to_json(subjects);
  report::write_events(subjects, fs::path(path).parent_path().parent_path() / "events");
}

const std::vector<std::string> kKeys = {"\"epoch\":",
                                        "\"step\":",
                                        "\"parameters\":{",
                                        "\"activations\":[{",
                                        "\"histogram\":",
                                        "\"counts\":[",
                                        "null",
                                        "1e308",
                                        "-0",
                                        "\"layer\":\"\""};

const Registered kMetricsFile{{
    .name = "run_metrics",
    .file = "run/metrics.jsonl",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      write_run(folder);
      return {kMetrics};
    },
    .read = report_folder,
    .per_byte = 1000,
    .words = kKeys,
}};
const Registered kStepsFile{{
    .name = "run_steps",
    .file = "run/steps.jsonl",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      write_run(folder);
      return {kSteps};
    },
    .read = report_folder,
    .per_byte = 1000,
    .words = kKeys,
}};
const Registered kFindingsFile{{
    .name = "run_findings",
    .file = "run/findings.jsonl",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      write_run(folder);
      return {kFindings};
    },
    .read = report_folder,
    .per_byte = 1000,
    .words = {"\"severity\":\"error\"", "\"rule\":", "\"layer\":", "\"text\":"},
}};
const Registered kSummaryFile{{
    .name = "run_summary",
    .file = "run/summary.json",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      write_run(folder);
      return {kSummary};
    },
    .read = report_folder,
    .per_byte = 1000,
    .words = {"\"status\":", "\"stopped\"", "null", "{", "["},
}};

/// The config of a run whose model is small, as the others take the memory that they ask for.
void read_saved_run(const std::string& path) {
  const auto config = nlohmann::json::parse(data::read_bytes(path), nullptr, false);
  if (config.is_object() && config.contains("model") && config["model"].is_string() &&
      !is_small_model(config["model"].get<std::string>()))
    return;
  report::SavedRun(fs::path(path).parent_path().string());
}

const Registered kSavedRun{{
    .name = "saved_run",
    .file = "run/config.json",
    .seeds = [](const TempFolder& folder) -> std::vector<std::string> {
      fs::create_directories(folder.path("run"));
      return {R"({"gradus_run":1,"model":"fc 4, relu, fc 2","input_shape":[3],"preprocess":"none"})",
              R"({"model":"conv 2 3, fc 2","input_shape":[1,4,4],"standardize_mean":[0.5],"standardize_std":[2],)"
              R"("standardize_per":"channel","class_names":["a","b"],"target_mean":1,"target_std":2})"};
    },
    .read = read_saved_run,
    .per_byte = 200'000,  // a layer in a few bytes, with its weights
    .is_told = true,
    .words = {"\"model\":\"fc 2\"", "\"input_shape\":[", "\"standardize_mean\":[", "null", "9223372036854775807", "-1"},
}};

train::Search search(const std::string& journal) {
  const train::Space space{{"lr", train::LogUniform{1e-4, 1e-1}},
                           {"optimizer", train::Choice{{"adam", "sgd"}}},
                           {"hidden", train::Integer{.low = 16, .high = 512, .log = true}}};
  return train::Search(space, train::Random{.trials = 3}, {.journal = journal});
}
double objective(train::Trial& trial) { return trial.real("lr"); }

std::vector<std::string> journals(const TempFolder& folder) {
  search(folder.path("seed")).run(objective);
  const std::string whole = data::read_bytes(folder.path("seed"));
  return {whole, whole.substr(0, whole.size() - 20)};
}
const std::vector<std::string> kTrialKeys = {"\"trial\":",
                                             "\"values\":{",
                                             "\"status\":\"finished\"",
                                             "\"curve\":[[1,2]]",
                                             "\"folds\":[1,2]",
                                             "\"lr\":",
                                             "1e308",
                                             "null"};

const Registered kJournal{{
    .name = "journal",
    .file = "search.jsonl",
    .seeds = journals,
    .read = [](const std::string& path) { search(path).run(objective).table(); },
    .per_byte = 1000,
    .is_told = true,  // a journal of another search
    .words = kTrialKeys,
}};

const Registered kSearchReport{{
    .name = "journal_report",
    .file = "search.jsonl",
    .seeds = journals,
    .read = [](const std::string& path) { report::to_json({.paths = {path}}); },
    .per_byte = 1000,
    .words = kTrialKeys,
}};

}  // namespace
}  // namespace gradus::fuzz

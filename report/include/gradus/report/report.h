#pragma once

#include "gradus/tensor/error.h"
#include "gradus/tensor/export.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
/// A page about training runs, from what they have left in their folders.
namespace gradus::report {

/// What a trained model does with rows that it was not trained on.
struct Evaluation {
  std::string part;                                  // "test"
  std::vector<std::string> classes;                  // their names
  std::vector<std::vector<std::int64_t>> confusion;  // [c][k]: rows of class c that were taken for class k
  /// Rows that the model was surest of and wrong about.
  struct Row {
    std::int64_t row = 0;
    std::string truth, guess;
    double probability = 0;           // of the guess
    std::vector<std::int64_t> shape;  // [C, H, W], or other
    std::vector<double> values;       // of the inputs, before preprocessing
  };
  std::vector<Row> worst;
};

/// Runs side by side:
///
///     report::Report report;
///     report.add_run("runs/0001");
///     report.add_run("runs/0002");
///     std::ofstream("report.html") << report.html();
class Report {
 public:
  Report();
  ~Report();
  Report(Report&&) noexcept;
  Report& operator=(Report&&) noexcept;

  /// Reads a run's config.json, summary.json, metrics.jsonl and, where they are there, steps.jsonl, findings.jsonl and
  /// the first weights of weights.safetensors. A run that is under way or was stopped has fewer of them. Lines that are
  /// not whole, as the last of a run that was killed, are left out.
  ///   errors    IoError for a folder without any of these files, or a file that is no JSON
  void add_run(const std::string& folder, CallSite site = CallSite::here());
  /// Of the run that was added last. ArgumentError if there is none.
  void add_evaluation(const Evaluation& evaluation, CallSite site = CallSite::here());

  /// All that was read, as one JSON object.
  std::string json() const;
  /// One HTML file that needs no other and no network: curves, layers, weights, confusion, findings.
  std::string html() const;
  /// Writes a run's scores by epoch and its sampled steps as event files for TensorBoard, in a folder for each run.
  ///   errors    IoError if one can't be written
  void write_tensorboard(const std::string& folder) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus::report
GRADUS_EXPORT_END

#pragma once

#include "setup.h"
#include "source.h"

#include "gradus/train/fit.h"

#include <memory>
#include <optional>
#include <string>

namespace gradus::cli {

/// Options of data, model and training: of train, check and lr.
void add_job_options(po::options_description& known);
/// What their texts may be.
std::string job_help();

/// What these options ask for, made ready.
class Job {
 public:
  /// UsageError for what does not fit together; those of the readers.
  explicit Job(const Options& options);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  Source source;
  data::Pipeline preprocess;  // fitted on the training rows
  std::string model;
  nn::Sequential net;
  std::string method;  // of the optimizer
  std::unique_ptr<optim::Optimizer> optimizer;
  std::optional<optim::PlateauOptions> plateau;  // instead of a schedule
  train::FitOptions fit;                         // without an observer

 private:
  void keep_rows(const Options& options);
  void set_inputs(const Options& options);
  void set_model(const Options& options);
  void set_optimizer(const Options& options);
  void set_schedule(const Options& options);
  void set_loss(const Options& options);
  void set_augmentation(const Options& options);
  void set_metric(const Options& options);
  void write_notes(const Options& options);

  std::string schedule_;
};

}  // namespace gradus::cli

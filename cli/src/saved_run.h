#pragma once

#include "source.h"

#include "gradus/data/preprocess.h"
#include "gradus/nn/sequential.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gradus::cli {

/// The folder of a run, read back: its model with the weights that were kept, and what is done to inputs.
struct SavedRun {
  /// IoError for a folder that holds no finished run of this program.
  explicit SavedRun(const std::string& folder);

  nn::Sequential net;
  std::string model;
  data::Pipeline preprocess;
  Shape input;                             // of a row, before preprocessing
  double target_mean = 0, target_std = 1;  // of numbers to predict
  bool regression = false;
  std::vector<std::string> class_names;
};

/// Options of predict and eval: data, the part of it, --config.
void add_saved_run_options(po::options_description& known);
/// The arguments with the run's own options as a file of options behind them. UsageError without a run.
std::vector<std::string> with_run_options(const char* command, const std::vector<std::string>& arguments);
/// The rows that --part names, or of the first part that has some, before preprocessing. UsageError where there are
/// none.
data::Dataset rows_of(const Options& options, const SavedRun& run);

}  // namespace gradus::cli

#pragma once

#include "run_folder.h"
#include "run_state.h"

#include "gradus/train/fit.h"

namespace gradus::train {

/// The rows of a run.
struct RunData {
  data::SourceSplits rows;
  const data::Splits* tensors = nullptr;  // that hold them, if there are any
  data::Batch first{};                    // the first row to train on
};
/// ArgumentError if there are no rows to train on.
RunData run_data(data::SourceSplits rows, const data::Splits* tensors, CallSite site);

/// What a run is made of.
struct Run {
  const detail::AnyModel& model;
  const RunData& data;
  const FitOptions& options;
  CallSite site;
  Loss loss;
  optim::Optimizer& optimizer;
  double lr;  // before a schedule changes it
  RunFolder& folder;
  RunState& state;
};

/// Trains, from wherever `resume` says, until the last epoch is done or an observer wants no more; the
/// best weights are then the model's. Errors leave the weights as they are.
void train(const Run& run);

}  // namespace gradus::train

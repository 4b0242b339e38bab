#pragma once

#include "source.h"

#include "gradus/nn/sequential.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus::cli {

/// An optimizer as the command line names it.
struct OptimizerChoice {
  std::string name = "adam";
  double lr = 1e-3;
  double momentum = 0.9;  // of sgd
  double weight_decay = 0;
};
constexpr double kSgdRate = 0.05;  // where the user does not say

/// UsageError unless there is one of that name; `where`: "--optimizer: ".
void check_optimizer(const std::string& where, const std::string& name);
std::unique_ptr<optim::Optimizer> make_optimizer(const OptimizerChoice& choice, std::vector<Parameter> parameters);

/// Of the learning rate over the whole run, nothing where it is constant. UsageError for a name that is not known.
std::optional<optim::Curve> schedule_named(const std::string& where, const std::string& name);

/// Compares what the model gives for a row with what the data ask for. UsageError.
void check_outputs(nn::Sequential& net, const std::string& model, const Source& source);

/// Numbers to predict are learnt with mean 0 and variance 1, whatever their unit.
struct TargetScale {
  double mean = 0, std = 1;
};
TargetScale standardize_targets(data::Splits& splits);

}  // namespace gradus::cli

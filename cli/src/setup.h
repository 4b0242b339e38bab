#pragma once

#include "source.h"

#include "gradus/data/preprocess.h"
#include "gradus/nn/init.h"
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

/// UsageError unless there is one of that name; `where`: "--optimizer: ".
void check_optimizer(const std::string& where, const std::string& name);
std::unique_ptr<optim::Optimizer> make_optimizer(const OptimizerChoice& choice, std::vector<Parameter> parameters);
/// Its rate where the user does not say: `adam`, which suits the data, for those of Adam's kind.
double default_rate(const std::string& optimizer, double adam);
/// "adam, sgd, …".
std::string optimizer_names();

/// Of the learning rate over the whole run, nothing where it is constant. UsageError for a text that is none.
std::optional<optim::Curve> schedule_named(const std::string& where, const std::string& text);
/// A line for each.
std::string schedule_help();

/// How weights are drawn: "he", "normal 0.01". UsageError.
init::Policy init_named(const std::string& where, const std::string& text);
std::string init_help();

/// What is done to the inputs: "standardise", "pca 50"; before that means for what is missing. Not fitted yet;
/// UsageError.
data::Pipeline preprocessing_named(const std::string& where, const std::string& text, bool impute);
std::string preprocessing_help();

/// Compares what the model gives for a row with what the data ask for. UsageError.
void check_outputs(nn::Sequential& net, const std::string& model, const data::Dataset& rows, std::int64_t classes);

/// Numbers to predict are learnt with mean 0 and variance 1, whatever their unit.
struct TargetScale {
  double mean = 0, std = 1;
};
TargetScale standardize_targets(data::Splits& splits);

}  // namespace gradus::cli

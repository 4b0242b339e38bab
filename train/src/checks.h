#pragma once

#include "run.h"

#include "gradus/train/fit.h"

#include <cstdint>
#include <optional>
#include <string>

/// What a run is refused for.
namespace gradus::train {

/// ArgumentError, ShapeError or DTypeError for no rows to train on, or rows of different kinds.
void check_parts(const data::Splits& data, const FitOptions& options, CallSite site);

/// ArgumentError for options out of range, or an optimizer of another model; IoError if the checkpoint can't be
/// written.
void check_run(nn::ModuleRef model, const RunData& data, const FitOptions& options, CallSite site);

/// What only a first output can tell: ArgumentError for targets that are no class of the model's, or a
/// parameter used but not trained.
void check_first_batch(const Tensor& output, const Tensor& loss, const Run& run);

/// ArgumentError if a target is no class; `classes` -1: not known yet.
void check_classes(const Tensor& targets, std::int64_t classes, const char* op, CallSite site);
/// How many classes a model with this output tells apart; -1 if it doesn't look like any.
std::int64_t classes_of(const Tensor& output);

/// "expected a finite loss, got inf", if a loss is not finite or over `factor` times the first one, which
/// counts as 1 where it is below; `what` the loss is, and `when`.
std::optional<std::string> explain_divergence(
    double loss, double first, double factor, const std::string& what, const std::string& when);

}  // namespace gradus::train

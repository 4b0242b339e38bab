#include "checks.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::train {
namespace {

using gradus::detail::fail;

void check_options(const FitOptions& options, CallSite site) {
  const auto refuse = [&](const std::string& message) { fail<ArgumentError>("fit", message, site); };
  if (options.workers < 0) refuse(fmt::format("expected workers >= 0, got {}", options.workers));
  if (options.epochs < 1) refuse(fmt::format("expected epochs >= 1, got {}", options.epochs));
  if (!(options.loss_unit > 0)) refuse(fmt::format("expected a loss unit above 0, got {}", options.loss_unit));
  if (!(options.explosion > 1)) refuse(fmt::format("expected an explosion above 1, got {}", options.explosion));
  if (options.batch < 1) refuse(fmt::format("expected a batch >= 1, got {}", options.batch));
  if (options.patience < 0) refuse(fmt::format("expected patience >= 0, got {}", options.patience));
  if (options.checkpoint_every < 0 || (options.checkpoint_every > 0 && options.checkpoint.empty()))
    refuse(fmt::format("expected a checkpoint every N steps, N >= 0, and its file, got {} and '{}'",
                       options.checkpoint_every,
                       options.checkpoint));
  if (!options.checkpoint.empty()) gradus::detail::check_writable("fit", options.checkpoint);
}

/// A part of the data, beside the rows to train on.
void check_part(
    const char* name, const data::Dataset& part, const data::Dataset& train, const FitOptions& options, CallSite site) {
  if (part.size() == 0) return;
  const auto row = [](const Tensor& x) {
    Shape shape = x.shape();
    if (shape.rank() > 0) shape.erase(0);
    return shape;
  };
  const Shape expected = row(train.inputs), got = row(part.inputs);
  if (got != expected)
    fail<ShapeError>(
        "fit",
        fmt::format(
            "expected {} rows of shape {} like those to train on, got {}", name, to_string(expected), to_string(got)),
        site);
  if (part.targets.defined() != train.targets.defined() ||
      (part.targets.defined() && part.targets.dtype() != train.targets.dtype()))
    fail<DTypeError>("fit", fmt::format("expected {} targets like those to train on, got others", name), site);
  if (part.targets.defined() && (part.targets.rank() == 0 || part.targets.size(0) != part.size()))
    fail<ShapeError>(
        "fit",
        fmt::format("expected {} {} targets, one a row, got {}", part.size(), name, to_string(part.targets.shape())),
        site);
  if (!options.loss) check_classes(part.targets, -1, "fit", site);
}

/// How many of an optimizer's parameters are the model's.
std::size_t shared_parameters(const optim::Optimizer& optimizer, nn::ModuleRef model) {
  const std::vector<Parameter> own = nn::detail::parameters(model);
  const std::vector<Parameter>& trained = optimizer.parameters();
  return static_cast<std::size_t>(std::count_if(trained.begin(), trained.end(), [&](const Parameter& p) {
    return std::any_of(own.begin(), own.end(), [&](const Parameter& q) { return p.is_same(q); });
  }));
}

}  // namespace

void check_parts(const data::Splits& data, const FitOptions& options, CallSite site) {
  check_options(options, site);
  if (data.train.size() == 0) fail<ArgumentError>("fit", "expected rows to train on, got none", site);
  check_part("training", data.train, data.train, options, site);
  check_part("validation", data.validation, data.train, options, site);
  check_part("test", data.test, data.train, options, site);
}

void check_run(nn::ModuleRef model, const RunData& data, const FitOptions& options, CallSite site) {
  const auto refuse = [&](const char* message) { fail<ArgumentError>("fit", message, site); };
  check_options(options, site);
  if (options.patience > 0 && data.rows.validation.size == 0)
    refuse("expected validation rows, as patience goes by them, got none");
  const bool classes = data.first.targets.defined() && data.first.targets.dtype() == int64;
  if (options.metric == (classes ? Metric::r2 : Metric::accuracy))
    refuse(classes ? "expected the metric accuracy or loss for classes, got r2"
                   : "expected the metric loss or r2 where targets are no classes, got accuracy");
  if (nn::detail::parameters(model).empty()) refuse("expected a model with parameters, got none");
  const optim::Optimizer* const optimizer = options.optimizer.get();
  if (optimizer != nullptr && shared_parameters(*optimizer, model) == 0)
    refuse("expected an optimizer of the model's parameters, got one that has none of them");
}

void check_first_batch(const Tensor& output, const Tensor& loss, const Run& run) {
  if (!run.options.loss)
    for (const data::Source* part : {&run.data.rows.train, &run.data.rows.validation, &run.data.rows.test})
      check_classes(part->targets, classes_of(output), "fit", run.site);
  if (shared_parameters(run.optimizer, run.model.module) < run.optimizer.parameters().size())
    return;  // it trains more than the model
  const auto strays = nn::detail::unreachable_parameters(run.model.module, loss);
  if (strays.empty()) return;
  fail<ArgumentError>("fit",
                      fmt::format("expected every parameter in a field of the model or in the optimizer, got {}{}, "
                                  "which would not be trained",
                                  to_string(strays.front()),
                                  strays.size() > 1 ? fmt::format(" and {} more", strays.size() - 1) : ""),
                      run.site);
}

void check_classes(const Tensor& targets, std::int64_t classes, const char* op, CallSite site) {
  if (!targets.defined() || targets.dtype() != int64) return;
  const Tensor all = contiguous(targets);
  const std::int64_t* const label = all.data<std::int64_t>();
  const std::int64_t end = classes < 0 ? std::numeric_limits<std::int64_t>::max() : classes;
  for (std::int64_t i = 0; i < all.numel(); ++i) {
    if (label[i] >= 0 && label[i] < end) continue;
    const std::string range = classes < 0 ? ">= 0" : fmt::format("below {}, as the model has outputs", classes);
    fail<ArgumentError>(op, fmt::format("expected classes {}, got {} in row {}", range, label[i], i), site);
  }
}

std::int64_t classes_of(const Tensor& output) { return output.rank() == 2 ? output.size(1) : -1; }

std::optional<std::string> explain_divergence(
    double loss, double first, double factor, const std::string& what, const std::string& when) {
  const double limit = factor * std::max(first, 1.0);
  if (std::isfinite(loss) && !(loss > limit)) return {};
  if (!std::isfinite(loss)) return fmt::format("expected a finite {}, got {} {}", what, loss, when);
  return fmt::format("expected a {} of at most {:g}, {:g} times the first, got {} {}", what, limit, factor, loss, when);
}

}  // namespace gradus::train

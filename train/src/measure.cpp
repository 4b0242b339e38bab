#include "measure.h"

#include "checks.h"
#include "guards.h"

#include "gradus/graph/recording.h"
#include "gradus/ops/loss.h"
#include "gradus/ops/reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

namespace gradus::train {

using gradus::detail::fail;

void Tally::add(double loss, const Tensor& output, const data::Batch& batch) {
  const std::int64_t rows = batch.inputs.size(0);
  rows_ += rows;
  loss_ += loss * static_cast<double>(rows);
  const Tensor& targets = batch.targets;
  add_values(output, targets);
  classes_ = classes_ && targets.defined() && targets.dtype() == int64 && targets.rank() == 1 &&
             classes_of(output) > 1 && output.size(0) == rows;
  if (!classes_) return;
  const NoGrad guard;
  const Tensor guesses = argmax(output, -1), wanted = contiguous(targets);
  const std::int64_t *const guess = guesses.data<std::int64_t>(), *const want = wanted.data<std::int64_t>();
  for (std::int64_t i = 0; i < rows; ++i) correct_ += guess[i] == want[i];
}

void Tally::add_values(const Tensor& output, const Tensor& targets) {
  if (!targets.defined() || !is_floating(targets.dtype()) || output.shape() != targets.shape()) return;
  const Tensor ys = cast(output, float64), ts = cast(targets, float64);
  const double *const y = ys.data<double>(), *const t = ts.data<double>();
  for (std::int64_t i = 0; i < ts.numel(); ++i) {  // Welford 1962
    const double d = t[i] - mean_;
    mean_ += d / ++values_;
    spread_ += d * (t[i] - mean_);
    errors_ += (y[i] - t[i]) * (y[i] - t[i]);
  }
}

Score Tally::score() const {
  if (rows_ == 0) return {};
  const auto n = static_cast<double>(rows_);
  Score score{.loss = loss_ / n};
  score.rows = rows_;
  if (classes_) score.accuracy = static_cast<double>(correct_) / n;
  if (spread_ > 0) score.r2 = 1 - errors_ / spread_;
  return score;
}

std::vector<double> Tally::numbers() const {
  std::vector<double> numbers;
  each_number(*this, [&](auto value) { numbers.push_back(static_cast<double>(value)); });
  return numbers;
}

void Tally::set_numbers(const double* numbers) {
  each_number(*this, [&](auto& value) { value = static_cast<std::remove_reference_t<decltype(value)>>(*numbers++); });
}

Loss loss_for(const Loss& given, const Tensor& targets, const char* op, CallSite site) {
  if (given) return given;
  if (!targets.defined()) fail<ArgumentError>(op, "expected targets, or a loss that needs none, got neither", site);
  if (targets.dtype() == int64)
    return [site](const Tensor& output, const Tensor& wanted) { return cross_entropy(Arg(output, site), wanted); };
  return [site](const Tensor& output, const Tensor& wanted) { return mse_loss(Arg(output, site), wanted); };
}

Score measure(const detail::AnyModel& model,
              const data::Source& data,
              const Loss& loss,
              const EvaluateOptions& options,
              CallSite site) {
  const nn::detail::KeptModes modes(model.module);
  nn::detail::set_training(model.module, false);
  const NoGrad guard;
  Tally tally;
  data::Loader loader(
      data, {.batch = options.batch, .transform = options.transform, .seed = 0, .workers = options.workers}, site);
  for (const data::Batch& b : loader) {
    const Tensor output = model.forward(model.object, Arg(b.inputs, site));
    tally.add(loss(output, b.targets).item<double>(), output, b);
  }
  return tally.score();
}

Score detail::evaluate(const AnyModel& model,
                       const data::Dataset& data,
                       const EvaluateOptions& options,
                       CallSite site) {
  if (!options.loss) check_classes(data.targets, -1, "evaluate", site);
  return evaluate(model, data::as_source(data, site), options, site);
}

Score detail::evaluate(const AnyModel& model, const data::Source& data, const EvaluateOptions& options, CallSite site) {
  if (data.size <= 0) fail<ArgumentError>("evaluate", "expected rows, got none", site);
  const Tensor targets = data::Loader(data, {.batch = 1, .seed = 0}, site).begin()->targets;
  const Loss loss = loss_for(options.loss, targets, "evaluate", site);
  const Loss checked = [&](const Tensor& output, const Tensor& wanted) {
    if (!options.loss) check_classes(wanted, classes_of(output), "evaluate", site);
    return loss(output, wanted);
  };
  return measure(model, data, checked, options, site);
}

}  // namespace gradus::train

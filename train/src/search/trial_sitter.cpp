#include "gradus/train/trial_sitter.h"

#include "gradus/tensor/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace gradus::train {

using gradus::detail::fail;

namespace {

constexpr double kFewestSteps = 15;  // before which a loss is noise

/// The mean loss of the last quarter of the steps.
double recent_loss(const Measurements& seen) {
  double sum = 0, steps = 0;
  for (auto point = seen.curve.rbegin(); point != seen.curve.rend() && 4 * steps < static_cast<double>(seen.step);
       ++point) {
    sum += point->mean * static_cast<double>(point->steps);
    steps += static_cast<double>(point->steps);
  }
  return sum / steps;
}

}  // namespace

BabysitterOptions TrialSitter::what_to_watch(const TrialSitterOptions& options) {
  BabysitterOptions watch = options.watch;
  const auto is_of_losses = [](const std::string& rule) { return rule.starts_with("loss-"); };
  if (watch.every == 0 && !std::all_of(options.rules.begin(), options.rules.end(), is_of_losses)) watch.every = 5;
  return watch;
}

void TrialSitter::prepare() {
  if (!(options_.patience > 0))
    fail<ArgumentError>("TrialSitter", fmt::format("expected patience > 0, got {}", options_.patience));
  judged_after_ = std::numeric_limits<double>::infinity();
  add({.name = "loss-slow",
       .measures = "the loss by that of a model that knows nothing, after a share of the steps of a trial",
       .threshold = options_.slow,
       .severity = Severity::warning,
       .advice = "other hyper-parameters learn faster",
       .judge = [this](const Measurements& seen, const Report& report) {
         const double expected = seen.loss_op.expected;
         if (static_cast<double>(seen.step) < judged_after_ || seen.diverged || !(expected > 0)) return;
         const double left = recent_loss(seen) / expected;
         if (left > report.threshold())
           report(left,
                  fmt::format(
                      "after {} steps the loss is {:.0f} % of what it is without any learning", seen.step, 100 * left));
       }});
  std::vector<std::string_view> names{"loss-slow"};
  for (const Rule& rule : built_in_rules()) names.emplace_back(rule.name);
  for (const std::string& rule : options_.rules)
    if (std::find(names.begin(), names.end(), rule) == names.end())
      fail<ArgumentError>("TrialSitter",
                          gradus::detail::unknown_word("a rule", rule, std::span<const std::string_view>(names)));
}

void TrialSitter::before_run(const RunStart& start) {
  Babysitter::before_run(start);
  epochs_ = start.epochs;
}

void TrialSitter::after_backward(const Tensor& loss, const Tensor& output, const Tensor& targets) {
  Babysitter::after_backward(loss, output, targets);
  judge();
}

void TrialSitter::after_step(optim::Optimizer& optimizer) {
  Babysitter::after_step(optimizer);
  judge();
}

void TrialSitter::after_backward(const Step& step) {
  Babysitter::after_backward(step);
  judge();
}

void TrialSitter::after_step(const Step& step) {
  judged_after_ = std::max(kFewestSteps, options_.patience * static_cast<double>(step.steps) * epochs_);
  Babysitter::after_step(step);
  judge();
}

bool TrialSitter::after_epoch(const EpochRecord& record) {
  const bool goes_on = Babysitter::after_epoch(record);
  judge();
  return goes_on;
}

void TrialSitter::on_divergence(const Divergence& where) {
  Babysitter::on_divergence(where);
  judge();
}

void TrialSitter::judge() {
  for (; judged_ < findings().size(); ++judged_) {
    const Finding& finding = findings()[judged_];
    if (finding.severity < Severity::error && !options_.rules.contains(finding.rule)) continue;
    trial_.stop(fmt::format("epoch {}, step {}: {}", finding.epoch, finding.step, finding.text), finding.rule);
  }
}

}  // namespace gradus::train

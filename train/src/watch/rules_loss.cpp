#include "watch/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

// What the curve of the loss tells.

namespace gradus::train {
namespace {

// Before so many steps a curve is noise.
constexpr std::int64_t kRisingSteps = 20, kStuckSteps = 100, kSwingSteps = 50, kFlatSteps = 30;

void judge_explosion(const Measurements& seen, const Report& report) {
  const double limit = report.threshold() * std::max(std::abs(seen.first_loss), 1.0);
  if (std::isfinite(seen.loss) && std::abs(seen.loss) > limit)
    report(seen.loss, fmt::format("the loss is {:.4g}, the first was {:.4g}", seen.loss, seen.first_loss));
}

void judge_rising(const Measurements& seen, const Report& report) {
  if (seen.step < kRisingSteps || seen.diverged) return;
  const double rise = seen.late - seen.early;
  if (seen.early > 0 ? seen.late > report.threshold() * seen.early : rise > (report.threshold() - 1) * -seen.early + 1)
    report(seen.late / seen.early,
           fmt::format("the loss has risen from {:.4g} to {:.4g} in {} steps", seen.early, seen.late, seen.step));
}

/// Steps at the start in which the loss stayed near the first.
std::int64_t flat_steps(const Measurements& seen) {
  std::int64_t steps = 0;
  for (const CurvePoint& point : seen.curve) {
    if (!(std::abs(point.mean - seen.early) < 0.03 * std::abs(seen.early))) break;
    steps += point.steps;
  }
  return steps;
}

void judge_flat(const Measurements& seen, const Report& report) {
  const std::int64_t flat = flat_steps(seen);
  if (flat < kFlatSteps || !(seen.early > 0) || !(seen.late < 0.7 * seen.early)) return;
  const double share = static_cast<double>(flat) / static_cast<double>(seen.step);
  if (share > report.threshold())
    report(
        share,
        fmt::format(
            "the loss was flat at {:.4g} for {} steps, {:.0f} % so far, and then fell", seen.early, flat, 100 * share));
}

void judge_stuck(const Measurements& seen, const Report& report) {
  if (seen.step < kStuckSteps || seen.diverged || !(seen.early > 0)) return;
  if (seen.early < 0.5 * seen.loss_op.expected) return;  // it had learnt before
  double least = seen.late;
  const std::size_t points = seen.curve.size(), span = std::max<std::size_t>(points / 8, 1);
  for (std::size_t i = 0; i + span <= points; ++i) {
    double sum = 0;
    for (std::size_t k = i; k < i + span; ++k) sum += seen.curve[k].mean;
    least = std::min(least, sum / static_cast<double>(span));
  }
  const double gain = 1 - least / seen.early;
  if (gain < report.threshold())
    report(gain,
           fmt::format("the loss began at {:.4g} and was {:.4g} at best after {} steps, a gain of {:.1f} %",
                       seen.early,
                       least,
                       seen.step,
                       100 * gain));
}

void judge_sign(const Measurements& seen, const Report& report) {
  if (!seen.loss_op.op.empty() && seen.early < 0 && seen.loss < report.threshold())
    report(seen.loss, fmt::format("the loss is {:.4g}, though {} is never below 0", seen.loss, seen.loss_op.op));
}

void judge_swing(const Measurements& seen, const Report& report) {
  if (seen.step < kSwingSteps || seen.diverged || !(seen.early > 0)) return;
  const double expected = seen.loss_op.expected > 0 ? std::min(seen.loss_op.expected, seen.early) : seen.early;
  const double swing = seen.swing / expected;
  if (swing > report.threshold() && seen.late > 0.3 * expected)
    report(swing,
           fmt::format("the loss swings by {:.3g} within 50 steps, {:.0f} % of what it is without any learning",
                       seen.swing,
                       100 * swing));
}

}  // namespace

// Long: a table.
std::vector<Rule> rules_of_loss() {
  return {
      {.name = "nan",
       .measures =
           "whether loss and gradients are finite; where not, the tape is searched for the first op that gave such",
       .threshold = 0,
       .severity = Severity::error,
       .advice = "lower the rate if weights have grown, else keep the op within its domain (log, sqrt and division "
                 "need a bound)",
       .when = Moment::event,
       .meaning =
           "After NaN or infinity nothing more is learnt. The finding names the op, its layer and its line; a NanGuard "
           "stops at the op itself.",
       .example = "log(relu(x))",
       .source = "CS231n, lecture 6, babysitting: NaN almost always means a high learning rate"},
      {.name = "loss-explodes",
       .measures = "the loss, with either sign; the threshold is in units of the first, or of 1 if that is less",
       .threshold = 1000,
       .severity = Severity::error,
       .advice = "lower the learning rate (train::find_rate) or clip gradients",
       .judge = judge_explosion,
       .meaning = "A loss a thousand times the first does not come back.",
       .example = "SGD at a rate of 10",
       .source = "CS231n, lecture 6, babysitting: loss exploding"},
      {.name = "loss-negative",
       .measures = "the loss, where it is made of a loss of the library's",
       .threshold = -1e-3,
       .severity = Severity::warning,
       .advice = "see whether its sign is wrong",
       .judge = judge_sign,
       .meaning = "The library's losses are 0 at best. What makes them negative turns the training round.",
       .example = "-mse_loss(y, t)",
       .source = "experience"},
      {.name = "loss-rises",
       .measures = "the median of the last 20 losses by that of the first 5",
       .threshold = 1.5,
       .severity = Severity::error,
       .advice = "lower the learning rate (train::find_rate), and see that the loss is to be made small",
       .judge = judge_rising,
       .meaning = "Steps that are too long climb out of the valley.",
       .example = "a rate ten times too high; `maximize`",
       .source = "CS231n, lecture 6, babysitting: learning rate too high"},
      {.name = "flat-then-falls",
       .measures = "the share of steps, from the start, within 3 % of the first loss, once it has fallen by 30 %",
       .threshold = 0.2,
       .severity = Severity::warning,
       .advice = "initialise by fan-in (nn::init(net, init::he())) or normalise between layers",
       .judge = judge_flat,
       .meaning = "A curve that is flat at first and then falls tells of a bad initialisation.",
       .example = "weights of deviation 0.01 in a deep net",
       .source = "CS231n, lecture 6, loss curves"},
      {.name = "loss-stuck",
       .measures = "by how much the loss has been below its start, after 100 steps",
       .threshold = 0.03,
       .severity = Severity::warning,
       .advice =
           "raise the learning rate (train::find_rate); look at initialisation, dead units, labels and regularisation",
       .judge = judge_stuck,
       .meaning = "The loss barely moves. AUTOTRAINER calls training slow at a gain below 0.01.",
       .example = "a rate of 1e-6; labels that were shuffled",
       .source = "CS231n, lecture 6, babysitting; Zhang et al. 2021, AUTOTRAINER, ICSE"},
      {.name = "loss-swings",
       .measures = "by how much the last 50 losses lie apart about their trend, by the loss without learning",
       .threshold = 0.7,
       .severity = Severity::warning,
       .advice = "lower the learning rate or the momentum, or enlarge the batch",
       .judge = judge_swing,
       .meaning = "The loss goes to and fro and is not low yet: steps are too long, or batches unlike each other.",
       .example = "SGD with momentum 0.99 at a high rate",
       .source = "Zhang et al. 2021, AUTOTRAINER: oscillating loss"},
  };
}

}  // namespace gradus::train

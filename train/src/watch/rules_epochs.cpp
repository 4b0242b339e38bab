#include "watch/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

// What training and validation tell, side by side.

namespace gradus::train {
namespace {

const Score& held_out(const EpochRecord& epoch) {
  return std::isnan(epoch.validation.loss) ? epoch.test : epoch.validation;
}

/// What an accuracy may be off by, as it is of few rows: two standard errors, by Agresti & Coull's estimate.
double doubt(const Score& score) {
  if (score.rows == 0) return 0;
  const double n = static_cast<double>(score.rows) + 4, p = (score.accuracy * (n - 4) + 2) / n;
  return 2 * std::sqrt(p * (1 - p) / n);
}

void judge_overfitting(const Measurements& seen, const Report& report) {
  if (seen.epochs.size() < 3) return;
  const EpochRecord& now = seen.epochs.back();
  const Score& other = held_out(now);
  if (std::isnan(other.loss) || now.train.loss < 0) return;
  double best = other.loss;
  for (const EpochRecord& epoch : seen.epochs) best = std::min(best, held_out(epoch).loss);
  const double gap = now.train.accuracy - other.accuracy;
  const bool worse = other.loss > 1.15 * best && now.train.loss < 0.7 * other.loss;
  const bool apart = gap > std::max(report.threshold(), doubt(other));
  const bool values = std::isnan(gap) && other.loss > 2.5 * now.train.loss && other.loss > 1.1 * best;
  if ((apart && worse) || gap > std::max(2 * report.threshold(), doubt(other)) || values)
    report(
        std::isnan(gap) ? other.loss / now.train.loss : gap,
        std::isnan(gap)
            ? fmt::format("the loss is {:.4g} on training rows and {:.4g} on others, where it was {:.4g} at best",
                          now.train.loss,
                          other.loss,
                          best)
            : fmt::format("accuracy is {:.3f} on training rows and {:.3f} on others, whose loss was {:.4g} at best and "
                          "is {:.4g}",
                          now.train.accuracy,
                          other.accuracy,
                          best,
                          other.loss));
}

void judge_capacity(const Measurements& seen, const Report& report) {
  const std::size_t n = seen.epochs.size();
  if (n < 6 || !(seen.early > 0)) return;
  const double now = seen.epochs[n - 1].train.loss, before = seen.epochs[n / 2 - 1].train.loss;
  const Score& other = held_out(seen.epochs[n - 1]);
  if (std::isnan(other.loss) || other.loss > 1.3 * now) return;
  const double start = seen.loss_op.expected > 0 ? std::min(seen.loss_op.expected, seen.early) : seen.early;
  const double left = now / start;
  if (left > report.threshold() && left < 0.97 && before - now < 0.03 * before)
    report(left,
           fmt::format(
               "the training loss stays at {:.4g}, {:.0f} % of what it is without any learning, and no gap to other "
               "rows",
               now,
               100 * left));
}

void judge_better_outside(const Measurements& seen, const Report& report) {
  const std::size_t n = seen.epochs.size();
  if (n < 3) return;
  // Against the epoch before: a model that learns passes from its accuracy to the next one's, so what training rows
  // score on the way is not below it.
  const auto gap = [&](std::size_t i) { return held_out(seen.epochs[i - 1]).accuracy - seen.epochs[i].train.accuracy; };
  const double now = gap(n - 1);
  const double least = std::max(report.threshold(), doubt(held_out(seen.epochs[n - 2])));
  if (now > least && gap(n - 2) > least)
    report(now,
           fmt::format("accuracy was {:.3f} on other rows, and then {:.3f} on training rows",
                       held_out(seen.epochs[n - 2]).accuracy,
                       seen.epochs[n - 1].train.accuracy));
}

void judge_shuffled(const Measurements& seen, const Report& report) {
  const LossSeen& loss = seen.loss_op;
  const std::size_t n = seen.epochs.size();
  const std::int64_t rows = std::accumulate(loss.counts.begin(), loss.counts.end(), std::int64_t{0});
  if (n < 3 || loss.op != "cross_entropy" || rows == 0) return;
  double entropy = 0;
  for (const std::int64_t count : loss.counts)
    if (count > 0) {
      const double p = static_cast<double>(count) / static_cast<double>(rows);
      entropy -= p * std::log(p);
    }
  const Score &train = seen.epochs[n - 1].train, &other = held_out(seen.epochs[n - 1]);
  // All weights move, rows are learnt, and other rows not the least bit.
  const bool moving = std::all_of(seen.parameters.begin(), seen.parameters.end(), [](const ParameterSeen& p) {
    return !p.is_weight || p.frozen || p.moved > 0;
  });
  const double best =
      static_cast<double>(*std::max_element(loss.counts.begin(), loss.counts.end())) / static_cast<double>(rows);
  const double gain = other.accuracy / best;
  const bool steady = seen.swing < 0.5 * entropy;  // else a rate that is too high explains it
  // Where one class has most rows, a gain in the share of the others is what can be seen.
  const bool none = other.accuracy < best + (report.threshold() - 1) * std::min(best, 1 - best);
  if (moving && steady && train.loss < 0.99 * entropy && none && other.loss > entropy)
    report(gain,
           fmt::format("after {} epochs the loss is {:.4g} on training rows and {:.4g} on others, and {:.4g} is the "
                       "entropy of the labels alone",
                       n,
                       train.loss,
                       other.loss,
                       entropy));
}

}  // namespace

// Long: a table.
std::vector<Rule> rules_of_epochs() {
  return {
      {.name = "overfitting",
       .measures =
           "accuracy on training rows less that on others, while the loss of those has risen; twice the threshold is "
           "enough by itself",
       .threshold = 0.12,
       .severity = Severity::warning,
       .advice = "raise weight decay or dropout, augment, take more rows, or stop early",
       .when = Moment::epoch,
       .judge = judge_overfitting,
       .meaning = "The model learns its rows by heart. Of values: a loss on other rows 2.5 times that on training "
                  "rows, and 10 % "
                  "above its best.",
       .example = "a wide net on 60 rows",
       .source = "CS231n, lecture 6, gap between training and validation"},
      {.name = "capacity",
       .measures = "the training loss by that without any learning, once it moves no more and there is no gap",
       .threshold = 0.5,
       .severity = Severity::warning,
       .advice = "enlarge the model: more units or layers; or train with less regularisation",
       .when = Moment::epoch,
       .judge = judge_capacity,
       .meaning = "No gap, and far from solved: the model is too small for the data, or kept too small.",
       .example = "a linear model of a spiral",
       .source = "CS231n, lecture 6, gap between training and validation"},
      {.name = "validation-better",
       .measures = "accuracy on other rows less that on training rows in the epoch after, twice in a row",
       .threshold = 0.15,
       .severity = Severity::warning,
       .advice = "lower dropout or augmentation, or look for easy or leaked rows among the others",
       .when = Moment::epoch,
       .judge = judge_better_outside,
       .meaning = "Rows that were not trained on should not be the easier ones by far.",
       .example = "dropout of 0.9",
       .source = "CS231n, lecture 6"},
      {.name = "labels-shuffled",
       .measures = "accuracy on other rows by the share of the commonest class, once training rows are being learnt",
       .threshold = 1.15,
       .severity = Severity::warning,
       .advice = "see that rows and labels are in the same order",
       .when = Moment::epoch,
       .judge = judge_shuffled,
       .meaning = "Labels that have nothing to do with their rows can only be learnt by heart, which other rows show.",
       .example = "inputs shuffled without their targets",
       .source = "Zhang et al. 2017, arXiv:1611.03530"},
  };
}

}  // namespace gradus::train

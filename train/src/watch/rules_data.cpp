#include "watch/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

// What is wrong with the data before a model sees them.

namespace gradus::train {
namespace {

// Fewer rows tell nothing of their distribution.
constexpr std::int64_t kFewRows = 8;
// More are the pixels of an image, say, of which those at the border hardly change.
constexpr std::int64_t kTableFeatures = 64;

void judge_offset(const Measurements& seen, const Report& report) {
  const InputsSeen& x = seen.inputs;
  if (x.rows < kFewRows || x.std == 0) return;
  const double whole = std::abs(x.mean) / x.std;
  if (whole > report.threshold())
    report.add(
        {.site = x.site,
         .value = whole,
         .text = fmt::format("inputs have mean {:.3g}, {:.1f} times their deviation {:.3g}", x.mean, whole, x.std)});
}

void judge_feature_offset(const Measurements& seen, const Report& report) {
  const InputsSeen& x = seen.inputs;
  if (x.rows < kFewRows || x.features < 2 || x.features > kTableFeatures || !(x.offset > report.threshold())) return;
  report.add({.severity = x.offset > 10 * report.threshold() ? Severity::warning : Severity::note,
              .site = x.site,
              .value = x.offset,
              .text = fmt::format("the mean of feature {} is {:.3g} times its deviation", x.offset_feature, x.offset)});
}

void judge_constant(const Measurements& seen, const Report& report) {
  const InputsSeen& x = seen.inputs;
  const double share = static_cast<double>(x.constant) / static_cast<double>(std::max<std::int64_t>(x.features, 1));
  if (x.rows >= kFewRows && x.features <= kTableFeatures && share > report.threshold())
    report.add(
        {.site = x.site,
         .value = share,
         .text = fmt::format("{} of {} features are the same in all of {} rows", x.constant, x.features, x.rows)});
}

void judge_scale(const Measurements& seen, const Report& report) {
  const InputsSeen& x = seen.inputs;
  const double limit = report.threshold(), size = std::hypot(x.mean, x.std);
  // Ones among many zeros are small in the mean, too.
  if (x.rows < kFewRows || size == 0 || (size <= limit && size >= 1 / (limit * limit))) return;
  report.add({.site = x.site,
              .value = size,
              .text = fmt::format("inputs are of size {:.3g} (root mean square), far from 1", size)});
}

void judge_features(const Measurements& seen, const Report& report) {
  const InputsSeen& x = seen.inputs;
  if (x.rows < kFewRows || x.features < 2 || x.features > kTableFeatures || x.smallest == 0) return;
  const double ratio = x.largest / x.smallest;
  if (ratio > report.threshold())
    report.add(
        {.site = x.site,
         .value = ratio,
         .text = fmt::format(
             "feature {} has deviation {:.3g}, {:.3g} times that of another", x.largest_feature, x.largest, ratio)});
}

void judge_targets(const Measurements& seen, const Report& report) {
  const LossSeen& loss = seen.loss_op;
  if (loss.op != "mse_loss" || !(loss.expected > 0)) return;
  const double size = std::sqrt(loss.expected), limit = report.threshold();
  if (size > limit || size < 1 / limit)
    report.add({.site = loss.site,
                .value = size,
                .text = fmt::format("targets are of size {:.3g} (root mean square), far from 1", size)});
}

void judge_leak(const Measurements& seen, const Report& report) {
  const DataSeen& data = seen.data;
  if (data.test_rows == 0) return;
  const double share = static_cast<double>(data.leaked) / static_cast<double>(data.test_rows);
  if (share > report.threshold())
    report(
        share,
        fmt::format("{} of {} rows to validate or test with are rows to train on, too", data.leaked, data.test_rows));
}

void judge_repeats(const Measurements& seen, const Report& report) {
  const DataSeen& data = seen.data;
  if (data.train_rows == 0) return;
  const double share = static_cast<double>(data.repeated) / static_cast<double>(data.train_rows);
  if (share >= report.threshold())
    report(share, fmt::format("{} of {} rows to train on are there before", data.repeated, data.train_rows));
}

void judge_labels(const Measurements& seen, const Report& report) {
  const DataSeen& data = seen.data;
  if (data.bad_row >= 0)
    report(
        static_cast<double>(data.bad_label),
        fmt::format("row {} has label {}, which is none of the {} classes of the model",
                    data.bad_row,
                    data.bad_label,
                    seen.loss_op.classes > 0 ? seen.loss_op.classes : static_cast<std::int64_t>(data.counts.size())));
}

const std::vector<std::int64_t>& counts_of(const Measurements& seen) {
  return seen.data.counts.empty() ? seen.loss_op.counts : seen.data.counts;
}

void judge_missing(const Measurements& seen, const Report& report) {
  const auto& counts = counts_of(seen);
  const auto classes = static_cast<std::int64_t>(counts.size());
  const std::int64_t rows = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (classes < 2 || rows < 20 * classes) return;
  const std::int64_t missing = std::count(counts.begin(), counts.end(), 0);
  if (static_cast<double>(missing) > report.threshold())
    report(static_cast<double>(missing),
           fmt::format("{} of {} classes have no row, the first of them class {}",
                       missing,
                       classes,
                       std::find(counts.begin(), counts.end(), 0) - counts.begin()));
}

void judge_balance(const Measurements& seen, const Report& report) {
  const auto& counts = counts_of(seen);
  const auto classes = static_cast<std::int64_t>(counts.size());
  const std::int64_t rows = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (classes < 2 || rows < 20 * classes) return;
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  if (*least == 0) return;
  const double ratio = static_cast<double>(*most) / static_cast<double>(*least);
  if (ratio > report.threshold())
    report(ratio,
           fmt::format("class {} has {} rows and class {} has {}, {:.1f} times as many",
                       least - counts.begin(),
                       *least,
                       most - counts.begin(),
                       *most,
                       ratio));
}

void judge_order(const Measurements& seen, const Report& report) {
  const LossSeen& loss = seen.loss_op;
  const std::int64_t rows = std::accumulate(loss.counts.begin(), loss.counts.end(), std::int64_t{0});
  if (loss.batches < 6 || loss.classes < 2 || rows < 8 * loss.batches) return;
  const double purity = loss.purity / static_cast<double>(loss.batches);
  const double share =
      static_cast<double>(*std::max_element(loss.counts.begin(), loss.counts.end())) / static_cast<double>(rows);
  if (purity > report.threshold() && share < 0.7 * purity)
    report(purity,
           fmt::format("{:.0f} % of a batch are of one class, though no class has more than {:.0f} % of the rows",
                       100 * purity,
                       100 * share));
}

}  // namespace

// Long: a table.
std::vector<Rule> rules_of_data() {
  return {
      {.name = "inputs-off-centre",
       .measures = "the mean of all inputs by their deviation",
       .threshold = 5,
       .severity = Severity::warning,
       .advice = "subtract the mean: data::Standardize().fit(inputs)",
       .when = Moment::first,
       .judge = judge_offset,
       .meaning = "Inputs that all have one sign push all weights of a unit the same way, so that learning zigzags.",
       .example = "years from 1990 to 2020 as they are",
       .source = "CS231n, lecture 6, data preprocessing; LeCun et al. 1998, Efficient BackProp, section 4.3"},
      {.name = "feature-off-centre",
       .measures = "the largest mean of a feature by its deviation, of at most 64",
       .threshold = 5,
       .severity = Severity::note,
       .advice = "subtract each feature's mean: data::Standardize().fit(inputs)",
       .when = Moment::first,
       .judge = judge_feature_offset,
       .meaning = "What one feature adds to every row is for the biases to take away, at their own rate. Above ten "
                  "times the threshold it is a warning.",
       .example = "a column of years among others of mean 0",
       .source = "CS231n, lecture 6, data preprocessing; LeCun et al. 1998, Efficient BackProp, section 4.3"},
      {.name = "features-constant",
       .measures = "the share of features, of at most 64, that are the same in all rows",
       .threshold = 0,
       .severity = Severity::note,
       .advice = "leave them out, or look for what was lost in reading",
       .when = Moment::first,
       .judge = judge_constant,
       .meaning = "A feature that never changes tells nothing, and has no deviation to be scaled by.",
       .example = "a column that is empty in the part of the file that was read",
       .source = "CS231n, lecture 6, babysitting: check the data first"},
      {.name = "inputs-badly-scaled",
       .measures = "the root mean square of all inputs; below, the inverse of its square is the limit",
       .threshold = 10,
       .severity = Severity::warning,
       .advice = "bring inputs to mean 0 and deviation 1: data::Standardize().fit(inputs)",
       .when = Moment::first,
       .judge = judge_scale,
       .meaning = "Initial weights and usual learning rates are made for inputs of about size 1.",
       .example = "pixels from 0 to 255",
       .source = "CS231n, lecture 6, data preprocessing"},
      {.name = "features-unlike",
       .measures = "the largest deviation of a feature by the smallest, of at most 64; constant ones aside",
       .threshold = 50,
       .severity = Severity::warning,
       .advice = "scale each feature by its own deviation: data::Standardize().fit(inputs)",
       .when = Moment::first,
       .judge = judge_features,
       .meaning =
           "The gradient of a weight is proportional to its input, so one rate can't suit features of all sizes.",
       .example = "a column in metres beside one in millimetres",
       .source = "CS231n, lecture 6, data preprocessing; LeCun et al. 1998, section 4.3"},
      {.name = "targets-badly-scaled",
       .measures = "the root mean square of the targets of mse_loss; its inverse counts as well",
       .threshold = 10,
       .severity = Severity::warning,
       .advice = "train on targets of mean 0 and deviation 1: data::Standardize().fit(targets)",
       .when = Moment::first,
       .judge = judge_targets,
       .meaning = "Outputs begin near 0 and move by about the rate in a step, so targets far from 1 take long to "
                  "reach, or make "
                  "gradients that are too large.",
       .example = "prices in euros",
       .source = "CS231n, notes 2, on regression; docs/training.md, Numbers to predict"},
      {.name = "rows-leak",
       .measures = "the share of validation and test rows whose inputs are those of a training row",
       .threshold = 0.01,
       .severity = Severity::error,
       .advice = "split the data before repeating or augmenting rows",
       .when = Moment::check,
       .judge = judge_leak,
       .meaning = "A row that was trained on tells nothing of rows that were not: scores are too good.",
       .example = "data::split after copies of rare rows were added",
       .source = "CS231n, lecture 2, on hyper-parameters; Kapoor & Narayanan 2023, arXiv:2207.07048"},
      {.name = "rows-repeated",
       .measures = "the share of training rows whose inputs were there before",
       .threshold = 0.5,
       .severity = Severity::note,
       .advice = "see whether the reader repeats rows",
       .when = Moment::check,
       .judge = judge_repeats,
       .meaning = "More than half the rows being copies is seldom meant.",
       .example = "a file read twice",
       .source = "experience"},
      {.name = "label-out-of-range",
       .measures = "labels below 0 or not below the number of classes",
       .threshold = 0,
       .severity = Severity::error,
       .advice = "number the classes from 0 and give the model as many outputs",
       .when = Moment::check,
       .judge = judge_labels,
       .meaning = "The loss has no output for such a label, and training will end at the row.",
       .example = "labels 1 to 10 with ten outputs",
       .source = "CS231n, lecture 6, babysitting: check the data first"},
      {.name = "class-missing",
       .measures = "classes of the model without a row",
       .threshold = 0,
       .severity = Severity::warning,
       .advice = "give the model as many outputs as there are classes, or look for the rows that were lost",
       .when = Moment::epoch,
       .judge = judge_missing,
       .meaning = "An output that is never right only learns to be small.",
       .example = "a file sorted by class of which the first half was read",
       .source = "CS231n, lecture 6, babysitting: check the data first"},
      {.name = "classes-unbalanced",
       .measures = "rows of the commonest class by those of the rarest",
       .threshold = 10,
       .severity = Severity::warning,
       .advice = "weight the loss (CrossEntropyOptions::weight) or the rows (data::weighted_sampler)",
       .when = Moment::epoch,
       .judge = judge_balance,
       .meaning = "The common class alone gives a good mean loss, so rare ones are learnt late or not at all.",
       .example = "99 % of rows of class 0",
       .source = "Buda et al. 2018, arXiv:1710.05381"},
      {.name = "rows-in-order",
       .measures = "the mean share of the commonest class in a batch",
       .threshold = 0.8,
       .severity = Severity::warning,
       .advice = "shuffle: {.shuffle = true}",
       .when = Moment::step,
       .judge = judge_order,
       .meaning = "Batches of one class each pull the model to and fro; it forgets one class while it learns the next.",
       .example = "data sorted by class and a loader that does not shuffle",
       .source = "Bengio 2012, arXiv:1206.5533, section 3.1.1"},
  };
}

}  // namespace gradus::train

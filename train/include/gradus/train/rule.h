#pragma once

#include "gradus/train/finding.h"
#include "gradus/train/observer.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
/// What a Babysitter measures, and the rules that judge it.
namespace gradus::train {

/// A parameter, as the sampled steps saw it; norms are Euclidean.
struct ParameterSeen {
  std::string name = {}, layer = {};  // "fc1.weight", "fc1"
  CallSite site = {};                 // of the op that used it first
  int depth = -1;                     // its place in the forward pass, from 0; -1: not used
  std::int64_t numel = 0;
  bool is_weight = false;  // two dimensions or more
  bool frozen = false;     // requires no gradient
  bool optimized = true;   // the optimizer has it
  /// The last sampled steps, the newest at the end.
  struct Sample {
    std::int64_t step = 0;
    double weight = 0, gradient = 0, update = 0;
  };
  std::vector<Sample> samples = {};
  std::int64_t sampled = 0;  // steps in all
  std::int64_t moved = 0;    // of them: it changed
  double first_weight = 0;   // norm at the start
  bool constant = false;     // all elements were equal at the start
  bool alike = false;        // all its rows were

  /// The median over the samples of log10(|update| / |weight|), of log10 |gradient|; NaN without samples.
  double log_ratio() const;
  double log_gradient() const;
};

/// How many values lie in equal parts of low … high; without counts there is none.
struct Histogram {
  double low = 0, high = 0;  // the least and the largest
  std::vector<std::int64_t> counts = {};
};

/// The results of an op of a layer: of a product with weights, or of a nonlinearity.
struct ActivationSeen {
  std::string layer = {}, op = {};
  CallSite site = {};
  bool is_product = false;  // with weights
  bool hidden = false;      // another layer follows
  std::int64_t units = 0, rows = 0;
  double mean = 0, std = 0;     // of the last sampled step
  double first_std = -1;        // of the first
  double dead = 0;              // the share of units that were 0 in every row of the last samples
  double saturated = 0;         // the share of elements where the nonlinearity is flat, mean of the last samples
  std::int64_t samples = 0;     // that `dead` and `saturated` are of
  bool follows_linear = false;  // nothing bends between it and the product before, which has no narrower width
  Histogram histogram = {};     // of the last sampled step, if it is one of the few that have them
};

/// A batch normalisation, after an epoch.
struct NormSeen {
  std::string layer = {};
  std::int64_t channels = 0, still = 0;  // those whose running variance is gone
  double drift = 0;  // of the running mean since the epoch before, by the deviation: the root mean square over channels
};

/// The loss and what leads to it, of the first step.
struct LossSeen {
  std::string op = {};        // "cross_entropy"; empty if it is none of the library's
  std::string producer = {};  // the op that made its input
  CallSite site = {};
  double expected = std::numeric_limits<double>::quiet_NaN();  // of a model that knows nothing
  double value = std::numeric_limits<double>::quiet_NaN();     // its result, without what is added to it
  std::int64_t classes = 0;
  std::vector<std::int64_t> counts = {};  // rows of each class so far
  double purity = 0;                      // the share of the commonest class in a batch, summed over `batches`
  std::int64_t batches = 0;
};

/// The inputs of the first batch, or of all rows in `check`: the worst features.
struct InputsSeen {
  CallSite site = {};
  std::int64_t rows = 0, features = 0;
  double mean = 0, std = 0;          // of all elements
  double offset = 0;                 // the largest |mean| / std of a feature
  double largest = 0, smallest = 0;  // deviations of a feature, those of constant ones aside
  std::int64_t offset_feature = -1, largest_feature = -1;
  std::int64_t constant = 0;  // features that never change
};

/// What only `check` looks at.
struct DataSeen {
  std::int64_t train_rows = 0, test_rows = 0;
  std::int64_t leaked = 0;                    // rows of validation or test that are training rows, too
  std::int64_t repeated = 0;                  // rows of training that are there twice
  std::int64_t bad_label = -1, bad_row = -1;  // the first label that is no class of the model's
  std::vector<std::int64_t> counts = {};      // rows of each class
  double heart_first = -1, heart_last = -1;   // the loss of a few rows before and after learning them
  std::int64_t heart_rows = 0;
};

/// An op that is none of the library's, whose rule `check` compared with differences of its values.
struct OwnOpSeen {
  std::string op = {}, layer = {};
  CallSite site = {};
  double error = 0;                  // relative
  std::string entry = {};            // "d result[1, 2] / d input 0[1, 2]", the derivative that is furthest off
  double analytic = 0, numeric = 0;  // by the rule, by differences
};

/// A stretch of steps on the loss curve.
struct CurvePoint {
  std::int64_t steps = 0;
  double mean = 0;
};

/// All that was measured so far.
struct Measurements {
  int epoch = 0;
  std::int64_t step = 0;  // of the run
  bool diverged = false;
  double first_loss = 0, loss = 0, lr = 0;
  double early = 0, late = 0;  // the median of the first 5 and of the last 20 losses
  std::int64_t batch = 0;      // rows of it; 0: not known
  /// In rows, over the last 20 pairs of steps that follow each other (McCandlish et al. 2018); NaN before ten.
  double noise_scale = std::numeric_limits<double>::quiet_NaN();
  double swing = 0;                    // how far the last 50 losses lie apart about their trend
  std::vector<CurvePoint> curve = {};  // at most 256 points of equal length
  std::vector<EpochRecord> epochs = {};
  std::vector<ParameterSeen> parameters = {};    // as in the model
  std::vector<ActivationSeen> activations = {};  // in the order of the forward pass
  std::vector<NormSeen> norms = {};              // as in the model
  LossSeen loss_op = {};
  InputsSeen inputs = {};
  DataSeen data = {};
  std::vector<OwnOpSeen> own_ops = {};
  std::int64_t stale_gradients = 0;  // backward passes that found the gradients of the step before
  std::int64_t eval_steps = 0;       // steps in a row with layers in evaluation mode
  std::string eval_layer = {}, train_layer = {};
  std::int64_t train_evaluations = 0;  // evaluations with layers in training mode
  double waiting = 0;                  // the share of time between a step and the next forward pass
  CallSite site = {};                  // of the loss
};

/// What a rule says is reported through.
class Report {
 public:
  using Take = std::function<void(Finding)>;
  Report(double threshold, Take take) : threshold_(threshold), take_(std::move(take)) {}
  double threshold() const { return threshold_; }
  /// `seen` is a sentence with a number; the rule's advice follows it.
  void operator()(double value, std::string seen) const { add({.value = value, .text = std::move(seen)}); }
  void operator()(const ParameterSeen& at, double value, std::string seen) const {
    add({.layer = at.layer, .site = at.site, .value = value, .text = std::move(seen)});
  }
  void operator()(const ActivationSeen& at, double value, std::string seen) const {
    add({.layer = at.layer, .site = at.site, .value = value, .text = std::move(seen)});
  }
  void add(Finding finding) const { take_(std::move(finding)); }

 private:
  double threshold_;
  Take take_;
};

/// When a rule is asked.
enum class Moment : std::uint8_t {
  check,  // in `check`, before training
  first,  // after the first step, and in `check`
  step,   // after each sampled step
  epoch,  // after each epoch
  event,  // never: the sitter reports it itself, where it happens
};

/// A rule, as a value:
///
///     sitter.add({.name = "large-weights",
///                 .measures = "the norm of a parameter",
///                 .threshold = 100,
///                 .advice = "raise the weight decay",
///                 .judge = [](const train::Measurements& seen, const train::Report& report) {
///                   for (const auto& p : seen.parameters)
///                     if (p.samples.back().weight > report.threshold())
///                       report(p, p.samples.back().weight, p.name + " has grown large");
///                 }});
///
/// What it reports of a layer again is not repeated, unless it has become worse. Each parameter has a sample
/// whenever a rule is asked.
struct Rule {
  std::string name = {}, measures = {};
  double threshold = 0;
  Severity severity = Severity::warning;
  std::string advice = {};
  Moment when = Moment::step;
  std::function<void(const Measurements&, const Report&)> judge = {};
  std::string meaning = {}, example = {}, source = {};  // for docs/findings.md
};

/// The library's rules, in the order of docs/findings.md.
const std::vector<Rule>& built_in_rules();
/// That page, but for its head and the measured tables.
std::string rules_as_markdown();

}  // namespace gradus::train
GRADUS_EXPORT_END

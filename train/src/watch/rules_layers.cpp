#include "watch/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

// What weights, gradients and activations tell, layer by layer.

namespace gradus::train {
namespace {

// Medians are of at least so many sampled steps.
constexpr std::int64_t kFewSamples = 5, kManySamples = 10;

bool is_trained(const ParameterSeen& p) { return p.is_weight && !p.frozen && p.depth >= 0; }

/// Whether the loss has come to less than a share of the first; for one below 0 that says nothing.
bool has_learnt(const Measurements& seen, double share) { return seen.early > 0 && seen.late < share * seen.early; }

void report_update(const ParameterSeen& p, double log_ratio, bool is_bad, const Report& report) {
  const double ratio = std::pow(10, log_ratio);
  report.add({.severity = is_bad ? Severity::warning : Severity::note,
              .layer = p.layer,
              .site = p.site,
              .value = ratio,
              .text = fmt::format("{} changes by {:.2g} of its norm in a step", p.name, ratio)});
}

void judge_large_updates(const Measurements& seen, const Report& report) {
  const bool learnt = has_learnt(seen, 0.3);
  const double limit = std::log10(report.threshold());
  for (const ParameterSeen& p : seen.parameters) {
    if (!is_trained(p) || p.sampled < kManySamples) continue;
    const double ratio = p.log_ratio();
    if (ratio > limit) report_update(p, ratio, ratio > limit + 1 && !learnt, report);
  }
}

void judge_small_updates(const Measurements& seen, const Report& report) {
  if (has_learnt(seen, 0.5)) return;
  const double limit = std::log10(report.threshold());
  for (const ParameterSeen& p : seen.parameters) {
    if (!is_trained(p) || p.sampled < kManySamples || p.moved == 0) continue;
    const double ratio = p.log_ratio();
    if (ratio < limit) report_update(p, ratio, ratio < limit - 1, report);
  }
}

/// The first and last weights in the order of the forward pass that have gradients.
std::pair<const ParameterSeen*, const ParameterSeen*> ends(const Measurements& seen) {
  const ParameterSeen *first = nullptr, *last = nullptr;
  for (const ParameterSeen& p : seen.parameters) {
    // Before training one sample, of more rows, is all there is.
    if (!is_trained(p) || p.samples.size() < static_cast<std::size_t>(seen.step == 0 ? 1 : kFewSamples)) continue;
    if (first == nullptr || p.depth < first->depth) first = &p;
    if (last == nullptr || p.depth > last->depth) last = &p;
  }
  return {first, last};
}

void judge_vanishing(const Measurements& seen, const Report& report) {
  const auto [first, last] = ends(seen);
  if (first == last || (seen.step > 0 && has_learnt(seen, 0.1))) return;
  const double shallow = std::pow(10, first->log_gradient()), deep = std::pow(10, last->log_gradient());
  if (std::isnan(shallow) || std::isnan(deep)) return;
  const double ratio = shallow / deep;
  if (ratio < report.threshold() && shallow < 1e-3)
    report(*first,
           ratio,
           fmt::format(
               "the gradient of {} has norm {:.2g}, {:.2g} times that of {}", first->name, shallow, ratio, last->name));
}

void judge_exploding(const Measurements& seen, const Report& report) {
  const auto [first, last] = ends(seen);
  if (first == nullptr) return;
  const double shallow = std::pow(10, first->log_gradient()), deep = std::pow(10, last->log_gradient());
  const double ratio = shallow / deep;
  if (first != last && ratio > report.threshold() && shallow > 1)
    report(*first,
           ratio,
           fmt::format(
               "the gradient of {} has norm {:.2g}, {:.2g} times that of {}", first->name, shallow, ratio, last->name));
}

void judge_dead(const Measurements& seen, const Report& report) {
  for (const ActivationSeen& a : seen.activations)
    if (!a.is_product && a.hidden && a.samples > 0 && a.dead > report.threshold())
      report.add({.severity = a.dead > std::max(0.7, report.threshold()) ? Severity::warning : Severity::note,
                  .layer = a.layer,
                  .site = a.site,
                  .value = a.dead,
                  .text = fmt::format("{:.0f} % of the {} units of {} behind {} were 0 for each of {} rows",
                                      100 * a.dead,
                                      a.units,
                                      a.op,
                                      a.layer.empty() ? "the model" : a.layer,
                                      a.rows)});
}

void judge_saturated(const Measurements& seen, const Report& report) {
  for (const ActivationSeen& a : seen.activations)
    if (!a.is_product && a.hidden && a.samples > 0 && a.saturated > report.threshold())
      report.add({.severity = a.saturated > std::max(0.8, report.threshold()) ? Severity::warning : Severity::note,
                  .layer = a.layer,
                  .site = a.site,
                  .value = a.saturated,
                  .text = fmt::format("{:.0f} % of the values of {} behind {} are where it is flat",
                                      100 * a.saturated,
                                      a.op,
                                      a.layer.empty() ? "the model" : a.layer)});
}

void judge_unchanged(const Measurements& seen, const Report& report) {
  if (seen.diverged) return;
  for (const ParameterSeen& p : seen.parameters) {
    if (p.frozen || p.depth < 0 || p.sampled < kFewSamples || p.moved > 0) continue;
    const bool no_gradient =
        std::all_of(p.samples.begin(), p.samples.end(), [](const auto& s) { return s.gradient == 0; });
    if (!p.is_weight && no_gradient && p.optimized) continue;  // a bias before a normalisation, say
    report(p,
           static_cast<double>(p.moved),
           fmt::format("{} has changed in 0 of {} sampled steps: {}",
                       p.name,
                       p.sampled,
                       !p.optimized  ? "the optimizer does not have it"
                       : no_gradient ? "its gradient is 0"
                                     : "its updates are too small for its dtype"));
  }
}

void judge_still(const Measurements& seen, const Report& report) {
  for (const NormSeen& norm : seen.norms)
    if (const double share = static_cast<double>(norm.still) / static_cast<double>(norm.channels);
        norm.still > 0 && share > report.threshold())
      report.add(
          {.severity = share > 0.5 ? Severity::warning : Severity::note,
           .layer = norm.layer,
           .value = share,
           .text = fmt::format("{} of {} channels of {} have no variance", norm.still, norm.channels, norm.layer)});
}

void judge_drift(const Measurements& seen, const Report& report) {
  if (seen.epochs.size() < 3) return;
  for (const NormSeen& norm : seen.norms)
    if (norm.drift > report.threshold())
      report.add({.layer = norm.layer,
                  .value = norm.drift,
                  .text = fmt::format(
                      "the running means of {} moved by {:.2g} deviations in an epoch", norm.layer, norm.drift)});
}

void judge_small_batch(const Measurements& seen, const Report& report) {
  const double by = seen.noise_scale / static_cast<double>(seen.batch);
  if (seen.batch > 0 && by > report.threshold())
    report(by,
           fmt::format("the gradient noise scale is {:.3g} rows, {:.3g} times the {} of a batch",
                       seen.noise_scale,
                       by,
                       seen.batch));
}

void judge_large_batch(const Measurements& seen, const Report& report) {
  const double by = static_cast<double>(seen.batch) / seen.noise_scale;
  if (by > report.threshold())
    report(
        by,
        fmt::format(
            "a batch has {} rows, {:.3g} times the gradient noise scale of {:.3g}", seen.batch, by, seen.noise_scale));
}

void judge_shrinking(const Measurements& seen, const Report& report) {
  double first = 0, now = 0;
  for (const ParameterSeen& p : seen.parameters) {
    if (!is_trained(p) || p.samples.empty()) continue;
    first += p.first_weight * p.first_weight;
    now += p.samples.back().weight * p.samples.back().weight;
  }
  const double share = std::sqrt(now / first);
  if (first > 0 && share < report.threshold())
    report(share, fmt::format("the weights have shrunk to {:.1f} % of their norm at the start", 100 * share));
}

}  // namespace

// Long: a table.
std::vector<Rule> rules_of_layers() {
  return {
      {.name = "updates-large",
       .measures = "the norm of an update by that of the weights, the median of up to 20 sampled steps",
       .threshold = 1e-2,
       .severity = Severity::note,
       .advice = "lower the learning rate; about 1e-3 is usual",
       .judge = judge_large_updates,
       .meaning = "Weights that change by more than a hundredth in each step do not settle. Above ten times the "
                  "threshold it is a warning, while the loss is above 30 % of the first.",
       .example = "Adam at a rate of 0.1",
       .source = "CS231n, lecture 6, babysitting: ratio of updates to weights"},
      {.name = "updates-small",
       .measures = "the same, while the loss is above half of the first",
       .threshold = 1e-4,
       .severity = Severity::note,
       .advice = "raise the learning rate, or look for what makes the gradient small; about 1e-3 is usual",
       .judge = judge_small_updates,
       .meaning = "Weights that hardly change learn hardly anything. Below a tenth of the threshold it is a warning.",
       .example = "SGD at a rate of 1e-6",
       .source = "CS231n, lecture 6, babysitting: ratio of updates to weights"},
      {.name = "gradient-vanishes",
       .measures = "the gradient's norm of the first layer by that of the last, medians, where the first is below 1e-3",
       .threshold = 1e-3,
       .severity = Severity::warning,
       .advice = "use relu instead of sigmoid, initialise by fan-in, normalise between layers or add residual paths",
       .judge = judge_vanishing,
       .meaning = "What reaches the first layers is too little to train them.",
       .example = "ten layers of sigmoid",
       .source = "Zhang et al. 2021, AUTOTRAINER: vanishing gradient; Glorot & Bengio 2010"},
      {.name = "gradient-explodes",
       .measures = "the gradient's norm of the first layer by that of the last, medians, where the first is above 1",
       .threshold = 70,
       .severity = Severity::warning,
       .advice = "initialise by fan-in, normalise between layers, or clip gradients",
       .judge = judge_exploding,
       .meaning = "Gradients grow on their way back; one rate can't suit all layers.",
       .example = "a deep net with weights twice too large",
       .source = "Zhang et al. 2021, AUTOTRAINER: exploding gradient"},
      {.name = "dead-units",
       .measures = "the share of a relu's units that are 0 for each row of five sampled batches or more",
       .threshold = 0.4,
       .severity = Severity::note,
       .advice = "lower the learning rate, start with small positive biases, or use leaky_relu",
       .judge = judge_dead,
       .meaning = "A unit that is 0 for every row has no gradient and does not come back. Above 70 % it is a warning.",
       .example = "biases of -5 before a relu",
       .source = "CS231n, lecture 6, activation functions; Zhang et al. 2021, AUTOTRAINER: dying relu"},
      {.name = "units-saturated",
       .measures = "the share of a tanh's values beyond 0.97, of a sigmoid's outside 0.03 … 0.97, in hidden layers",
       .threshold = 0.5,
       .severity = Severity::note,
       .advice = "initialise by fan-in (init::xavier), scale the inputs, or use relu",
       .judge = judge_saturated,
       .meaning = "Where the nonlinearity is flat, no gradient passes. Above 80 % it is a warning.",
       .example = "tanh behind weights of deviation 1",
       .source = "CS231n, lecture 6, activation functions"},
      {.name = "parameter-unchanged",
       .measures = "sampled steps in which a parameter changed",
       .threshold = 0,
       .severity = Severity::warning,
       .advice = "give it to the optimizer, or freeze it with nn::freeze if that is meant",
       .judge = judge_unchanged,
       .meaning = "A parameter that never changes is not trained: the optimizer lacks it, or no gradient comes to it.",
       .example = "optim::Adam adam(nn::parameters(net.head))",
       .source = "Humbatova et al. 2020, arXiv:1910.11015"},
      {.name = "channel-still",
       .measures = "the share of a batch normalisation's channels whose running variance is below 1e-6",
       .threshold = 0,
       .severity = Severity::note,
       .advice = "look for dead units or equal weights before it",
       .when = Moment::epoch,
       .judge = judge_still,
       .meaning =
           "A channel that is the same in every row tells nothing; dividing by its deviation only adds noise. Above "
           "a half of them it is a warning.",
       .example = "batch normalisation of units that are dead",
       .source = "Ioffe & Szegedy 2015, arXiv:1502.03167, section 3"},
      {.name = "statistics-drift",
       .measures = "how far running means moved in an epoch, in running deviations, after the third",
       .threshold = 2,
       .severity = Severity::note,
       .advice =
           "lower the learning rate, or raise the momentum of the statistics, before trusting scores in evaluation",
       .when = Moment::epoch,
       .judge = judge_drift,
       .meaning = "Running statistics that still move fast are not those of the weights that are evaluated.",
       .example = "a rate of 1 behind batch normalisation",
       .source = "Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.1"},
      {.name = "batch-small",
       .measures = "the gradient noise scale by the rows of a batch, at the end of an epoch",
       .threshold = 100,
       .severity = Severity::note,
       .advice = "enlarge the batch, or add up the gradients of several, and raise the rate with it",
       .when = Moment::epoch,
       .judge = judge_small_batch,
       .meaning =
           "A step is mostly noise: a batch twice as large needs half the steps. The noise scale is the trace of "
           "the covariance of the rows' gradients by the square of their mean.",
       .example = "batches of one row",
       .source = "McCandlish et al. 2018, arXiv:1812.06162, eq. 2.9"},
      {.name = "batch-large",
       .measures = "the rows of a batch by the gradient noise scale, at the end of an epoch",
       .threshold = 10,
       .severity = Severity::note,
       .advice = "a smaller batch gives nearly the same step for less work",
       .when = Moment::epoch,
       .judge = judge_large_batch,
       .meaning = "Far above the noise scale all batches have the same gradient, and more rows tell nothing more.",
       .example = "all rows in one batch",
       .source = "McCandlish et al. 2018, arXiv:1812.06162, eq. 2.9"},
      {.name = "weights-shrink",
       .measures = "the norm of all weights by that at the start",
       .threshold = 0.2,
       .severity = Severity::warning,
       .advice = "lower the weight decay or the penalty in the loss",
       .judge = judge_shrinking,
       .meaning = "Regularisation so strong that the weights vanish leaves nothing to fit the data with.",
       .example = "a weight decay of 1",
       .source = "CS231n, lecture 6, babysitting: regularisation"},
  };
}

}  // namespace gradus::train

#include "watch/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

// What is wrong with a model before it has learnt anything.

namespace gradus::train {
namespace {

void judge_initial_loss(const Measurements& seen, const Report& report) {
  const LossSeen& loss = seen.loss_op;
  if (!(loss.expected > 0) || !std::isfinite(seen.first_loss)) return;
  // Random outputs of variance 1 add their own to that of the targets.
  const double limit = loss.op == "mse_loss" ? report.threshold() * (1 + 1 / loss.expected) : report.threshold();
  const double ratio = seen.first_loss / loss.expected;
  if (ratio > limit)
    report.add({.site = loss.site,
                .value = ratio,
                .text = fmt::format("the first loss is {:.4g}, {:.1f} times the {:.4g} of a model that knows nothing",
                                    seen.first_loss,
                                    ratio,
                                    loss.expected)});
}

void judge_penalty(const Measurements& seen, const Report& report) {
  const LossSeen& loss = seen.loss_op;
  const double added = seen.first_loss - loss.value;  // NaN if the loss is none of the library's
  if (!(loss.value > 0) || !(added > report.threshold() * loss.value)) return;
  report.add({.site = loss.site,
              .value = added / loss.value,
              .text = fmt::format("{:.4g} is added to a first loss of {:.4g} on the rows", added, loss.value)});
}

void judge_equal_weights(const Measurements& seen, const Report& report) {
  for (const ParameterSeen& p : seen.parameters) {
    if (!p.is_weight || p.numel < 4 || !(p.constant || p.alike)) continue;
    // Outputs differ by their targets: a last layer may begin at 0, unless what it is given is alike.
    const auto last = [&](const ActivationSeen& a) { return a.is_product && !a.hidden && a.layer == p.layer; };
    if (std::any_of(seen.activations.begin(), seen.activations.end(), last)) continue;
    report(p,
           p.first_weight,
           p.first_weight == 0 ? fmt::format("all {} weights of {} begin at 0", p.numel, p.name)
           : p.constant        ? fmt::format("all {} weights of {} begin equal", p.numel, p.name)
                               : fmt::format("all units of {} begin alike ({} weights)", p.name, p.numel));
  }
}

void judge_spread(const Measurements& seen, const Report& report) {
  const ActivationSeen *first = nullptr, *last = nullptr;
  for (const ActivationSeen& a : seen.activations) {
    if (!a.is_product || !a.hidden || a.first_std < 0) continue;
    if (first == nullptr) first = &a;
    last = &a;
  }
  if (first == nullptr) return;
  const double limit = report.threshold();
  if (first != last && first->first_std > 0) {
    const double ratio = last->first_std / first->first_std;
    if (ratio < 1 / limit || ratio > limit)
      return report(*last,
                    ratio,
                    fmt::format("at the start values {} with depth: their deviation is {:.3g} in {} and {:.3g} in {}",
                                ratio < 1 ? "collapse" : "explode",
                                first->first_std,
                                first->layer,
                                last->first_std,
                                last->layer));
  }
  for (const ActivationSeen& a : seen.activations)
    if (a.is_product && a.hidden && (a.first_std > limit || (a.first_std >= 0 && a.first_std < 1 / limit)))
      return report(
          a,
          a.first_std,
          fmt::format("at the start the values of {} have deviation {:.3g}, far from 1", a.layer, a.first_std));
}

void judge_output(const Measurements& seen, const Report& report) {
  const LossSeen& loss = seen.loss_op;
  struct Pair {
    std::string_view loss, producer;
    const char* instead;
  };
  constexpr Pair kWrong[] = {
      {"cross_entropy", "softmax", "cross_entropy takes the scores as they are"},
      {"cross_entropy", "sigmoid", "cross_entropy takes the scores as they are"},
      {"cross_entropy", "relu", "scores below 0 are needed: leave the last relu out"},
      {"cross_entropy", "tanh", "scores beyond 1 are needed: leave the last tanh out"},
      {"bce_with_logits", "sigmoid", "bce_with_logits takes the scores as they are; bce_loss takes a sigmoid's result"},
      {"bce_with_logits", "softmax", "bce_with_logits takes the scores as they are"},
      {"bce_with_logits", "relu", "scores below 0 are needed: leave the last relu out"},
      {"bce_with_logits", "tanh", "scores beyond 1 are needed: leave the last tanh out"},
      {"bce_loss", "linear", "bce_loss takes the result of sigmoid; bce_with_logits takes scores"},
      {"bce_loss", "relu", "bce_loss takes the result of sigmoid; bce_with_logits takes scores"},
      {"bce_loss", "tanh", "bce_loss takes the result of sigmoid; bce_with_logits takes scores"},
      {"nll_loss", "sigmoid", "nll_loss takes the result of log_softmax"},
      {"nll_loss", "relu", "nll_loss takes the result of log_softmax"},
      {"nll_loss", "tanh", "nll_loss takes the result of log_softmax"},
      {"nll_loss", "softmax", "nll_loss takes the result of log_softmax"},
      {"nll_loss", "linear", "nll_loss takes the result of log_softmax; cross_entropy takes scores"},
  };
  for (const Pair& pair : kWrong)
    if (pair.loss == loss.op && pair.producer == loss.producer)
      report.add(
          {.site = loss.site,
           .value = 1,
           .text = fmt::format(
               "1 op too many or too few: {} is given the result of {}; {}", loss.op, loss.producer, pair.instead)});
}

void judge_linear_twice(const Measurements& seen, const Report& report) {
  for (const ActivationSeen& a : seen.activations)
    if (a.follows_linear)
      report(a, 0, fmt::format("0 nonlinearities between {} and the linear layer before it: both are one", a.layer));
}

void judge_unreached(const Measurements& seen, const Report& report) {
  for (const ParameterSeen& p : seen.parameters)
    if (!p.frozen && p.depth < 0 && !seen.activations.empty())
      report(p, 0, fmt::format("{} with {} elements had a part in 0 ops of the first step", p.name, p.numel));
}

void judge_heart(const Measurements& seen, const Report& report) {
  const DataSeen& data = seen.data;
  if (data.heart_rows == 0 || !(data.heart_first > 0)) return;
  const double left = data.heart_last / data.heart_first;
  if (!(left <= report.threshold()))
    report(left,
           fmt::format("{} rows could not be learnt by heart: of a loss of {:.4g}, {:.4g} was left",
                       data.heart_rows,
                       data.heart_first,
                       data.heart_last));
}

}  // namespace

// Long: a table.
std::vector<Rule> rules_of_start() {
  return {
      {.name = "initial-loss",
       .measures = "the first loss by that of a model that knows nothing: ln C, ln 2, or E t^2",
       .threshold = 2.5,
       .severity = Severity::warning,
       .advice = "make the last layer's weights smaller, scale the inputs, or scale the targets",
       .when = Moment::first,
       .judge = judge_initial_loss,
       .meaning = "A model that is sure of wrong answers at the start has weights or inputs that are too large. With "
                  "outputs of "
                  "variance 1 the expected mean squared error is E t^2 + 1.",
       .example = "weights of deviation 1 in a layer of 512 inputs",
       .source = "CS231n, lecture 6, babysitting: check that the loss is reasonable"},
      {.name = "penalty-outweighs",
       .measures = "what is added to the first loss on the rows, by that loss",
       .threshold = 1,
       .severity = Severity::warning,
       .advice = "lower the strength of the penalty; it should raise the first loss a little",
       .when = Moment::first,
       .judge = judge_penalty,
       .meaning = "A penalty larger than the loss has the weights shrink before they learn.",
       .example = "cross_entropy(net(x), y) + nn::l2(net, 1)",
       .source = "CS231n, lecture 6, babysitting: regularisation raises the first loss"},
      {.name = "equal-weights",
       .measures = "whether all weights of a layer, or all its units, begin equal",
       .threshold = 0,
       .severity = Severity::error,
       .advice = "draw them at random: nn::init(net, init::he())",
       .when = Moment::first,
       .judge = judge_equal_weights,
       .meaning = "Units that begin alike get the same gradients and stay alike.",
       .example = "init::zeros(net.fc1.weight)",
       .source = "CS231n, lecture 6, weight initialisation"},
      {.name = "activation-spread",
       .measures = "the deviation of the last hidden layer's products by the first's, and of each, at the start",
       .threshold = 50,
       .severity = Severity::warning,
       .advice = "initialise by the layer's fan-in: nn::init(net, init::he()), or normalise between layers",
       .when = Moment::first,
       .judge = judge_spread,
       .meaning =
           "Values that shrink or grow with depth take the gradients with them. The inverse of the threshold is the "
           "limit below.",
       .example = "ten tanh layers with weights of deviation 0.01",
       .source = "CS231n, lecture 6, weight initialisation; Glorot & Bengio 2010"},
      {.name = "output-activation",
       .measures = "which op gives the input of the loss",
       .threshold = 0,
       .severity = Severity::error,
       .when = Moment::first,
       .judge = judge_output,
       .meaning = "Losses of scores have their softmax or sigmoid in them. Twice, gradients are small and scores "
                  "bounded; training "
                  "goes on slowly and ends too early.",
       .example = "cross_entropy(softmax(net(x)), y)",
       .source = "Humbatova et al. 2020, arXiv:1910.11015: wrong activation of the last layer"},
      {.name = "linear-after-linear",
       .measures = "nonlinearities between two linear layers of which the first does not narrow",
       .threshold = 0,
       .severity = Severity::warning,
       .advice = "put a relu between them, or leave one out",
       .when = Moment::first,
       .judge = judge_linear_twice,
       .meaning = "Two linear layers in a row can do no more than one, unless there are fewer values between them.",
       .example = "fc2(fc1(x))",
       .source = "CS231n, lecture 4; Humbatova et al. 2020: missing activation"},
      {.name = "parameter-unreached",
       .measures = "ops of the first step that use a parameter",
       .threshold = 0,
       .severity = Severity::warning,
       .advice = "call its layer in forward, or take it out of the model",
       .when = Moment::first,
       .judge = judge_unreached,
       .meaning = "A parameter that forward does not use has no gradient.",
       .example = "a layer that is a field but is never called",
       .source = "experience"},
      {.name = "not-learnt-by-heart",
       .measures = "the loss of a few rows after learning them, by that before",
       .threshold = 0.3,
       .severity = Severity::warning,
       .advice = "look for what keeps the gradient back before training on all rows",
       .when = Moment::check,
       .judge = judge_heart,
       .meaning = "A model that can't learn 20 rows with Adam, without regularisation, will not learn 20,000.",
       .example = "a detached hidden layer; labels in another order than rows",
       .source = "CS231n, lecture 6, babysitting: overfit a small portion"},
  };
}

}  // namespace gradus::train

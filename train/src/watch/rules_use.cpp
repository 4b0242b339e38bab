#include "watch/rules.h"

#include <fmt/format.h>

// What is wrong with how a loop calls the library.

namespace gradus::train {
namespace {

void judge_stale(const Measurements& seen, const Report& report) {
  if (static_cast<double>(seen.stale_gradients) > report.threshold())
    report(static_cast<double>(seen.stale_gradients),
           fmt::format("{} backward passes began with the gradients of the step before", seen.stale_gradients));
}

void judge_eval_mode(const Measurements& seen, const Report& report) {
  if (static_cast<double>(seen.eval_steps) > report.threshold())
    report.add({.layer = seen.eval_layer,
                .value = static_cast<double>(seen.eval_steps),
                .text = fmt::format("{} steps in a row were trained with layers in evaluation mode", seen.eval_steps)});
}

void judge_train_mode(const Measurements& seen, const Report& report) {
  if (static_cast<double>(seen.train_evaluations) > report.threshold())
    report.add({.layer = seen.train_layer,
                .value = static_cast<double>(seen.train_evaluations),
                .text = fmt::format("{} evaluations were made with layers in training mode", seen.train_evaluations)});
}

void judge_waiting(const Measurements& seen, const Report& report) {
  if (seen.step >= 50 && seen.waiting > report.threshold())
    report(seen.waiting,
           fmt::format("{:.0f} % of the time passes between a step and the next forward pass", 100 * seen.waiting));
}

}  // namespace

std::vector<Rule> rules_of_use() {
  return {
      {.name = "zero-grad-forgotten",
       .measures = "backward passes, after a step, that found gradients other than 0",
       .threshold = 2,
       .severity = Severity::error,
       .advice = "call zero_grad() before each backward pass",
       .judge = judge_stale,
       .meaning = "Gradients add up until they are forgotten: each step then goes along the sum of all before.",
       .example = "a loop without optimizer.zero_grad()",
       .source = "Humbatova et al. 2020, arXiv:1910.11015"},
      {.name = "train-mode-forgotten",
       .measures = "steps in a row with all layers that have a mode in evaluation mode",
       .threshold = 3,
       .severity = Severity::warning,
       .advice = "call nn::train(net) before each epoch",
       .judge = judge_eval_mode,
       .meaning = "Dropout drops nothing then, and batch normalisation uses statistics that no longer follow.",
       .example = "nn::eval(net) after the first epoch, and no nn::train(net)",
       .source = "experience"},
      {.name = "eval-mode-forgotten",
       .measures = "evaluations with a layer in training mode",
       .threshold = 0,
       .severity = Severity::warning,
       .advice = "call nn::eval(net) before, or use train::evaluate",
       .judge = judge_train_mode,
       .meaning = "Dropout then drops values that are evaluated, and batch normalisation learns from test rows.",
       .example = "scores taken in a NoGrad block straight after an epoch",
       .source = "experience"},
      {.name = "loader-slow",
       .measures = "the share of time from the end of a step to the first op of the next",
       .threshold = 0.6,
       .severity = Severity::note,
       .advice = "give the loader workers: {.workers = 2}",
       .judge = judge_waiting,
       .meaning = "The model waits for its data.",
       .example = "images that are read from disk for each batch",
       .source = "experience"},
  };
}

}  // namespace gradus::train

#include "rule_table.h"

#include <utility>
#include <vector>

// Rules of loops and of epochs.

namespace gradus::train::table {

// ---- the loop, and its epochs --------------------------------------------------------------------

std::vector<Row> rows_of_use() {
  return {
      {.rule = "zero-grad-forgotten",
       .fires = [](M& m, double t) { m.stale_gradients = whole(t) + 1; },
       .quiet = {{"one fewer", [](M& m, double) { --m.stale_gradients; }}}},
      {.rule = "train-mode-forgotten",
       .layer = "drop",
       .fires = [](M& m, double t) { m.eval_steps = whole(t) + 1, m.eval_layer = "drop"; },
       .quiet = {{"one fewer", [](M& m, double) { --m.eval_steps; }}}},
      {.rule = "eval-mode-forgotten",
       .layer = "drop",
       .fires = [](M& m, double t) { m.train_evaluations = whole(t) + 1, m.train_layer = "drop"; },
       .quiet = {{"one fewer", [](M& m, double) { --m.train_evaluations; }}}},
      {.rule = "loader-slow",
       .fires = [](M& m, double t) { m.step = 50, m.waiting = 1.05 * t; },
       .value = 1.05,
       .quiet = {{"less", [](M& m, double t) { m.waiting = 0.95 * t; }},
                 {"49 steps", [](M& m, double) { m.step = 49; }}}},
  };
}

namespace {
/// The last epoch, after others of 0.4 on other rows.
void set_last(M& m, Score train, Score validation) {
  for (EpochRecord& epoch : m.epochs) epoch.validation.loss = 0.4;
  m.epochs.back().train = train, m.epochs.back().validation = validation;
}
void set_losses(M& m, double train, double validation) {
  for (EpochRecord& epoch : m.epochs) epoch.train.loss = train, epoch.validation.loss = validation;
}
void keep_epochs(M& m, std::ptrdiff_t last) { m.epochs.erase(m.epochs.begin(), m.epochs.end() - last); }
}  // namespace

std::vector<Row> rows_of_gaps() {
  return {
      {.rule = "overfitting",
       .fires = [](M& m, double t) { set_last(m, {0.1, 0.95}, {0.47, 0.95 - 1.05 * t}); },
       .value = 1.05,
       .still = {{"3 epochs", [](M& m, double) { keep_epochs(m, 3); }},
                 {"unlike the training loss", [](M& m, double) { m.epochs.back().train.loss = 0.69 * 0.47; }},
                 {"of rows enough", [](M& m, double) { m.epochs.back().validation.rows = 100; }},
                 {"by accuracy alone", [](M& m, double t) { set_last(m, {0.4, 0.95}, {0.4, 0.95 - 2.1 * t}); }},
                 {"of values", [](M& m, double) { set_last(m, {0.45 / 2.6, kNaN}, {0.45, kNaN}); }},
                 {"on rows to test with",
                  [](M& m, double) {
                    for (EpochRecord& epoch : m.epochs) epoch.test = std::exchange(epoch.validation, {});
                  }}},
       .quiet = {{"of few rows", [](M& m, double) { m.epochs.back().validation.rows = 20; }},
                 {"of few rows, by accuracy alone",
                  [](M& m, double t) {
                    set_last(m, {0.4, 0.95}, {0.4, 0.95 - 2.1 * t}), m.epochs.back().validation.rows = 10;
                  }},
                 {"a smaller gap", [](M& m, double t) { m.epochs.back().validation.accuracy = 0.95 - 0.95 * t; }},
                 {"the loss has risen less", [](M& m, double) { m.epochs.back().validation.loss = 0.45; }},
                 {"like the training loss", [](M& m, double) { m.epochs.back().train.loss = 0.71 * 0.47; }},
                 {"accuracy alone, less", [](M& m, double t) { set_last(m, {0.4, 0.95}, {0.4, 0.95 - 1.9 * t}); }},
                 {"of values, less", [](M& m, double) { set_last(m, {0.45 / 2.4, kNaN}, {0.45, kNaN}); }},
                 {"of values, a loss below 0", [](M& m, double) { set_last(m, {-0.1, kNaN}, {0.47, kNaN}); }},
                 {"of values, not risen", [](M& m, double) { set_last(m, {0.1, kNaN}, {0.43, kNaN}); }},
                 {"2 epochs", [](M& m, double) { keep_epochs(m, 2); }},
                 {"no other rows", [](M& m, double) { m.epochs.back().validation = {}; }}}},
      {.rule = "capacity",
       .fires = [](M& m, double t) { set_losses(m, 1.05 * t * kLn2, 1.05 * t * kLn2); },
       .value = 1.05,
       .still = {{"a small gap", [](M& m, double t) { set_losses(m, 1.05 * t * kLn2, 1.29 * 1.05 * t * kLn2); }},
                 {"it hardly moves", [](M& m, double) { m.epochs[2].train.loss *= 1.03; }},
                 {"hardly anything learnt", [](M& m, double) { set_losses(m, 0.96 * kLn2, 0.96 * kLn2); }},
                 {"began higher", [](M& m, double) { m.early = 2; }},
                 {"not known what to expect", [](M& m, double) { m.early = kLn2, m.loss_op.expected = kNaN; }}},
       .quiet = {{"lower", [](M& m, double t) { set_losses(m, 0.95 * t * kLn2, 0.95 * t * kLn2); }},
                 {"nothing learnt", [](M& m, double) { set_losses(m, 0.98 * kLn2, 0.98 * kLn2); }},
                 {"a gap", [](M& m, double t) { set_losses(m, 1.05 * t * kLn2, 1.31 * 1.05 * t * kLn2); }},
                 {"it moves", [](M& m, double) { m.epochs[2].train.loss *= 1.032; }},
                 {"5 epochs", [](M& m, double) { keep_epochs(m, 5); }},
                 {"no other rows", [](M& m, double) { m.epochs.back().validation = {}; }}}},
  };
}

std::vector<Row> rows_of_epochs() {
  return {
      {.rule = "validation-better",
       .fires =
           [](M& m, double t) {
             m.epochs[4].train.accuracy = m.epochs[5].train.accuracy = 0.5;
             m.epochs[3].validation.accuracy = m.epochs[4].validation.accuracy = 0.51 + t;
           },
       .still = {{"3 epochs", [](M& m, double) { keep_epochs(m, 3); }}},
       .quiet = {{"less", [](M& m, double t) { m.epochs[4].validation.accuracy = 0.49 + t; }},
                 {"of few rows", [](M& m, double) { m.epochs[4].validation.rows = 20; }},
                 {"less before", [](M& m, double t) { m.epochs[3].validation.accuracy = 0.49 + t; }},
                 {"2 epochs", [](M& m, double) { keep_epochs(m, 2); }}}},
      {.rule = "labels-shuffled",
       .fires = [](M& m, double t) { set_last(m, {0.98 * kLn2, 0.6}, {1.01 * kLn2, 0.5 * (t - 0.01)}); },
       .still = {{"3 epochs", [](M& m, double) { keep_epochs(m, 3); }},
                 {"a bias stands still", [](M& m, double) { m.parameters[3].moved = 0; }},
                 {"a class without rows", [](M& m, double) { m.loss_op.counts = {60, 60, 0}; }},
                 {"one is frozen", [](M& m, double) { m.parameters[2].moved = 0, m.parameters[2].frozen = true; }},
                 // 3/4 and 1/4: an entropy of 0.562
                 {"unequal classes",
                  [](M& m, double) { m.loss_op.counts = {90, 30}, set_last(m, {0.55, 0.8}, {0.57, 0.75}); }}},
       .quiet = {{"more are right", [](M& m, double t) { m.epochs.back().validation.accuracy = 0.5 * (t + 0.01); }},
                 {"a loss that swings", [](M& m, double) { m.swing = 0.51 * kLn2; }},
                 {"nothing learnt", [](M& m, double) { m.epochs.back().train.loss = 0.998 * kLn2; }},
                 {"a lower loss", [](M& m, double) { m.epochs.back().validation.loss = 0.99 * kLn2; }},
                 // 0.9 and 0.1: an entropy of 0.325; 60 % of the rarer are right
                 {"a common class",
                  [](M& m, double) { m.loss_op.counts = {108, 12}, set_last(m, {0.2, 0.95}, {0.34, 0.96}); }},
                 {"unequal classes, nothing learnt",
                  [](M& m, double) { m.loss_op.counts = {90, 30}, set_last(m, {0.565, 0.8}, {0.57, 0.75}); }},
                 {"another loss", [](M& m, double) { m.loss_op.op = "nll_loss"; }},
                 {"no classes", [](M& m, double) { m.loss_op.counts = {}; }},
                 {"a weight stands still", [](M& m, double) { m.parameters[2].moved = 0; }},
                 {"2 epochs", [](M& m, double) { keep_epochs(m, 2); }}}},
  };
}

}  // namespace gradus::train::table

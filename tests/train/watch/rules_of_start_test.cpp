#include "rule_table.h"

#include <string>
#include <utility>
#include <vector>

// Rules of data and of a model before it has learnt.

namespace gradus::train::table {

// ---- the data ------------------------------------------------------------------------------------

std::vector<Row> rows_of_inputs() {
  return {
      {.rule = "inputs-off-centre",
       .fires = [](M& m, double t) { m.inputs.mean = 1.05 * t; },
       .value = 1.05,
       .still = {{"negative", [](M& m, double t) { m.inputs.mean = -1.05 * t; }},
                 {"8 rows", [](M& m, double) { m.inputs.rows = 8; }}},
       .quiet = {{"nearer", [](M& m, double t) { m.inputs.mean = 0.95 * t; }},
                 {"negative, nearer", [](M& m, double t) { m.inputs.mean = -0.95 * t; }},
                 {"7 rows", [](M& m, double) { m.inputs.rows = 7; }},
                 {"constant", [](M& m, double) { m.inputs.std = 0; }}}},
      {.rule = "inputs-badly-scaled",
       .fires = [](M& m, double t) { m.inputs.std = 1.05 * t; },
       .value = 1.05,
       .still = {{"small", [](M& m, double t) { m.inputs.std = 0.95 / (t * t); }},
                 {"a large mean", [](M& m, double t) { m.inputs.mean = 1.05 * t, m.inputs.std = 0.1; }},
                 {"8 rows", [](M& m, double) { m.inputs.rows = 8; }}},
       .quiet = {{"smaller", [](M& m, double t) { m.inputs.std = 0.95 * t; }},
                 {"not so small", [](M& m, double t) { m.inputs.std = 1.05 / (t * t); }},
                 {"7 rows", [](M& m, double) { m.inputs.rows = 7; }},
                 {"all 0", [](M& m, double) { m.inputs.std = 0; }}}},
      {.rule = "features-unlike",
       .fires = [](M& m, double t) { m.inputs.largest = 1.05 * t * m.inputs.smallest; },
       .value = 1.05,
       .still = {{"2 features", [](M& m, double) { m.inputs.features = 2; }},
                 {"64 features", [](M& m, double) { m.inputs.features = 64; }},
                 {"8 rows", [](M& m, double) { m.inputs.rows = 8; }}},
       .quiet = {{"less", [](M& m, double t) { m.inputs.largest = 0.95 * t * m.inputs.smallest; }},
                 {"1 feature", [](M& m, double) { m.inputs.features = 1; }},
                 {"65 features", [](M& m, double) { m.inputs.features = 65; }},
                 {"all constant", [](M& m, double) { m.inputs.smallest = 0; }},
                 {"7 rows", [](M& m, double) { m.inputs.rows = 7; }}}},
      {.rule = "targets-badly-scaled",
       .fires = [](M& m, double t) { m.loss_op.op = "mse_loss", m.loss_op.expected = std::pow(1.05 * t, 2); },
       .value = 1.05,
       .still = {{"small", [](M& m, double t) { m.loss_op.expected = std::pow(0.95 / t, 2); }}},
       .quiet = {{"smaller", [](M& m, double t) { m.loss_op.expected = std::pow(0.95 * t, 2); }},
                 {"not so small", [](M& m, double t) { m.loss_op.expected = std::pow(1.05 / t, 2); }},
                 {"all 0", [](M& m, double) { m.loss_op.expected = 0; }},
                 {"another loss", [](M& m, double) { m.loss_op.op = "cross_entropy"; }}}},
  };
}

std::vector<Row> rows_of_data() {
  return {
      {.rule = "rows-leak",
       .fires = [](M& m, double t) { m.data.test_rows = 1000, m.data.leaked = whole(1000 * t) + 1; },
       .quiet = {{"one fewer", [](M& m, double) { --m.data.leaked; }},
                 {"no other rows", [](M& m, double) { m.data.test_rows = 0; }}}},
      {.rule = "rows-repeated",
       .fires = [](M& m, double t) { m.data.train_rows = 1000, m.data.repeated = whole(1000 * t) + 1; },
       .still = {{"read twice", [](M& m, double) { m.data.repeated = 500; }}},
       .quiet = {{"fewer", [](M& m, double) { m.data.repeated -= 2; }},
                 {"data not looked at", [](M& m, double) { m.data.train_rows = 0; }}}},
      {.rule = "label-out-of-range",
       .fires = [](M& m, double) { m.data.bad_row = 3, m.data.bad_label = 2; },
       .still = {{"below 0, in the first row", [](M& m, double) { m.data.bad_row = 0, m.data.bad_label = -1; }}},
       .quiet = {{"none", [](M& m, double) { m.data.bad_row = -1; }}}},
      {.rule = "class-missing",
       .fires = [](M& m, double) { m.data.counts = {40, 0}; },
       .still = {{"of the batches", [](M& m, double) { m.loss_op.counts = std::exchange(m.data.counts, {}); }}},
       .quiet = {{"one row", [](M& m, double) { m.data.counts = {40, 1}; }},
                 {"few rows", [](M& m, double) { m.data.counts = {39, 0}; }},
                 {"no classes", [](M& m, double) { m.data.counts = m.loss_op.counts = {}; }}}},
      {.rule = "classes-unbalanced",
       .fires = [](M& m, double t) { m.data.counts = {10, whole(10 * t) + 1}; },
       .still = {{"of the batches", [](M& m, double) { m.loss_op.counts = std::exchange(m.data.counts, {}); }},
                 {"just rows enough", [](M& m, double) { m.data.counts = {3, 37}; }}},
       .quiet = {{"one fewer", [](M& m, double) { --m.data.counts[1]; }},
                 {"few rows", [](M& m, double) { m.data.counts = {3, 36}; }},
                 {"one is missing", [](M& m, double) { m.data.counts[0] = 0; }},
                 {"no classes", [](M& m, double) { m.data.counts = m.loss_op.counts = {}; }}}},
      {.rule = "rows-in-order",
       .fires = [](M& m, double t) { m.loss_op.purity = 10 * (t + 0.01); },
       .still = {{"6 batches", [](M& m, double t) { m.loss_op.batches = 6, m.loss_op.purity = 6 * (t + 0.01); }},
                 {"8 rows in each", [](M& m, double) { m.loss_op.counts = {40, 40}; }}},
       .quiet = {{"mixed more", [](M& m, double t) { m.loss_op.purity = 10 * (t - 0.01); }},
                 {"5 batches", [](M& m, double t) { m.loss_op.batches = 5, m.loss_op.purity = 5 * (t + 0.01); }},
                 {"few rows in each", [](M& m, double) { m.loss_op.counts = {39, 40}; }},
                 {"a common class", [](M& m, double) { m.loss_op.counts = {72, 48}; }},
                 {"no classes", [](M& m, double) { m.loss_op.classes = 1; }}}},
  };
}

// ---- the start -----------------------------------------------------------------------------------

namespace {
Named output(const char* loss, const char* producer) {
  return {std::string(loss) + " of " + producer,
          [=](M& m, double) { m.loss_op.op = loss, m.loss_op.producer = producer; }};
}
void spread(M& m, double first, double last) { m.activations[0].first_std = first, m.activations[2].first_std = last; }
void one_hidden(M& m, double std) { m.activations[0].first_std = std, m.activations[2].hidden = false; }
}  // namespace

std::vector<Row> rows_of_start() {
  return {
      {.rule = "initial-loss",
       .fires = [](M& m, double t) { m.first_loss = 1.05 * t * kLn2; },
       .value = 1.05,
       .still = {{"of values",
                  [](M& m, double t) { m.loss_op.op = "mse_loss", m.loss_op.expected = 1, m.first_loss = 2.1 * t; }}},
       .quiet = {{"less", [](M& m, double t) { m.first_loss = 0.95 * t * kLn2; }},
                 {"of values, less",
                  [](M& m, double t) { m.loss_op.op = "mse_loss", m.loss_op.expected = 1, m.first_loss = 1.9 * t; }},
                 {"not finite", [](M& m, double) { m.first_loss = kInfinity; }},
                 {"targets of 0", [](M& m, double) { m.loss_op.expected = 0; }},
                 {"not known what to expect", [](M& m, double) { m.loss_op.expected = kNaN; }}}},
      {.rule = "penalty-outweighs",
       .fires = [](M& m, double t) { m.loss_op.value = 0.3, m.first_loss = 0.3 * (1 + 1.05 * t); },
       .value = 1.05,
       .quiet = {{"less", [](M& m, double t) { m.first_loss = 0.3 * (1 + 0.95 * t); }},
                 {"a loss of one's own", [](M& m, double) { m.loss_op.value = kNaN; }},
                 {"taken away", [](M& m, double) { m.first_loss = -0.3; }}}},
      {.rule = "equal-weights",
       .layer = "fc2",
       .fires = [](M& m, double) { m.parameters[2].constant = true; },
       .still = {{"units alike", [](M& m, double) { std::swap(m.parameters[2].constant, m.parameters[2].alike); }},
                 {"at 0", [](M& m, double) { m.parameters[2].first_weight = 0; }},
                 {"4 weights", [](M& m, double) { m.parameters[2].numel = 4; }}},
       .quiet = {{"they differ", [](M& m, double) { m.parameters[2].constant = false; }},
                 {"outputs", [](M& m, double) { std::swap(m.parameters[2].constant, m.parameters[4].constant); }},
                 {"3 weights", [](M& m, double) { m.parameters[2].numel = 3; }},
                 {"a bias", [](M& m, double) { m.parameters[2].is_weight = false; }}}},
      {.rule = "activation-spread",
       .layer = "fc2",
       .fires = [](M& m, double t) { spread(m, 0.2, 0.2 * 1.05 * t); },
       .value = 1.05,
       .still = {{"they shrink", [](M& m, double t) { spread(m, 2, 2 * 0.95 / t); }},
                 {"one hidden layer, large", [](M& m, double t) { one_hidden(m, 1.05 * t); }},
                 {"one hidden layer, small", [](M& m, double t) { one_hidden(m, 0.95 / t); }},
                 {"one hidden layer, 0", [](M& m, double) { one_hidden(m, 0); }},
                 {"the first is 0", [](M& m, double) { spread(m, 0, 1); }}},
       .quiet = {{"less", [](M& m, double t) { spread(m, 0.2, 0.2 * 0.95 * t); }},
                 {"they shrink less", [](M& m, double t) { spread(m, 2, 2 * 1.05 / t); }},
                 {"one hidden layer, less large", [](M& m, double t) { one_hidden(m, 0.95 * t); }},
                 {"one hidden layer, less small", [](M& m, double t) { one_hidden(m, 1.05 / t); }},
                 {"of the outputs", [](M& m, double) { m.activations[2].hidden = false; }},
                 {"no product", [](M& m, double) { m.activations[2].is_product = false; }},
                 {"of outputs alone", [](M& m, double t) { spread(m, 1, 1), m.activations[4].first_std = 2 * t; }},
                 {"of a relu alone", [](M& m, double t) { spread(m, 1, 1), m.activations[1].first_std = 2 * t; }},
                 {"the last not measured", [](M& m, double) { spread(m, 0.2, -1); }},
                 {"not measured", [](M& m, double) { spread(m, -1, -1); }}}},
      {.rule = "output-activation",
       .fires = [](M& m, double) { m.loss_op.producer = "softmax"; },
       .still = {output("cross_entropy", "sigmoid"),
                 output("cross_entropy", "relu"),
                 output("cross_entropy", "tanh"),
                 output("bce_with_logits", "sigmoid"),
                 output("bce_with_logits", "softmax"),
                 output("bce_with_logits", "relu"),
                 output("nll_loss", "softmax"),
                 output("nll_loss", "linear")},
       .quiet = {output("cross_entropy", "linear"),
                 output("nll_loss", "log_softmax"),
                 output("bce_loss", "sigmoid"),
                 output("mse_loss", "tanh")}},
      {.rule = "linear-after-linear",
       .layer = "fc2",
       .fires = [](M& m, double) { m.activations[2].follows_linear = true; },
       .quiet = {{"with one between", [](M& m, double) { m.activations[2].follows_linear = false; }}}},
      {.rule = "parameter-unreached",
       .layer = "fc2",
       .fires = [](M& m, double) { m.parameters[2].depth = -1; },
       .still = {{"a bias", [](M& m, double) { m.parameters[2].is_weight = false; }}},
       .quiet = {{"used first", [](M& m, double) { m.parameters[2].depth = 0; }},
                 {"frozen", [](M& m, double) { m.parameters[2].frozen = true; }},
                 {"no layer was seen", [](M& m, double) { m.activations.clear(); }}}},
      {.rule = "not-learnt-by-heart",
       .fires = [](M& m, double t) { m.data.heart_last = 1.05 * t * m.data.heart_first; },
       .value = 1.05,
       .still = {{"not finite", [](M& m, double) { m.data.heart_last = kNaN; }}},
       .quiet = {{"less is left", [](M& m, double t) { m.data.heart_last = 0.95 * t * m.data.heart_first; }},
                 {"not tried", [](M& m, double) { m.data.heart_rows = 0; }},
                 {"nothing to learn", [](M& m, double) { m.data.heart_first = 0; }}}},
  };
}

}  // namespace gradus::train::table

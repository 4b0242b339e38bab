#include "rule_table.h"

#include <algorithm>
#include <vector>

// Rules of the loss and of what steps do to layers.

namespace gradus::train::table {

// ---- the loss ------------------------------------------------------------------------------------

namespace {
/// A loss of 1, at `level` for `flat` of all steps and then at 0.69; a point is two steps.
void flat_then_falls(M& m, double level, std::int64_t flat, std::int64_t all) {
  m.early = 1, m.late = 0.69, m.step = all;
  m.curve.assign(static_cast<std::size_t>(flat / 2), {2, level});
  m.curve.resize(static_cast<std::size_t>(all / 2), {2, m.late});
}
/// `loss` throughout, but for `points` of 100 in the middle.
void stay(M& m, double loss, double dip = 0, int points = 0) {
  m.step = 100, m.early = m.late = loss;
  m.curve.assign(100, {1, loss});
  std::fill_n(m.curve.begin() + 40, points, CurvePoint{1, dip});
}
}  // namespace

std::vector<Row> rows_of_loss() {
  return {
      {.rule = "loss-explodes",
       .fires = [](M& m, double t) { m.first_loss = 2, m.loss = 2.1 * t; },
       .value = 2.1,
       .still = {{"below 0", [](M& m, double) { m.loss = -m.loss; }},
                 {"from less than 1", [](M& m, double t) { m.first_loss = 0.1, m.loss = 1.05 * t; }}},
       .quiet = {{"less", [](M& m, double t) { m.loss = 1.9 * t; }},
                 {"from less than 1, less", [](M& m, double t) { m.first_loss = 0.1, m.loss = 0.95 * t; }},
                 {"not finite", [](M& m, double) { m.loss = kInfinity; }}}},
      {.rule = "loss-negative",
       .fires = [](M& m, double t) { m.early = -1, m.loss = 1.05 * t; },
       .value = 1.05,
       .quiet = {{"nearer to 0", [](M& m, double t) { m.loss = 0.95 * t; }},
                 {"not at first", [](M& m, double) { m.early = 1; }},
                 {"none of the library's", [](M& m, double) { m.loss_op.op = ""; }}}},
      {.rule = "loss-rises",
       .fires = [](M& m, double t) { m.early = 2, m.late = 2 * 1.05 * t; },
       .value = 1.05,
       .still = {{"from below 0", [](M& m, double t) { m.early = -2, m.late = -2 + 1.05 * (2 * (t - 1) + 1); }},
                 {"20 steps", [](M& m, double) { m.step = 20; }}},
       .quiet = {{"less", [](M& m, double t) { m.late = 2 * 0.95 * t; }},
                 {"from below 0, less", [](M& m, double t) { m.early = -2, m.late = -2 + 0.95 * (2 * (t - 1) + 1); }},
                 {"19 steps", [](M& m, double) { m.step = 19; }},
                 {"diverged", [](M& m, double) { m.diverged = true; }}}},
      {.rule = "flat-then-falls",
       .fires = [](M& m, double t) { flat_then_falls(m, 1, 60, whole(60 / (1.05 * t))); },
       .still = {{"2.9 % above", [](M& m, double) { flat_then_falls(m, 1.029, 60, 120); }},
                 {"2.9 % below", [](M& m, double) { flat_then_falls(m, 0.971, 60, 120); }},
                 {"30 steps", [](M& m, double) { flat_then_falls(m, 1, 30, 60); }}},
       .quiet = {{"a smaller share", [](M& m, double t) { flat_then_falls(m, 1, 60, whole(60 / (0.95 * t))); }},
                 {"29 steps",
                  [](M& m, double) { flat_then_falls(m, 1, 28, 60), m.curve.insert(m.curve.begin(), {1, 1}); }},
                 {"3.1 % above", [](M& m, double) { flat_then_falls(m, 1.031, 60, 120); }},
                 {"3.1 % below", [](M& m, double) { flat_then_falls(m, 0.969, 60, 120); }},
                 {"it falls less", [](M& m, double) { m.late = 0.71; }},
                 {"flat throughout, below 0",
                  [](M& m, double) { flat_then_falls(m, -1, 60, 60), m.early = m.late = -1; }},
                 {"flat later", [](M& m, double) { m.curve.insert(m.curve.begin(), {2, 1.2}); }}}},
      {.rule = "loss-stuck",
       .fires = [](M& m, double t) { stay(m, 0.7), m.late = 0.7 * (1 - 0.95 * t); },
       .value = 0.95,
       .still = {{"a short dip", [](M& m, double t) { stay(m, 0.7, 0.7 * (1 - 1.05 * t), 11); }}},
       .quiet = {{"lower at the end", [](M& m, double t) { m.late = 0.7 * (1 - 1.05 * t); }},
                 {"lower for an eighth", [](M& m, double t) { stay(m, 0.7, 0.7 * (1 - 1.05 * t), 12); }},
                 {"99 steps", [](M& m, double) { m.step = 99; }},
                 {"diverged", [](M& m, double) { m.diverged = true; }},
                 {"learnt before", [](M& m, double) { stay(m, 0.49 * kLn2); }},
                 {"below 0", [](M& m, double) { stay(m, -0.7), m.loss_op.expected = kNaN; }}}},
      {.rule = "loss-swings",
       .fires = [](M& m, double t) { m.swing = 1.05 * t * kLn2, m.late = 0.31 * kLn2; },
       .value = 1.05,
       .still = {{"50 steps", [](M& m, double) { m.step = 50; }},
                 {"began lower", [](M& m, double t) { m.early = m.late = 0.5, m.swing = 0.5 * 1.05 * t; }},
                 {"began higher", [](M& m, double) { m.early = 2; }},
                 {"not known what to expect", [](M& m, double) { m.early = kLn2, m.loss_op.expected = kNaN; }}},
       .quiet = {{"less", [](M& m, double t) { m.swing = 0.95 * t * kLn2; }},
                 {"began lower, less", [](M& m, double t) { m.early = m.late = 0.5, m.swing = 0.5 * 0.95 * t; }},
                 {"low by now", [](M& m, double) { m.late = 0.29 * kLn2; }},
                 {"49 steps", [](M& m, double) { m.step = 49; }},
                 {"diverged", [](M& m, double) { m.diverged = true; }}}},
  };
}

// ---- the layers ----------------------------------------------------------------------------------

namespace {
void set_gradients(M& m, std::size_t i, double gradient) {
  for (auto& sample : m.parameters[i].samples) sample.gradient = gradient;
}
/// Norms of the gradients of the first and the last layer.
void set_ends(M& m, double first, double last) { set_gradients(m, 0, first), set_gradients(m, 4, last); }
void set_weights(M& m, double norm) {
  for (const std::size_t i : {0U, 2U, 4U}) m.parameters[i].samples.back().weight = norm;
}
void before_training(M& m) {
  m.step = 0, m.early = m.late = 0;
  for (auto& p : m.parameters) p.samples.resize(1);
}
}  // namespace

std::vector<Row> rows_of_steps() {
  return {
      {.rule = "updates-large",
       .layer = "fc2",
       .fires = [](M& m, double t) { set_updates(m, 2, 1.05 * t); },
       .value = 1.05,
       .still = {{"10 samples", [](M& m, double) { m.parameters[2].sampled = 10; }}},
       .quiet = {{"less", [](M& m, double t) { set_updates(m, 2, 0.95 * t); }},
                 {"one alone", [](M& m, double) { set_updates(m, 2, 1e-3), m.parameters[2].samples[3].update = 1; }},
                 {"9 samples", [](M& m, double) { m.parameters[2].sampled = 9; }},
                 {"frozen", [](M& m, double) { m.parameters[2].frozen = true; }},
                 {"not used", [](M& m, double) { m.parameters[2].depth = -1; }},
                 {"a bias", [](M& m, double) { m.parameters[2].is_weight = false; }}}},
      {.rule = "updates-small",
       .layer = "fc2",
       .fires = [](M& m, double t) { m.late = 0.51 * m.early, set_updates(m, 2, 0.95 * t); },
       .value = 0.95,
       .still = {{"a loss below 0", [](M& m, double) { m.early = m.late = -1; }},
                 {"10 samples", [](M& m, double) { m.parameters[2].sampled = 10; }}},
       .quiet = {{"more", [](M& m, double t) { set_updates(m, 2, 1.05 * t); }},
                 {"the loss has halved", [](M& m, double) { m.late = 0.49 * m.early; }},
                 {"9 samples", [](M& m, double) { m.parameters[2].sampled = 9; }},
                 {"it never moved", [](M& m, double) { m.parameters[2].moved = 0; }},
                 {"a bias", [](M& m, double) { m.parameters[2].is_weight = false; }}}},
      {.rule = "gradient-vanishes",
       .layer = "fc1",
       .fires = [](M& m, double t) { set_ends(m, 0.95 * t, 1), m.late = 0.11 * m.early; },
       .value = 0.95,
       .still = {{"a loss below 0", [](M& m, double) { m.early = m.late = -1; }},
                 {"in another order", [](M& m, double) { std::reverse(m.parameters.begin(), m.parameters.end()); }},
                 {"before training", [](M& m, double) { before_training(m); }}},
       .quiet = {{"less", [](M& m, double t) { set_ends(m, 0.5 * 1.05 * t, 0.5); }},
                 {"from very large", [](M& m, double) { set_ends(m, 1.05e-3, 10); }},
                 {"learnt all the same", [](M& m, double) { m.late = 0.09 * m.early; }},
                 {"no parameters", [](M& m, double) { m.parameters.clear(); }},
                 {"4 samples", [](M& m, double) { m.parameters[0].samples.resize(4); }},
                 {"the first is frozen", [](M& m, double) { m.parameters[0].frozen = true; }}}},
      {.rule = "gradient-explodes",
       .layer = "fc1",
       .fires = [](M& m, double t) { set_ends(m, 0.1 * 1.05 * t, 0.1); },
       .value = 1.05,
       .still = {{"just above 1", [](M& m, double t) { set_ends(m, 1.05, 0.95 / t); }},
                 {"in another order", [](M& m, double) { std::reverse(m.parameters.begin(), m.parameters.end()); }},
                 {"5 samples", [](M& m, double) { m.parameters[0].samples.resize(5); }},
                 {"before training", [](M& m, double) { before_training(m); }}},
       .quiet = {{"less", [](M& m, double t) { set_ends(m, 0.1 * 0.95 * t, 0.1); }},
                 {"small", [](M& m, double t) { set_ends(m, 0.95, 0.5 / t); }},
                 {"one step alone",
                  [](M& m, double) { set_ends(m, 0.1, 0.1), m.parameters[0].samples[3].gradient = 99; }},
                 {"4 samples", [](M& m, double) { m.parameters[0].samples.resize(4); }},
                 {"the first is frozen", [](M& m, double) { m.parameters[0].frozen = true; }},
                 {"no parameters", [](M& m, double) { m.parameters.clear(); }}}},
  };
}

std::vector<Row> rows_of_layers() {
  return {
      {.rule = "dead-units",
       .layer = "fc1",
       .fires = [](M& m, double t) { m.activations[1].dead = 1.05 * t; },
       .value = 1.05,
       .quiet = {{"fewer", [](M& m, double t) { m.activations[1].dead = 0.95 * t; }},
                 {"not counted", [](M& m, double) { m.activations[1].samples = 0; }},
                 {"of the outputs", [](M& m, double) { m.activations[1].hidden = false; }},
                 {"a product", [](M& m, double) { m.activations[1].is_product = true; }}}},
      {.rule = "units-saturated",
       .layer = "fc2",
       .fires = [](M& m, double t) { m.activations[3].saturated = 1.05 * t; },
       .value = 1.05,
       .quiet = {{"fewer", [](M& m, double t) { m.activations[3].saturated = 0.95 * t; }},
                 {"not counted", [](M& m, double) { m.activations[3].samples = 0; }},
                 {"of the outputs", [](M& m, double) { m.activations[3].hidden = false; }},
                 {"a product", [](M& m, double) { m.activations[3].is_product = true; }}}},
      {.rule = "parameter-unchanged",
       .layer = "fc2",
       .fires = [](M& m, double) { m.parameters[2].moved = 0; },
       .still = {{"no gradient", [](M& m, double) { set_gradients(m, 2, 0); }},
                 {"a bias", [](M& m, double) { m.parameters[2].is_weight = false; }},
                 {"a bias the optimizer lacks",
                  [](M& m, double) {
                    m.parameters[2].is_weight = m.parameters[2].optimized = false;
                    set_gradients(m, 2, 0);
                  }},
                 {"5 samples", [](M& m, double) { m.parameters[2].sampled = 5; }}},
       .quiet = {{"it moved once", [](M& m, double) { m.parameters[2].moved = 1; }},
                 {"a bias without gradient",
                  [](M& m, double) { m.parameters[2].is_weight = false, set_gradients(m, 2, 0); }},
                 {"4 samples", [](M& m, double) { m.parameters[2].sampled = 4; }},
                 {"frozen", [](M& m, double) { m.parameters[2].frozen = true; }},
                 {"not used", [](M& m, double) { m.parameters[2].depth = -1; }},
                 {"diverged", [](M& m, double) { m.diverged = true; }}}},
      {.rule = "channel-still",
       .layer = "bn",
       .fires = [](M& m, double) { m.norms = {{.layer = "bn", .channels = 16, .still = 1}}; },
       .quiet = {{"all move", [](M& m, double) { m.norms[0].still = 0; }},
                 {"no batch normalisation", [](M& m, double) { m.norms.clear(); }}}},
      {.rule = "statistics-drift",
       .layer = "bn",
       .fires = [](M& m, double t) { m.norms = {{.layer = "bn", .channels = 16, .still = 0, .drift = 1.05 * t}}; },
       .value = 1.05,
       .quiet = {{"less", [](M& m, double t) { m.norms[0].drift = 0.95 * t; }},
                 {"in the first epochs", [](M& m, double) { m.epochs.resize(2); }}}},
      {.rule = "batch-small",
       .fires = [](M& m, double t) { m.batch = 64, m.noise_scale = 1.05 * t * 64; },
       .value = 1.05,
       .quiet = {{"less", [](M& m, double t) { m.noise_scale = 0.95 * t * 64; }},
                 {"not measured", [](M& m, double) { m.noise_scale = kNaN; }},
                 {"rows not known", [](M& m, double) { m.batch = 0; }}}},
      {.rule = "batch-large",
       .fires = [](M& m, double t) { m.batch = 640, m.noise_scale = 640 / (1.05 * t); },
       .value = 1.05,
       .quiet = {{"less", [](M& m, double t) { m.noise_scale = 640 / (0.95 * t); }},
                 {"not measured", [](M& m, double) { m.noise_scale = kNaN; }},
                 {"rows not known", [](M& m, double) { m.batch = 0; }}}},
      {.rule = "weights-shrink",
       .fires = [](M& m, double t) { set_weights(m, 0.95 * t); },
       .value = 0.95,
       .quiet = {{"less", [](M& m, double t) { set_weights(m, 1.05 * t); }},
                 {"one of three alone",
                  [](M& m, double) { set_weights(m, 1), m.parameters[2].samples.back().weight = 0; }},
                 {"no weights", [](M& m, double) { m.parameters.clear(); }}}},
  };
}

}  // namespace gradus::train::table

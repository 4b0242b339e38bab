#include "rule_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace gradus::train::table {

M healthy() {
  M m{.epoch = 6, .step = 120, .first_loss = 0.7, .loss = 0.2, .lr = 1e-3, .early = 0.7, .late = 0.2, .swing = 0.05};
  for (int i = 0; i < 120; ++i) m.curve.push_back({1, 0.7 - 0.5 * i / 120});
  for (int i = 1; i <= 6; ++i)
    m.epochs.push_back({.epoch = i,
                        .train = {.loss = 0.7 - 0.08 * i, .accuracy = 0.6 + 0.05 * i},
                        .validation = {.loss = 0.7 - 0.07 * i, .accuracy = 0.6 + 0.04 * i}});
  for (const char* const layer : {"fc1", "fc2", "fc3"})
    for (const bool is_weight : {true, false}) {
      ParameterSeen p{.name = std::string(layer) + (is_weight ? ".weight" : ".bias"), .layer = layer};
      p.depth = static_cast<int>(m.parameters.size());
      p.numel = is_weight ? 64 : 8;
      p.is_weight = is_weight;
      p.samples.assign(20, {.weight = 1, .gradient = 0.1, .update = 1e-3});
      p.sampled = p.moved = 20;
      p.first_weight = 1;
      m.parameters.push_back(std::move(p));
    }
  const auto activation = [&](const char* layer, const char* op) {
    ActivationSeen a{.layer = layer, .op = op, .is_product = std::string(op) == "linear"};
    a.hidden = std::string(layer) != "fc3";
    a.units = 8, a.rows = 128, a.samples = 5;
    a.std = a.first_std = 1;
    a.dead = a.saturated = 0.1;
    m.activations.push_back(std::move(a));
  };
  activation("fc1", "linear"), activation("fc1", "relu");
  activation("fc2", "linear"), activation("fc2", "tanh");
  activation("fc3", "linear");
  m.loss_op = {.op = "cross_entropy", .producer = "linear", .expected = kLn2, .classes = 2, .counts = {60, 60}};
  m.loss_op.purity = 5.5;
  m.loss_op.batches = 10;
  m.inputs = {.rows = 100, .features = 4, .mean = 0, .std = 1, .offset = 0.1, .largest = 1.5, .smallest = 0.5};
  m.data = {.train_rows = 100, .test_rows = 20, .counts = {50, 50}, .heart_first = 0.7, .heart_last = 0.05};
  m.data.heart_rows = 20;
  m.waiting = 0.1;
  return m;
}

namespace {

std::vector<Row> all_rows() {
  std::vector<Row> all;
  for (const auto part : {rows_of_inputs,
                          rows_of_data,
                          rows_of_start,
                          rows_of_ops,
                          rows_of_loss,
                          rows_of_steps,
                          rows_of_layers,
                          rows_of_use,
                          rows_of_gaps,
                          rows_of_epochs})
    for (Row& row : part()) all.push_back(std::move(row));
  return all;
}

const Rule& rule(const std::string& name) {
  const auto& rules = built_in_rules();
  return *std::find_if(rules.begin(), rules.end(), [&](const Rule& r) { return r.name == name; });
}

std::vector<Finding> findings(const Rule& by, const M& m) {
  std::vector<Finding> all;
  by.judge(m, Report(by.threshold, [&](Finding finding) { all.push_back(std::move(finding)); }));
  return all;
}

M changed(M m, const Change& change, double t) {
  change(m, t);
  return m;
}

TEST(RuleTable, HasEveryRuleThatJudgesOnce) {
  std::vector<std::string> judging, rows;
  for (const Rule& one : built_in_rules()) {
    EXPECT_EQ(one.judge != nullptr, one.when != Moment::event) << one.name;
    if (one.judge) judging.push_back(one.name);
  }
  for (const Row& row : all_rows()) rows.push_back(row.rule);
  std::sort(judging.begin(), judging.end());
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, judging);
}

TEST(RuleTable, IsQuietInAHealthyTraining) {
  for (const Rule& one : built_in_rules())
    if (one.judge)
      for (const Finding& finding : findings(one, healthy())) ADD_FAILURE() << one.name << ": " << finding.text;
}

TEST(RuleTable, FiresBeyondTheThresholdAlone) {
  for (const Row& row : all_rows()) {
    SCOPED_TRACE(row.rule);
    const Rule& by = rule(row.rule);
    const M fires = changed(healthy(), row.fires, by.threshold);
    const std::vector<Finding> found = findings(by, fires);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].layer, row.layer);
    if (!std::isnan(row.value)) {
      EXPECT_NEAR(found[0].value / by.threshold, row.value, 1e-9);
    }
    EXPECT_TRUE(std::any_of(found[0].text.begin(), found[0].text.end(), [](unsigned char c) {
      return std::isdigit(c);
    })) << found[0].text;
    for (const Named& one : row.still)
      EXPECT_EQ(findings(by, changed(fires, one.change, by.threshold)).size(), 1U) << one.name;
    ASSERT_FALSE(row.quiet.empty());
    for (const Named& one : row.quiet)
      for (const Finding& finding : findings(by, changed(fires, one.change, by.threshold)))
        ADD_FAILURE() << one.name << ": " << finding.text;
  }
}

/// The severity of what a rule finds after a change.
Severity severity(const std::string& name, const std::function<void(M&, double)>& change) {
  const std::vector<Finding> found = findings(rule(name), changed(healthy(), change, rule(name).threshold));
  return found.empty() ? Severity::error : std::max(found[0].severity, rule(name).severity);
}

TEST(RuleTable, FarBeyondTheThresholdNotesAreWarnings) {
  const auto updates = [](double factor) {
    return [=](M& m, double t) { m.late = 0.5, set_updates(m, 2, factor * t); };
  };
  const auto dead = [](double share) { return [=](M& m, double) { m.activations[1].dead = share; }; };
  EXPECT_EQ(severity("updates-large", updates(9.5)), Severity::note);
  EXPECT_EQ(severity("updates-large", updates(10.5)), Severity::warning);
  EXPECT_EQ(severity("updates-small", updates(0.105)), Severity::note);
  EXPECT_EQ(severity("updates-small", updates(0.095)), Severity::warning);
  EXPECT_EQ(severity("updates-large", [=](M& m, double t) { updates(10.5)(m, t), m.late = 0.2; }), Severity::note);
  const auto flat = [](double share) { return [=](M& m, double) { m.activations[3].saturated = share; }; };
  EXPECT_EQ(severity("units-saturated", flat(0.79)), Severity::note);
  EXPECT_EQ(severity("units-saturated", flat(0.81)), Severity::warning);
  EXPECT_EQ(severity("dead-units", dead(0.69)), Severity::note);
  EXPECT_EQ(severity("dead-units", dead(0.71)), Severity::warning);
  const auto offset = [](double factor) { return [=](M& m, double t) { m.inputs.offset = factor * t; }; };
  EXPECT_EQ(severity("feature-off-centre", offset(9.5)), Severity::note);
  EXPECT_EQ(severity("feature-off-centre", offset(10.5)), Severity::warning);
}

}  // namespace
}  // namespace gradus::train::table

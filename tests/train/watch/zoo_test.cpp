#include "zoo.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>

namespace gradus::train::zoo {
namespace {

/// Every case once; trainings are run when first asked for.
struct Outcome {
  Case one;
  std::set<std::string> alarms = {};  // rules of findings above a note
  bool found = false;
};

const std::vector<Outcome>& outcomes() {
  static const std::vector<Outcome> all = [] {
    std::vector<Outcome> list;
    for (const auto part : {healthy_cases, broken_starts, broken_steps, broken_loops})
      for (const Case& one : part()) {
        Outcome outcome{one};
        for (const Finding& finding : one.run())
          if (finding.severity > Severity::note) outcome.alarms.insert(finding.rule);
        outcome.found = std::any_of(outcome.alarms.begin(), outcome.alarms.end(), [&](const std::string& rule) {
          return one.expected.contains(rule);
        });
        list.push_back(std::move(outcome));
      }
    return list;
  }();
  return all;
}

struct Figures {
  int broken = 0, found = 0, healthy = 0, quiet = 0;
  int right = 0, follow = 0, wrong = 0;  // alarms
  double recall() const { return static_cast<double>(found) / broken; }
  double precision() const { return static_cast<double>(right) / (right + wrong); }
};

Figures figures(bool held_out) {
  Figures f;
  for (const Outcome& o : outcomes()) {
    if (is_held_out(o.one) != held_out) continue;
    const bool broken = o.one.kind != "healthy";
    f.broken += broken;
    f.found += o.found;
    f.healthy += !broken;
    f.quiet += !broken && o.alarms.empty();
    for (const std::string& rule : o.alarms)
      ++(o.one.expected.contains(rule) ? f.right : o.one.also.contains(rule) ? f.follow : f.wrong);
  }
  return f;
}

std::string table() {
  std::string text =
      "| half | broken | found | recall | right alarms | alarms that follow | wrong alarms | precision | healthy | "
      "quiet |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n";
  for (const bool held_out : {false, true}) {
    const Figures f = figures(held_out);
    text += fmt::format("| {} | {} | {} | {:.2f} | {} | {} | {} | {:.2f} | {} | {} |\n",
                        held_out ? "held out" : "tuned on",
                        f.broken,
                        f.found,
                        f.recall(),
                        f.right,
                        f.follow,
                        f.wrong,
                        f.precision(),
                        f.healthy,
                        f.quiet);
  }
  return text;
}

/// For each kind of fault, which rules spoke, in how many runs.
std::string confusion(bool held_out) {
  std::map<std::string, std::map<std::string, int>> by_kind;
  std::map<std::string, int> runs;
  for (const Outcome& o : outcomes()) {
    if (is_held_out(o.one) != held_out) continue;
    ++runs[o.one.kind];
    for (const std::string& rule : o.alarms) ++by_kind[o.one.kind][rule];
  }
  std::string text = "| fault | runs | alarms |\n|---|---|---|\n";
  for (const auto& [kind, count] : runs) {
    std::string list;
    for (const auto& [rule, times] : by_kind[kind])
      list += fmt::format("{}{} {}", list.empty() ? "" : ", ", rule, times);
    text += fmt::format("| {} | {} | {} |\n", kind, count, list);
  }
  return text;
}

TEST(Zoo, HasAsManyTrainingsAsItSays) {
  std::set<std::string> names, kinds;
  int broken = 0, healthy = 0;
  for (const Outcome& o : outcomes()) {
    EXPECT_TRUE(names.insert(o.one.name).second) << o.one.name;
    if (o.one.kind == "healthy") {
      ++healthy;
    } else {
      ++broken;
      kinds.insert(o.one.kind);
    }
  }
  EXPECT_GE(broken, 40);
  EXPECT_GE(healthy, 20);
  EXPECT_GE(kinds.size(), 15U);
}

TEST(Zoo, RecallAndPrecision) {
  std::printf("%s\ntuned on:\n%s\nheld out:\n%s", table().c_str(), confusion(false).c_str(), confusion(true).c_str());
  for (const bool held_out : {false, true}) {
    const Figures f = figures(held_out);
    EXPECT_GE(f.recall(), 0.8) << (held_out ? "held out" : "tuned on");
    EXPECT_GE(f.precision(), 0.8) << (held_out ? "held out" : "tuned on");
    EXPECT_EQ(f.quiet, f.healthy) << (held_out ? "held out" : "tuned on");
  }
}

TEST(Zoo, RulesAreKnown) {
  std::set<std::string> known;
  for (const Rule& rule : built_in_rules()) EXPECT_TRUE(known.insert(rule.name).second) << rule.name;
  for (const Outcome& o : outcomes())
    for (const auto* names : {&o.one.expected, &o.one.also})
      for (const std::string& name : *names) EXPECT_TRUE(known.contains(name)) << name;
}

}  // namespace
}  // namespace gradus::train::zoo

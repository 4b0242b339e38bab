#include "watch/rules.h"

#include <fmt/format.h>

#include <iterator>

namespace gradus::train {

const std::vector<Rule>& built_in_rules() {
  static const std::vector<Rule> all = [] {
    std::vector<Rule> list;
    for (const auto part :
         {rules_of_data, rules_of_start, rules_of_ops, rules_of_loss, rules_of_layers, rules_of_use, rules_of_epochs}) {
      std::vector<Rule> some = part();
      list.insert(list.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
    }
    return list;
  }();
  return all;
}

std::string rules_as_markdown() {
  const auto when = [](Moment at) {
    switch (at) {
      case Moment::check: return "before training";
      case Moment::first: return "before training, and after the first step";
      case Moment::step: return "while training";
      case Moment::epoch: return "after each epoch";
      case Moment::event: return "where it happens";
    }
    return "";
  };
  std::string text;
  for (const Rule& rule : built_in_rules()) {
    text += fmt::format("## {}\n\n{}\n\n", rule.name, rule.meaning);
    text +=
        fmt::format("| | |\n|---|---|\n| measures | {} |\n| threshold | {:g} |\n| severity | {} |\n| asked | {} |\n",
                    rule.measures,
                    rule.threshold,
                    to_string(rule.severity),
                    when(rule.when));
    if (!rule.advice.empty()) text += fmt::format("| what to do | {} |\n", rule.advice);
    text += fmt::format("| seen in | {} |\n| source | {} |\n\n", rule.example, rule.source);
  }
  return text;
}

}  // namespace gradus::train

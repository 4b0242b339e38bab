#pragma once

#include "gradus/train/rule.h"

#include <vector>

/// The rules, by what they look at. Each is a table; `built_in_rules` puts them together.
namespace gradus::train {

std::vector<Rule> rules_of_data();
std::vector<Rule> rules_of_start();
std::vector<Rule> rules_of_ops();
std::vector<Rule> rules_of_loss();
std::vector<Rule> rules_of_layers();
std::vector<Rule> rules_of_use();
std::vector<Rule> rules_of_epochs();

}  // namespace gradus::train

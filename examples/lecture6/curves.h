#pragma once

#include "training.h"

#include <string>
#include <vector>

/// Trainings that differ in one choice, side by side.
namespace lecture6::curves {

struct Comparison {
  std::int64_t rows, validation;  // digits to train on, and others
  std::vector<Setup> setups;
};

/// Ten layers at several rates, without batch normalisation and with it.
Comparison rates();
/// The same epochs in steps of all rows, of 64 and of 8.
Comparison batches();
/// Five layers from weights that are too small, and from He's.
Comparison flat_start();
/// Few rows: a network that is large for them, and one that is too small.
Comparison gap();
/// Several weight decays.
Comparison weight_norms();
/// A linear classifier at a rate that stays, and one that falls: in steps, as 1 / t, exponentially.
Comparison rate_decay();

std::vector<Training> run(const Comparison& comparison);
/// Prints a line for each training and draws loss, accuracies and norms to folder/NAME.svg.
void show(const std::vector<Training>& result, const std::string& folder, const std::string& name);

}  // namespace lecture6::curves

#pragma once

#include "gradus/nn.h"

#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

// Every layer, in a table: for tests of what holds for all of them.

namespace gradus {

/// A layer without its type.
struct Layer {
  nn::ModuleRef module;
  std::function<Tensor(std::span<const Tensor>)> call;
  std::function<Layer()> copy;  // one that shares nothing
};

/// One way to make a layer, and what it is given.
struct Row {
  std::string name;
  std::function<Layer()> make;
  std::vector<Tensor> inputs;
  bool exact_in_training = true;  // its gradient there is that of its values
  bool fixed_target = false;      // its last input is a constant to it
};
inline void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

/// Float32 numbers, the same at every call.
Tensor some(const Shape& shape);

std::vector<Row> layer_rows();

}  // namespace gradus

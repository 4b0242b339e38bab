#pragma once

#include "onnx/load/model.h"
#include "onnx/load/node_call.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gradus::onnx {

/// A node with places of values in place of names; -1 where one is left out.
struct Step {
  LoadedNode node;
  const LoadRule* rule;
  std::vector<int> inputs, outputs;
  std::vector<int> done;  // values that no later step reads
};

/// A graph in the order of its nodes.
struct Program {
  std::string path;
  std::int64_t opset = 0;
  std::vector<Step> steps;
  std::size_t values = 0;                         // how many
  std::vector<std::pair<int, Tensor>> constants;  // initialisers that are neither parameters nor buffers
  std::vector<int> parameters, buffers;           // their places
  std::vector<LoadedValue> inputs, outputs;
  std::vector<int> input_places, output_places;
  std::vector<std::string> input_names, output_names;

  /// Results of inputs in order. `weights` and `statistics` are for `parameters` and `buffers`.
  std::vector<Tensor> run(std::span<const Tensor> in,
                          std::span<const Tensor> weights,
                          std::span<const Tensor> statistics,
                          bool training) const;
};

/// What initialisers become.
struct ProgramWithState {
  Program program;
  std::vector<std::pair<std::string, Tensor>> parameters, buffers;
};

/// ArgumentError that lists all that isn't known; IoError for a graph that isn't one.
ProgramWithState program_of(LoadedModel model, const std::string& path);

}  // namespace gradus::onnx

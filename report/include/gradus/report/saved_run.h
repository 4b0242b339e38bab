#pragma once

#include "gradus/data/loader.h"
#include "gradus/nn/sequential.h"
#include "gradus/tensor/export.h"

#include <cstdint>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::report {

/// The folder of a run whose model is given as text, as `gradus train` writes it, read back.
struct SavedRun {
  ///   errors    IoError for a folder without config.json, one of another program, or a damaged file; ArgumentError for
  ///             a model that is no text of nn::model_from_text
  explicit SavedRun(const std::string& folder);
  /// The path of its config.json; IoError if there is none.
  static std::string config_file(const std::string& folder);

  std::string model;
  Shape input, given;         // of a row as the data have it, and as the model gets it
  data::Transform transform;  // from the one to the other; none if it can't be told
  nn::Sequential net;
  bool has_weights = false;  // else those of `net` are any
  std::vector<std::string> class_names;
  bool regression = false;  // it predicts numbers, of this scale
  double target_mean = 0, target_std = 1;
};

/// What a model gives for rows, [N, …], a batch at a time; it is in evaluation mode afterwards.
Tensor outputs_of(nn::Sequential& net, const Tensor& inputs, const data::Transform& transform);

/// counts[c][k]: rows of class c, of C, that were taken for class k: the largest of the outputs [N, C].
///   errors    IndexError for a target that is no class below C
using Confusion = std::vector<std::vector<std::int64_t>>;
Confusion confusion(const Tensor& outputs, const Tensor& targets);

/// A batch of zeros for the model to be drawn with: it and the parameters bear their names on the tape.
Tensor named_batch(const nn::Sequential& net, const Shape& row, std::int64_t rows);

}  // namespace gradus::report
GRADUS_EXPORT_END

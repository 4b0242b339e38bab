#pragma once

#include "gradus/data/loader.h"
#include "gradus/nn/sequential.h"
#include "gradus/train/observer.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace gradus::cli {

/// A line; nothing where nothing was measured.
void print_score(const char* name, const train::Score& score);
nlohmann::ordered_json score_json(const train::Score& score);

/// What a model gives for rows, [N, …]; it is in evaluation mode afterwards.
Tensor outputs_of(nn::Sequential& net, const Tensor& inputs, const data::Transform& transform);

/// counts[c][k]: rows of class c that were taken for class k.
using Confusion = std::vector<std::vector<std::int64_t>>;
Confusion confusion(nn::Sequential& net,
                    const data::Dataset& rows,
                    const data::Transform& transform,
                    std::int64_t classes);
/// A table with the recall and the precision of each class.
std::string confusion_text(const Confusion& counts, const std::vector<std::string>& names);

}  // namespace gradus::cli

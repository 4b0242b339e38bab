#pragma once

#include "gradus/nn/sequential.h"
#include "gradus/tensor/random.h"

#include <string>
#include <string_view>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

/// A model from a short text: layers separated by commas, each a word and its numbers.
///
///     nn::Sequential net = nn::model_from_text("fc 512, bn, relu, fc 10", {1, 28, 28});
///
/// Sizes that the text does not give follow from `input`, the shape of one row. Before `fc`, several
/// dimensions are flattened. Weights of `fc` are drawn by He's rule for what follows them (gain 1
/// where nothing bends), biases start at 0. `model_words` lists the words.
///   errors    ArgumentError that points at the word: an unknown one (with the nearest that is
///             known), a number that is missing, too many or out of range, a shape that the layer
///             does not take
Sequential model_from_text(std::string_view text, const Shape& input, Generator& generator = default_generator());

/// A word of a model text.
struct ModelWord {
  std::string usage;  // "leaky_relu [S]"
  std::string about;  // "x where x > 0, else S x (0.01)"
};
/// What a model text may be made of.
std::vector<ModelWord> model_words();

}  // namespace gradus::nn
GRADUS_EXPORT_END

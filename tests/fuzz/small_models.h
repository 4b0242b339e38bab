#pragma once

#include "gradus/tensor/from_chars.h"
#include "gradus/tensor/text.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace gradus::fuzz {

/// Whether the model of a text has but few weights for rows of some hundred values, whatever its layers are.
inline bool is_small_model(std::string_view text) {
  double most = 1;
  const auto layers = detail::phrases(text);
  for (const detail::Phrase& phrase : layers) {
    if (phrase.words.empty()) continue;
    double factor = phrase.words[0] == "upsample" && phrase.words.size() == 1 ? 4 : 1;
    for (std::size_t i = 1; i < phrase.words.size(); ++i) {
      const double number = detail::from_text<double>(phrase.words[i]).value_or(1);
      // What is over 2³² is refused by every layer.
      if (number > 1 && number < 0x1p33) factor *= number * number;
    }
    most *= factor;
  }
  return most * static_cast<double>(std::max<std::size_t>(layers.size(), 1)) < 1e4;
}

}  // namespace gradus::fuzz

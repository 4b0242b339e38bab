#pragma once

#include "gradus/train/space.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::cli {

/// A model whose sizes are to be found: "fc 64..512, relu, fc 10" is a text with a range in it,
/// "fc 10 | fc 32, relu, fc 10" two models to choose from.
class ModelPattern {
 public:
  /// UsageError for a range that is none, and for ranges in one of several models.
  explicit ModelPattern(std::string_view text);
  /// A range is called after its layer and the number of that in the text, "fc1", "dropout1"; its second "conv1.2".
  const std::vector<train::Hyperparameter>& parameters() const { return parameters_; }
  /// The model with the values of a trial in the places of its ranges.
  std::string with(const train::Values& values) const;

 private:
  void find_ranges(std::string_view text);

  std::vector<std::string> pieces_;  // the text before, between and behind the ranges
  std::vector<train::Hyperparameter> parameters_;
};

/// "1e-6..1e-1" as a range of real numbers, "16..256" of whole ones if `whole`: logarithmic if its ends have a ratio
/// over 10. UsageError, which begins with `where`, for what is none.
train::Domain range_from(const std::string& where, std::string_view text, bool whole);
std::pair<double, double> ends_of(const train::Domain& range);
/// "adam|sgd"
train::Choice words_from(std::string_view text);

/// As one word of a shell's command line.
std::string shell_quoted(std::string_view text);

}  // namespace gradus::cli

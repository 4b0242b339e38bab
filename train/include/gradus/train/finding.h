#pragma once

#include "gradus/tensor/error.h"

#include <cstdint>
#include <string>
#include <string_view>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

/// How bad it is.
enum class Severity : std::uint8_t {
  note,     // worth knowing; healthy runs have such, too
  warning,  // training is likely to be worse for it
  error,    // training can't succeed, or not as meant
};
/// "note", "warning", "error".
std::string_view to_string(Severity severity);

/// Something that a Babysitter has seen.
struct Finding {
  Severity severity = Severity::note;
  std::string rule = {};   // "dead-units"; docs/findings.md has a section for each
  std::string layer = {};  // the path of the module, "block2.fc"; empty for the whole model
  CallSite site = {};      // the user's line: that of the layer's call, or of the loss
  int epoch = 0;           // from 1; 0: before training
  std::int64_t step = 0;   // of the run, from 1; 0: before training
  double value = 0;        // what was measured
  double threshold = 0;    // and its limit
  std::string text = {};   // what was seen, with a number, and what to do
};

/// "warning: dead-units in fc1 at train.cpp:31, epoch 2, step 80: 93 % of …".
std::string to_string(const Finding& finding);
/// As one line of JSON, without the end of line. Numbers that JSON does not have are null.
std::string to_json(const Finding& finding);

}  // namespace gradus::train
GRADUS_EXPORT_END

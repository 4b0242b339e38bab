#pragma once

#include "run.h"

#include "gradus/train/fit.h"

#include <string>
#include <utility>
#include <vector>

namespace gradus::train {

/// What decides how a run goes on besides its state: options, data and model, each as a text with a name.
/// A part of a checkpoint.
class Fingerprint {
 public:
  void add(std::string name, std::string text);
  optim::State state() const;
  /// ArgumentError for a state with another text, naming the first such.
  void set_state(const optim::State& state) const;
  /// The same for the part "options" of a checkpoint.
  void check(const std::string& checkpoint, CallSite site) const;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

/// Functions are known by what they make of the first row, sources by some of their rows.
Fingerprint fingerprint(const FitOptions& options,
                        const RunData& data,
                        nn::ModuleRef model,
                        const optim::Optimizer& optimizer);

}  // namespace gradus::train

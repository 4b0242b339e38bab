#pragma once

// Connectionist temporal classification (Graves et al. 2006, "Connectionist Temporal Classification: Labelling
// Unsegmented Sequence Data with Recurrent Neural Networks", section 4).

#include "gradus/tensor/export.h"

#include <cstddef>
#include <cstdint>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::kernels {

/// The states of one sample: its labels with blanks between and around them.
struct CtcStates {
  std::vector<std::int64_t> label;
  std::vector<char> skips;  // 1 where a path may come from two states before

  CtcStates(const std::int64_t* target, std::int64_t length, std::int64_t blank);
  std::size_t size() const { return label.size(); }
};

/// Logarithms of probabilities [steps, samples, classes], targets [samples, width], and how much of both each sample
/// has.
template <class T>
struct CtcSamples {
  std::int64_t samples, classes, width, blank;
  const T* log_probs;
  const std::int64_t *targets, *steps, *lengths;
};

/// losses [samples]: minus the logarithm of the probability of all paths (equations 6 to 8).
template <class T>
void ctc_losses(const CtcSamples<T>& all, T* losses);
/// Adds g d loss / d log_probs to dx, like log_probs.
template <class T>
void ctc_gradients(const CtcSamples<T>& all, const T* g, T* dx);

}  // namespace gradus::kernels
GRADUS_EXPORT_END

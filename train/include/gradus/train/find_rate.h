#pragma once

#include "gradus/train/fit.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::train {

struct RateOptions {
  double low = 1e-6, high = 10;  // rates to try, evenly spaced in their logarithm
  std::int64_t steps = 100;
  std::int64_t batch = 64;
  /// Of the model's parameters; Adam if left out. Its sums and rates are afterwards as before.
  Ref<optim::Optimizer> optimizer = {};
  Loss loss = nullptr;  // as that of fit
  data::Transform transform = {};
  std::uint64_t seed = 0;  // of the order of rows and of layers such as dropout
  double smoothing = 0.8;  // the part of the mean so far in each point of the curve
  double explosion = 4;    // ends at a loss of so many times the lowest
};

/// A rate that was tried, and its loss.
struct RatePoint {
  double lr = 0;
  double loss = 0;    // of the step at that rate
  double smooth = 0;  // the running mean
};

/// What came of a range test.
struct RateRange {
  std::vector<RatePoint> curve;
  double low = 0, high = 0;  // between these the loss falls; NaN where it never does
  double suggested = 0;      // where it falls fastest; NaN
  double too_high = 0;       // from here on it rises or is not finite; infinity if it never does
  std::string verdict;       // "below 2.5e-05 the loss barely moves: too low; …"
};

namespace detail {
RateRange find_rate(const AnyModel& model, const data::Dataset& data, const RateOptions& options, CallSite site);
}

/// Trains for some steps, each at a higher rate than the one before, and says between which rates the loss falls.
/// Weights, buffers, gradients, modes and the default generator are afterwards as before, to the last bit.
///   value     rates low (high / low)^(i / (steps - 1)); smooth_i = s smooth_{i-1} + (1 - s) loss_i, by 1 - s^(i+1)
///   errors    ArgumentError for options out of range, no rows, an optimizer of another model
///   source    Smith 2017, arXiv:1506.01186, section 3.3
template <nn::Model M>
RateRange find_rate(M& model,
                    const data::Dataset& data,
                    const RateOptions& options = {},
                    CallSite site = CallSite::here()) {
  return detail::find_rate(detail::any_model(model), data, options, site);
}

}  // namespace gradus::train
GRADUS_EXPORT_END

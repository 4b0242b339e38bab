#pragma once

#include "gradus/tensor/tensor.h"

#include <cstdint>

namespace gradus::data {

/// What shares one mean and one deviation.
enum class Per : std::uint8_t {
  automatic,  // `channel` for three and more dimensions, else `feature`
  feature,    // each position of a row
  channel,    // each index of dimension 1
  all,        // everything
};

struct StandardizeOptions {
  Per per = Per::automatic;
  std::int64_t ddof = 0;  // the variance divides by count - ddof
};

/// Shifts and scales to mean 0 and variance 1, as measured on the training inputs. What is constant
/// there is only shifted. Callable, so a loader's `.transform`.
///   value     (x - mean) / std, computed in float64
///   shapes    inputs [N, …]; mean and std […] per feature, [C] per channel, [] for all
///   errors    ArgumentError if used before `fit`; ShapeError if rows are not shaped like those
///             fitted (per channel: if there are not as many channels); DTypeError unless the
///             inputs are float32 or float64
class Standardize {
 public:
  explicit Standardize(const StandardizeOptions& options = {});
  /// With values measured before.
  ///   errors    ArgumentError if `per` is automatic; ShapeError if the shapes of both differ
  Standardize(const Tensor& mean, const Tensor& std, Per per, CallSite site = CallSite::here());

  /// Measures. A failed fit leaves everything as it was.
  ///   errors    ArgumentError for `ddof` or fewer values, or where one is not finite
  Standardize& fit(const Tensor& x, CallSite site = CallSite::here());

  Tensor operator()(const Tensor& x, CallSite site = CallSite::here()) const {
    return transform(x, site);
  }
  Tensor transform(const Tensor& x, CallSite site = CallSite::here()) const;
  /// Undoes `transform`.
  Tensor inverse(const Tensor& y, CallSite site = CallSite::here()) const;

  /// In float64; undefined before `fit`.
  const Tensor& mean() const { return mean_; }
  const Tensor& std() const { return std_; }
  Per per() const { return options_.per; }

 private:
  Tensor apply(const Tensor& x, bool inverse, CallSite site) const;

  StandardizeOptions options_;
  Tensor mean_, std_;
};

}  // namespace gradus::data

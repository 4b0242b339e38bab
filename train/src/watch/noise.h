#pragma once

#include "gradus/nn/model.h"

#include <cstdint>
#include <vector>

namespace gradus::train {

/// The gradient noise scale, tr S / |G|^2, in rows (McCandlish et al. 2018, arXiv:1812.06162, eq. 2.9): G the mean of
/// the rows' gradients, S their covariance. Of two batches of B rows that follow each other, with gradients g and h,
/// E |g - h|^2 = 2 tr S / B and E g.h = |G|^2; both are means over the last pairs before they are divided.
class GradientNoise {
 public:
  /// After a backward pass of so many rows; `keep` if the next one is to be compared with it.
  void see(const std::vector<nn::NamedParameter>& parameters, std::int64_t rows, bool keep);
  /// NaN after few pairs, and where no common direction can be told.
  double scale() const;

 private:
  struct Pair {
    double trace = 0, square = 0;  // tr S and |G|^2
  };
  std::vector<Tensor> last_;
  std::int64_t rows_ = 0;
  std::vector<Pair> pairs_;
};

}  // namespace gradus::train

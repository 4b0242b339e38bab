#pragma once

#include "gradus/ops/taylor.h"

#include <functional>
#include <span>
#include <vector>

namespace gradus::detail {

/// Divided differences f[w_i0, …, w_ik] of one function for all choices of points, in any order and however close
/// or equal:
///   f[a] = f(a), f[a, …, z] = (f[b, …, z] - f[a, …, y]) / (z - a), f[a, …, a] = f^(k)(a) / k!
/// Where the quotient would cancel, they are summed up from f's Taylor series at the middle point:
///   f[w_0, …, w_k] = sum_l f^(k+l)(c) / (k+l)! h_l(w - c), h_l the sum of all products of l factors
/// which is as exact as f's derivatives. A series that hasn't converged, or contradicts the derivatives at
/// another point (f has a kink between) is not used.
class DividedDifferences {
 public:
  /// `points` in ascending order. GradientError for an `order` above kMaxOrder.
  DividedDifferences(const std::function<lane::Taylor(const lane::Taylor&)>& f,
                     std::span<const double> points,
                     int order);

  static constexpr int kMaxOrder = 16;

  /// For order + 1 places of points.
  double operator()(std::span<const int> places) const;

 private:
  std::size_t rank(std::span<const int> sorted) const;
  void fill(int order);
  bool is_near(int low, int high) const;
  double of(std::span<const int> sorted) const;

  std::vector<double> points_;
  std::vector<double> scale_;                      // of each point: so large that no term overflows
  std::vector<lane::Taylor> series_;               // in units of these
  std::vector<char> near_;                         // [low, high]: one series serves both
  std::vector<std::vector<std::size_t>> choices_;  // [k][i]: ways to choose k + 1 of i + k things
  std::vector<double> below_, values_;             // by rank: of order k - 1, of order k
};

}  // namespace gradus::detail

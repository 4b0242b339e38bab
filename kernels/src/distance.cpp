#include "gradus/kernels/distance.h"

#include "gradus/kernels/loops.h"
#include "gradus/tensor/intrinsics.h"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::kernels {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
using Vector = Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>>;

/// The largest |u - v|; NaN wins.
template <class T>
T largest_of(const Vector<T>& u, const Vector<T>& v) {
  T most = 0;
  for (Eigen::Index k = 0; k < u.size(); ++k) {
    const T d = std::abs(u[k] - v[k]);
    if (d > most || d != d) most = d;
    if (most != most) break;
  }
  return most;
}

/// |u - v|_p with the largest difference taken out, so that no power leaves the range.
template <class T>
T scaled_distance(const Vector<T>& u, const Vector<T>& v, double p) {
  const double most = static_cast<double>(largest_of(u, v));
  if (!(most > 0 && most < kInfinity)) return static_cast<T>(most);
  double sum = 0;
  for (Eigen::Index k = 0; k < u.size(); ++k) sum += std::pow(static_cast<double>(std::abs(u[k] - v[k])) / most, p);
  return static_cast<T>(most * std::pow(sum, 1 / p));
}

template <class T>
T distance(const Vector<T>& u, const Vector<T>& v, double p) {
  if (p == 2) {
    const T sum = (u - v).square().sum(), least = std::numeric_limits<T>::min() * T(0x1p40);
    return sum > least && sum < std::numeric_limits<T>::max() ? std::sqrt(sum) : scaled_distance(u, v, p);
  }
  if (p == 1) return (u - v).abs().sum();
  if (p == 0) return static_cast<T>((u != v).count());
  return p == kInfinity ? largest_of(u, v) : scaled_distance(u, v, p);
}

/// sum += g d|u - v|_p / du, with y the norm.
template <class T>
void add_slope(
    const Vector<T>& u, const Vector<T>& v, T y, T g, double p, Eigen::Array<double, Eigen::Dynamic, 1>& sum) {
  if (y == 0 || p == 0) return;
  if (p == 2) {
    sum += ((u - v) / y * g).template cast<double>();
  } else if (p == 1) {
    sum += ((u - v).sign() * g).template cast<double>();
  } else if (p == kInfinity) {
    const T share = g / static_cast<T>(((u - v).abs() == y).count());
    sum += ((u - v).abs() == y).select((u - v).sign() * share, T(0)).template cast<double>();
  } else {
    for (Eigen::Index k = 0; k < u.size(); ++k) {
      const double d = static_cast<double>(u[k] - v[k]);
      if (d != 0)
        sum[k] +=
            static_cast<double>(g) * std::copysign(1.0, d) * std::pow(std::abs(d) / static_cast<double>(y), p - 1);
    }
  }
}

}  // namespace

template <class T>
void distances(const DistanceSizes& s, double p, const T* a, const T* b, T* y) {
  const std::int64_t width = s.width, others = s.others, rows = s.rows;
  if (s.batch * rows * others == 0) return;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (others * (width + 1)));
  parallel_for(s.batch * rows, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t j = 0; j < others; ++j)
        y[row * others + j] = distance<T>({a + row * width, width}, {b + (row / rows * others + j) * width, width}, p);
  });
}

template <class T>
void distances_gradient(
    const DistanceSizes& s, double p, bool transposed, const T* a, const T* b, const T* y, const T* g, T* da) {
  const std::int64_t row_step = transposed ? 1 : s.others, other_step = transposed ? s.rows : 1;
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, s.others * s.width));
  parallel_for(s.batch * s.rows, grain, [=](std::int64_t begin, std::int64_t end) {
    Eigen::Array<double, Eigen::Dynamic, 1> sum(s.width);
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t n = row / s.rows, first = n * s.rows * s.others + row % s.rows * row_step;
      sum.setZero();
      for (std::int64_t j = 0; j < s.others; ++j) {
        const std::int64_t at = first + j * other_step;
        add_slope<T>({a + row * s.width, s.width}, {b + (n * s.others + j) * s.width, s.width}, y[at], g[at], p, sum);
      }
      for (std::int64_t k = 0; k < s.width; ++k)
        da[row * s.width + k] = static_cast<T>(sum[static_cast<Eigen::Index>(k)]);
    }
  });
}

#define GRADUS_DISTANCES(T)                                                                    \
  template GRADUS_EXPORT void distances(const DistanceSizes&, double, const T*, const T*, T*); \
  template GRADUS_EXPORT void distances_gradient(                                              \
      const DistanceSizes&, double, bool, const T*, const T*, const T*, const T*, T*);
GRADUS_DISTANCES(float)
GRADUS_DISTANCES(double)
#undef GRADUS_DISTANCES

}  // namespace gradus::kernels

#include "numbers.h"

#include <gradus/kernels/distance.h>

#include <algorithm>
#include <limits>

namespace gradus::kernels {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr DistanceSizes kSizes{2, 3, 4, 5};

double distance(double p, const double* u, const double* v, std::int64_t n) {
  double sum = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    const double d = std::abs(u[k] - v[k]);
    if (p == kInfinity)
      sum = std::max(sum, d);
    else
      sum += d == 0 ? 0 : std::pow(d, p);
  }
  return p == 0 || p == kInfinity ? sum : std::pow(sum, 1 / p);
}

/// d|u - v|_p / du_k, where no two differences are equal and none is 0.
double slope(double p, double d, double y) {
  const double sign = d > 0 ? 1 : -1;
  if (p == 0) return 0;
  if (p == kInfinity) return std::abs(d) == y ? sign : 0;
  return sign * std::pow(std::abs(d) / y, p - 1);
}

class Distances : public testing::TestWithParam<double> {};

template <class T>
void check(double p, double tolerance) {
  const auto [batch, rows, others, width] = kSizes;
  const Numbers a = draw(batch * rows * width, 1), b = draw(batch * others * width, 2),
                g = draw(batch * rows * others, 3);
  Numbers y(g.size()), da(a.size()), turned_y(g.size()), turned_g(g.size());
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < others; ++j) {
        const double *u = &a[at((n * rows + i) * width)], *v = &b[at((n * others + j) * width)];
        const std::size_t here = at((n * rows + i) * others + j), there = at((n * others + j) * rows + i);
        y[here] = turned_y[there] = distance(p, u, v, width);
        turned_g[there] = g[here];
        for (std::int64_t k = 0; k < width; ++k)
          da[at((n * rows + i) * width + k)] += g[here] * slope(p, u[k] - v[k], y[here]);
      }
  const std::vector<T> as_ = as<T>(a), bs = as<T>(b), gs = as<T>(g), tg = as<T>(turned_g);
  std::vector<T> ys(y.size()), das(a.size());
  distances(kSizes, p, as_.data(), bs.data(), ys.data());
  expect_near(ys, y, tolerance);
  distances_gradient(kSizes, p, false, as_.data(), bs.data(), ys.data(), gs.data(), das.data());
  expect_near(das, da, tolerance);
  std::vector<T> ty(y.size());
  std::fill(das.begin(), das.end(), T(7));
  distances({batch, others, rows, width}, p, bs.data(), as_.data(), ty.data());
  expect_near(ty, turned_y, tolerance);
  distances_gradient(kSizes, p, true, as_.data(), bs.data(), ty.data(), tg.data(), das.data());
  expect_near(das, da, tolerance);
}

TEST_P(Distances, FollowTheDefinition) {
  check<double>(GetParam(), 1e-11);
  check<float>(GetParam(), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Distances, testing::Values(0.0, 0.5, 1.0, 1.5, 2.0, 3.0, kInfinity));

TEST(DistanceKernels, StayWithinTheRangeOfNumbers) {
  for (const double unit : {1e-200, 1e200})
    for (const double p : {2.0, 3.0}) {
      const Numbers a{3 * unit, 0}, b{0, 4 * unit};
      double y = 0;
      distances({1, 1, 1, 2}, p, a.data(), b.data(), &y);
      const double want = p == 2 ? 5 : std::cbrt(91.0);
      EXPECT_NEAR(y / unit, want, 1e-14 * want) << unit << ", p = " << p;
    }
}

TEST(DistanceKernels, EqualRowsHaveNoSlope) {
  const Numbers a{1, 2}, g{3};
  for (const double p : {0.5, 1.0, 2.0, 3.0, kInfinity}) {
    double y = -1;
    Numbers da{7, 7};
    distances({1, 1, 1, 2}, p, a.data(), a.data(), &y);
    distances_gradient({1, 1, 1, 2}, p, false, a.data(), a.data(), &y, g.data(), da.data());
    EXPECT_EQ(y, 0);
    EXPECT_EQ(da, (Numbers{0, 0})) << "p = " << p;
  }
}

}  // namespace
}  // namespace gradus::kernels

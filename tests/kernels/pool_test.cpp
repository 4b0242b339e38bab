#include "numbers.h"

#include <gradus/kernels/pool.h>

#include <limits>

namespace gradus::kernels {
namespace {

struct Axis {
  std::int64_t size, kernel, stride = 1, padding = 0, dilation = 1;
};

/// The elements of an axis that result r sees.
Places seen(const Axis& a, std::int64_t r) {
  Places all;
  for (std::int64_t k = 0; k < a.kernel; ++k) {
    const std::int64_t i = r * a.stride - a.padding + k * a.dilation;
    if (i >= 0 && i < a.size) all.push_back(i);
  }
  return all;
}

std::int64_t results(const Axis& a) {
  return (a.size + 2 * a.padding - a.dilation * (a.kernel - 1) - 1) / a.stride + 1;
}

PoolWindows windows_of(const std::array<Axis, 3>& axes) {
  PoolWindows w{};
  for (std::size_t d = 0; d < 3; ++d) {
    w.size[d] = axes[d].size;
    for (std::int64_t r = 0; r < results(axes[d]); ++r) {
      const Places all = seen(axes[d], r);
      w.axes[d].push_back({all.front(), all.back() + 1, axes[d].dilation, std::ssize(all)});
    }
  }
  return w;
}

/// f(result, the elements that it sees, in order) for every result of a plane.
template <class F>
void for_each_result(const std::array<Axis, 3>& axes, F f) {
  std::int64_t result = 0;
  for (std::int64_t i = 0; i < results(axes[0]); ++i)
    for (std::int64_t j = 0; j < results(axes[1]); ++j)
      for (std::int64_t k = 0; k < results(axes[2]); ++k) {
        Places all;
        for (std::int64_t a : seen(axes[0], i))
          for (std::int64_t b : seen(axes[1], j))
            for (std::int64_t c : seen(axes[2], k)) all.push_back((a * axes[1].size + b) * axes[2].size + c);
        f(result++, all);
      }
}

constexpr std::int64_t kPlanes = 3;

template <class T>
void check_means(const std::array<Axis, 3>& axes,
                 std::int64_t divisor,
                 double tolerance,
                 std::pair<std::int64_t, std::int64_t> pairs = {}) {
  PoolWindows w = windows_of(axes);
  w.divisor = divisor;
  w.square = pairs.second > 0 ? 2 : 0;
  w.whole = pairs;
  const std::int64_t in = volume(w.size), out = w.results();
  const Numbers x = draw(kPlanes * in, 1), g = draw(kPlanes * out, 2);
  Numbers y(at(kPlanes * out)), dx(x.size());
  for (std::int64_t p = 0; p < kPlanes; ++p)
    for_each_result(axes, [&](std::int64_t r, const Places& all) {
      const double n = divisor > 0 ? static_cast<double>(divisor) : static_cast<double>(all.size());
      for (std::int64_t i : all) {
        y[at(p * out + r)] += x[at(p * in + i)] / n;
        dx[at(p * in + i)] += g[at(p * out + r)] / n;
      }
    });
  const std::vector<T> xs = as<T>(x), gs = as<T>(g);
  std::vector<T> ys(y.size()), dxs(x.size(), T(1));
  avg_pool(w, kPlanes, xs.data(), ys.data());
  avg_pool_gradient(w, kPlanes, gs.data(), dxs.data());
  expect_near(ys, y, tolerance);
  expect_near(dxs, dx, tolerance);
}

TEST(PoolKernels, MeansAndTheirAdjoint) {
  for (const std::int64_t divisor : {0, 5}) {
    check_means<double>({{{1, 1}, {5, 2}, {7, 3}}}, divisor, 1e-14);
    check_means<double>({{{4, 2, 2}, {5, 3, 2, 1}, {6, 3, 1, 1}}}, divisor, 1e-14);
    check_means<float>({{{1, 1}, {9, 3, 2, 1}, {8, 2, 2}}}, divisor, 1e-6);
    check_means<float>({{{1, 1}, {6, 6}, {40, 40}}}, divisor, 3e-6);
    for (const std::int64_t width : {8, 9, 45}) {
      const Axis row{width, 2, 2, 1};  // the first reaches over the edge, and so does the last of an even row
      check_means<float>({{{1, 1}, {6, 2, 2}, {width, 2, 2}}}, divisor, 1e-6, {0, width / 2});
      check_means<double>({{{1, 1}, {7, 2, 2}, row}}, divisor, 1e-14, {1, results(row) - (width + 1) % 2});
    }
  }
}

template <class T>
void check_largest(const std::array<Axis, 3>& axes,
                   const std::vector<T>& x,
                   std::int64_t square = 0,
                   std::pair<std::int64_t, std::int64_t> whole = {}) {
  PoolWindows w = windows_of(axes);
  w.square = square;
  w.whole = whole;
  const std::int64_t in = volume(w.size), out = w.results(), planes = std::ssize(x) / in;
  Numbers y(at(planes * out));
  Places places(y.size());
  for (std::int64_t p = 0; p < planes; ++p)
    for_each_result(axes, [&](std::int64_t r, const Places& all) {
      std::int64_t best = all.front();
      for (std::int64_t i : all) {
        const T v = x[at(p * in + i)], most = x[at(p * in + best)];
        if (most == most && (v > most || v != v)) best = i;
      }
      places[at(p * out + r)] = best;
      y[at(p * out + r)] = static_cast<double>(x[at(p * in + best)]);
    });
  std::vector<T> ys(y.size());
  Places got(y.size());
  max_pool(w, planes, x.data(), ys.data(), got.data());
  expect_near(ys, y, 0, 0);
  EXPECT_EQ(got, places);
}

/// Whole numbers, so that many are equal, and one NaN a plane of `size`.
template <class T>
std::vector<T> few_values(std::int64_t planes, std::int64_t size) {
  Numbers x = draw(planes * size, 3);
  for (double& v : x) v = std::round(v);
  for (std::int64_t p = 0; p < planes; ++p)
    x[at(p * size + 7 * (p + 1) % size)] = std::numeric_limits<double>::quiet_NaN();
  return as<T>(x);
}

TEST(PoolKernels, TheLargestIsTheFirstOfEqualOnes) {
  check_largest<double>({{{3, 2}, {5, 3, 2, 1}, {6, 2, 1, 0, 3}}}, few_values<double>(2, 90));
  check_largest<float>({{{1, 1}, {6, 2, 2}, {7, 3, 2, 1}}}, few_values<float>(3, 42));
}

TEST(PoolKernels, SquaresTwoApartAreAsAnyWindows) {
  for (const std::int64_t width : {8, 9, 301}) {
    const std::int64_t n = width / 2;
    check_largest<float>({{{1, 1}, {6, 2, 2}, {width, 2, 2}}}, few_values<float>(2, 6 * width), 2, {0, n});
    check_largest<double>({{{1, 1}, {6, 2, 2}, {width, 2, 2}}}, few_values<double>(2, 6 * width), 2, {0, n});
    // The first window reaches over the edge, and so does the last of an odd row.
    const Axis row{width, 3, 2, 1};
    check_largest<float>(
        {{{1, 1}, {7, 3, 2, 1}, row}}, few_values<float>(2, 7 * width), 3, {1, results(row) - width % 2});
  }
}

TEST(PoolKernels, TheGradientOfTheLargestGoesToItsPlace) {
  const Places places{1, 1, 0, 2};
  const Numbers g{1, 2, 4, 8};
  Numbers dx(6, 0.5);
  EXPECT_TRUE(max_pool_gradient(2, 2, 3, g.data(), places.data(), dx.data()));
  EXPECT_EQ(dx, (Numbers{0.5, 3.5, 0.5, 4.5, 0.5, 8.5}));
  const Places outside{0, 3}, negative{-1, 0};
  EXPECT_FALSE(max_pool_gradient(1, 2, 3, g.data(), outside.data(), dx.data()));
  EXPECT_FALSE(max_pool_gradient(1, 2, 3, g.data(), negative.data(), dx.data()));
}

}  // namespace
}  // namespace gradus::kernels

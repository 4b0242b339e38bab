#include "numbers.h"

#include <gradus/kernels/reduce.h>
#include <gradus/kernels/sum.h>
#include <gradus/tensor/runtime.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace gradus::kernels {
namespace {

TEST(SumKernels, ManyFloatsAddUpAccurately) {
  for (const std::int64_t n : {0, 1, 15, 16, 17, 511, 512, 513, 1000000}) {
    const double want = static_cast<double>(n) * static_cast<double>(0.1f);
    const auto tenth = [](std::int64_t) { return 0.1f; };
    EXPECT_NEAR(block_sum<float>(n, tenth), want, 2e-6 * want) << n;
    EXPECT_NEAR(parallel_block_sum<float>(n, tenth), want, 2e-6 * want) << n;
  }
}

TEST(SumKernels, EveryTermCountsOnce) {
  for (const std::int64_t n : {1, 16, 31, 512, 777, 16384, 40000}) {
    const auto term = [](std::int64_t i) { return static_cast<double>(i + 1); };
    const double want = static_cast<double>(n * (n + 1) / 2);
    EXPECT_EQ(block_sum<double>(n, term), want);
    EXPECT_EQ(parallel_block_sum<double>(n, term), want);
  }
}

TEST(SumKernels, ThreadsDoNotChangeASum) {
  const Numbers x = draw(200000, 1);
  const auto sum = [&](int threads) {
    const detail::ThreadLimit limit(threads);
    return parallel_block_sum<float>(std::ssize(x), [&](std::int64_t i) { return static_cast<float>(x[at(i)]); });
  };
  EXPECT_EQ(sum(1), sum(2));
}

TEST(SumKernels, Columns) {
  for (const auto& [rows, columns] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 5}, {3, 64}, {200, 65}, {65, 130}}) {
    const Numbers x = draw(rows * columns, 1);
    Numbers want(at(columns)), sums(want.size(), 7.0);
    for (std::int64_t i = 0; i < rows * columns; ++i) want[at(i % columns)] += x[at(i)];
    sum_columns(rows, columns, x.data(), sums.data());
    expect_near(sums, want);
    const std::vector<float> floats = as<float>(x);
    std::vector<float> float_sums(want.size(), 7.0f);
    sum_columns(rows, columns, floats.data(), float_sums.data());
    expect_near(float_sums, want, 1e-4);
  }
}

// ---- reductions over axes ------------------------------------------------------------------------

/// For each result, in order, the elements of x that come together in it.
std::vector<Numbers> groups(const Tensor& x, std::uint32_t mask) {
  std::vector<Numbers> all(at(reduced_shape(x, mask, false).numel()));
  const Numbers values = x.to_vector();
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    std::int64_t place = 0, rest = i, count = x.numel();
    for (int d = 0; d < x.rank(); ++d) {
      count /= x.size(d);
      if ((mask >> d & 1) == 0) place = place * x.size(d) + rest / count;
      rest %= count;
    }
    all[at(place)].push_back(values[at(i)]);
  }
  return all;
}

template <class F>
Numbers reduced(const Tensor& x, std::uint32_t mask, F f) {
  Numbers y;
  for (const Numbers& group : groups(x, mask)) y.push_back(f(group));
  return y;
}

double sum(const Numbers& v) { return std::accumulate(v.begin(), v.end(), 0.0); }
double sum_squares(const Numbers& v) { return std::inner_product(v.begin(), v.end(), v.begin(), 0.0); }
double product(const Numbers& v) { return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies<>()); }
double largest(const Numbers& v) { return *std::max_element(v.begin(), v.end()); }
double smallest(const Numbers& v) { return *std::min_element(v.begin(), v.end()); }

/// Dense ones, some with parts for threads, one with strides, one broadcast.
std::vector<Tensor> tensors() {
  std::vector<Tensor> all;
  for (const Shape& shape : {Shape{3, 4, 5}, Shape{2, 3, 70}, Shape{7, 1, 6}, Shape{1000, 2, 3}, Shape{2, 1, 150000}})
    all.push_back(from_vector(draw(shape.numel(), 1), shape));
  all.push_back(view_as(all[0], {5, 3, 4}, {1, 20, 5}));
  all.push_back(view_as(all[0], {3, 6, 5}, {20, 0, 1}));
  return all;
}

TEST(ReduceKernels, EverySetOfAxesFollowsTheDefinition) {
  for (const Tensor& x : tensors())
    for (std::uint32_t mask = 0; mask < 8; ++mask) {
      const Shape shape = reduced_shape(x, mask, false);
      SCOPED_TRACE(to_string(x.shape()) + ", axes " + std::to_string(mask));
      EXPECT_EQ(reduced_count(x, mask) * shape.numel(), x.numel());
      expect_near(sum_over(x, mask, shape).to_vector(), reduced(x, mask, sum), 1e-10);
      expect_near(sum_over(x, mask, shape, 4).to_vector(),
                  reduced(x, mask, [](const Numbers& v) { return sum(v) / 4; }),
                  1e-10);
      expect_near(sum_squares_over(x, mask, shape).to_vector(), reduced(x, mask, sum_squares));
      expect_near(prod_over(x, mask, shape).to_vector(), reduced(x, mask, product));
      EXPECT_EQ(max_over(x, mask, shape).to_vector(), reduced(x, mask, largest));
      EXPECT_EQ(min_over(x, mask, shape).to_vector(), reduced(x, mask, smallest));
      const Tensor floats = cast(x, float32);
      expect_near(sum_over(floats, mask, shape).to_vector(), reduced(floats, mask, sum), 1e-4);
    }
}

TEST(ReduceKernels, NanIsLargestAndSmallest) {
  Numbers v = draw(300, 1);
  v[200] = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = from_vector(v, {3, 100});
  for (const auto f : {max_over, min_over}) {
    const Numbers y = f(x, 2, {3}).to_vector();
    EXPECT_FALSE(std::isnan(y[0]) || std::isnan(y[1]));
    EXPECT_TRUE(std::isnan(y[2]));
  }
}

TEST(ReduceKernels, WholeNumbersAndTruthValuesAreCounted) {
  const Tensor x = from_vector(Places{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(sum_over(x, 1, {3}).to_vector<std::int64_t>(), (Places{5, 7, 9}));
  EXPECT_EQ(prod_over(x, 2, {2}).to_vector<std::int64_t>(), (Places{6, 120}));
  EXPECT_EQ(sum_over(ones({2, 3}, boolean), 3, {}).item<std::int64_t>(), 6);
}

TEST(ReduceKernels, NoElementsGiveTheNeutralOne) {
  const Tensor x = empty({2, 0}, float64);
  EXPECT_EQ(sum_over(x, 2, {2}).to_vector(), (Numbers{0, 0}));
  EXPECT_EQ(prod_over(x, 2, {2}).to_vector(), (Numbers{1, 1}));
}

TEST(ReduceKernels, TheFirstOfEqualExtremesIsNamed) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = from_vector(Numbers{1, 3, 3, 0, 0, 2, nan, 5, nan, 4, 4, 4}, {4, 3});
  EXPECT_EQ(first_extreme(x, 1, true, {4}).to_vector<std::int64_t>(), (Places{1, 2, 0, 0}));
  EXPECT_EQ(first_extreme(x, 1, false, {4}).to_vector<std::int64_t>(), (Places{0, 0, 0, 0}));
  EXPECT_EQ(first_extreme(x, 0, true, {3}).to_vector<std::int64_t>(), (Places{2, 2, 2}));
}

/// Along each axis of x, however it lies in memory.
void check_first_extremes(const Tensor& x) {
  const Numbers v = cast(x, float64).to_vector();
  const std::int64_t rows = x.size(0), columns = x.size(1);
  for (const int axis : {0, 1})
    for (const bool largest : {true, false}) {
      const std::int64_t lines = axis == 0 ? columns : rows, n = axis == 0 ? rows : columns;
      Places want(at(lines));
      for (std::int64_t line = 0; line < lines; ++line) {
        const auto value = [&](std::int64_t i) { return v[at(axis == 0 ? i * columns + line : line * columns + i)]; };
        for (std::int64_t i = 1; i < n; ++i) {
          const double a = value(want[at(line)]), b = value(i);
          if (a == a && (b != b || (largest ? b > a : b < a))) want[at(line)] = i;
        }
      }
      EXPECT_EQ(first_extreme(x, axis, largest, {lines}).to_vector<std::int64_t>(), want)
          << columns << " along " << axis;
    }
}

TEST(ReduceKernels, NoLinesHaveNoExtremes) {
  EXPECT_EQ(first_extreme(empty({5, 0}), 0, true, {0}).shape(), (Shape{0}));
  EXPECT_EQ(first_extreme(empty({0, 5}), 1, true, {0}).shape(), (Shape{0}));
  EXPECT_EQ(first_extreme(empty({2, 5, 0}), 1, false, {2, 0}).shape(), (Shape{2, 0}));
}

TEST(ReduceKernels, ExtremesAreFoundInLinesOfEveryLength) {
  for (const std::int64_t n : {1, 15, 16, 17, 31, 32, 47, 64, 100, 1030})
    for (const double spread : {1.0, 30.0}) {  // many equal ones, few
      Numbers x = draw(3 * n, static_cast<std::uint64_t>(n));
      for (double& each : x) each = std::round(spread * each);
      const Tensor whole = from_vector(x, {3, n});
      for (std::size_t i = 0; i < x.size(); i += 41) x[i] = std::numeric_limits<double>::quiet_NaN();
      const Tensor some_nan = from_vector(x, {3, n});
      for (const Tensor& all : {whole, some_nan}) {
        check_first_extremes(all);
        check_first_extremes(cast(all, float32));
      }
      check_first_extremes(cast(whole, int64));
      check_first_extremes(cast(whole, boolean));
    }
}

}  // namespace
}  // namespace gradus::kernels

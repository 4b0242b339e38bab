#include "checks.h"

#include <gradus/graph/node.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace gradus {
namespace {

using ops_test::expect_error;

using Ints = std::vector<std::int64_t>;
using Doubles = std::vector<double>;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Ints ints(const Tensor& x) { return x.to_vector<std::int64_t>(); }
Doubles doubles(const Tensor& x) { return x.to_vector<double>(); }

/// For each result of reducing `x`, the elements that come together in it, in row-major order.
std::vector<Doubles> groups(const Tensor& x, std::uint32_t mask) {
  std::int64_t results = 1;
  for (int d = 0; d < x.rank(); ++d)
    if ((mask >> d & 1) == 0) results *= x.shape()[d];
  std::vector<Doubles> all(static_cast<std::size_t>(results));
  const Doubles values = doubles(x);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), at = 0, step = 1;
    for (int d = x.rank() - 1; d >= 0; --d) {
      if ((mask >> d & 1) == 0) {
        at += rest % x.shape()[d] * step;
        step *= x.shape()[d];
      }
      rest /= x.shape()[d];
    }
    all[static_cast<std::size_t>(at)].push_back(values[i]);
  }
  return all;
}

Axes axes_of(std::uint32_t mask) {
  Shape axes;
  for (int d = 0; d < kMaxRank; ++d)
    if ((mask >> d & 1) != 0) axes.push_back(d);
  return Axes(axes);
}

double naive_sum(const Doubles& v) {
  double s = 0;
  for (double x : v) s += x;
  return s;
}
double naive_mean(const Doubles& v) { return naive_sum(v) / static_cast<double>(v.size()); }
double naive_prod(const Doubles& v) {
  double p = 1;
  for (double x : v) p *= x;
  return p;
}
double naive_max(const Doubles& v) {
  double m = -kInf;
  for (double x : v) m = x > m ? x : m;
  return m;
}
double naive_min(const Doubles& v) {
  double m = kInf;
  for (double x : v) m = x < m ? x : m;
  return m;
}
double naive_var(const Doubles& v) {
  double s = 0;
  for (double x : v) s += (x - naive_mean(v)) * (x - naive_mean(v));
  return s / static_cast<double>(v.size() - 1);
}
double naive_logsumexp(const Doubles& v) {
  double s = 0;
  for (double x : v) s += std::exp(x);
  return std::log(s);
}

struct Case {
  const char* name;
  std::function<Tensor(const Tensor&, const Axes&, bool)> function;
  double (*naive)(const Doubles&);
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"sum", [](const Tensor& x, const Axes& a, bool k) { return sum(x, a, k); }, naive_sum},
      {"mean", [](const Tensor& x, const Axes& a, bool k) { return mean(x, a, k); }, naive_mean},
      {"prod", [](const Tensor& x, const Axes& a, bool k) { return prod(x, a, k); }, naive_prod},
      {"max", [](const Tensor& x, const Axes& a, bool k) { return max(x, a, k); }, naive_max},
      {"min", [](const Tensor& x, const Axes& a, bool k) { return min(x, a, k); }, naive_min},
      {"var", [](const Tensor& x, const Axes& a, bool k) { return var(x, a, k); }, naive_var},
      {"logsumexp", [](const Tensor& x, const Axes& a, bool k) { return logsumexp(x, a, k); }, naive_logsumexp}};
  return all;
}

void expect_like_naive(const Case& c, const Tensor& x, std::uint32_t mask, const std::string& what) {
  for (bool keepdim : {false, true}) {
    const Tensor y = c.function(x, axes_of(mask), keepdim);
    Shape shape;
    for (int d = 0; d < x.rank(); ++d)
      if (keepdim || (mask >> d & 1) == 0) shape.push_back((mask >> d & 1) != 0 ? 1 : x.shape()[d]);
    ASSERT_EQ(y.shape(), shape) << what;
    ASSERT_EQ(y.dtype(), x.dtype());
    const Doubles got = doubles(y);
    const auto parts = groups(x, mask);
    const double accuracy = x.dtype() == float64 ? 1e-12 : 2e-6;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double want = c.naive(parts[i]);
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(got[i])) << what;
      } else {
        EXPECT_NEAR(got[i], want, accuracy * (1 + std::abs(want))) << what << " at " << i;
      }
    }
  }
}

TEST(Reductions, AgreeWithLoopsOverAnyAxes) {
  Generator g(3);
  for (DType dtype : {float64, float32}) {
    const Tensor base = uniform({3, 4, 5, 2}, 0.7, 1.3, dtype, g);
    const std::vector<Tensor> layouts = {base,
                                         permute(base, {3, 1, 0, 2}),
                                         transpose(base, 0, 1),
                                         flip(base, {0, 2, 3}),
                                         slice(slice(base, 1, 0, kEnd, 2), 2, -1, kEnd, -3),
                                         broadcast_to(slice(base, 1, 1, 2), {3, 4, 5, 2}),
                                         reshape(base, {3, 1, 20, 2})};
    for (const Case& c : cases())
      for (std::size_t l = 0; l < layouts.size(); ++l)
        for (std::uint32_t mask = 0; mask < 16; ++mask)
          expect_like_naive(c,
                            layouts[l],
                            mask,
                            std::string(c.name) + " layout " + std::to_string(l) + " axes " + std::to_string(mask));
  }
}

TEST(Reductions, AgreeWithLoopsAtEverySize) {
  Generator g(4);
  for (std::int64_t n : {1, 2, 7, 8, 9, 63, 64, 65, 130, 2047, 2048, 2049, 5000}) {
    const Tensor x = uniform({n}, 0.999, 1.001, float64, g);
    const Tensor y = uniform({3, n}, 0.999, 1.001, float32, g);
    for (const Case& c : cases()) {
      const std::string what = std::string(c.name) + " of " + std::to_string(n);
      expect_like_naive(c, x, 1, what);
      expect_like_naive(c, y, 2, what + " inner");
      expect_like_naive(c, reshape(y, {n, 3}), 1, what + " outer");
      expect_like_naive(c, y, 1, what + " outer, wide");
    }
  }
}

TEST(Reductions, AreTheSameForAnyNumberOfThreads) {
  Generator g(5);
  const int before = num_threads();
  const std::vector<std::pair<Tensor, Axes>> inputs = {{normal({1000003}, 0, 1, float32, g), {}},
                                                       {normal({3, 400000}, 0, 1, float32, g), {1}},
                                                       {normal({70000, 17}, 0, 1, float32, g), {0}},
                                                       {normal({1500, 900}, 0, 1, float32, g), {0}},
                                                       {normal({40, 300, 30}, 0, 1, float64, g), {0, 2}},
                                                       {transpose(normal({300, 4000}, 0, 1, float32, g)), {1}},
                                                       {slice(normal({600000, 2}, 0, 1, float32, g), 1, 1), {0}}};
  for (const Case& c : cases()) {
    for (const auto& [x, axes] : inputs) {
      set_num_threads(1);
      const Tensor one = c.function(x, axes, false);
      for (int threads : {2, 3}) {
        set_num_threads(threads);
        EXPECT_TRUE(equal(one, c.function(x, axes, false), true)) << c.name << threads;
      }
      set_deterministic(true);
      EXPECT_TRUE(equal(one, c.function(x, axes, false), true)) << c.name << " deterministic";
      set_deterministic(false);
    }
  }
  set_num_threads(before);
}

TEST(Sum, OfManyFloatsIsAccurate) {
  const Tensor x = full({10'000'000}, 0.1, float32);
  const double tenth = static_cast<double>(0.1F);
  EXPECT_NEAR(sum(x).item(), 1e7 * tenth, 1e6 * 1e-7);
  EXPECT_FLOAT_EQ(mean(x).item<float>(), 0.1F);
  const Tensor rows = reshape(x, {2, 5'000'000}), columns = reshape(x, {2'500'000, 4});
  EXPECT_NEAR(sum(rows, 1).to_vector()[1], 5e6 * tenth, 5e5 * 1e-7);
  EXPECT_NEAR(sum(columns, 0).to_vector()[3], 2.5e6 * tenth, 2.5e5 * 1e-7);
  const Tensor gaps = slice(columns, 1, 0, kEnd, 3);
  EXPECT_NEAR(sum(gaps, 0).to_vector()[1], 2.5e6 * tenth, 2.5e5 * 1e-7);

  Generator g(6);
  const Tensor noise = uniform({1'000'001}, 0, 1, float32, g);
  const double exact = sum(to(noise, float64)).item();
  EXPECT_NEAR(sum(noise).item(), exact, 1e-7 * exact);
}

TEST(Sum, OfIntegersAndBooleans) {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  EXPECT_EQ(sum(x).dtype(), int64);
  EXPECT_EQ(sum(x).item<std::int64_t>(), 21);
  EXPECT_EQ(ints(sum(x, 0)), (Ints{5, 7, 9}));
  EXPECT_EQ(ints(prod(x, 1)), (Ints{6, 120}));
  const Tensor truth = cast(tensor({{1, 0, 1}, {1, 1, 1}}), boolean);
  EXPECT_EQ(sum(truth).dtype(), int64);
  EXPECT_EQ(ints(sum(truth, 1)), (Ints{2, 3}));
  EXPECT_EQ(ints(prod(truth, 0)), (Ints{1, 0, 1}));
  EXPECT_EQ(ints(max(truth, 0)), (Ints{1, 1, 1}));
  EXPECT_EQ(min(truth).dtype(), boolean);
  EXPECT_EQ(ints(max(x, 0)), (Ints{4, 5, 6}));
  const std::int64_t big = (std::int64_t{1} << 60) + 1;
  EXPECT_EQ(sum(from_vector(Ints{big, 1, 1})).item<std::int64_t>(), big + 2);
  EXPECT_EQ(ints(min(from_vector(Ints{big, big + 1}))), (Ints{big}));
}

TEST(Reductions, OfNothing) {
  const Tensor none = zeros({0, 3}, float64);
  EXPECT_EQ(doubles(sum(none, 0)), (Doubles{0, 0, 0}));
  EXPECT_EQ(doubles(prod(none, 0)), (Doubles{1, 1, 1}));
  EXPECT_EQ(doubles(logsumexp(none, 0)), (Doubles{-kInf, -kInf, -kInf}));
  EXPECT_TRUE(std::isnan(mean(none).item()));
  EXPECT_TRUE(std::isnan(var(none).item()));
  EXPECT_EQ(sum(zeros({0}, int64)).item(), 0);
  for (const Case& c : cases()) EXPECT_EQ(c.function(none, 1, false).shape(), (Shape{0}));
  EXPECT_EQ(argmax(none, 1).shape(), (Shape{0}));
  EXPECT_EQ(max_with_index(none, 1).values.shape(), (Shape{0}));
  expect_error<ArgumentError>("max", "expected at least one element to choose from, got [0, 3]", [&] { max(none, 0); });
  expect_error<ArgumentError>(
      "argmin", "expected at least one element to choose from, got [0, 3]", [&] { argmin(none); });
  expect_error<ArgumentError>(
      "max_with_index", "expected at least one element to choose from, got [0, 3]", [&] { max_with_index(none, 0); });
  EXPECT_THROW(min(none), ArgumentError);
  EXPECT_THROW(argmax(none, 0), ArgumentError);
}

TEST(Reductions, OfRankZero) {
  const Tensor x = scalar(3, float64);
  for (const Case& c : cases()) EXPECT_EQ(c.function(x, {}, true).shape(), Shape{}) << c.name;
  EXPECT_EQ(sum(x).item(), 3);
  EXPECT_EQ(max(x).item(), 3);
  EXPECT_EQ(logsumexp(x).item(), 3);
  EXPECT_EQ(argmax(x).item(), 0);
  EXPECT_EQ(var(x, {}, false, 0).item(), 0);
}

TEST(Reductions, RejectBadAxesAndDtypes) {
  const Tensor x = zeros({2, 3});
  expect_error<IndexError>("sum", "expected an axis in -2..1, got 2", [&] { sum(x, 2); });
  expect_error<IndexError>("mean", "expected an axis in -2..1, got -3", [&] { mean(x, -3); });
  expect_error<IndexError>("max", "expected each axis once, got [1, -1]", [&] { max(x, {1, -1}); });
  expect_error<IndexError>("var", "expected no axis for rank 0, got 0", [] { var(scalar(1), 0); });
  expect_error<IndexError>("argmax", "expected an axis in -2..1, got 5", [&] { argmax(x, 5); });
  const Tensor whole = zeros({2}, int64);
  expect_error<DTypeError>("mean", "expected float32 or float64, got int64", [&] { mean(whole); });
  EXPECT_THROW(var(whole), DTypeError);
  EXPECT_THROW(logsumexp(whole), DTypeError);
}

TEST(Extremes, NanWins) {
  for (std::int64_t n : {3, 40, 300})
    for (std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
      Tensor x = reshape(arange(n, float32), {n});
      x.mutable_data<float>()[at] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(std::isnan(max(x).item()));
      EXPECT_TRUE(std::isnan(min(x).item()));
      EXPECT_EQ(argmax(x).item<std::int64_t>(), at);
      EXPECT_EQ(argmin(x).item<std::int64_t>(), at);
      const Tensor column = reshape(x, {n, 1}) + zeros({1, 3});
      EXPECT_TRUE(std::isnan(max(column, 0).to_vector<float>()[1]));
    }
  EXPECT_EQ(max(tensor({-kInf, -kInf}, float64)).item(), -kInf);
  EXPECT_EQ(min(tensor({kInf, 2.0}, float64)).item(), 2);
}

TEST(ArgMax, GivesTheFirst) {
  const Tensor x = tensor({{1.0, 5.0, 5.0}, {7.0, 7.0, 2.0}});
  EXPECT_EQ(argmax(x, 1).dtype(), int64);
  EXPECT_EQ(ints(argmax(x, 1)), (Ints{1, 0}));
  EXPECT_EQ(ints(argmin(x, -1)), (Ints{0, 2}));
  EXPECT_EQ(ints(argmax(x, 0)), (Ints{1, 1, 0}));
  EXPECT_EQ(argmax(x, 0, true).shape(), (Shape{1, 3}));
  EXPECT_EQ(argmax(x).item(), 3);
  EXPECT_EQ(argmax(x).shape(), Shape{});
  EXPECT_EQ(argmin(transpose(x)).item(), 0);
  EXPECT_EQ(argmax(transpose(x)).item(), 1);
  EXPECT_EQ(ints(argmax(flip(x, {1}), 1)), (Ints{0, 1}));
  const Tensor cube = reshape(arange(24, float64), {2, 3, 4}) * -1;
  EXPECT_EQ(ints(argmax(permute(cube, {2, 0, 1}), 2)), Ints(8, 0));
  EXPECT_EQ(ints(argmin(permute(cube, {2, 0, 1}), 2)), Ints(8, 2));
}

TEST(MaxWithIndex, GivesValueAndPlace) {
  const Tensor x = tensor({{1.0, 5.0, 5.0}, {7.0, 7.0, 2.0}});
  const auto [values, places] = max_with_index(x, 1);
  EXPECT_EQ(doubles(values), (Doubles{5, 7}));
  EXPECT_EQ(ints(places), (Ints{1, 0}));
  const auto lowest = min_with_index(x, -2, true);
  EXPECT_EQ(lowest.values.shape(), (Shape{1, 3}));
  EXPECT_EQ(doubles(lowest.values), (Doubles{1, 5, 2}));
  EXPECT_EQ(ints(lowest.indices), (Ints{0, 0, 1}));
}

TEST(Var, IsStable) {
  const Tensor x = tensor({1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3}, float32);
  EXPECT_FLOAT_EQ(var(x).item<float>(), 5.0F / 3);
  EXPECT_FLOAT_EQ(var(x, {}, false, 0).item<float>(), 1.25F);
  const Tensor wide = tensor({1e9, 1e9 + 1, 1e9 + 2}, float64);
  EXPECT_DOUBLE_EQ(var(wide).item(), 1);
}

TEST(Var, WithoutFreedom) {
  const Tensor one = tensor({{3.0}}, float64);
  EXPECT_TRUE(std::isnan(var(one).item()));
  EXPECT_EQ(var(one, {}, false, 0).item(), 0);
  EXPECT_TRUE(std::isnan(var(one, {}, false, 5).item()));
  EXPECT_EQ(var(tensor({1.0, 3.0}), {}, false, 2).item(), kInf);
}

TEST(LogSumExp, DoesNotOverflow) {
  const Tensor x = tensor({{1000.0, 999.0, -1000.0},
                           {-1000.0, -1000.0, -1000.0},
                           {-kInf, -kInf, -kInf},
                           {-kInf, 2.0, -kInf},
                           {kInf, 1.0, 0.0},
                           {kNan, 1.0, 0.0}},
                          float64);
  const Doubles y = doubles(logsumexp(x, 1));
  EXPECT_DOUBLE_EQ(y[0], 1000 + std::log1p(std::exp(-1.0)));
  EXPECT_DOUBLE_EQ(y[1], -1000 + std::log(3.0));
  EXPECT_EQ(y[2], -kInf);
  EXPECT_EQ(y[3], 2);
  EXPECT_EQ(y[4], kInf);
  EXPECT_TRUE(std::isnan(y[5]));
  EXPECT_FLOAT_EQ(logsumexp(tensor({500.0, 500.0}, float32)).item<float>(), 500 + std::log(2.0F));
}

TEST(Reductions, EachCallLeavesOneNode) {
  const Tensor x = leaf(ones({2, 3}));
  for (const Case& c : cases()) {
    const Tensor y = c.function(x, 1, false);
    ASSERT_TRUE(requires_grad(y)) << c.name;
    EXPECT_STREQ(node_of(y)->name(), c.name);
    EXPECT_EQ(node_of(y)->inputs()[0].node, node_of(x));
  }
  EXPECT_FALSE(requires_grad(argmax(x, 1)));
  EXPECT_FALSE(requires_grad(max_with_index(x, 1).indices));
  EXPECT_TRUE(requires_grad(max_with_index(x, 1).values));
}

}  // namespace
}  // namespace gradus

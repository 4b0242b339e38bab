// float32 on long and on huge or tiny rows.

#include <gradus/autograd/backward.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/gradient.h>
#include <gradus/ops/loss.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/scan.h>
#include <gradus/ops/shape.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

namespace gradus {
namespace {

constexpr std::int64_t kLong = 1'000'000;
using Unary = std::function<Tensor(const Tensor&)>;
using Row = std::vector<double>;

double worst(const Tensor& got, const std::function<double(double)>& want) {
  const Row y = got.to_vector();
  double most = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double w = want(static_cast<double>(i));
    most = std::max(most, std::abs(y[i] - w) / std::abs(w));
  }
  return most;
}

Tensor gradient_of(const Unary& f, const Tensor& x) {
  const Tensor at = leaf(x), y = f(at);
  return grad(y, at, ones_like(detach(y)));
}

TEST(LongScans, OfFloatsAreAsExactAsSums) {
  const float step = 0.1F, factor = 1 + 0x1p-20F;
  const double s = step, q = factor, n = kLong;
  for (const bool rows : {true, false}) {  // neighbours along the scan, or far apart
    const auto along = [&](double value) { return rows ? full({kLong}, value) : full({kLong, 1}, value); };
    const auto sums = [](const Tensor& x) { return cumsum(x, 0); };
    const auto products = [](const Tensor& x) { return cumprod(x, 0); };
    const auto logs = [](const Tensor& x) { return logcumsumexp(x, 0); };
    EXPECT_LT(worst(sums(along(s)), [&](double i) { return s * (i + 1); }), 1e-6);
    EXPECT_LT(worst(gradient_of(sums, along(s)), [&](double i) { return n - i; }), 1e-6);
    EXPECT_LT(worst(products(along(q)), [&](double i) { return std::pow(q, i + 1); }), 1e-6);
    // sum over j >= i of q^j
    EXPECT_LT(
        worst(gradient_of(products, along(q)), [&](double i) { return (std::pow(q, n) - std::pow(q, i)) / (q - 1); }),
        1e-6);
    EXPECT_LT(worst(logs(add(along(0), 1)), [&](double i) { return 1 + std::log(i + 1); }), 1e-6);
    // sum over j >= i of 1 / (j + 1), by Euler's constant and the series behind it
    const auto harmonic = [](double k) {
      return k < 1   ? 0
             : k < 2 ? 1
                     : std::log(k) + std::numbers::egamma + 1 / (2 * k) - 1 / (12 * k * k) + 1 / (120 * k * k * k * k);
    };
    EXPECT_LT(worst(slice(gradient_of(logs, along(0)), 0, 20, kLong - 1000),
                    [&](double i) { return harmonic(n) - harmonic(i + 20); }),
              1e-6);
  }
}

TEST(LongScans, RecurrencesOfFloatsDoNotDrift) {
  // y_i = a y_(i-1) + b tends to b / (1 - a), and so does what b's gradient is made of.
  const float a = 1 - 0x1p-16F, b = 0.1F;
  const double limit = static_cast<double>(b) / 0x1p-16;
  const Tensor factors = full({kLong}, a), terms = full({kLong}, b);
  const auto y_at = [&](double i) { return limit * -std::expm1((i + 1) * std::log1p(-0x1p-16)); };
  EXPECT_LT(worst(linear_recurrence(factors, terms, 0), y_at), 1e-6);
  const auto of_terms = [&](const Tensor& t) { return linear_recurrence(factors, t, 0); };
  const double n = kLong;
  EXPECT_LT(worst(gradient_of(of_terms, terms), [&](double i) { return y_at(n - 1 - i) / static_cast<double>(b); }),
            1e-6);
}

/// f and its gradient at c x, where f(c x) = c^k f(x), beside those at x in float64.
void expect_scaled(const char* what, int k, const Unary& f, const Row& x, const Shape& shape) {
  for (const double c : {1e30, 1e-30}) {
    SCOPED_TRACE(std::string(what) + (c > 1 ? " at 1e30" : " at 1e-30"));
    const Tensor at = cast(from_vector(x, shape), float32), exact = cast(at, float64);
    const Tensor big = mul(at, c);
    const Row got = f(big).to_vector(), want = f(exact).to_vector();
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], want[i] * std::pow(c, k), 2e-6 * std::abs(want[i] * std::pow(c, k)));
    const Row slope = gradient_of(f, big).to_vector(), right = gradient_of(f, exact).to_vector();
    double size = 0;
    for (double v : right) size = std::max(size, std::abs(v));
    for (std::size_t i = 0; i < slope.size(); ++i)
      EXPECT_NEAR(slope[i], right[i] * std::pow(c, k - 1), 2e-6 * size * std::pow(c, k - 1));
  }
}

TEST(HugeAndTiny, LengthsOfFloats) {
  const Row x{3, -4, 12, 0.5, 2, -1};
  const Shape shape{2, 3};
  expect_scaled("norm", 1, [](const Tensor& v) { return norm(v, 2, 1); }, x, shape);
  expect_scaled("norm, p 3", 1, [](const Tensor& v) { return norm(v, 3, 1); }, x, shape);
  expect_scaled("norm, p 0.5", 1, [](const Tensor& v) { return norm(v, 0.5, 1); }, x, shape);
  expect_scaled("norm, p -1.5", 1, [](const Tensor& v) { return norm(v, -1.5, 1); }, x, shape);
  expect_scaled("stddev", 1, [](const Tensor& v) { return stddev(v, 1); }, x, shape);
  const auto other = [](const Tensor& v) { return cast(from_vector(Row{1, 2, 3, -2, 1, 4}, {2, 3}), v.dtype()); };
  expect_scaled("normalize", 0, [](const Tensor& v) { return normalize(v, 2, 1, 0); }, x, shape);
  expect_scaled(
      "cosine_similarity", 0, [&](const Tensor& v) { return cosine_similarity(v, other(v), 1, 0); }, x, shape);
  expect_scaled(
      "pairwise_distance", 1, [](const Tensor& v) { return pairwise_distance(v, zeros_like(v), 2, 0); }, x, shape);
}

TEST(HugeAndTiny, AnglesOfFloats) {
  const auto half = [](const Tensor& v, int i) { return select(v, 0, i); };
  const Row x{3, -4, 12, 0.5};
  expect_scaled("hypot", 1, [&](const Tensor& v) { return hypot(half(v, 0), half(v, 1)); }, x, {2, 2});
  expect_scaled("atan2", 0, [&](const Tensor& v) { return atan2(half(v, 0), half(v, 1)); }, x, {2, 2});
}

TEST(HugeAndTiny, HyperbolicInverses) {
  const Tensor x = full({1}, 0x1p100);
  EXPECT_EQ(gradient_of([](const Tensor& v) { return asinh(v); }, x).item<float>(), 0x1p-100F);
  EXPECT_EQ(gradient_of([](const Tensor& v) { return acosh(v); }, x).item<float>(), 0x1p-100F);
}

TEST(HugeAndTiny, GradientsAreClippedToTheirNorm) {
  for (const double c : {1e30, 1e-30, 1.0}) {
    const Tensor x = leaf(full({2}, 1)), g = cast(from_vector(Row{3 * c, 4 * c}), float32);
    const Row clipped = grad(clip_gradient_norm(x, 1e-30), x, g).to_vector();
    EXPECT_NEAR(clipped[0], 0.6e-30, 1e-36);
    EXPECT_NEAR(clipped[1], 0.8e-30, 1e-36);
  }
}

}  // namespace
}  // namespace gradus

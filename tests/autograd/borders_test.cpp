// Derivatives where a 0 meets an infinity, and at zeros of either sign: values by limits and closed forms.

#include <gradus/autograd/functional.h>
#include <gradus/ops/activation.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/loss.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace gradus {
namespace {

using Function = std::function<Tensor(const Tensor&)>;
using Row = std::vector<double>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor row(const Row& x, DType dtype = float64) { return cast(from_vector(x), dtype); }

/// Infinities exactly, the rest to 1e-6; 0 of either sign.
void expect_row(const Tensor& got, const Row& want, const char* what) {
  const Row values = got.to_vector();
  ASSERT_EQ(values.size(), want.size()) << what;
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_TRUE(values[i] == want[i] || std::abs(values[i] - want[i]) <= 1e-6)
        << what << ", element " << i << ": expected " << want[i] << ", got " << values[i];
}

/// The derivatives of f at each of several numbers, in both dtypes and in each of the ways that there are.
void expect_slopes(const Function& f, const Row& at, const Row& want, const char* what) {
  SCOPED_TRACE(what);
  for (const DType dtype : {float32, float64}) {
    const Tensor x = leaf(row(at, dtype)), one = ones_like(detach(x));
    expect_row(grad(f(x), x, one), want, "plain");
    expect_row(grad(f(x), x, one, {.create_graph = true}), want, "recorded");
    expect_row(jvp(f, detach(x), one).second, want, "jvp");
  }
}

/// The derivative of order n of f at each of several numbers.
void expect_higher(int n, const Function& f, const Row& at, const Row& want) {
  for (const DType dtype : {float32, float64}) {
    const Tensor x = leaf(row(at, dtype));
    Tensor y = f(x);
    for (int k = 0; k < n; ++k) y = grad(y, x, ones_like(detach(y)), {.create_graph = true});
    expect_row(y, want, "higher");
  }
}

TEST(Borders, ErrorFunctionsAndGeluAtZeroOfEitherSign) {
  for (const DType dtype : {float32, float64}) {
    expect_row(erfc(row({-0.0, 0.0}, dtype)), {1, 1}, "erfc");
    expect_row(gelu(row({-0.0, 0.0}, dtype)), {0, 0}, "gelu");
  }
  expect_slopes([](const Tensor& x) { return gelu(x); }, {0.0, -0.0}, {0.5, 0.5}, "gelu");
  const double slope = -2 / std::sqrt(std::acos(-1.0));
  expect_slopes([](const Tensor& x) { return erfc(x); }, {0.0, -0.0}, {slope, slope}, "erfc");
}

TEST(Borders, ActivationsAtInfinity) {
  const auto check = [](const char* what, const Function& f, double low, double high, double right) {
    for (const DType dtype : {float32, float64}) expect_row(f(row({-kInfinity, kInfinity}, dtype)), {low, high}, what);
    expect_slopes(f, {-kInfinity, kInfinity}, {0, right}, what);
    expect_higher(2, f, {-kInfinity, kInfinity}, {0, 0});
  };
  check("silu", [](const Tensor& x) { return silu(x); }, 0, kInfinity, 1);
  check("mish", [](const Tensor& x) { return mish(x); }, 0, kInfinity, 1);
  check("gelu", [](const Tensor& x) { return gelu(x); }, 0, kInfinity, 1);
  check("gelu by tanh", [](const Tensor& x) { return gelu(x, Approximate::tanh); }, 0, kInfinity, 1);
  check("softsign", [](const Tensor& x) { return softsign(x); }, -1, 1, 0);
  check("erf", [](const Tensor& x) { return erf(x); }, -1, 1, 0);
  check("atan", [](const Tensor& x) { return atan(x); }, -std::acos(0), std::acos(0), 0);
}

TEST(Borders, PowersOfZero) {
  const auto to_the = [](double e) {
    return Function([e](const Tensor& x) { return pow(x, full({x.numel()}, e, x.dtype())); });
  };
  expect_higher(1, to_the(2), {0}, {0});
  expect_higher(2, to_the(2), {0, -0.0, 3}, {2, 2, 2});
  expect_higher(3, to_the(2), {0}, {0});
  expect_higher(2, to_the(3), {0}, {0});
  expect_higher(3, to_the(3), {0, -2}, {6, 6});
  expect_higher(4, to_the(3), {0}, {0});
  expect_higher(2, to_the(1), {0}, {0});
  expect_higher(1, to_the(0), {0}, {0});
  expect_higher(2, to_the(0), {0}, {0});
  // Of the exponent: 0^b is 0 and stays it.
  expect_higher(2, [](const Tensor& b) { return pow(zeros_like(b), b); }, {2}, {0});
}

TEST(Borders, PowersAreThoseOfIeee754ForNumbersAndTensors) {
  for (const DType dtype : {float32, float64})
    for (const double a : {-kInfinity, -0.0, 0.0, kInfinity, -8.0, 0.25})
      for (const double b : {0.5, 2.0, 3.0, -1.0, 1.0}) {
        const double want = std::pow(a, b), by_number = pow(row({a}, dtype), b).to_vector()[0],
                     by_tensor = pow(row({a}, dtype), row({b}, dtype)).to_vector()[0];
        for (const double got : {by_number, by_tensor}) {
          const bool same = got == want && std::signbit(got) == std::signbit(want);
          EXPECT_TRUE(same || (std::isnan(got) && std::isnan(want))) << a << "^" << b;
        }
      }
}

TEST(Borders, LogarithmsUnderAZero) {
  const auto with = [](double a) {
    return Function([a](const Tensor& b) { return xlogy(full({b.numel()}, a, b.dtype()), b); });
  };
  expect_slopes(with(0), {0, 2}, {0, 0}, "xlogy(0, b)");
  expect_slopes(
      [](const Tensor& a) { return xlogy(a, full({a.numel()}, 2, a.dtype())); }, {0}, {std::log(2)}, "xlogy(a, 2)");
  const auto sum_with = [](double a) {
    return Function([a](const Tensor& b) { return logaddexp(full({b.numel()}, a, b.dtype()), b); });
  };
  expect_slopes(sum_with(-kInfinity), {-kInfinity, 3}, {0, 1}, "logaddexp(-inf, b)");
  expect_slopes(sum_with(1), {-kInfinity, 1}, {0, 0.5}, "logaddexp(1, b)");
  expect_higher(2, sum_with(-kInfinity), {-kInfinity}, {0});
}

TEST(Borders, InterpolationReachesAnEndWhateverTheOther) {
  for (const DType dtype : {float32, float64}) {
    const Tensor one = row({1}, dtype), far = row({kInfinity}, dtype);
    expect_row(lerp(one, far, 0), {1}, "w = 0");
    expect_row(lerp(far, one, 1), {1}, "w = 1");
    expect_row(lerp(one, far, row({0}, dtype)), {1}, "w = 0, a tensor");
    expect_row(lerp(one, far, 0.5), {kInfinity}, "w = 1/2");
  }
  const auto from = [](const Tensor& a) { return lerp(a, full({1}, kInfinity, a.dtype()), 0); };
  const auto to = [](const Tensor& b) { return lerp(ones_like(b), b, 0); };
  expect_slopes(from, {1}, {1}, "a");
  expect_slopes(to, {kInfinity}, {0}, "b");
}

TEST(Borders, AnglesAndLengthsAtTheOrigin) {
  const auto angle = [](const Tensor& x) { return atan2(zeros_like(x), x); };
  expect_slopes(angle, {0.0, 2}, {0, 0}, "atan2(0, x)");
  expect_slopes([](const Tensor& y) { return atan2(y, zeros_like(y)); }, {0.0}, {0}, "atan2(y, 0)");
  expect_slopes([](const Tensor& a) { return hypot(a, zeros_like(a)); }, {0.0}, {0}, "hypot");
}

TEST(Borders, QuotientsAreThoseOfTheValue) {
  // 0.1 is above 1/10: 1 holds it 9 times, though 1 / 0.1 rounds to 10.
  const auto left = [](const Tensor& b) { return fmod(ones_like(b), b); };
  const auto up = [](const Tensor& b) { return remainder(ones_like(b), b); };
  const Tensor b = leaf(row({0.1}));
  EXPECT_EQ(grad(left(b), b).item<double>(), -9);
  EXPECT_EQ(grad(up(b), b).item<double>(), -9);
  const Tensor below = leaf(row({-0.1}));
  EXPECT_EQ(grad(up(below), below).item<double>(), 10);
  expect_slopes(left, {kInfinity}, {0}, "fmod(1, inf)");
}

}  // namespace
}  // namespace gradus

#include "expect.h"

#include <gradus/ops/elementwise.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using Function = Tensor (*)(Arg);
using Exact = long double (*)(long double);

Tensor softplus1(Arg x) { return softplus(x, 1, 1e9); }

// ---- accuracy ------------------------------------------------------------------------------------

struct Accuracy {
  const char* name;
  Function function;
  Exact exact;
  double low, high;  // beyond these every result is 0, 1, the argument, infinite or NaN
  double ulp32, ulp64;
};

// clang-format off
const Accuracy kAccuracy[] = {
    {"exp", exp, [](long double x) { return std::exp(x); }, -760, 720, 1, 1},
    {"expm1", expm1, [](long double x) { return std::expm1(x); }, -60, 720, 2.5, 2.5},
    {"log", log, [](long double x) { return std::log(x); }, 0, 1e6, 1.5, 1.5},
    {"log1p", log1p, [](long double x) { return std::log1p(x); }, -1, 1e6, 2.5, 2.5},
    {"sqrt", sqrt, [](long double x) { return std::sqrt(x); }, 0, 1e6, 0.501, 0.501},
    {"rsqrt", rsqrt, [](long double x) { return 1 / std::sqrt(x); }, 0, 1e6, 1.5, 1.5},
    {"square", square, [](long double x) { return x * x; }, -1e3, 1e3, 0.501, 0.501},
    {"reciprocal", reciprocal, [](long double x) { return 1 / x; }, -1e3, 1e3, 0.501, 0.501},
    {"abs", abs, [](long double x) { return std::fabs(x); }, -1e3, 1e3, 0, 0},
    {"sin", sin, [](long double x) { return std::sin(x); }, -1e5, 1e5, 1.5, 1},
    {"cos", cos, [](long double x) { return std::cos(x); }, -1e5, 1e5, 1.5, 1},
    {"tanh", tanh, [](long double x) { return std::tanh(x); }, -30, 30, 3, 3},
    {"sigmoid", sigmoid, [](long double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }, -760, 760, 3, 3},
    {"softplus", softplus1, [](long double x) { return std::fmax(x, 0.L) + std::log1p(std::exp(-std::fabs(x))); }, -760, 760, 2.5, 2.5},
    {"erf", erf, [](long double x) { return std::erf(x); }, -7, 7, 1.5, 1.5},
};
// clang-format on

/// Arguments evenly and by magnitude, more than one thread's share.
template <class T>
Tensor arguments(double low, double high) {
  std::vector<T> x;
  for (int i = 0; i <= 60000; ++i) x.push_back(static_cast<T>(low + (high - low) * i / 60000));
  for (double magnitude = 1e-320; magnitude < high; magnitude *= 1.07)
    for (double v : {-magnitude, magnitude})
      if (v > low && v < high) x.push_back(static_cast<T>(v));
  return from_vector(x);
}

template <class T>
double units_off(T got, long double exact) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const T nearest = static_cast<T>(exact);
  if (std::isnan(nearest)) return std::isnan(got) ? 0 : kInfinity;
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0 : kInfinity;
  const T size = std::fabs(nearest), next = std::nextafter(size, infinity);
  const T unit = std::isinf(next) ? size - std::nextafter(size, T(0)) : next - size;
  return static_cast<double>(std::fabs(got - exact) / unit);
}

template <class T>
void expect_accuracy(const Accuracy& row, double limit) {
  const Tensor x = arguments<T>(row.low, row.high), y = row.function(x);
  double worst = 0;
  T at = 0;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const T v = x.data<T>()[i];
    const double off = units_off(y.data<T>()[i], row.exact(v));
    if (off > worst) {
      worst = off;
      at = v;
    }
  }
  EXPECT_LE(worst, limit) << row.name << " of " << at << " as " << to_string(dtype_of<T>);
}

TEST(Elementwise, IsAsAccurateAsDocumented) {
  for (const Accuracy& row : kAccuracy) {
    expect_accuracy<float>(row, row.ulp32);
    expect_accuracy<double>(row, row.ulp64);
  }
}

// ---- special values ------------------------------------------------------------------------------

TEST(Elementwise, SpecialValues) {
  const std::vector<double> x{0, -0.0, 1000, -1000, kInfinity, -kInfinity, kNaN};
  const struct {
    const char* name;
    Function function;
    std::vector<double> want;
  } rows[] = {
      {"exp", exp, {1, 1, kInfinity, 0, kInfinity, 0, kNaN}},
      {"expm1", expm1, {0, -0.0, kInfinity, -1, kInfinity, -1, kNaN}},
      {"log", log, {-kInfinity, -kInfinity, std::log(1000), kNaN, kInfinity, kNaN, kNaN}},
      {"log1p", log1p, {0, -0.0, std::log1p(1000), kNaN, kInfinity, kNaN, kNaN}},
      {"sqrt", sqrt, {0, -0.0, std::sqrt(1000), kNaN, kInfinity, kNaN, kNaN}},
      {"rsqrt", rsqrt, {kInfinity, -kInfinity, 1 / std::sqrt(1000), kNaN, 0, kNaN, kNaN}},
      {"square", square, {0, 0, 1e6, 1e6, kInfinity, kInfinity, kNaN}},
      {"reciprocal", reciprocal, {kInfinity, -kInfinity, 1e-3, -1e-3, 0, -0.0, kNaN}},
      {"abs", abs, {0, 0, 1000, 1000, kInfinity, kInfinity, kNaN}},
      {"sign", sign, {0, -0.0, 1, -1, 1, -1, kNaN}},
      {"sin", sin, {0, -0.0, std::sin(1000), -std::sin(1000), kNaN, kNaN, kNaN}},
      {"cos", cos, {1, 1, std::cos(1000), std::cos(1000), kNaN, kNaN, kNaN}},
      {"tanh", tanh, {0, -0.0, 1, -1, 1, -1, kNaN}},
      {"sigmoid", sigmoid, {0.5, 0.5, 1, 0, 1, 0, kNaN}},
      {"softplus", softplus1, {std::log(2), std::log(2), 1000, 0, kInfinity, 0, kNaN}},
      {"erf", erf, {0, -0.0, 1, -1, 1, -1, kNaN}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    expect_tensor(row.function(values(x, float64)), float64, {7}, row.want, 1e-15);
    expect_tensor(row.function(values(x, float32)), float32, {7}, row.want, 3e-7);
    // The same in the middle of many, where loops are vectorised.
    const Tensor many = broadcast_to(values(x, float32), {3, 7});
    std::vector<double> thrice;
    for (int i = 0; i < 3; ++i) thrice.insert(thrice.end(), row.want.begin(), row.want.end());
    expect_tensor(row.function(many), float32, {3, 7}, thrice, 3e-7);
  }
}

TEST(Elementwise, OverflowAndUnderflowAreGradual) {
  expect_tensor(exp(values({709, 710, -740, -745, -746})),
                float64,
                {5},
                {std::exp(709), kInfinity, std::exp(-740), 5e-324, 0},
                1e-15);
  expect_tensor(exp(values({88.7, 88.8, -100, -104}, float32)),
                float32,
                {4},
                {std::exp(88.7f), kInfinity, std::exp(-100.f), 0},
                2e-7);
  expect_tensor(log(values({5e-324, 1e-310})), float64, {2}, {std::log(5e-324), std::log(1e-310)}, 1e-15);
  expect_tensor(expm1(values({1e-300, -1e-17})), float64, {2}, {1e-300, -1e-17});
  expect_tensor(log1p(values({1e-300, -1e-17, -1})), float64, {3}, {1e-300, -1e-17, -kInfinity});
  expect_tensor(tanh(values({1e-300, 20.5})), float64, {2}, {1e-300, 1});
  expect_tensor(sigmoid(values({-700, 40})), float64, {2}, {std::exp(-700), 1}, 1e-15);
}

// ---- shapes, views, dtypes -----------------------------------------------------------------------

TEST(Elementwise, TakesViewsAndEmptyAndScalars) {
  const Tensor x = reshape(values({1, 2, 3, 4, 5, 6}), {2, 3});
  expect_tensor(square(transpose(x)), float64, {3, 2}, {1, 16, 4, 25, 9, 36});
  expect_tensor(square(slice(x, 1, 0, kEnd, 2)), float64, {2, 2}, {1, 9, 16, 36});
  expect_tensor(clamp(slice(x, 1, -1, -4, -1), 2, 5), float64, {2, 3}, {3, 2, 2, 5, 5, 4});
  expect_tensor(square(broadcast_to(values({3}), {2, 2})), float64, {2, 2}, {9, 9, 9, 9});
  expect_tensor(exp(zeros({0, 3})), float32, {0, 3}, {});
  expect_tensor(exp(scalar(0)), float32, {}, {1});
}

TEST(Elementwise, IntegersWhereTheyMakeSense) {
  const Tensor x = tensor({-3, 0, 7});
  expect_tensor(abs(x), int64, {3}, {3, 0, 7});
  expect_tensor(sign(x), int64, {3}, {-1, 0, 1});
  expect_tensor(square(x), int64, {3}, {9, 0, 49});
  expect_tensor(clamp(x, -1, 5), int64, {3}, {-1, 0, 5});
  expect_tensor(clamp(x, -1e30, kInfinity), int64, {3}, {-3, 0, 7});
  expect_error<DTypeError>("clamp", "expected a whole number beside an int64 tensor, got 0.5", [&] { clamp(x, 0.5); });
}

TEST(Elementwise, RejectsOtherTypes) {
  const struct {
    const char* name;
    Function function;
    bool integers;
  } rows[] = {{"exp", exp, false},
              {"expm1", expm1, false},
              {"log", log, false},
              {"log1p", log1p, false},
              {"sqrt", sqrt, false},
              {"rsqrt", rsqrt, false},
              {"square", square, true},
              {"reciprocal", reciprocal, false},
              {"abs", abs, true},
              {"sign", sign, true},
              {"sin", sin, false},
              {"cos", cos, false},
              {"tanh", tanh, false},
              {"sigmoid", sigmoid, false},
              {"softplus", softplus1, false},
              {"erf", erf, false}};
  for (const auto& row : rows) {
    try {
      row.function(ones({2}, boolean));
      ADD_FAILURE() << row.name;
    } catch (const DTypeError& e) {
      EXPECT_EQ(e.op(), row.name);
      EXPECT_NE(e.message().find("got bool"), std::string::npos) << e.what();
    }
    if (row.integers) continue;
    EXPECT_THROW(row.function(ones({2}, int64)), DTypeError) << row.name;
  }
  expect_error<DTypeError>("exp", "expected float32 or float64, got int64", [] { exp(ones({2}, int64)); });
  expect_error<DTypeError>("abs", "expected a tensor of numbers, got bool", [] { abs(ones({2}, boolean)); });
}

// ---- clamp and softplus --------------------------------------------------------------------------

TEST(Clamp, OneBoundOrBoth) {
  const Tensor x = values({-2, -0.5, 0.5, 2});
  expect_tensor(clamp(x, -1, 1), float64, {4}, {-1, -0.5, 0.5, 1});
  expect_tensor(clamp(x, 0), float64, {4}, {0, 0, 0.5, 2});
  expect_tensor(clamp(x, {}, 0), float64, {4}, {-2, -0.5, 0, 0});
  expect_tensor(clamp(x, 1, 1), float64, {4}, {1, 1, 1, 1});
  expect_tensor(clamp(values({kInfinity, -kInfinity, kNaN}), -1, 1), float64, {3}, {1, -1, kNaN});
  expect_error<ArgumentError>("clamp", "expected min <= max, got 2 and 1", [&] { clamp(x, 2, 1); });
  expect_error<ArgumentError>("clamp", "expected min or max, got neither", [&] { clamp(x, {}); });
  EXPECT_THROW(clamp(x, kNaN), ArgumentError);
}

TEST(Softplus, BetaAndThreshold) {
  const auto exact = [](double x, double beta) { return std::log1p(std::exp(beta * x)) / beta; };
  expect_tensor(softplus(values({-1, 0, 2})), float64, {3}, {exact(-1, 1), exact(0, 1), exact(2, 1)}, 1e-15);
  expect_tensor(softplus(values({-1, 3.9, 4.1}), 0.5, 2), float64, {3}, {exact(-1, 0.5), exact(3.9, 0.5), 4.1}, 1e-15);
  expect_tensor(softplus(values({1000, -1000}), 3), float64, {2}, {1000, 0});
  expect_error<ArgumentError>("softplus", "expected beta > 0, got 0", [] { softplus(ones({2}), 0); });
}

// ---- gradients where they are a convention, or infinite ------------------------------------------

void expect_gradient(const Function& function,
                     const std::vector<double>& at,
                     const std::vector<double>& want,
                     CallSite here = CallSite::here()) {
  const Shape shape{static_cast<std::int64_t>(at.size())};
  const Tensor y = function(leaf(values(at)));
  expect_tensor(pull(y, ones(shape, float64))[0], float64, shape, want, 1e-15, here);
}

TEST(Elementwise, GradientsAtKinksAndPoles) {
  expect_gradient(abs, {0, -2, 3}, {0, -1, 1});
  expect_gradient([](Arg x) { return clamp(x, -1, 1); }, {-1, 1, -1.5, 1.5, 0}, {1, 1, 0, 0, 1});
  expect_gradient(log, {0, 2}, {kInfinity, 0.5});
  expect_gradient(sqrt, {0, 4}, {kInfinity, 0.25});
  expect_gradient(exp, {710, -kInfinity}, {kInfinity, 0});
  expect_gradient(tanh, {-1000, 0, 1000}, {0, 1, 0});
  expect_gradient(sigmoid, {-1000, 0, 1000}, {0, 0.25, 0});
  expect_gradient([](Arg x) { return softplus(x, 1, 3); }, {-1000, 0, 3.5, 1000}, {0, 0.5, 1, 1});
}

TEST(Elementwise, SignHasNoGradient) {
  const Tensor y = sign(leaf(values({-1, 0, 2})));
  EXPECT_TRUE(requires_grad(y));
  EXPECT_FALSE(pull(y, ones({3}, float64))[0].defined());
}

TEST(Elementwise, IntegersTakeNoGradient) { EXPECT_FALSE(requires_grad(abs(tensor({1, 2})))); }

}  // namespace
}  // namespace gradus

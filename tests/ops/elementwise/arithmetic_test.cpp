#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using Binary = Tensor (*)(Arg, const Tensor&);

TEST(Arithmetic, Operators) {
  const Tensor a = values({6, -8}), b = values({4, 2});
  expect_tensor(a + b, float64, {2}, {10, -6});
  expect_tensor(a - b, float64, {2}, {2, -10});
  expect_tensor(a * b, float64, {2}, {24, -16});
  expect_tensor(a / b, float64, {2}, {1.5, -4});
  expect_tensor(-a, float64, {2}, {-6, 8});
  expect_tensor(a + 1, float64, {2}, {7, -7});
  expect_tensor(1 + a, float64, {2}, {7, -7});
  expect_tensor(a - 1, float64, {2}, {5, -9});
  expect_tensor(1 - a, float64, {2}, {-5, 9});
  expect_tensor(a * 2, float64, {2}, {12, -16});
  expect_tensor(2 * a, float64, {2}, {12, -16});
  expect_tensor(a / 2, float64, {2}, {3, -4});
  expect_tensor(12 / a, float64, {2}, {2, -1.5});
}

TEST(Arithmetic, ANumberTakesTheTensorsType) {
  expect_tensor(values({1}, float32) + 0.1, float32, {1}, {1.0f + 0.1f});
  expect_tensor(values({1}) * 0.1, float64, {1}, {0.1});
  expect_tensor(tensor({1, 2}) * 3, int64, {2}, {3, 6});
}

TEST(Arithmetic, SpecialValues) {
  const Tensor x = values({0, -0.0, kInfinity, -kInfinity, kNaN});
  expect_tensor(x + values({-0.0, -0.0, 1, kInfinity, 1}), float64, {5}, {0, -0.0, kInfinity, kNaN, kNaN});
  expect_tensor(1 / x, float64, {5}, {kInfinity, -kInfinity, 0, -0.0, kNaN});
  expect_tensor(x * 0, float64, {5}, {0, -0.0, kNaN, kNaN, kNaN});
  expect_tensor(-x, float64, {5}, {-0.0, 0, -kInfinity, kInfinity, kNaN});
}

// ---- types ---------------------------------------------------------------------------------------

TEST(Arithmetic, Promotes) {
  const DType types[] = {float32, float64, int64};
  for (DType a : types)
    for (DType b : types)
      for (Binary f : {Binary(add), Binary(sub), Binary(mul), Binary(maximum), Binary(minimum)})
        EXPECT_EQ(f(ones({2}, a), ones({2}, b)).dtype(), promote(a, b));
  expect_tensor(tensor({1, 2}) + values({0.5, 0.25}, float32), float32, {2}, {1.5, 2.25});
  expect_tensor(tensor({true, false}) + tensor({2, 2}), int64, {2}, {3, 2});
  expect_tensor(values({0.5}, float32) * values({0.1}), float64, {1}, {0.05});
}

TEST(Arithmetic, IntegersStayExact) {
  const std::int64_t big = (std::int64_t{1} << 60) + 1;
  const Tensor x = from_vector(std::vector<std::int64_t>{big, -7});
  const auto exact = [](const Tensor& y) { return y.to_vector<std::int64_t>(); };
  using Ints = std::vector<std::int64_t>;
  EXPECT_EQ(exact(x + 1), (Ints{big + 1, -6}));
  EXPECT_EQ(exact(x - tensor({1, 1})), (Ints{big - 1, -8}));
  EXPECT_EQ(exact(3 - x), (Ints{3 - big, 10}));
  EXPECT_EQ(exact(x * tensor({2, 3})), (Ints{2 * big, -21}));
  EXPECT_EQ(exact(-x), (Ints{-big, 7}));
  EXPECT_EQ(exact(maximum(x, tensor({0, 0}))), (Ints{big, 0}));
  EXPECT_EQ(exact(minimum(x, tensor({0, 0}))), (Ints{0, -7}));
  EXPECT_FALSE(requires_grad(x + 1));
}

TEST(Arithmetic, IntegersAreDividedAsFloats) {
  expect_tensor(tensor({1, 7}) / tensor({2, 2}), float32, {2}, {0.5, 3.5});
  expect_tensor(tensor({1, 7}) / 4, float32, {2}, {0.25, 1.75});
  expect_tensor(1 / tensor({4, 0}), float32, {2}, {0.25, kInfinity});
  expect_tensor(tensor({1, 7}) / values({2, 2}), float64, {2}, {0.5, 3.5});
}

TEST(Arithmetic, TypeErrors) {
  const Tensor flags = tensor({true, false}), whole = tensor({1, 2});
  const struct {
    const char* name;
    Binary function;
  } rows[] = {{"add", add}, {"sub", sub}, {"mul", mul}, {"div", div}, {"maximum", maximum}, {"minimum", minimum}};
  for (const auto& row : rows)
    expect_error<DTypeError>(row.name, "expected tensors of numbers, got bool", [&] { row.function(flags, flags); });
  expect_error<DTypeError>("neg", "expected a tensor of numbers, got bool", [&] { -flags; });
  for (const auto& f : std::vector<std::function<Tensor()>>{
           [&] { return flags + 1; }, [&] { return flags * 2; }, [&] { return 1 - flags; }})
    EXPECT_THROW(f(), DTypeError);
  for (const auto& f : std::vector<std::function<Tensor()>>{
           [&] { return whole + 0.5; }, [&] { return whole * 0.5; }, [&] { return whole + kNaN; }})
    EXPECT_THROW(f(), DTypeError);
  expect_error<DTypeError>("pow", "expected float32 or float64, got bool", [&] { pow(flags, 2); });
  expect_error<DTypeError>("pow", "expected float32 or float64, got int64", [&] { pow(ones({2}), whole); });
}

// ---- shapes --------------------------------------------------------------------------------------

TEST(Arithmetic, Broadcasts) {
  const Tensor column = reshape(values({1, 2, 3}), {3, 1}), row = values({10, 20});
  expect_tensor(column + row, float64, {3, 2}, {11, 21, 12, 22, 13, 23});
  expect_tensor(row - column, float64, {3, 2}, {9, 19, 8, 18, 7, 17});
  expect_tensor(row * scalar(2, float64), float64, {2}, {20, 40});
  expect_tensor(scalar(2, float64) / row, float64, {2}, {0.2, 0.1}, 1e-15);
  expect_tensor(scalar(2) * scalar(3), float32, {}, {6});
  expect_tensor(zeros({0, 1}) + zeros({3}), float32, {0, 3}, {});
  expect_tensor(reshape(values({1, 2}), {2, 1, 1}) * column, float64, {2, 3, 1}, {1, 2, 3, 2, 4, 6});
  expect_error<ShapeError>(
      "add", "expected shapes that broadcast together, got [3] and [2]", [&] { add(zeros({3}), zeros({2})); });
  expect_error<ShapeError>(
      "mul", "expected shapes that broadcast together, got [2, 3] and [2, 4]", [&] { zeros({2, 3}) * zeros({2, 4}); });
}

TEST(Arithmetic, Views) {
  const Tensor m = reshape(arange(6, float64), {2, 3});
  expect_tensor(transpose(m) + transpose(m), float64, {3, 2}, {0, 6, 2, 8, 4, 10});
  expect_tensor(m + slice(m, 1, -1, -4, -1), float64, {2, 3}, {2, 2, 2, 8, 8, 8});
  expect_tensor(-slice(m, 1, 0, kEnd, 2), float64, {2, 2}, {-0.0, -2, -3, -5});
  expect_tensor(transpose(m) * 2, float64, {3, 2}, {0, 6, 2, 8, 4, 10});
}

TEST(Arithmetic, ManyElements) {
  const std::int64_t n = 100'003;  // more than one thread's share
  const Tensor x = arange(n, float64), y = x * 2 + x, z = x * scalar(3, float64);
  for (std::int64_t i = 0; i < n; ++i) {
    ASSERT_EQ(y.data<double>()[i], 3 * static_cast<double>(i));
    ASSERT_EQ(z.data<double>()[i], 3 * static_cast<double>(i));
  }
}

// ---- powers, larger and smaller, conversion ------------------------------------------------------

TEST(Pow, Values) {
  expect_tensor(pow(values({2, 3, 4}), values({3, -1, 0.5})), float64, {3}, {8, 1. / 3, 2}, 1e-15);
  for (double e : {-2., -1., 0., 0.5, 1., 2., 3., 2.5})
    expect_tensor(pow(values({0.5, 1, 7}), e), float64, {3}, {std::pow(0.5, e), 1, std::pow(7, e)}, 1e-15);
  expect_tensor(pow(values({-2, -2}), 3), float64, {2}, {-8, -8});
  expect_tensor(pow(2, values({-1, 0, 10})), float64, {3}, {0.5, 1, 1024}, 1e-15);
  expect_tensor(pow(values({0, 0, -1, kNaN}), values({0, -1, 0.5, 0})), float64, {4}, {1, kInfinity, kNaN, 1});
}

TEST(Pow, GradientsAtZero) {
  const auto at = [](double a, double b) { return pull(pow(leaf(values({a})), leaf(values({b}))), values({1})); };
  expect_tensor(at(0, 2)[0], float64, {1}, {0});
  expect_tensor(at(0, 2)[1], float64, {1}, {0});
  expect_tensor(at(0, 0)[0], float64, {1}, {0});
  expect_tensor(at(0, 0)[1], float64, {1}, {0});
  expect_tensor(pull(pow(leaf(values({0})), 0), values({1}))[0], float64, {1}, {0});
  expect_tensor(pull(pow(leaf(values({0})), 1), values({1}))[0], float64, {1}, {1});
}

TEST(MaximumMinimum, ValuesAndSharedGradients) {
  const Tensor a = values({1, 2, kNaN, 3}), b = values({2, 1, 0, kNaN});
  expect_tensor(maximum(a, b), float64, {4}, {2, 2, kNaN, kNaN});
  expect_tensor(minimum(a, b), float64, {4}, {1, 1, kNaN, kNaN});
  const auto leaves = [](Binary f) { return f(leaf(values({1, 2, 5})), leaf(values({2, 1, 5}))); };
  const Cotangents high = pull(leaves(maximum), values({1, 1, 1}));
  expect_tensor(high[0], float64, {3}, {0, 1, 0.5});
  expect_tensor(high[1], float64, {3}, {1, 0, 0.5});
  const Cotangents low = pull(leaves(minimum), values({1, 1, 1}));
  expect_tensor(low[0], float64, {3}, {1, 0, 0.5});
  expect_tensor(low[1], float64, {3}, {0, 1, 0.5});
}

TEST(To, ConvertsAndKeepsTheGradient) {
  const Tensor x = leaf(values({1.75, -1.75}, float32));
  EXPECT_TRUE(to(x, float32).is_same(x));
  const Tensor y = to(x, float64);
  expect_tensor(y, float64, {2}, {1.75, -1.75});
  expect_tensor(pull(y, values({0.5, 2}))[0], float32, {2}, {0.5, 2});
  EXPECT_FALSE(requires_grad(to(x, int64)));
  expect_tensor(to(x, int64), int64, {2}, {1, -1});
  expect_tensor(to(values({0, 2}), boolean), boolean, {2}, {0, 1});
}

}  // namespace
}  // namespace gradus

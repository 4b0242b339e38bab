// Every elementwise op at special numbers, and how far rounding takes it; rows with special numbers.

#include <gradus/ops/exact.h>
#include <gradus/ops/lambda.h>
#include <gradus/ops/shape.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gradus {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Numbers = std::vector<double>;

std::string described(const ExactOp& op, DType dtype, std::span<const double> numbers) {
  return fmt::format("{} {} of ({}) in {}", op.name, op.label, fmt::join(numbers, ", "), to_string(dtype));
}

void expect_right(const ExactOp& op, DType dtype, std::span<const double> numbers, double result) {
  const ExactInputs x{numbers, dtype};
  EXPECT_LE(units_off(op, x, result), op.ulp(dtype))
      << described(op, dtype, numbers) << ": expected " << static_cast<double>(op.value(x)) << ", got " << result;
}

TEST(Exact, EveryElementwiseOpHasRows) {
  std::set<std::pair<std::string, std::string>> examples, rows;
  std::set<std::string_view> by_element{"fmod", "remainder"};
  for (const OpEntry& entry : all_ops())
    for (const Example& example : entry.examples()) {
      examples.insert({entry.name, example.label});
      if (!example.elementwise && !by_element.contains(entry.name)) continue;
      const auto has = [&](const ExactOp& op) { return op.name == entry.name && op.label == example.label; };
      EXPECT_TRUE(std::any_of(exact_ops().begin(), exact_ops().end(), has))
          << entry.name << " (" << example.label << ") has no row in exact_ops()";
    }
  for (const ExactOp& op : exact_ops()) {
    EXPECT_TRUE(examples.contains({std::string(op.name), std::string(op.label)})) << op.name << " " << op.label;
    EXPECT_TRUE(rows.insert({std::string(op.name), std::string(op.label)}).second) << op.name << " stands twice";
  }
}

/// All combinations of special numbers.
TEST(Exact, SpecialNumbers) {
  for (const ExactOp& op : exact_ops())
    for (const DType dtype : {float32, float64}) {
      const Numbers special = special_numbers(dtype);
      const std::size_t arity = example_of(op).inputs.size();
      std::size_t rows = 1;
      for (std::size_t k = 0; k < arity; ++k) rows *= special.size();
      Numbers numbers;
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t k = 0, rest = i; k < arity; ++k, rest /= special.size())
          numbers.push_back(special[rest % special.size()]);
      const Numbers results = results_of(op, numbers, dtype);
      for (std::size_t i = 0; i < rows; ++i)
        expect_right(op, dtype, std::span(numbers).subspan(i * arity, arity), results[i]);
    }
}

/// One input of n ordinary numbers with a special one at some place.
Numbers with_special(std::size_t n, std::size_t place, double special) {
  Numbers numbers(n, 0.75);
  numbers[place] = special;
  return numbers;
}

/// Contiguous, or every second of a row.
Tensor laid_out(const Numbers& numbers, DType dtype, bool strided) {
  if (!strided) return cast(from_vector(numbers), dtype);
  Numbers wide;
  for (const double v : numbers) wide.insert(wide.end(), {v, 0.5});
  return slice(cast(from_vector(wide), dtype), 0, 0, kEnd, 2);
}

void check_place(const ExactOp& op, const Example& example, DType dtype, std::size_t n, std::size_t place) {
  for (std::size_t input = 0; input < example.inputs.size(); ++input)
    for (const double special : special_numbers(dtype))
      for (const bool strided : {false, true}) {
        std::vector<Tensor> inputs;
        std::vector<Numbers> numbers;
        for (std::size_t k = 0; k < example.inputs.size(); ++k) {
          numbers.push_back(with_special(n, place, k == input ? special : 0.25));
          const bool condition = op.name == "where" && k == 0;
          inputs.push_back(laid_out(numbers.back(), condition ? boolean : dtype, strided));
        }
        const Numbers results = example.call(inputs).to_vector();
        for (const std::size_t i : {place, place > 0 ? place - 1 : n - 1}) {
          Numbers row;
          for (const Numbers& column : numbers) row.push_back(column[i]);
          SCOPED_TRACE(fmt::format("element {} of {}, {}", i, n, strided ? "strided" : "contiguous"));
          expect_right(op, dtype, row, results[i]);
        }
      }
}

/// In registers and what is left over: a special number at each of 40 places, and at the end of 1 to 40.
TEST(Exact, SpecialNumbersAtEveryPlace) {
  constexpr std::size_t most = 40;
  for (const ExactOp& op : exact_ops()) {
    const Example example = example_of(op);
    for (const DType dtype : {float32, float64})
      for (std::size_t place = 0; place < most; ++place) {
        check_place(op, example, dtype, most, place);
        check_place(op, example, dtype, place + 1, place);
        if (testing::Test::HasFailure()) return;
      }
  }
}

/// At numbers of every exponent.
TEST(Exact, IsWithinItsUnits) {
  if (std::numeric_limits<long double>::digits < 64) GTEST_SKIP() << "a long double is not more exact than a double";
  for (const ExactOp& op : exact_ops())
    for (const DType dtype : {float32, float64}) {
      const MeasuredUnits found = measure_units(op, dtype);
      EXPECT_LE(found.worst, op.ulp(dtype)) << described(op, dtype, found.at);
    }
}

const ExactOp& row_of(std::string_view name) {
  return *std::find_if(exact_ops().begin(), exact_ops().end(), [&](const ExactOp& op) { return op.name == name; });
}

/// What the tests above would say of wrong results.
TEST(Exact, WrongResultsAreFound) {
  const auto off = [](const char* name, Numbers x, DType dtype, double result) {
    return units_off(row_of(name), {x, dtype}, result);
  };
  EXPECT_EQ(off("sqrt", {-0.0}, float64, -0.0), 0);
  EXPECT_EQ(off("sqrt", {-0.0}, float64, 0), kInfinity) << "the sign of 0";
  EXPECT_EQ(off("exp", {kNaN}, float32, 1), kInfinity);
  EXPECT_EQ(off("exp", {-kInfinity}, float32, kNaN), kInfinity);
  EXPECT_EQ(off("neg", {1}, float32, -1 - 0x1p-23), 1);
  EXPECT_EQ(off("neg", {1}, float64, -1 - 0x1p-52), 1);
  EXPECT_EQ(off("square", {0x1p-149}, float32, 0x1p-149), 1) << "0, but for 2^-298";
  EXPECT_GT(off("exp", {88}, float32, kInfinity), 1e6);
  EXPECT_GT(off("exp", {1000}, float32, 1e38), 1e6);
  EXPECT_EQ(off("add", {0x1.fffffep127, 0x1p103}, float32, kInfinity), 0.5) << "between the largest and infinity";
}

/// Lambdas have the same functions.
TEST(Exact, LambdasAreAsTheirOps) {
  const auto check = [](const char* name, const auto& lambda) {
    const ExactOp& op = row_of(name);
    for (const DType dtype : {float32, float64}) {
      const Numbers special = special_numbers(dtype);
      const auto n = static_cast<std::int64_t>(special.size());
      const Tensor all = broadcast_to(cast(from_vector(special), dtype), {n, n});
      const Tensor a = clone(all), b = clone(transpose(all));
      Numbers results;
      if constexpr (requires { lambda(a, b); })
        results = lambda(a, b).to_vector();
      else
        results = lambda(a).to_vector();
      const Numbers first = a.to_vector(), second = b.to_vector();
      for (std::size_t i = 0; i < results.size(); ++i)
        expect_right(op, dtype, Numbers{first[i], second[i]}, results[i]);
    }
  };
  check("exp", elementwise("f", [](auto x) { return exp(x); }));
  check("expm1", elementwise("f", [](auto x) { return expm1(x); }));
  check("log", elementwise("f", [](auto x) { return log(x); }));
  check("log1p", elementwise("f", [](auto x) { return log1p(x); }));
  check("sqrt", elementwise("f", [](auto x) { return sqrt(x); }));
  check("sin", elementwise("f", [](auto x) { return sin(x); }));
  check("cos", elementwise("f", [](auto x) { return cos(x); }));
  check("tanh", elementwise("f", [](auto x) { return tanh(x); }));
  check("sigmoid", elementwise("f", [](auto x) { return sigmoid(x); }));
  check("erf", elementwise("f", [](auto x) { return erf(x); }));
  check("abs", elementwise("f", [](auto x) { return abs(x); }));
  check("sign", elementwise("f", [](auto x) { return sign(x); }));
  check("relu", elementwise("f", [](auto x) { return relu(x); }));
  check("hardtanh", elementwise("f", [](auto x) { return clamp(x, -1, 1); }));
  check("div", elementwise("f", [](auto x, auto y) { return x / y; }));
  check("pow", elementwise("f", [](auto x, auto y) { return pow(x, y); }));
  check("maximum", elementwise("f", [](auto x, auto y) { return maximum(x, y); }));
  check("minimum", elementwise("f", [](auto x, auto y) { return minimum(x, y); }));
}

// ---- rows ----------------------------------------------------------------------------------------

Numbers run_row(const RowOp& op, const Numbers& numbers, DType dtype, bool transposed) {
  const auto n = static_cast<std::int64_t>(numbers.size());
  Tensor row = cast(from_vector(numbers, {1, n}), dtype);
  if (transposed) row = transpose(clone(transpose(concat({row, row, row}, 0))));
  return clone(select(op.run(row), 0, 0)).to_vector();
}

TEST(Exact, Rows) {
  for (const RowOp& op : row_ops())
    for (const RowOp::Row& row : op.rows)
      for (const DType dtype : {float32, float64})
        for (const bool transposed : {false, true}) {
          SCOPED_TRACE(fmt::format("{} of ({}) in {}", op.call, fmt::join(row.numbers, ", "), to_string(dtype)));
          const Numbers results = run_row(op, row.numbers, dtype, transposed);
          ASSERT_EQ(results.size(), row.result.size());
          for (std::size_t i = 0; i < results.size(); ++i) {
            if (std::isnan(row.result[i]))
              EXPECT_TRUE(std::isnan(results[i])) << results[i];
            else if (std::isinf(row.result[i]))
              EXPECT_EQ(results[i], row.result[i]);
            else
              EXPECT_NEAR(results[i], row.result[i], 1e-6 * std::abs(row.result[i]));
          }
        }
}

/// Whether every result is of all elements.
bool takes_all(const RowOp& op) {
  const std::set<std::string_view> names{
      "sum",      "mean",      "prod",    "var",     "stddev",         "norm",
      "max",      "min",       "amax",    "amin",    "max_with_index", "min_with_index",
      "maxout",   "logsumexp", "softmax", "softmin", "log_softmax",    "layer_norm",
      "rms_norm", "normalize"};
  return names.contains(op.name);
}

/// NaN at each place of long rows, where loops are vectorised and in their tails.
TEST(Exact, NanIsFoundInLongRows) {
  for (const RowOp& op : row_ops()) {
    if (!takes_all(op)) continue;
    for (const DType dtype : {float32, float64})
      for (std::size_t n : {2, 7, 16, 33, 40, 70, 513})
        for (std::size_t place = 0; place < n; place += n < 100 ? 1 : 37)
          for (const double other : {0.75, kInfinity, -kInfinity}) {
            Numbers numbers(n, 0.75);
            numbers[(place + 1) % n] = other;
            numbers[place] = kNaN;
            const Numbers results = run_row(op, numbers, dtype, false);
            EXPECT_TRUE(std::all_of(results.begin(), results.end(), [](double y) { return std::isnan(y); }))
                << op.call << " of " << n << " with NaN at " << place << " beside " << other;
          }
  }
}

}  // namespace
}  // namespace gradus

// NaN and infinities in one element of what is large enough for the libraries behind products, convolutions and
// decompositions.

#include "checks.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/decompose.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/shape.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace gradus {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using ops_test::draw;

Tensor with_number(const Tensor& x, std::int64_t place, double number) {
  std::vector<double> numbers = x.to_vector();
  numbers[static_cast<std::size_t>(place)] = number;
  return cast(from_vector(numbers, x.shape()), x.dtype());
}

/// Where `reached` is true results are not finite, elsewhere they are as before.
void expect_reach(const Tensor& before, const Tensor& after, const std::function<bool(std::int64_t)>& reached) {
  const std::vector<double> a = before.to_vector(), b = after.to_vector();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (reached(static_cast<std::int64_t>(i)))
      ASSERT_FALSE(std::isfinite(b[i])) << "result " << i;
    else
      ASSERT_EQ(a[i], b[i]) << "result " << i;
  }
}

TEST(SpecialInLarge, Products) {
  constexpr std::int64_t n = 130, k = 140, m = 120;
  for (const DType dtype : {float32, float64})
    for (const double number : {kNaN, kInfinity, -kInfinity}) {
      const Tensor a = draw({n, k}, 3, dtype), b = draw({k, m}, 4, dtype), y = matmul(a, b);
      for (const std::int64_t row : {0, 57, 129})
        expect_reach(y, matmul(with_number(a, row * k + 71, number), b), [=](std::int64_t i) { return i / m == row; });
      for (const std::int64_t column : {0, 33, 119})
        expect_reach(
            y, matmul(a, with_number(b, 71 * m + column, number)), [=](std::int64_t i) { return i % m == column; });
    }
}

TEST(SpecialInLarge, Convolutions) {
  constexpr std::int64_t channels = 16, out = 24, size = 15;
  for (const DType dtype : {float32, float64})
    for (const double number : {kNaN, kInfinity}) {
      const Tensor x = draw({3, channels, size, size}, 3, dtype), w = draw({out, channels, 3, 3}, 4, dtype);
      const auto conv = [&](const Tensor& in) { return conv2d(in, w, {}, {.padding = 1}); };
      const Tensor y = conv(x);
      constexpr std::int64_t image = 1, row = 6, column = 14;
      const std::int64_t place = ((image * channels + 5) * size + row) * size + column;
      expect_reach(y, conv(with_number(x, place, number)), [=](std::int64_t i) {
        const std::int64_t r = i / size % size, c = i % size;
        return i / (out * size * size) == image && std::abs(r - row) <= 1 && std::abs(c - column) <= 1;
      });
    }
}

/// Of two matrices the second one has the number: the first has the results of before, and none of them hangs.
TEST(SpecialInLarge, Decompositions) {
  constexpr std::int64_t n = 60;
  using Function = std::function<Tensor(const Tensor&)>;
  const std::vector<std::pair<const char*, Function>> functions{
      {"det", [](const Tensor& x) { return det(x); }},
      {"slogdet", [](const Tensor& x) { return slogdet(x).logabsdet; }},
      {"inverse", [](const Tensor& x) { return inverse(x); }},
      {"solve", [](const Tensor& x) { return solve(x, ones({2, n, 1}, x.dtype())); }},
      {"qr", [](const Tensor& x) { return qr(x).r; }},
      {"svd", [](const Tensor& x) { return svd(x).s; }},
      {"eigh", [](const Tensor& x) { return eigh(x).values; }},
      {"pinverse", [](const Tensor& x) { return pinverse(x); }},
      {"matrix_exp", [](const Tensor& x) { return matrix_exp(x); }},
      {"cholesky", [](const Tensor& x) { return cholesky(x); }}};
  for (const DType dtype : {float32, float64}) {
    const Tensor part = draw({2, n, n}, 3, dtype);
    const Tensor x = matmul(part, transpose(part)) * 0.01 + eye(n, -1, dtype);
    for (const auto& [name, f] : functions)
      for (const double number : {kNaN, kInfinity, -kInfinity})
        for (const std::int64_t place : {std::int64_t{0}, n * 31 + 17, n * n - 1}) {
          SCOPED_TRACE(fmt::format("{} of {} with {} at {}", name, to_string(dtype), number, place));
          const std::vector<double> before = f(x).to_vector();
          try {
            const std::vector<double> after = f(with_number(x, n * n + place, number)).to_vector();
            const std::size_t half = before.size() / 2;
            for (std::size_t i = 0; i < half; ++i) ASSERT_EQ(before[i], after[i]) << "result " << i;
            bool all_finite = true;
            for (std::size_t i = half; i < after.size(); ++i) all_finite = all_finite && std::isfinite(after[i]);
            // (An inverse has a limit where an element grows without bound.)
            EXPECT_TRUE(!all_finite || std::isinf(number));
          } catch (const ArgumentError&) {
            continue;  // refused
          }
        }
  }
}

}  // namespace
}  // namespace gradus

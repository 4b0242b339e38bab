#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/index.h>
#include <gradus/ops/integer.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/scan.h>

#include <gtest/gtest.h>

#include <cstdint>

namespace gradus {
namespace {

using Int = std::int64_t;
constexpr Int kLowest = std::numeric_limits<Int>::min(), kHighest = std::numeric_limits<Int>::max();

Tensor whole(const std::vector<Int>& v) { return from_vector(v); }
std::vector<Int> list(const Tensor& x) {
  EXPECT_EQ(x.dtype(), int64);
  return x.to_vector<Int>();
}

TEST(Integer, PowersAreExact) {
  EXPECT_EQ(list(pow(whole({3, -2, 0, 5, -1}), whole({4, 3, 0, 1, kHighest}))), (std::vector<Int>{81, -8, 1, 5, -1}));
  EXPECT_EQ(list(pow(whole({3, -3}), 39)), (std::vector<Int>{4052555153018976267, -4052555153018976267}));
  EXPECT_EQ(list(pow(-2, whole({63, 62, 0}))), (std::vector<Int>{kLowest, Int{1} << 62, 1}));
}

TEST(Integer, PowersThatDontFit) {
  expect_error<ArgumentError>("pow", "expected powers that int64 can hold, got 2^63", [] { pow(2, whole({62, 63})); });
  expect_error<ArgumentError>(
      "pow", "expected powers that int64 can hold, got 10^19", [] { pow(whole({10}), whole({19})); });
  expect_error<ArgumentError>(
      "pow", "expected exponents >= 0 beside an int64 base, got -1", [] { pow(whole({2}), -1); });
  expect_error<DTypeError>(
      "pow", "expected a whole number beside an int64 tensor, got 0.5", [] { pow(whole({2}), 0.5); });
}

TEST(Integer, QuotientsRoundDownOrTowards0) {
  const Tensor a = whole({7, -7, 7, -7, 6, -6, 0, kLowest}), b = whole({2, 2, -2, -2, 3, 3, 5, kHighest});
  EXPECT_EQ(list(floor_divide(a, b)), (std::vector<Int>{3, -4, -4, 3, 2, -2, 0, -2}));
  EXPECT_EQ(list(trunc_divide(a, b)), (std::vector<Int>{3, -3, -3, 3, 2, -2, 0, -1}));
  EXPECT_EQ(list(floor_divide(a, b) * b + remainder(a, b)), list(a));
  EXPECT_EQ(list(trunc_divide(a, b) * b + fmod(a, b)), list(a));
  EXPECT_EQ(list(floor_divide(whole({kHighest, -5}), 10)), (std::vector<Int>{922337203685477580, -1}));
  EXPECT_EQ(list(trunc_divide(whole({kHighest, -5}), 10)), (std::vector<Int>{922337203685477580, 0}));
}

TEST(Integer, SumsAndProductsAreModulo2To64) {
  const Tensor high = whole({kHighest}), low = whole({kLowest}), one = whole({1});
  EXPECT_EQ(list(high + one), list(low));
  EXPECT_EQ(list(high + 1), list(low));
  EXPECT_EQ(list(low - one), list(high));
  EXPECT_EQ(list(-2 - high), list(high));
  EXPECT_EQ(list(high * high), list(one));
  EXPECT_EQ(list(high * 2), (std::vector<Int>{-2}));
  EXPECT_EQ(list(-low), list(low));
  EXPECT_EQ(list(abs(low)), list(low));
  EXPECT_EQ(list(square(high)), list(one));
  EXPECT_EQ(list(sum(whole({kHighest, 1}), {0})), list(sum(low)));
  EXPECT_EQ(list(cumsum(whole({kHighest, 1}), 0)), (std::vector<Int>{kHighest, kLowest}));
  EXPECT_EQ(list(cumprod(whole({kHighest, 2}), 0)), (std::vector<Int>{kHighest, -2}));
  EXPECT_EQ(list(prod(whole({kHighest, kHighest}), {0})), list(prod(one)));
  EXPECT_EQ(list(index_add(high, 0, whole({0}), one)), list(low));
  EXPECT_EQ(list(scatter_add(high, 0, whole({0}), one)), list(low));
}

TEST(Integer, QuotientsThatDontExist) {
  expect_error<ArgumentError>(
      "floor_divide", "expected divisors other than 0, got 3 / 0", [] { floor_divide(whole({1, 3}), whole({1, 0})); });
  expect_error<ArgumentError>("trunc_divide",
                              "expected quotients that int64 can hold, got -9223372036854775808 / -1",
                              [] { trunc_divide(whole({kLowest}), -1); });
  expect_error<DTypeError>("floor_divide", "expected int64, got float32", [] { floor_divide(ones({2}), 2); });
}

}  // namespace
}  // namespace gradus

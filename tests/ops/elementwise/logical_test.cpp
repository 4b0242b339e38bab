#include "expect.h"

#include <gradus/ops/compare.h>

namespace gradus {
namespace {

/// Also finds the constants that GCC 12 compiles wrongly for AVX-512 (docs/portability.md).
TEST(Logic, TruthTables) {
  const Tensor a = values({0, 0, 2, kNaN}), b = from_vector(std::vector<std::int64_t>{0, 1, 0, 1});
  expect_tensor(logical_and(a, b), boolean, {4}, {0, 0, 0, 1});
  expect_tensor(logical_or(a, b), boolean, {4}, {0, 1, 1, 1});
  expect_tensor(logical_xor(a, b), boolean, {4}, {0, 1, 1, 0});
  expect_tensor(logical_not(a), boolean, {4}, {1, 1, 0, 0});
  const Tensor special = values({1, kInfinity, -kInfinity, kNaN});
  expect_tensor(isnan(special), boolean, {4}, {0, 0, 0, 1});
  expect_tensor(isinf(special), boolean, {4}, {0, 1, 1, 0});
  expect_tensor(isfinite(special), boolean, {4}, {1, 0, 0, 0});
  expect_tensor(isfinite(b), boolean, {4}, {1, 1, 1, 1});
  expect_tensor(nan_to_num(special), float64, {4}, {1, 1.7976931348623157e308, -1.7976931348623157e308, 0});
  expect_tensor(nan_to_num(special, 7, 8, 9), float64, {4}, {1, 8, 9, 7});
  expect_tensor(nan_to_num(values({kInfinity}, float32)), float32, {1}, {3.4028234663852886e38});
}

}  // namespace
}  // namespace gradus

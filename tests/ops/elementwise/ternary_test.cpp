#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>

namespace gradus {
namespace {

TEST(Ternary, ByHand) {
  expect_tensor(lerp(values({1, 1}), values({0.1, 0.1}), 1), float64, {2}, {0.1, 0.1});
  expect_tensor(lerp(values({1, 1}), values({3, 3}), values({0, 0.75})), float64, {2}, {1, 2.5});
  expect_tensor(addcmul(values({1}), values({2}), values({3}), 0.5), float64, {1}, {4});
  expect_tensor(addcdiv(values({1}), values({3}), values({2})), float64, {1}, {2.5});
}

}  // namespace
}  // namespace gradus

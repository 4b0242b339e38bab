#include "expect.h"

#include <gradus/ops/compare.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

void expect_bools(const Tensor& got, const std::vector<double>& want, CallSite here = CallSite::here()) {
  expect_tensor(got, boolean, {static_cast<std::int64_t>(want.size())}, want, 0, here);
}

TEST(Compare, FollowsIeee) {
  const Tensor a = values({0, -0.0, 1, 2, kNaN, kNaN, kInfinity, kInfinity, -kInfinity});
  const Tensor b = values({-0.0, 0, 2, 1, kNaN, 1, kInfinity, 1, kInfinity});
  expect_bools(a == b, {1, 1, 0, 0, 0, 0, 1, 0, 0});
  expect_bools(a != b, {0, 0, 1, 1, 1, 1, 0, 1, 1});
  expect_bools(a < b, {0, 0, 1, 0, 0, 0, 0, 0, 1});
  expect_bools(a <= b, {1, 1, 1, 0, 0, 0, 1, 0, 1});
  expect_bools(a > b, {0, 0, 0, 1, 0, 0, 0, 1, 0});
  expect_bools(a >= b, {1, 1, 0, 1, 0, 0, 1, 1, 0});
}

TEST(Compare, NumbersOnEitherSide) {
  const Tensor x = values({1, 2, 3, kNaN}, float32);
  expect_bools(x == 2, {0, 1, 0, 0});
  expect_bools(x != 2, {1, 0, 1, 1});
  expect_bools(x < 2, {1, 0, 0, 0});
  expect_bools(x <= 2, {1, 1, 0, 0});
  expect_bools(x > 2, {0, 0, 1, 0});
  expect_bools(x >= 2, {0, 1, 1, 0});
  expect_bools(2 < x, {0, 0, 1, 0});
  expect_bools(2 <= x, {0, 1, 1, 0});
  expect_bools(2 > x, {1, 0, 0, 0});
  expect_bools(2 >= x, {1, 1, 0, 0});
  expect_bools(x == kNaN, {0, 0, 0, 0});
  expect_bools(x < kInfinity, {1, 1, 1, 0});
  // A number takes the tensor's dtype.
  expect_bools(values({0.1}, float32) == 0.1, {1});
}

TEST(Compare, IntegersStayExact) {
  const std::int64_t big = (std::int64_t{1} << 53) + 1;
  const Tensor x = from_vector(std::vector<std::int64_t>{big, big - 1, -2});
  expect_bools(x == 9007199254740992.0, {0, 1, 0});
  expect_bools(x > 9007199254740992.0, {1, 0, 0});
  expect_bools(x == from_vector(std::vector<std::int64_t>{big, big, -2}), {1, 0, 1});
  // Beside a fraction, or a number out of their range, they are compared as float64.
  const Tensor y = tensor({1, 2, 3});
  expect_bools(y < 2.5, {1, 1, 0});
  expect_bools(y == 2.5, {0, 0, 0});
  expect_bools(y >= -0.5, {1, 1, 1});
  expect_bools(y < 1e30, {1, 1, 1});
  expect_bools(y > -kInfinity, {1, 1, 1});
  expect_bools(y != kNaN, {1, 1, 1});
}

TEST(Compare, PromotesAndBroadcasts) {
  expect_bools(tensor({1, 2}) < values({1.5, 1.5}, float32), {1, 0});
  expect_bools(values({0.1}, float32) == values({0.1}), {0});
  expect_bools(tensor({true, false}) == tensor({1, 1}), {1, 0});
  const Tensor column = reshape(tensor({1, 2, 3}), {3, 1}), row = tensor({1, 2});
  expect_tensor(column > row, boolean, {3, 2}, {0, 0, 1, 0, 1, 1});
  expect_tensor(row < column, boolean, {3, 2}, {0, 0, 1, 0, 1, 1});
  expect_tensor(transpose(column >= row), boolean, {2, 3}, {1, 1, 1, 0, 1, 1});
  expect_tensor(zeros({0, 2}) < row, boolean, {0, 2}, {});
  expect_tensor(scalar(1) < 2, boolean, {}, {1});
  expect_error<ShapeError>("less", "expected shapes that broadcast together, got [2] and [3]", [] {
    less(tensor({1, 2}), tensor({1, 2, 3}));
  });
}

TEST(Compare, BoolsAreEqualOrNot) {
  const Tensor a = tensor({true, false}), b = tensor({true, true});
  expect_bools(a == b, {1, 0});
  expect_bools(a != b, {0, 1});
  expect_bools(a == 1, {1, 0});
  expect_bools(a != 0, {1, 0});
  expect_bools(a == 0.5, {0, 0});
  expect_error<DTypeError>("less", "expected tensors of numbers, got bool", [&] { less(a, b); });
  expect_error<DTypeError>("greater_equal", "expected a tensor of numbers, got bool", [&] { greater_equal(a, 1); });
}

TEST(Compare, ManyAndViews) {
  const std::int64_t n = 100'003;  // more than one thread's share
  const Tensor x = arange(n, float32);
  const Tensor low = x < 50'000;
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) count += low.data<bool>()[i];
  EXPECT_EQ(count, 50'000);
  const Tensor m = reshape(arange(6), {2, 3});
  expect_tensor(transpose(m) > slice(transpose(m), 0, -1, -4, -1), boolean, {3, 2}, {0, 0, 0, 0, 1, 1});
}

TEST(Compare, TakesNoGradient) {
  const Tensor x = leaf(values({1, 2}));
  EXPECT_FALSE(requires_grad(x < 1));
  EXPECT_FALSE(requires_grad(x == x));
}

// ---- where ---------------------------------------------------------------------------------------

TEST(Where, EveryDtype) {
  const Tensor c = tensor({true, false, true});
  for (DType dtype : {float32, float64, int64, boolean}) {
    const Tensor y = where(c, cast(tensor({1, 1, 0}), dtype), cast(tensor({0, 0, 1}), dtype));
    expect_tensor(y, dtype, {3}, {1, 0, 0});
  }
  expect_tensor(where(c, tensor({1, 2, 3}), values({0.5, 0.5, 0.5}, float32)), float32, {3}, {1, 0.5, 3});
}

TEST(Where, BroadcastsAllThree) {
  const Tensor c = reshape(tensor({true, false, true}), {3, 1});
  const Tensor a = values({1, 2}), b = reshape(values({10, 20}), {2, 1, 1});
  expect_tensor(where(c, a, b), float64, {2, 3, 2}, {1, 2, 10, 10, 1, 2, 1, 2, 20, 20, 1, 2});
  expect_tensor(where(scalar(1, boolean), a, values({5, 6})), float64, {2}, {1, 2});
  expect_tensor(where(zeros({0}, boolean), zeros({1}), zeros({1})), float32, {0}, {});
}

TEST(Where, NumbersAndViews) {
  const Tensor c = tensor({true, false, true}), x = values({1, 2, 3}, float32);
  expect_tensor(where(c, x, 9.0), float32, {3}, {1, 9, 3});
  expect_tensor(where(c, -1.0, x), float32, {3}, {-1, 2, -1});
  expect_tensor(where(c, tensor({1, 2, 3}), 7.0), int64, {3}, {1, 7, 3});
  const Tensor m = reshape(values({0, 1, 2, 3, 4, 5}), {2, 3});
  expect_tensor(where(transpose(m) > 2, transpose(m), 0.0), float64, {3, 2}, {0, 3, 0, 4, 0, 5});
  const Tensor many = arange(100'003, float32);
  EXPECT_EQ(where(many < 50'000, many, -1.0).to_vector<float>()[50'000], -1);
  EXPECT_EQ(where(many < 50'000, many, -1.0).to_vector<float>()[49'999], 49'999);
}

TEST(Where, TakesOnlyWhatIsChosen) {
  const Tensor c = tensor({true, false});
  expect_tensor(where(c, values({1, kNaN}), values({kNaN, 2})), float64, {2}, {1, 2});
  const Tensor y = where(c, leaf(values({1, kInfinity})), leaf(values({0, 2})));
  const Cotangents g = pull(y, values({3, 4}));
  EXPECT_FALSE(g[0].defined());
  expect_tensor(g[1], float64, {2}, {3, 0});
  expect_tensor(g[2], float64, {2}, {0, 4});
}

TEST(Where, Errors) {
  const Tensor c = tensor({true, false}), x = values({1, 2});
  expect_error<DTypeError>("where", "expected a bool condition, got float64", [&] { where(x, x, x); });
  expect_error<DTypeError>(
      "where", "expected a whole number beside an int64 tensor, got 0.5", [&] { where(c, tensor({1, 2}), 0.5); });
  expect_error<ShapeError>(
      "where", "expected shapes that broadcast together, got [2] and [3]", [&] { where(c, zeros({3}), zeros({3})); });
}

}  // namespace
}  // namespace gradus

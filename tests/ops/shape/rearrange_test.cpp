#include "expect.h"

#include <gradus/ops/shape.h>

namespace gradus {
namespace {

Tensor counted(const Shape& shape) { return view_as(arange(shape.numel()), shape, contiguous_strides(shape)); }

TEST(Rearrange, RepeatsAndRolls) {
  const Tensor x = counted({2, 2});
  expect_tensor(repeat(x, {1, 2}), int64, {2, 4}, {0, 1, 0, 1, 2, 3, 2, 3});
  expect_tensor(tile(tensor({1, 2}), {2, 2}), int64, {2, 4}, {1, 2, 1, 2, 1, 2, 1, 2});
  expect_tensor(repeat_interleave(x, 2, 1), int64, {2, 4}, {0, 0, 1, 1, 2, 2, 3, 3});
  expect_tensor(repeat_interleave(x, tensor({2, 0}), 0), int64, {2, 2}, {0, 1, 0, 1});
  expect_tensor(roll(arange(5), 2, 0), int64, {5}, {3, 4, 0, 1, 2});
  expect_tensor(roll(x, {1, -3}, {0, 1}), int64, {2, 2}, {3, 2, 1, 0});
  EXPECT_EQ(repeat(x, {0, 3}).shape(), (Shape{0, 6}));
  expect_error<ShapeError>(
      "repeat", "expected at least 2 numbers, one an axis of [2, 2], got [3]", [&] { repeat(x, {3}); });
  expect_error<ArgumentError>("tile", "expected repeats >= 0, got -1", [&] { tile(x, {-1}); });
}

TEST(Rearrange, Pads) {
  const Tensor x = counted({4});
  expect_tensor(pad(x, {1, 2}, PadMode::constant, 9), int64, {7}, {9, 0, 1, 2, 3, 9, 9});
  expect_tensor(pad(x, {-1, -2}), int64, {1}, {1});
  expect_tensor(pad(x, {-2, 1}), int64, {3}, {2, 3, 0});
  expect_tensor(pad(x, {-4, 2}), int64, {2}, {0, 0});
  expect_tensor(pad(x, {3, 1}, PadMode::reflect), int64, {8}, {3, 2, 1, 0, 1, 2, 3, 2});
  expect_tensor(pad(x, {2, 1}, PadMode::replicate), int64, {7}, {0, 0, 0, 1, 2, 3, 3});
  expect_tensor(pad(x, {1, 4}, PadMode::circular), int64, {9}, {3, 0, 1, 2, 3, 0, 1, 2, 3});
  expect_tensor(pad(counted({1, 2}), {0, 1, 1, 0}), int64, {2, 3}, {0, 0, 0, 0, 1, 0});
  EXPECT_EQ(pad(zeros({0, 2}), {0, 0, 1, 1}).shape(), (Shape{2, 2}));
  expect_error<ShapeError>(
      "pad", "expected pads that fit axis 0 of [4], got 4 and 0", [&] { pad(x, {4, 0}, PadMode::reflect); });
  expect_error<ArgumentError>(
      "pad", "expected a pair of pads for each of at most 1 axes, got 3 numbers", [&] { pad(x, {1, 2, 3}); });
}

TEST(Rearrange, MovesAxes) {
  const Tensor x = counted({2, 3, 4});
  EXPECT_EQ(movedim(x, 0, -1).shape(), (Shape{3, 4, 2}));
  EXPECT_EQ(movedim(x, {0, 1}, {2, 0}).shape(), (Shape{3, 4, 2}));
  EXPECT_EQ(swapdims(x, 0, 2).shape(), (Shape{4, 3, 2}));
  EXPECT_EQ(unflatten(x, -1, {2, -1}).shape(), (Shape{2, 3, 2, 2}));
  EXPECT_EQ(unflatten(zeros({0, 2}), 0, {0, 3}).shape(), (Shape{0, 3, 2}));
  EXPECT_EQ(unbind(x, 1).size(), 3U);
  EXPECT_TRUE(equal(narrow(x, 1, -2, 2), slice(x, 1, 1)));
  const Tensor square = counted({2, 2});
  expect_tensor(rot90(square), int64, {2, 2}, {1, 3, 0, 2});
  expect_tensor(rot90(square, -1), int64, {2, 2}, {2, 0, 3, 1});
  EXPECT_TRUE(equal(rot90(rot90(x, 3, {0, 2}), 1, {0, 2}), x));
  EXPECT_TRUE(equal(rot90(rot90(x)), rot90(x, 2)));
  expect_error<ShapeError>("unflatten", "expected sizes with the product of axis 2 of [2, 3, 4], got [3, -1]", [&] {
    unflatten(x, 2, {3, -1});
  });
  expect_error<IndexError>("narrow", "expected places within 0..3, got 2 from 2 on", [&] { narrow(x, 1, 2, 2); });
}

TEST(Rearrange, Meshgrid) {
  const Tensor xs[] = {tensor({1, 2}), tensor({3, 4, 5})};
  expect_tensor(meshgrid(xs)[0], int64, {2, 3}, {1, 1, 1, 2, 2, 2});
  expect_tensor(meshgrid(xs, true)[1], int64, {3, 2}, {3, 3, 4, 4, 5, 5});
  const std::vector<Tensor> most(static_cast<std::size_t>(kMaxRank), tensor({1, 2}));
  EXPECT_EQ(meshgrid(most)[0].rank(), kMaxRank);
  const std::vector<Tensor> more(static_cast<std::size_t>(kMaxRank) + 1, tensor({1}));
  EXPECT_THROW(meshgrid(more), ShapeError);
}

}  // namespace
}  // namespace gradus

#include "counted.h"

#include <gradus/graph/node.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/shape.h>

#include <gtest/gtest.h>

namespace gradus {
namespace {

using namespace ops_test;

std::string recorded_op(const Tensor& y) { return node_of(y) == nullptr ? "" : node_of(y)->name(); }

TEST(Reshape, KeepsOrderAndStorage) {
  const Tensor x = count({2, 3});
  const Tensor y = reshape(x, {3, -1});
  EXPECT_EQ(y.shape(), (Shape{3, 2}));
  EXPECT_EQ(ints(y), (Ints{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(share_storage(x, y));
  EXPECT_TRUE(reshape(x, {2, 3}).is_same(x));
  EXPECT_EQ(reshape(count({1}), {}).shape(), Shape{});
  EXPECT_EQ(reshape(scalar(3), {1, 1}).shape(), (Shape{1, 1}));
  EXPECT_EQ(reshape(count({2, 0}), {0, 7}).shape(), (Shape{0, 7}));
  EXPECT_EQ(reshape(count({2, 0}), {-1, 2}).shape(), (Shape{0, 2}));
}

TEST(Reshape, IsAViewWhereStridesAllow) {
  const Tensor x = count({4, 6});
  const Tensor every_second = slice(x, 0, 0, kEnd, 2);
  const Tensor y = reshape(every_second, {2, 1, 2, 3});
  EXPECT_TRUE(share_storage(x, y));
  EXPECT_EQ(ints(y), (Ints{0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17}));
  EXPECT_FALSE(share_storage(x, reshape(every_second, {12})));
  EXPECT_EQ(ints(reshape(every_second, {3, 4})), ints(y));

  const Tensor turned = transpose(x);
  EXPECT_FALSE(share_storage(x, reshape(turned, {24})));
  EXPECT_EQ(ints(reshape(turned, {24})), ints(turned));
  EXPECT_TRUE(share_storage(x, reshape(turned, {2, 3, 1, 4})));
  EXPECT_EQ(ints(reshape(turned, {2, 3, 1, 4})), ints(turned));

  const Tensor wide = broadcast_to(count({3, 1}), {2, 3, 4});
  EXPECT_TRUE(share_storage(wide, reshape(wide, {2, 3, 2, 2})));
  EXPECT_EQ(ints(reshape(wide, {2, 3, 2, 2})), ints(wide));
  EXPECT_EQ(ints(reshape(wide, {6, 4})), ints(wide));

  const Tensor back = flip(x, {0, 1});
  EXPECT_TRUE(share_storage(x, reshape(back, {24})));
  EXPECT_EQ(ints(reshape(back, {2, 12})), ints(back));
}

TEST(Reshape, RejectsOtherNumbersOfElements) {
  const Tensor x = count({2, 3});
  expect_error<ShapeError>(
      "reshape", "expected a shape for the 6 elements of [2, 3], got [4, 2]", [&] { reshape(x, {4, 2}); });
  EXPECT_THROW(reshape(x, {4, -1}), ShapeError);
  EXPECT_THROW(reshape(x, {-1, -1}), ShapeError);
  EXPECT_THROW(reshape(x, {-2, -3}), ShapeError);
  EXPECT_THROW(reshape(x, {0, -1}), ShapeError);
  EXPECT_THROW(reshape(count({0}), {0, -1}), ShapeError);
  const std::int64_t big = std::int64_t{1} << 32;
  EXPECT_THROW(reshape(count({0}), {big, big}), ShapeError);
}

TEST(Flatten, JoinsNeighbours) {
  const Tensor x = count({2, 3, 4});
  EXPECT_EQ(flatten(x).shape(), (Shape{2, 12}));
  EXPECT_EQ(flatten(x, 0).shape(), (Shape{24}));
  EXPECT_EQ(flatten(x, 0, -2).shape(), (Shape{6, 4}));
  EXPECT_EQ(flatten(scalar(1), 0).shape(), (Shape{1}));
  EXPECT_EQ(flatten(count({0, 3, 2})).shape(), (Shape{0, 6}));
  EXPECT_TRUE(share_storage(x, flatten(x)));
  expect_error<IndexError>("flatten", "expected an axis in -1..0, got 1", [] { flatten(count({5})); });
  expect_error<ArgumentError>(
      "flatten", "expected a first axis before the last, got 2 and 1", [&] { flatten(x, 2, 1); });
}

TEST(Transpose, ExchangesTwo) {
  const Tensor x = count({2, 3, 4});
  EXPECT_EQ(transpose(x).shape(), (Shape{2, 4, 3}));
  EXPECT_EQ(transpose(x, 0, -1).strides(), (Shape{1, 4, 12}));
  EXPECT_TRUE(share_storage(x, transpose(x)));
  EXPECT_TRUE(transpose(x, 1, -2).is_same(x));
  EXPECT_EQ(ints(transpose(count({2, 3}))), (Ints{0, 3, 1, 4, 2, 5}));
  expect_error<IndexError>("transpose", "expected an axis in -3..2, got 3", [&] { transpose(x, 0, 3); });
  expect_error<IndexError>("transpose", "expected an axis in -1..0, got -2", [] { transpose(count({3})); });
}

TEST(Permute, OrdersAxes) {
  const Tensor x = count({2, 3, 4});
  const Tensor y = permute(x, {2, 0, -2});
  EXPECT_EQ(y.shape(), (Shape{4, 2, 3}));
  EXPECT_TRUE(share_storage(x, y));
  const auto values = y.to_vector<std::int64_t>();
  std::size_t at = 0;
  for (std::int64_t k = 0; k < 4; ++k)
    for (std::int64_t i = 0; i < 2; ++i)
      for (std::int64_t j = 0; j < 3; ++j) EXPECT_EQ(values[at++], 12 * i + 4 * j + k);
  EXPECT_EQ(permute(scalar(2), {}).item(), 2);
  expect_error<ShapeError>(
      "permute", "expected an order of the axes of [2, 3, 4], got [0, 1]", [&] { permute(x, {0, 1}); });
  expect_error<IndexError>("permute", "expected each axis once, got [0, 1, -2]", [&] { permute(x, {0, 1, -2}); });
  EXPECT_THROW(permute(x, {0, 1, 3}), IndexError);
}

TEST(Squeeze, DropsSizesOfOne) {
  const Tensor x = count({1, 3, 1});
  EXPECT_EQ(squeeze(x).shape(), (Shape{3}));
  EXPECT_EQ(squeeze(x, -1).shape(), (Shape{1, 3}));
  EXPECT_TRUE(share_storage(x, squeeze(x)));
  EXPECT_TRUE(squeeze(count({2})).shape() == Shape{2});
  expect_error<ShapeError>("squeeze", "expected an axis of size 1, got axis 1 of [1, 3, 1]", [&] { squeeze(x, 1); });
  EXPECT_THROW(squeeze(scalar(1), 0), IndexError);
}

TEST(Unsqueeze, PutsInSizesOfOne) {
  const Tensor x = count({2, 3});
  EXPECT_EQ(unsqueeze(x, 0).shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(unsqueeze(x, -1).shape(), (Shape{2, 3, 1}));
  EXPECT_EQ(unsqueeze(scalar(1), 0).shape(), (Shape{1}));
  EXPECT_TRUE(share_storage(x, unsqueeze(x, 1)));
  EXPECT_EQ(ints(unsqueeze(transpose(x), 1)), ints(transpose(x)));
  expect_error<IndexError>("unsqueeze", "expected an axis in -3..2, got 3", [&] { unsqueeze(x, 3); });
  expect_error<ShapeError>("unsqueeze", "expected at most 7 dimensions, got [1, 1, 1, 1, 1, 1, 1, 1]", [] {
    unsqueeze(ones({1, 1, 1, 1, 1, 1, 1, 1}), 0);
  });
}

TEST(BroadcastTo, RepeatsWithoutCopying) {
  const Tensor x = count({3, 1});
  const Tensor y = broadcast_to(x, {2, 3, 2});
  EXPECT_EQ(y.strides(), (Shape{0, 1, 0}));
  EXPECT_EQ(ints(y), (Ints{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2}));
  EXPECT_TRUE(share_storage(x, y));
  EXPECT_TRUE(broadcast_to(x, {3, 1}).is_same(x));
  EXPECT_EQ(broadcast_to(scalar(2), {2, 0}).numel(), 0);
  EXPECT_EQ(ints(broadcast_to(transpose(count({2, 3})), {1, 3, 2})), (Ints{0, 3, 1, 4, 2, 5}));
  for (const Shape& bad : {Shape{3}, Shape{2, 3, 0, 1, 1}, Shape{4, 1}, Shape{3, -1}, Shape{}})
    EXPECT_THROW(broadcast_to(x, bad), ShapeError) << to_string(bad);
  expect_error<ShapeError>(
      "broadcast_to", "expected a shape that [3, 1] broadcasts to, got [4, 2]", [&] { broadcast_to(x, {4, 2}); });
  const std::int64_t big = std::int64_t{1} << 40;
  EXPECT_THROW(broadcast_to(scalar(1), {big, big}), ShapeError);
}

TEST(SumTo, UndoesBroadcasting) {
  const Tensor x = count({2, 3, 2});
  EXPECT_EQ(ints(sum_to(x, {3, 1})), (Ints{14, 22, 30}));
  EXPECT_EQ(sum_to(x, {3, 1}).shape(), (Shape{3, 1}));
  EXPECT_EQ(sum_to(x, {}).item(), 66);
  EXPECT_EQ(ints(sum_to(x, {1, 1, 2})), (Ints{30, 36}));
  EXPECT_EQ(ints(sum_to(zeros({0, 2}), {1, 2})), (Ints{0, 0}));
  EXPECT_EQ(sum_to(count({2, 2}, int64), {}).dtype(), int64);
  EXPECT_TRUE(sum_to(x, x.shape()).is_same(x));
  expect_error<ShapeError>("sum_to", "expected a shape that broadcasts to [2, 3, 2], got [2, 2]", [] {
    sum_to(count({2, 3, 1}) + zeros({2}), {2, 2});
  });
}

TEST(Flip, ReversesWithoutCopying) {
  const Tensor x = count({2, 3});
  EXPECT_EQ(ints(flip(x, {1})), (Ints{2, 1, 0, 5, 4, 3}));
  EXPECT_EQ(ints(flip(x, {0, -1})), (Ints{5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(flip(x, {0}).strides(), (Shape{-3, 1}));
  EXPECT_TRUE(share_storage(x, flip(x, {0})));
  EXPECT_EQ(flip(zeros({0, 3}), {0, 1}).shape(), (Shape{0, 3}));
  EXPECT_EQ(ints(flip(x, {1}) + 1), (Ints{3, 2, 1, 6, 5, 4}));
  expect_error<IndexError>("flip", "expected each axis once, got [1, -1]", [&] { flip(x, {1, -1}); });
}

TEST(Views, SeeChangesInPlace) {
  Tensor x = zeros({2, 3});
  const Tensor y = slice(transpose(x), 0, 1);
  x.mutable_data<float>()[1] = 7;
  EXPECT_EQ(ints(y), (Ints{7, 0, 0, 0}));
  EXPECT_EQ(y.version(), x.version());
}

TEST(Shapes, EachCallLeavesOneNode) {
  const Tensor x = leaf(count({2, 1, 6}));
  const std::vector<std::pair<Tensor, std::string>> results = {{reshape(x, {12}), "reshape"},
                                                               {flatten(x), "reshape"},
                                                               {transpose(x), "transpose"},
                                                               {permute(x, {2, 0, 1}), "permute"},
                                                               {squeeze(x), "squeeze"},
                                                               {squeeze(x, 1), "squeeze"},
                                                               {unsqueeze(x, 0), "unsqueeze"},
                                                               {broadcast_to(x, {2, 3, 6}), "broadcast_to"},
                                                               {sum_to(x, {6}), "sum_to"},
                                                               {flip(x, {0, 2}), "flip"},
                                                               {concat({x, x}), "concat"},
                                                               {stack({x, x}), "stack"},
                                                               {split(x, 2, -1)[1], "split"},
                                                               {slice(x, 2, 1, 3), "slice"},
                                                               {slice_put(x, {2, 2, 6}, 1, 0, 1), "slice_put"},
                                                               {select(x, 0, 1), "select"}};
  for (const auto& [y, name] : results) {
    EXPECT_EQ(recorded_op(y), name);
    EXPECT_EQ(node_of(y)->inputs().back().node, node_of(x)) << name;  // slice_put leaves out its first input
  }
  EXPECT_EQ(node_of(split(x, 2, -1)[0])->output_count(), 3);
}

}  // namespace
}  // namespace gradus

// Arguments at the edge: crops, bounds that are no numbers, wide integers, words that are not in the table.

#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/index.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/sequence.h>
#include <gradus/ops/shape.h>

#include <cstdint>
#include <string>

namespace gradus {
namespace {

TEST(EdgeArguments, WhatACropCutsOffDoesNotComeBack) {
  const Tensor x = tensor({0, 1, 2, 3});
  expect_tensor(pad(x, {-1, 2}, PadMode::circular), int64, {5}, {1, 2, 3, 1, 2});
  expect_tensor(pad(x, {2, -1}, PadMode::circular), int64, {5}, {1, 2, 0, 1, 2});
  expect_tensor(pad(x, {-1, -1}, PadMode::circular), int64, {2}, {1, 2});
  expect_tensor(pad(x, {-2, 1}, PadMode::reflect), int64, {3}, {2, 3, 2});
  for (const PadMode mode : {PadMode::circular, PadMode::replicate, PadMode::reflect})
    expect_error<ShapeError>(
        "pad", "expected pads that fit axis 0 of [4], got 2 and -4", [&] { pad(x, {2, -4}, mode); });
  expect_error<ShapeError>(
      "pad", "expected pads that fit axis 0 of [4], got 2 and -3", [&] { pad(x, {2, -3}, PadMode::circular); });
}

TEST(EdgeArguments, ClampNamesTheBoundThatIsNoNumber) {
  for (const Tensor& x : {values({1, 2}), tensor({1, 2})}) {
    expect_error<ArgumentError>("clamp", "expected a number as min, got nan", [&] { clamp(x, kNaN); });
    expect_error<ArgumentError>("clamp", "expected a number as max, got nan", [&] { clamp(x, {}, kNaN); });
    expect_error<ArgumentError>("clamp", "expected a number as max, got nan", [&] { clamp(x, 0, kNaN); });
  }
}

TEST(EdgeArguments, SizesAlongAxesAreNotCutToInt) {
  const std::int64_t wide = (std::int64_t{1} << 32) + 1;
  EXPECT_EQ(Padding(wide).high()[0], wide);
  EXPECT_EQ(PerAxis(wide)[2], wide);
  EXPECT_EQ(ConvOptions{.padding = wide}.padding.high()[1], wide);
  const std::size_t two = 2;
  EXPECT_EQ(ConvOptions{.stride = two}.stride[0], 2);
  EXPECT_TRUE(Padding::same.is_same());
  EXPECT_FALSE(Padding::valid.is_same());
  // 2^32 degrees of freedom less than elements are none, not all.
  expect_tensor(var(values({1, 3}), 0, false, wide - 1), float64, {}, {kInfinity});
}

TEST(EdgeArguments, EmbeddingsTakeWordsNotPlaces) {
  const Tensor table = leaf(reshape(values({1, 2, 3}), {3, 1}));
  expect_tensor(embedding(tensor({2, 0}), table), float64, {2, 1}, {3, 1});
  for (const std::int64_t word : {-1, 3}) {
    const std::string message = "expected indices in 0..2 (3 rows), got " + std::to_string(word) + " at element 1";
    const Tensor index = tensor({0, static_cast<int>(word)});
    expect_error<IndexError>("embedding", message, [&] { embedding(index, table); });
    expect_error<IndexError>("embedding", message, [&] { embedding(index, table, 0); });
    expect_error<IndexError>("embedding_bag", message, [&] { embedding_bag(index, tensor({0}), table); });
  }
  // The row of padding may be counted from the back, as it is one of the table's.
  const Tensor y = embedding(tensor({2, 0}), table, -1);
  EXPECT_TRUE(requires_grad(y));
  expect_error<IndexError>(
      "embedding", "expected a padding row below 3, got 3", [&] { embedding(tensor({0}), table, 3); });
}

}  // namespace
}  // namespace gradus

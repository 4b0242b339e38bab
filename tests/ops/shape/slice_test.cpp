#include "counted.h"

#include <gradus/ops/arithmetic.h>

#include <limits>

namespace gradus {
namespace {

using namespace ops_test;

TEST(Concat, JoinsAlongAnAxis) {
  const Tensor a = count({2, 2}), b = count({2, 1}) + 10;
  EXPECT_EQ(ints(concat({a, b}, 1)), (Ints{0, 1, 10, 2, 3, 11}));
  EXPECT_EQ(ints(concat({a, transpose(a)}, 0)), (Ints{0, 1, 2, 3, 0, 2, 1, 3}));
  EXPECT_EQ(ints(concat({transpose(a), b, flip(a, {1})}, -1)), (Ints{0, 2, 10, 1, 0, 1, 3, 11, 3, 2}));
  EXPECT_EQ(ints(concat({zeros({2, 0}), a, zeros({2, 0})}, 1)), ints(a));
  EXPECT_EQ(concat({zeros({0, 3}), zeros({0, 3})}).shape(), (Shape{0, 3}));
  const std::vector<Tensor> many(40, count({1}));
  EXPECT_EQ(concat(many).shape(), (Shape{40}));
}

TEST(Concat, PromotesDtypes) {
  EXPECT_EQ(concat({ones({1}, boolean), ones({1}, int64)}).dtype(), int64);
  EXPECT_EQ(concat({ones({1}, int64), ones({1}, float32)}).dtype(), float32);
  const Tensor y = concat({ones({1}, float32), full({1}, 2, float64), zeros({1}, boolean)});
  EXPECT_EQ(y.dtype(), float64);
  EXPECT_EQ(ints(y), (Ints{1, 2, 0}));
}

TEST(Concat, RejectsWhatDoesNotFit) {
  const Tensor a = count({2, 3});
  expect_error<ShapeError>("concat", "expected shapes that agree but for axis 1, got [2, 3] and [3, 3]", [&] {
    concat({a, count({3, 3})}, 1);
  });
  expect_error<ShapeError>(
      "concat", "expected shapes that agree but for axis 0, got [2, 3] and [3]", [&] { concat({a, count({3})}); });
  expect_error<ArgumentError>(
      "concat", "expected at least one tensor, got none", [] { concat(std::vector<Tensor>()); });
  expect_error<IndexError>("concat", "expected an axis in -2..1, got 2", [&] { concat({a, a}, 2); });
  expect_error<IndexError>("concat", "expected no axis for rank 0, got 0", [] { concat({scalar(1), scalar(2)}); });
}

TEST(Stack, JoinsAlongANewAxis) {
  const Tensor a = count({2, 2}), b = transpose(a);
  EXPECT_EQ(ints(stack({a, b})), (Ints{0, 1, 2, 3, 0, 2, 1, 3}));
  EXPECT_EQ(ints(stack({a, b}, 1)), (Ints{0, 1, 0, 2, 2, 3, 1, 3}));
  EXPECT_EQ(ints(stack({a, b}, -1)), (Ints{0, 0, 1, 2, 2, 1, 3, 3}));
  EXPECT_EQ(stack({scalar(1), scalar(2), scalar(3)}).shape(), (Shape{3}));
  EXPECT_EQ(stack({ones({1}, boolean), ones({1})}).dtype(), float32);
  expect_error<ShapeError>(
      "stack", "expected tensors of one shape, got [2, 2] and [2]", [&] { stack({a, count({2})}); });
  expect_error<ArgumentError>("stack", "expected at least one tensor, got none", [] { stack(std::vector<Tensor>()); });
  EXPECT_THROW(stack({a, a}, 3), IndexError);
}

TEST(Split, GivesViews) {
  const Tensor x = count({2, 4});
  const auto parts = split(x, {3, 0, 1}, -1);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(ints(parts[0]), (Ints{0, 1, 2, 4, 5, 6}));
  EXPECT_EQ(parts[1].shape(), (Shape{2, 0}));
  EXPECT_EQ(ints(parts[2]), (Ints{3, 7}));
  EXPECT_TRUE(share_storage(x, parts[2]));
  const auto fives = split(count({12}), 5);
  ASSERT_EQ(fives.size(), 3U);
  EXPECT_EQ(ints(fives[2]), (Ints{10, 11}));
  EXPECT_EQ(split(count({3}), std::numeric_limits<std::int64_t>::max()).size(), 1U);
  EXPECT_EQ(split(count({0, 2}), 3)[0].shape(), (Shape{0, 2}));
  const auto ones = split(count({1000}), 1);
  ASSERT_EQ(ones.size(), 1000U);
  for (std::size_t i = 0; i < ones.size(); ++i) EXPECT_EQ(ones[i].item<std::int64_t>(), static_cast<std::int64_t>(i));
}

TEST(Split, RejectsSizesThatDoNotAddUp) {
  const Tensor x = count({2, 4});
  expect_error<ShapeError>(
      "split", "expected sizes with the sum of axis 1 of [2, 4], got [3, 2]", [&] { split(x, {3, 2}, 1); });
  EXPECT_THROW(split(x, {5, -1}, 1), ShapeError);
  EXPECT_THROW(split(x, Ints{}, 1), ShapeError);
  const std::int64_t big = std::numeric_limits<std::int64_t>::max();
  EXPECT_THROW(split(x, {big, big, 6}, 1), ShapeError);
  expect_error<ArgumentError>("split", "expected a size >= 1, got 0", [&] { split(x, 0); });
  EXPECT_THROW(split(x, 1, 2), IndexError);
}

TEST(Chunk, GivesEvenParts) {
  const auto sizes = [](std::int64_t n, std::int64_t parts) {
    Ints result;
    for (const Tensor& t : chunk(count({n}), parts)) result.push_back(t.numel());
    return result;
  };
  EXPECT_EQ(sizes(5, 2), (Ints{3, 2}));
  EXPECT_EQ(sizes(6, 4), (Ints{2, 2, 2}));
  EXPECT_EQ(sizes(2, 5), (Ints{1, 1}));
  EXPECT_EQ(sizes(0, 3), (Ints{0}));
  expect_error<ArgumentError>("chunk", "expected parts >= 1, got 0", [] { chunk(count({3}), 0); });
}

/// Places that Python's x[start:stop:step] takes from n, by its own definition.
Ints python_slice(std::int64_t n, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
  const auto place = [&](std::int64_t i) {
    if (i < 0) i += n;
    return i < low ? low : i > high ? high : i;
  };
  const std::int64_t end = stop == kEnd && step < 0 ? -1 : place(stop);
  Ints result;
  for (std::int64_t i = place(start); step > 0 ? i < end : i > end; i += step) result.push_back(i);
  return result;
}

TEST(Slice, CountsAsPythonDoes) {
  for (std::int64_t n : {0, 1, 2, 5})
    for (std::int64_t start = -7; start <= 7; ++start)
      for (std::int64_t stop : {-7, -3, -1, 0, 1, 4, 7, 100})
        for (std::int64_t step : {-9, -3, -2, -1, 1, 2, 3, 9}) {
          EXPECT_EQ(ints(slice(count({n}), 0, start, stop, step)), python_slice(n, start, stop, step))
              << n << ": " << start << " " << stop << " " << step;
          EXPECT_EQ(ints(slice(count({n}), 0, start, kEnd, step)), python_slice(n, start, kEnd, step));
        }
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(ints(slice(count({3}), 0, kEnd, lowest, -2)), (Ints{2, 0}));
  EXPECT_EQ(ints(slice(count({3}), 0, lowest, kEnd, kEnd)), (Ints{0}));
  EXPECT_EQ(ints(slice(count({3}), 0, -1, kEnd, lowest)), (Ints{2}));
}

TEST(Slice, IsAView) {
  const Tensor x = count({3, 4});
  const Tensor y = slice(x, 1, -1, kEnd, -2);
  EXPECT_EQ(ints(y), (Ints{3, 1, 7, 5, 11, 9}));
  EXPECT_TRUE(share_storage(x, y));
  EXPECT_EQ(ints(slice(y, 0, 1, 2)), (Ints{7, 5}));
  EXPECT_EQ(ints(slice(slice(y, 1, -1, kEnd, -1), 0, 0, 1)), (Ints{1, 3}));
  EXPECT_TRUE(slice(x, 0, 0).is_same(x));
  expect_error<ArgumentError>("slice", "expected a step other than 0", [&] { slice(x, 0, 0, 2, 0); });
  expect_error<IndexError>("slice", "expected an axis in -2..1, got 2", [&] { slice(x, 2, 0, 2); });
}

TEST(SlicePut, UndoesASlice) {
  const Tensor x = count({2, 3}) + 1;
  EXPECT_EQ(ints(slice_put(x, {2, 6}, 1, -1, kEnd, -2)), (Ints{0, 3, 0, 2, 0, 1, 0, 6, 0, 5, 0, 4}));
  EXPECT_TRUE(equal(slice(slice_put(x, {5, 3}, 0, 1, 4, 2), 0, 1, 4, 2), x));
  EXPECT_EQ(ints(slice_put(zeros({0, 2}), {2, 2}, 0, 2)), (Ints{0, 0, 0, 0}));
  expect_error<ShapeError>("slice_put", "expected [3, 3], the shape of that slice of [5, 3], got [2, 3]", [&] {
    slice_put(x, {5, 3}, 0, 1, 4);
  });
}

TEST(Select, DropsAnAxis) {
  const Tensor x = count({3, 4});
  EXPECT_EQ(ints(select(x, 0, 1)), (Ints{4, 5, 6, 7}));
  EXPECT_EQ(ints(select(x, -1, -2)), (Ints{2, 6, 10}));
  EXPECT_EQ(select(select(x, 0, 2), 0, 3).item(), 11);
  EXPECT_TRUE(share_storage(x, select(x, 1, 0)));
  EXPECT_EQ(select(zeros({2, 0}), 0, 1).shape(), (Shape{0}));
  expect_error<IndexError>("select", "expected an index in -3..2, got 3", [&] { select(x, 0, 3); });
  expect_error<IndexError>("select", "expected no index into size 0, got 0", [] { select(zeros({0}), 0, 0); });
  EXPECT_THROW(select(x, 0, -4), IndexError);
  EXPECT_THROW(select(x, 2, 0), IndexError);
}

}  // namespace
}  // namespace gradus

#include "expect.h"

#include <gradus/ops/index.h>
#include <gradus/ops/shape.h>
#include <gradus/ops/sort.h>

namespace gradus {
namespace {

TEST(Unique, ValuesInverseAndCounts) {
  const Tensor x = tensor({{3, 1, 3}, {2, 1, 3}});
  const Unique u = unique(x);
  expect_tensor(u.values, int64, {3}, {1, 2, 3});
  expect_tensor(u.inverse, int64, {2, 3}, {2, 0, 2, 1, 0, 2});
  expect_tensor(u.counts, int64, {3}, {2, 1, 3});
  EXPECT_TRUE(equal(reshape(index_select(u.values, 0, reshape(u.inverse, {6})), {2, 3}), x));
}

TEST(Unique, OtherTypes) {
  const Unique f = unique(values({kNaN, 0.0, kInfinity, -0.0, kNaN, -1}, float32));
  expect_tensor(f.values, float32, {4}, {-1, 0, kInfinity, kNaN});
  expect_tensor(f.counts, int64, {4}, {1, 2, 1, 2});
  expect_tensor(f.inverse, int64, {6}, {3, 1, 2, 1, 3, 0});
  const Unique b = unique(tensor({true, false, true}));
  expect_tensor(b.values, boolean, {2}, {0, 1});
  expect_tensor(unique(scalar(7)).inverse, int64, {}, {0});
  const Unique none = unique(zeros({0, 3}));
  EXPECT_EQ(none.values.shape(), Shape{0});
  EXPECT_EQ(none.inverse.shape(), (Shape{0, 3}));
  EXPECT_EQ(none.counts.shape(), Shape{0});
}

TEST(Unique, PartsOfAnAxis) {
  const Tensor x = tensor({{2, 1, 2}, {0, 5, 0}});
  const Unique columns = unique(x, 1);
  expect_tensor(contiguous(columns.values), int64, {2, 2}, {1, 2, 5, 0});
  expect_tensor(columns.inverse, int64, {3}, {1, 0, 1});
  expect_tensor(columns.counts, int64, {2}, {1, 2});
  // In the order of their first element, then of the second, as far as they are equal.
  const Unique rows = unique(tensor({{1, 9}, {0, 7}, {1, 3}, {0, 7}}), 0);
  expect_tensor(rows.values, int64, {3, 2}, {0, 7, 1, 3, 1, 9});
  expect_tensor(rows.inverse, int64, {4}, {2, 0, 1, 0});
  EXPECT_EQ(unique(zeros({2, 0, 3}), 1).values.shape(), (Shape{2, 0, 3}));
  EXPECT_EQ(unique(zeros({4, 0}), 0).values.shape(), (Shape{1, 0}));
  expect_error<IndexError>("unique", "expected an axis in -2..1, got 2", [&] { unique(x, 2); });
}

}  // namespace
}  // namespace gradus

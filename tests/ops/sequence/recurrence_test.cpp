#include "expect.h"

#include <gradus/ops/recurrence.h>

namespace gradus {
namespace {

TEST(Recurrence, OfNothing) {
  for (const std::int64_t rows : {0, 2})
    for (const std::int64_t hidden : {0, 3}) {
      EXPECT_EQ(lstm(zeros({5, rows, 4 * hidden}), zeros({4 * hidden, hidden})).c.shape(), (Shape{5, rows, hidden}));
      EXPECT_EQ(gru(zeros({5, rows, 3 * hidden}), zeros({3 * hidden, hidden})).shape(), (Shape{5, rows, hidden}));
    }
}

TEST(Recurrence, Errors) {
  const Tensor x = zeros({2, 3, 8}), w = zeros({8, 2});
  expect_error<ShapeError>(
      "lstm", "expected gates [T, N, 4 H] of at least 1 step and a weight [4 H, H], got [2, 3, 8] and [8, 3]", [&] {
        lstm(x, zeros({8, 3}));
      });
  expect_error<ShapeError>(
      "lstm", "expected gates [T, N, 4 H] of at least 1 step and a weight [4 H, H], got [0, 3, 8] and [8, 2]", [&] {
        lstm(zeros({0, 3, 8}), w);
      });
  expect_error<ShapeError>(
      "lstm", "expected initial states [3, 2], got [3, 3]", [&] { lstm(x, w, {}, zeros({3, 3})); });
  expect_error<ShapeError>(
      "gru", "expected a bias [6], got [3]", [&] { gru(zeros({2, 3, 6}), zeros({6, 2}), zeros({3})); });
  expect_error<DTypeError>(
      "lstm", "expected tensors of one dtype, got float32 and float64", [&] { lstm(x, w, zeros({3, 2}, float64)); });
}

}  // namespace
}  // namespace gradus

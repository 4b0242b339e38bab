#include "expect.h"
#include "flow.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/compare.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/pool.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;

TEST(MaxUnpool, PutsWhatWasPooledWhereItStood) {
  const Tensor line = tensor({{{1.0, 5.0, 2.0, 3.0, 9.0}}}, float64);
  const Pooled p = max_pool1d_with_index(line, 2);
  expect_tensor(p.indices, int64, {1, 1, 2}, {1, 3});
  expect_tensor(max_unpool1d(p.values, p.indices, 2), float64, {1, 1, 4}, {0, 5, 0, 3});
  expect_tensor(max_unpool1d(p.values, p.indices, 2, {.size = 5}), float64, {1, 1, 5}, {0, 5, 0, 3, 0});
  // Pooled again, the same come out (of numbers above 0).
  const Tensor image = abs(draw({2, 3, 4, 6}, 1)), volume = abs(draw({2, 2, 4, 2, 3}, 2));
  const Pooled a = max_pool2d_with_index(image, {2, 3});
  expect_near(max_pool2d(max_unpool2d(a.values, a.indices, {2, 3}), {2, 3}), a.values);
  const Tensor back = max_unpool2d(a.values, a.indices, {2, 3});
  expect_near(back, where(equal_to(back, 0.0), 0.0, image));
  const Pooled b = max_pool3d_with_index(volume, {2, 1, 3});
  const Tensor room = max_unpool3d(b.values, b.indices, {2, 1, 3});
  EXPECT_EQ(room.shape(), volume.shape());
  expect_near(max_pool3d(room, {2, 1, 3}), b.values);
}

TEST(MaxUnpool, OverlappingWindowsWithPadding) {
  const Tensor image = abs(draw({1, 1, 5, 5}, 3));
  const MaxPoolOptions o{.stride = 2, .padding = 1};
  const Pooled p = max_pool2d_with_index(image, 3, o);
  const Tensor y = max_unpool2d(p.values, p.indices, 3, {.stride = 2, .padding = 1});
  EXPECT_EQ(y.shape(), image.shape());
  expect_near(max_pool2d(y, 3, o), p.values);
}

TEST(MaxUnpool, OneImage) {
  const Tensor x = draw({3, 2, 2}, 4), at = zeros({3, 2, 2}, int64);
  EXPECT_EQ(max_unpool2d(x, at, 2).shape(), (Shape{3, 4, 4}));
}

TEST(MaxUnpool, Errors) {
  const Tensor x = zeros({1, 1, 2}), at = zeros({1, 1, 2}, int64);
  expect_error<IndexError>("max_unpool1d", "expected indices in 0..3, got 4", [&] { max_unpool1d(x, add(at, 4), 2); });
  expect_error<IndexError>("max_unpool1d", "expected indices in 0..3, got -1", [&] { max_unpool1d(x, sub(at, 1), 2); });
  expect_error<ArgumentError>("max_unpool1d",
                              "expected a result with elements, less than a stride [2] from size [4], got [6]",
                              [&] { max_unpool1d(x, at, 2, {.size = 6}); });
  expect_error<ShapeError>("max_unpool1d", "expected indices [1, 1, 2] like the input, got [1, 2, 1]", [&] {
    max_unpool1d(x, reshape(at, {1, 2, 1}), 2);
  });
  expect_error<DTypeError>("max_unpool1d", "expected int64 indices, got float32", [&] { max_unpool1d(x, x, 2); });
  expect_error<ArgumentError>(
      "max_unpool1d", "expected the kernel's sizes, got none", [&] { max_unpool1d(x, at, {}); });
}

TEST(LpPool, NormsOfWindows) {
  const Tensor x = tensor({{{3.0, -4.0, 1.0, 0.0, -2.0, 2.0}}}, float64);
  expect_tensor(lp_pool1d(x, 2, 2), float64, {1, 1, 3}, {5, 1, std::sqrt(8)}, 1e-15);
  expect_tensor(lp_pool1d(x, 1, 3, {.stride = 1}), float64, {1, 1, 4}, {8, 5, 3, 4}, 1e-15);
  expect_tensor(lp_pool1d(x, 3, 2), float64, {1, 1, 3}, {std::cbrt(27 + 64), 1, std::cbrt(16)}, 1e-15);
  const Tensor image = reshape(x, {1, 2, 3});
  expect_tensor(lp_pool2d(image, 2, {2, 3}), float64, {1, 1, 1}, {std::sqrt(9 + 16 + 1 + 4 + 4)}, 1e-15);
  expect_tensor(lp_pool3d(reshape(x, {1, 1, 1, 2, 3}), 2, {1, 2, 1}),
                float64,
                {1, 1, 1, 1, 3},
                {3, std::sqrt(20), std::sqrt(5)},
                1e-15);
}

TEST(LpPool, AWindowThatCeilModeCutsOff) {
  const Tensor x = tensor({{{3.0, 4.0, 6.0}}}, float64);
  expect_tensor(lp_pool1d(x, 2, 2, {.ceil_mode = true}), float64, {1, 1, 2}, {5, std::sqrt(72)}, 1e-15);
}

TEST(LpPool, NoGradientOfNorms0) {
  const Tensor x = leaf(tensor({{{0.0, 0.0, 3.0, 4.0}}}, float64));
  for (const double p : {0.5, 1.0, 2.0, 3.0}) {
    const auto g = ops_test::gradient(lp_pool1d(x, p, 2), x).to_vector();
    EXPECT_EQ(g[0], 0) << p;
    EXPECT_EQ(g[1], 0) << p;
    const double y = std::pow(std::pow(3, p) + std::pow(4, p), 1 / p);
    EXPECT_NEAR(g[2], std::pow(3 / y, p - 1), 1e-14) << p;
  }
}

TEST(LpPool, LargeAndSmallInFloat32) {
  for (const double s : {1e30, 1e-30}) {
    const Tensor x = leaf(mul(tensor({{{3.0, 4.0}}}), s));
    const Tensor y = lp_pool1d(x, 2, 2);
    EXPECT_NEAR(y.to_vector()[0], 5 * s, 1e-6 * s);
    expect_near(ops_test::gradient(y, x), tensor({{{0.6, 0.8}}}), 1e-6);
  }
}

TEST(LpPool, Errors) {
  const Tensor x = zeros({1, 1, 4});
  for (const double p : {0.0, -1.0, kInfinity, kNaN}) EXPECT_THROW(lp_pool1d(x, p, 2), ArgumentError) << p;
  expect_error<ArgumentError>("lp_pool1d", "expected a finite p > 0, got 0", [&] { lp_pool1d(x, 0, 2); });
  expect_error<ShapeError>("lp_pool1d",
                           "expected a kernel that reaches over at most 4 elements of spatial axis "
                           "0 (with padding), got 5 for input [1, 1, 4]",
                           [&] { lp_pool1d(x, 2, 5); });
}

}  // namespace
}  // namespace gradus

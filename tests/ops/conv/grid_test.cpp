#include "expect.h"
#include "flow.h"

#include <gradus/ops/grid.h>
#include <gradus/ops/image.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>

#include <cmath>

namespace gradus {
namespace {

using ops_test::expect_near;

Tensor draw(const Shape& shape, std::uint64_t seed, double size = 1) {
  Generator generator(seed);
  return uniform(shape, -size, size, float64, generator);
}

Tensor identity(std::int64_t n, int spatial) {
  std::vector<double> theta;
  for (std::int64_t i = 0; i < n; ++i)
    for (int row = 0; row < spatial; ++row)
      for (int k = 0; k <= spatial; ++k) theta.push_back(k == row ? 1 : 0);
  return from_vector(theta, {n, spatial, spatial + 1});
}

// ---- by definition -------------------------------------------------------------------------------

/// One row or column of an image without end.
struct Line {
  std::int64_t n;
  GridPadding padding;
  bool corners;

  /// The element at a whole place; -1 for none.
  std::int64_t element(double place) const {
    if (padding == GridPadding::reflection) place = mirror(place);
    if (padding != GridPadding::zeros) place = std::min(std::max(place, 0.0), static_cast<double>(n - 1));
    return place < 0 || place > static_cast<double>(n - 1) ? -1 : std::llround(place);
  }
  /// Turned round at the ends one time after another.
  double mirror(double place) const {
    const double low = corners ? 0 : -0.5, high = static_cast<double>(n) - (corners ? 1 : 0.5);
    while (place < low || place > high) place = place < low ? 2 * low - place : 2 * high - place;
    return place;
  }
  double place(double u) const {
    const double size = static_cast<double>(n);
    return corners ? (u + 1) / 2 * (size - 1) : ((u + 1) * size - 1) / 2;
  }
  /// Elements and weights.
  std::vector<std::pair<std::int64_t, double>> read(double u, GridMode mode) const {
    double at = place(u);
    if (mode != GridMode::cubic && padding == GridPadding::reflection) at = mirror(at);
    if (mode != GridMode::cubic && padding != GridPadding::zeros)
      at = std::min(std::max(at, 0.0), static_cast<double>(n - 1));
    std::vector<std::pair<std::int64_t, double>> all;
    if (mode == GridMode::nearest) return {{element(std::nearbyint(at)), 1}};
    for (double k = std::floor(at) - 1; k < at + 3; ++k) {
      const double d = std::abs(at - k), a = -0.75;
      const double linear = d < 1 ? 1 - d : 0;
      const double cubic = d <= 1  ? (a + 2) * d * d * d - (a + 3) * d * d + 1
                           : d < 2 ? a * (d * d * d - 5 * d * d + 8 * d - 4)
                                   : 0;
      all.emplace_back(element(k), mode == GridMode::linear ? linear : cubic);
    }
    return all;
  }
};

Tensor by_definition(const Tensor& x, const Tensor& grid, const GridSampleOptions& o) {
  const auto xs = x.to_vector(), gs = grid.to_vector();
  const std::int64_t h = x.size(2), w = x.size(3), places = grid.size(1) * grid.size(2);
  const Line down{h, o.padding, o.align_corners}, across{w, o.padding, o.align_corners};
  std::vector<double> ys;
  for (std::int64_t n = 0; n < x.size(0); ++n)
    for (std::int64_t c = 0; c < x.size(1); ++c)
      for (std::int64_t p = 0; p < places; ++p) {
        const double* uv = gs.data() + 2 * (n * places + p);
        double sum = 0;
        for (const auto& [i, v] : down.read(uv[1], o.mode))
          for (const auto& [j, u] : across.read(uv[0], o.mode))
            if (i >= 0 && j >= 0) sum += v * u * xs[static_cast<std::size_t>(((n * x.size(1) + c) * h + i) * w + j)];
        ys.push_back(sum);
      }
  return from_vector(ys, {x.size(0), x.size(1), grid.size(1), grid.size(2)});
}

TEST(GridSample, ByDefinition) {
  const Tensor x = draw({2, 3, 4, 5}, 1), grid = draw({2, 3, 6, 2}, 2, 3);
  for (const GridMode mode : {GridMode::linear, GridMode::nearest, GridMode::cubic})
    for (const GridPadding padding : {GridPadding::zeros, GridPadding::border, GridPadding::reflection})
      for (const bool corners : {false, true}) {
        SCOPED_TRACE(::testing::Message() << int(mode) << " " << int(padding) << " " << corners);
        const GridSampleOptions o{.mode = mode, .padding = padding, .align_corners = corners};
        expect_near(contiguous(grid_sample(x, grid, o)), by_definition(x, grid, o));
      }
}

TEST(GridSample, TheIdentityGivesTheImage) {
  const Tensor image = draw({2, 3, 4, 5}, 3), volume = draw({2, 2, 3, 1, 4}, 4);
  for (const bool corners : {false, true}) {
    for (const GridMode mode : {GridMode::linear, GridMode::nearest, GridMode::cubic})
      expect_near(
          contiguous(grid_sample(
              image, affine_grid(identity(2, 2), image.shape(), corners), {.mode = mode, .align_corners = corners})),
          image);
    for (const GridMode mode : {GridMode::linear, GridMode::nearest})
      expect_near(
          contiguous(grid_sample(
              volume, affine_grid(identity(2, 3), volume.shape(), corners), {.mode = mode, .align_corners = corners})),
          volume);
  }
}

TEST(GridSample, TurnedOverAlongEachAxis) {
  const Tensor volume = draw({1, 2, 2, 3, 4}, 5);
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<double> theta = identity(1, 3).to_vector();
    theta[static_cast<std::size_t>(axis * 5)] = -1;  // u is along the last axis
    const Tensor grid = affine_grid(from_vector(theta, {1, 3, 4}), volume.shape());
    expect_near(contiguous(grid_sample(volume, grid)), contiguous(flip(volume, {4 - axis})));
  }
}

/// interpolate in a smaller size and a grid of the same places agree.
TEST(GridSample, AgreesWithInterpolate) {
  const Tensor x = draw({1, 2, 6, 5}, 6), theta = identity(1, 2);
  expect_near(contiguous(grid_sample(x, affine_grid(theta, {1, 2, 4, 3}, true), {.align_corners = true})),
              interpolate(x, {4, 3}, {.mode = Interpolation::linear, .align_corners = true}));
  expect_near(contiguous(grid_sample(
                  x, affine_grid(theta, {1, 2, 9, 8}), {.mode = GridMode::cubic, .padding = GridPadding::border})),
              interpolate(x, {9, 8}, {.mode = Interpolation::cubic}));
}

TEST(GridSample, PlacesThatAreNoneOrFarAway) {
  const Tensor x = tensor({{{{1.0, 2.0}, {3.0, 4.0}}}}, float64);
  for (const DType dtype : {float32, float64})
    for (const GridMode mode : {GridMode::linear, GridMode::nearest, GridMode::cubic}) {
      const Tensor image = cast(x, dtype);
      const Tensor grid = leaf(
          cast(reshape(values({kNaN, 0, kInfinity, -kInfinity, 1e30, 1e30, -1e30, kInfinity}), {1, 1, 4, 2}), dtype));
      const Tensor y = grid_sample(image, grid, {.mode = mode});
      expect_tensor(contiguous(detach(y)), dtype, {1, 1, 1, 4}, {kNaN, 0, 0, 0});
      const Tensor edge = grid_sample(image, grid, {.mode = mode, .padding = GridPadding::border});
      expect_tensor(contiguous(detach(edge)), dtype, {1, 1, 1, 4}, {kNaN, 2, 4, 3}, 1e-6);
      if (mode == GridMode::nearest) continue;
      for (const Tensor& r : {y, edge}) {
        const auto g = ops_test::gradient(r, grid).to_vector();
        for (std::size_t i = 2; i < g.size(); ++i) EXPECT_EQ(g[i], 0) << i;
      }
    }
}

TEST(GridSample, NoGradientWherePaddingHoldsAPlace) {
  const Tensor x = tensor({{{{1.0, 2.0}, {3.0, 5.0}}}}, float64);
  const Tensor grid = leaf(reshape(values({1, 0, 2, 0, -1, 0}), {1, 1, 3, 2}));
  const GridSampleOptions border{.padding = GridPadding::border, .align_corners = true};
  // Down the columns the images rise by 3 and 2 in 2 units.
  expect_tensor(contiguous(ops_test::gradient(grid_sample(x, grid, border), grid)),
                float64,
                {1, 1, 3, 2},
                {0, 1.5, 0, 1.5, 0, 1},
                1e-12);
}

TEST(GridSample, Errors) {
  const Tensor x = zeros({1, 2, 3, 4}), grid = zeros({1, 2, 2, 2});
  const std::string want =
      "expected images [N, C, H, W] with elements and a grid [N, *, *, 2], or [N, C, D, H, W] and "
      "[N, *, *, *, 3], got ";
  expect_error<ShapeError>(
      "grid_sample", want + "[1, 2, 3, 4] and [2, 2, 2, 2]", [&] { grid_sample(x, zeros({2, 2, 2, 2})); });
  expect_error<ShapeError>(
      "grid_sample", want + "[1, 2, 0, 4] and [1, 2, 2, 2]", [&] { grid_sample(zeros({1, 2, 0, 4}), grid); });
  expect_error<DTypeError>("grid_sample", "expected tensors of one dtype, got float32 and float64", [&] {
    grid_sample(x, cast(grid, float64));
  });
  expect_error<ArgumentError>("grid_sample", "expected cubic for two spatial axes, got three", [&] {
    grid_sample(zeros({1, 1, 2, 2, 2}), zeros({1, 1, 1, 1, 3}), {.mode = GridMode::cubic});
  });
  expect_error<ShapeError>("affine_grid",
                           "expected theta [N, 2, 3] and a size [N, C, H, W], or [N, 3, 4] and [N, "
                           "C, D, H, W], got [1, 2, 3] and [2, 1, 4, 4]",
                           [&] { affine_grid(zeros({1, 2, 3}), {2, 1, 4, 4}); });
  expect_error<ArgumentError>(
      "affine_grid", "expected sizes >= 1, got [1, 1, 0, 4]", [&] { affine_grid(zeros({1, 2, 3}), {1, 1, 0, 4}); });
}

}  // namespace
}  // namespace gradus

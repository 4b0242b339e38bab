#include "checks.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/norm.h>
#include <gradus/ops/registry.h>
#include <gradus/ops/shape.h>

#include <gtest/gtest.h>

#include <cmath>
#include <string_view>
#include <vector>

namespace gradus {
namespace {

using namespace ops_test;

/// Rows of `length` neighbours of x, each less its mean (if asked) and divided by the root of what is left.
Tensor by_definition(const Tensor& x, std::size_t length, double eps, bool centred = true) {
  std::vector<double> v = x.to_vector();
  const auto n = static_cast<double>(length);
  for (std::size_t first = 0; first < v.size(); first += length) {
    double mean = 0, square = 0;
    for (std::size_t i = first; i < first + length; ++i) mean += centred ? v[i] / n : 0;
    for (std::size_t i = first; i < first + length; ++i) square += (v[i] - mean) * (v[i] - mean) / n;
    for (std::size_t i = first; i < first + length; ++i) v[i] = (v[i] - mean) / std::sqrt(square + eps);
  }
  return from_vector(v, x.shape());
}

TEST(LayerNorm, OverTheLastDimensions) {
  const Tensor x = 2 * draw({4, 3, 5}) + 1;
  for (const double eps : {1e-5, 0.3}) {
    expect_near(layer_norm(x, {5}, {}, {}, eps), by_definition(x, 5, eps));
    expect_near(layer_norm(x, {3, 5}, {}, {}, eps), by_definition(x, 15, eps));
    expect_near(rms_norm(x, {5}, {}, eps), by_definition(x, 5, eps, false));
  }
  expect_near(layer_norm(x, {5}), by_definition(x, 5, 1e-5), 1e-14);
  expect_near(rms_norm(x, {5}), by_definition(x, 5, 1e-5, false), 1e-14);
  const Tensor w = draw({5}, 4), b = draw({5}, 5), y = layer_norm(x, {5});
  expect_near(layer_norm(x, {5}, w, b), y * w + b);
  expect_near(layer_norm(x, {5}, w), y * w);
  expect_near(layer_norm(x, {5}, {}, b), y + b);
  expect_near(rms_norm(x, {5}, w), rms_norm(x, {5}) * w);
  expect_near(layer_norm(transpose(x), {3}), layer_norm(clone(transpose(x)), {3}));
}

TEST(GroupNorm, OverGroupsOfChannels) {
  const Tensor x = draw({2, 6, 3, 2}) + 1, w = draw({6}, 4), b = draw({6}, 5);
  const auto channel = [](const Tensor& v) { return reshape(v, {6, 1, 1}); };
  for (const std::int64_t groups : {1, 2, 3, 6}) {
    const Tensor y = by_definition(x, static_cast<std::size_t>(36 / groups), 1e-5);
    expect_near(group_norm(x, groups), y);
    expect_near(group_norm(x, groups, w, b), y * channel(w) + channel(b));
    expect_near(group_norm(x, groups, w), y * channel(w));
  }
  expect_near(group_norm(x, 2, {}, {}, 0.5), by_definition(x, 18, 0.5));
  expect_near(instance_norm(x, w, b), group_norm(x, 6, w, b));
  expect_near(instance_norm(x, {}, {}, 0.5), by_definition(x, 6, 0.5));
}

TEST(LocalResponseNorm, ByHand) {
  // Channels 1, 2, 3, 4; two of three neighbours of the first and the last.
  const Tensor x = tensor({{1.0, 2.0, 3.0, 4.0}}, float64);
  expect_near(local_response_norm(x, 3, {.alpha = 3, .beta = 1, .k = 2}),
              tensor({{1.0 / 7, 2.0 / 16, 3.0 / 31, 4.0 / 27}}, float64));
  // Of two, the one before.
  expect_near(local_response_norm(x, 2, {.alpha = 2, .beta = 0.5, .k = 0}),
              tensor({{1.0, 2 / std::sqrt(5), 3 / std::sqrt(13), 4 / 5.0}}, float64));
  expect_near(local_response_norm(x, 1), x / pow(1 + 1e-4 * square(x), 0.75));
}

TEST(LayerNorm, Errors) {
  const Tensor x = zeros({4, 6, 5});
  EXPECT_THROW(layer_norm(x, {6}), ShapeError);
  EXPECT_THROW(layer_norm(x, Shape{}), ShapeError);
  EXPECT_THROW(layer_norm(x, {5}, zeros({6})), ShapeError);
  EXPECT_THROW(layer_norm(x, {5}, {}, zeros({1})), ShapeError);
  EXPECT_THROW(layer_norm(x, {5}, {}, {}, -1), ArgumentError);
  EXPECT_THROW(layer_norm(zeros({5}, int64), {5}), DTypeError);
  EXPECT_THROW(rms_norm(x, {4}), ShapeError);
  EXPECT_THROW(rms_norm(x, {5}, {}, -1), ArgumentError);
  EXPECT_THROW(group_norm(x, 4), ShapeError);
  EXPECT_THROW(group_norm(x, 0), ArgumentError);
  EXPECT_THROW(group_norm(x, 2, zeros({5})), ShapeError);
  EXPECT_THROW(group_norm(zeros({4}), 1), ShapeError);
  EXPECT_THROW(local_response_norm(x, 0), ArgumentError);
  EXPECT_THROW(local_response_norm(zeros({4}), 1), ShapeError);
}

// The op below them is called by itself only in its examples, of rows of 4 here.
TEST(RowNorm, ChecksWhatItIsGiven) {
  int seen = 0;
  for (const OpEntry& entry : all_ops())
    if (std::string_view(entry.name) == "row_norm")
      for (const Example& example : entry.examples()) {
        if (example.label != "affine") continue;
        ++seen;
        const auto call = [&](const Shape& x, const Shape& weight, const Shape& bias) {
          example.call(std::vector<Tensor>{ones(x), ones(weight), ones(bias)});
        };
        EXPECT_NO_THROW(call({3, 4}, {4}, {4}));
        EXPECT_THROW(call({3, 5}, {4}, {4}), ShapeError);
        EXPECT_THROW(call({3, 4}, {3}, {4}), ShapeError);
        EXPECT_THROW(call({3, 4}, {4}, {5}), ShapeError);
      }
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace gradus

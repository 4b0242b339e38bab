#include "checks.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/conv.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>

#include <gtest/gtest.h>

namespace gradus {
namespace {

using namespace ops_test;

TEST(Unfold, FoldIsItsAdjoint) {
  const UnfoldOptions o{.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}};
  const Tensor x = draw({2, 3, 6, 5}, 1), columns = unfold(x, {3, 2}, o), g = draw(columns.shape(), 2);
  const Tensor back = fold(g, {6, 5}, {3, 2}, o);
  EXPECT_NEAR(sum(columns * g).item<double>(), sum(x * back).item<double>(), 1e-10);
}

TEST(Unfold, TimesTheWeightIsTheConvolution) {
  const Tensor x = draw({2, 3, 6, 5}, 1), w = draw({4, 3, 3, 2}, 2);
  const Tensor y = matmul(reshape(w, {4, 18}), unfold(x, {3, 2}));
  expect_near(reshape(y, {2, 4, 4, 4}), conv2d(x, w), 1e-12);
}

}  // namespace
}  // namespace gradus

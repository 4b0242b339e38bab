#include "checks.h"

#include <gradus/ops/random.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/runtime.h>

#include <gtest/gtest.h>

namespace gradus {
namespace {

using namespace ops_test;

TEST(Dropout, KeepsTheMean) {
  Generator generator(1);
  const std::int64_t n = 100000;
  for (const DType dtype : {float32, float64}) {
    const auto y = dropout(ones({n}, dtype), 0.2, true, generator).to_vector();
    std::int64_t zeros = 0;
    for (double v : y) {
      if (v == 0)
        ++zeros;
      else
        ASSERT_NEAR(v, 1.25, 1e-6);
    }
    EXPECT_NEAR(static_cast<double>(zeros) / static_cast<double>(n), 0.2, 0.006);
  }
}

TEST(Dropout, GradientFollowsTheMask) {
  Generator generator(2);
  const Tensor x = leaf(ones({50, 3}, float64)), y = dropout(x, 0.5, true, generator);
  EXPECT_TRUE(equal(run_rule(y, ones({50, 3}, float64), false)[0], detach(y)));
  EXPECT_TRUE(equal(run_rule(y, ones({50, 3}, float64), true)[0], detach(y)));
}

TEST(Dropout, NothingToDrop) {
  const Tensor x = leaf(ones({4}));
  EXPECT_TRUE(dropout(x, 0.5, false).is_same(x));
  EXPECT_TRUE(dropout(x, 0).is_same(x));
  const Tensor y = dropout(x, 1);
  EXPECT_TRUE(equal(detach(y), zeros({4})));
  EXPECT_TRUE(equal(run_rule(y, ones({4}), false)[0], zeros({4})));
  EXPECT_EQ(dropout(zeros({0, 3}), 0.5).shape(), (Shape{0, 3}));
}

TEST(Dropout, OneSeedOneResult) {
  const int threads = num_threads();
  const Tensor x = ones({300, 301});
  const auto run = [&](std::uint64_t seed) {
    Generator generator(seed);
    const Tensor first = dropout(x, 0.5, true, generator);
    return std::pair(first, dropout(x, 0.5, true, generator));
  };
  set_num_threads(1);
  const auto one = run(7);
  set_num_threads(2);
  const auto two = run(7);
  set_num_threads(threads);
  EXPECT_TRUE(equal(one.first, two.first));
  EXPECT_TRUE(equal(one.second, two.second));
  EXPECT_FALSE(equal(one.first, one.second));
  EXPECT_FALSE(equal(one.first, run(8).first));
  // A view of the same values gives the same.
  Generator generator(7);
  EXPECT_TRUE(equal(dropout(broadcast_to(ones({301}), {300, 301}), 0.5, true, generator), one.first));
}

TEST(Dropout, RunsAgainWithItsMask) {
  Generator generator(3);
  const Tensor x = leaf(ones({40})), y = dropout(x, 0.5, true, generator);
  const Node& node = *node_of(y);
  const Tensor again = node.op().forward(node.attributes(), std::span(&x, 1))[0];
  EXPECT_TRUE(equal(again, detach(y)));
}

TEST(Dropout, Errors) {
  expect_error<ArgumentError>("dropout", "expected p in 0..1, got 1.5", [] { dropout(ones({2}), 1.5); });
  expect_error<ArgumentError>("dropout", "expected p in 0..1, got -0.1", [] { dropout(ones({2}), -0.1); });
  expect_error<ArgumentError>("dropout", "expected p in 0..1, got nan", [] { dropout(ones({2}), std::nan("")); });
  expect_error<DTypeError>("dropout", "expected float32 or float64, got int64", [] { dropout(ones({2}, int64), 0.5); });
}

}  // namespace
}  // namespace gradus

#include "checks.h"

#include <gradus/ops/norm.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace gradus {
namespace {

using namespace ops_test;

Tensor drawn(const Shape& shape, std::uint64_t seed = 3, double mean = 0, DType dtype = float64) {
  Generator generator(seed);
  return normal(shape, mean, 1, dtype, generator);
}

struct Statistics {
  std::vector<double> mean, biased, unbiased;
};
/// By the definition, in long double.
Statistics statistics(const Tensor& x) {
  const std::int64_t channels = x.size(1), outer = x.size(0), inner = x.numel() / (outer * channels);
  const auto values = x.to_vector();
  Statistics s;
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto each = [&](auto f) {
      for (std::int64_t n = 0; n < outer; ++n)
        for (std::int64_t i = 0; i < inner; ++i)
          f(static_cast<long double>(values[static_cast<std::size_t>((n * channels + c) * inner + i)]));
    };
    const auto count = static_cast<long double>(outer * inner);
    long double sum = 0, squares = 0;
    each([&](long double v) { sum += v; });
    const long double mean = sum / count;
    each([&](long double v) { squares += (v - mean) * (v - mean); });
    s.mean.push_back(static_cast<double>(mean));
    s.biased.push_back(static_cast<double>(squares / count));
    s.unbiased.push_back(static_cast<double>(squares / (count - 1)));
  }
  return s;
}

const std::vector<Shape> kShapes{
    {5, 3}, {2, 4}, {130, 70}, {3, 2, 4}, {4, 3, 600}, {2, 3, 4, 5}, {1, 3, 2}, {3, 1}, {2, 2, 1}};

TEST(BatchNorm, ValuesAndStatistics) {
  for (const Shape& shape : kShapes) {
    const Tensor x = drawn(shape, 1, 3), w = drawn({shape[1]}, 2), b = drawn({shape[1]}, 4);
    const Statistics want = statistics(x);
    const BatchNormResult got = batch_norm(x, w, b, 0.01);
    expect_near(got.mean, from_vector(want.mean));
    expect_near(got.var, from_vector(want.unbiased));
    const auto xs = x.to_vector(), ws = w.to_vector(), bs = b.to_vector();
    const auto ys = got.y.to_vector(), plain = batch_norm(x, {}, {}, 0.01).y.to_vector();
    const auto inner = static_cast<std::size_t>(x.numel() / (shape[0] * shape[1]));
    for (std::size_t i = 0; i < xs.size(); ++i) {
      const std::size_t c = i / inner % ws.size();
      const double unit = (xs[i] - want.mean[c]) / std::sqrt(want.biased[c] + 0.01);
      ASSERT_NEAR(ys[i], ws[c] * unit + bs[c], 1e-12);
      ASSERT_NEAR(plain[i], unit, 1e-12);
    }
    expect_near(batch_norm_eval(x, got.mean, from_vector(want.biased), w, b, 0.01), got.y);
  }
}

TEST(BatchNorm, FloatStatisticsAreAccurate) {
  // A mean far from zero and many values: what loses digits in one pass, or in float sums.
  for (const Shape& shape : {Shape{50000, 3}, Shape{5, 3, 10000}}) {
    const Tensor x = drawn(shape, 5, 1000, float32);
    const Statistics want = statistics(x);
    const BatchNormResult got = batch_norm(x);
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(got.mean.to_vector()[c] / want.mean[c], 1, 1e-7);
      EXPECT_NEAR(got.var.to_vector()[c] / want.unbiased[c], 1, 1e-6);
    }
  }
  const BatchNormResult same = batch_norm(full({4, 2}, 0.1));
  EXPECT_EQ(same.var.to_vector(), (std::vector<double>{0, 0}));
  expect_near(same.y, zeros({4, 2}), 1e-5);
}

TEST(BatchNorm, FusedAndRecordedRulesAgree) {
  for (const Shape& shape : kShapes) {
    const Tensor x = leaf(drawn(shape, 1, 3)), w = leaf(drawn({shape[1]}, 2)), b = leaf(drawn({shape[1]}, 4));
    const Tensor g = drawn(shape, 5), even = broadcast_to(scalar(0.5, float64), shape);
    for (const Tensor& cotangent : {g, even}) {
      expect_rules_agree(batch_norm(x, w, b).y, cotangent, 1e-11);
      expect_rules_agree(batch_norm(x).y, cotangent, 1e-11);
      expect_rules_agree(batch_norm(x, {}, b).y, cotangent, 1e-11);
      expect_rules_agree(batch_norm(detach(x), w, b).y, cotangent, 1e-11);
      expect_rules_agree(batch_norm(x, detach(w)).y, cotangent, 1e-11);
    }
    const Tensor mean = drawn({shape[1]}, 6), var = full({shape[1]}, 0.7, float64);
    expect_rules_agree(batch_norm_eval(x, mean, var, w, b), g, 1e-11);
  }
}

TEST(BatchNorm, ReadsViews) {
  const Tensor base = drawn({4, 3, 6}, 1), x = permute(base, {2, 1, 0}), w = drawn({3}), b = drawn({3}, 5);
  expect_near(batch_norm(x, w, b).y, batch_norm(clone(x), w, b).y);
  const Tensor every_other = slice(drawn({6}, 8), 0, 0, kEnd, 2);
  expect_near(batch_norm(x, every_other, b).y, batch_norm(x, clone(every_other), b).y);
  const Tensor p = leaf(detach(x)), q = leaf(detach(every_other)), g = transpose(drawn({4, 3, 6}, 7), 0, 2);
  expect_rules_agree(batch_norm(p, q).y, g, 1e-11);
  expect_rules_agree(batch_norm_eval(p, every_other, full({3}, 2, float64), q), g, 1e-11);
}

TEST(BatchNorm, StatisticsTakeNoGradient) {
  const BatchNormResult r = batch_norm(leaf(drawn({4, 2})));
  EXPECT_TRUE(requires_grad(r.y));
  EXPECT_FALSE(requires_grad(r.mean));
  EXPECT_FALSE(requires_grad(r.var));
}

TEST(BatchNorm, SameResultWhateverTheThreads) {
  const int threads = num_threads();
  for (const Shape& shape : {Shape{300, 500}, Shape{16, 20, 31, 17}}) {
    const Tensor x = leaf(drawn(shape, 1, 0, float32)), w = leaf(drawn({shape[1]}, 2, 0, float32));
    const Tensor g = drawn(shape, 3, 0, float32);
    const auto run = [&] {
      const BatchNormResult r = batch_norm(x, w);
      const Cotangents d = run_rule(r.y, g, false);
      return std::vector<Tensor>{detach(r.y), r.mean, r.var, d[0], d[1]};
    };
    set_num_threads(1);
    const auto one = run();
    set_num_threads(2);
    const auto two = run();
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(equal(one[i], two[i])) << i;
  }
  set_num_threads(threads);
}

TEST(BatchNorm, Errors) {
  const Tensor x = zeros({4, 3});
  expect_error<ShapeError>(
      "batch_norm", "expected weight [3] for input [4, 3], got [4]", [&] { batch_norm(x, zeros({4})); });
  expect_error<ShapeError>(
      "batch_norm", "expected bias [3] for input [4, 3], got [1, 3]", [&] { batch_norm(x, {}, zeros({1, 3})); });
  expect_error<ShapeError>("batch_norm", "expected input [N, C, *], got [4]", [] { batch_norm(zeros({4})); });
  expect_error<ArgumentError>("batch_norm", "expected at least 2 values a channel in training, got 1 in [1, 3]", [] {
    batch_norm(zeros({1, 3}));
  });
  expect_error<ArgumentError>("batch_norm", "expected at least 2 values a channel in training, got 0 in [0, 3, 2]", [] {
    batch_norm(zeros({0, 3, 2}));
  });
  expect_error<ArgumentError>("batch_norm", "expected eps >= 0, got -1", [&] { batch_norm(x, {}, {}, -1); });
  expect_error<DTypeError>("batch_norm", "expected tensors of one dtype, got float32 and float64", [&] {
    batch_norm(x, zeros({3}, float64));
  });
  expect_error<DTypeError>(
      "batch_norm", "expected float32 or float64, got int64", [] { batch_norm(zeros({4, 3}, int64)); });
  expect_error<ShapeError>("batch_norm_eval", "expected mean [3] for input [4, 3], got [2]", [&] {
    batch_norm_eval(x, zeros({2}), ones({3}));
  });
  EXPECT_EQ(batch_norm_eval(zeros({1, 3}), zeros({3}), ones({3})).shape(), (Shape{1, 3}));
}

}  // namespace
}  // namespace gradus

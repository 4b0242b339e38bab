#include "checks.h"

#include <gradus/ops/loss.h>
#include <gradus/ops/norm.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace gradus {
namespace {

using namespace ops_test;

constexpr std::array kReductions{Reduction::mean, Reduction::sum, Reduction::none};

Tensor draw_between(const Shape& shape, double low, double high, std::uint64_t seed = 4) {
  Generator generator(seed);
  return uniform(shape, low, high, float64, generator);
}
Tensor cotangent_of(const Tensor& y) { return draw(y.shape(), 11); }

TEST(MseLoss, ValuesAndRules) {
  for (const Shape& shape : {Shape{4, 3}, Shape{}, Shape{1, 1}, Shape{3000}}) {
    const Tensor x = leaf(draw(shape, 1)), target = leaf(draw(shape, 2));
    const auto a = x.to_vector(), b = target.to_vector();
    const auto each = mse_loss(x, target, {.reduction = Reduction::none}).to_vector();
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_NEAR(each[i], (a[i] - b[i]) * (a[i] - b[i]), 1e-14);
      sum += each[i];
    }
    EXPECT_NEAR(mse_loss(x, target, {.reduction = Reduction::sum}).item(), sum, 1e-11 * (1 + sum));
    EXPECT_NEAR(mse_loss(x, target).item(), sum / static_cast<double>(a.size()), 1e-12);
    for (const Reduction reduction : kReductions) {
      const Tensor y = mse_loss(x, target, {.reduction = reduction});
      expect_rules_agree(y, cotangent_of(y));
      expect_rules_agree(mse_loss(detach(x), target, {.reduction = reduction}), cotangent_of(y));
    }
  }
  expect_near(mse_loss(transpose(draw({3, 4})), draw({4, 3}, 5)),
              mse_loss(clone(transpose(draw({3, 4}))), draw({4, 3}, 5)));
}

TEST(MseLoss, SumsManyFloatsAccurately) {
  EXPECT_NEAR(mse_loss(full({1 << 22}, 0.1), zeros({1 << 22})).item(), 0.01, 1e-8);
}

TEST(L1Loss, ValuesAndRules) {
  const Tensor x = leaf(tensor({1.0, -2.0, 3.0, 0.5}, float64)), t = leaf(tensor({0.0, 1.0, 3.0, 2.0}, float64));
  expect_near(l1_loss(x, t, {.reduction = Reduction::none}), tensor({1.0, 3.0, 0.0, 1.5}, float64));
  EXPECT_NEAR(l1_loss(x, t).item(), 5.5 / 4, 1e-15);
  const Tensor y = l1_loss(x, t, {.reduction = Reduction::sum});
  const Cotangents d = run_rule(y, ones({}, float64), false);
  expect_near(d[0], tensor({1.0, -1.0, 0.0, -1.0}, float64));
  expect_near(d[1], tensor({-1.0, 1.0, 0.0, 1.0}, float64));
  for (const Reduction reduction : kReductions) {
    const Tensor z = l1_loss(x, t, {.reduction = reduction});
    expect_rules_agree(z, cotangent_of(z));
  }
}

TEST(BceWithLogits, ByTheDefinition) {
  const Tensor x = leaf(draw({4, 3}, 1)), t = draw_between({4, 3}, 0, 1);
  const Tensor w = draw_between({4, 1}, 0.5, 2, 6), p = draw_between({3}, 0.5, 2, 7);
  const auto xs = x.to_vector(), ts = t.to_vector(), ws = w.to_vector(), ps = p.to_vector();
  const auto y = bce_with_logits(x, t, {.weight = w, .pos_weight = p, .reduction = Reduction::none}).to_vector();
  double sum = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const double s = 1 / (1 + std::exp(-xs[i]));
    const double want = -ws[i / 3] * (ps[i % 3] * ts[i] * std::log(s) + (1 - ts[i]) * std::log(1 - s));
    EXPECT_NEAR(y[i], want, 1e-13);
    sum += want;
  }
  EXPECT_NEAR(bce_with_logits(x, t, {.weight = w, .pos_weight = p}).item(), sum / 12, 1e-13);
  for (const Reduction reduction : kReductions) {
    for (const Tensor& weight : {Tensor(), w}) {
      for (const Tensor& pos_weight : {Tensor(), p}) {
        const Tensor z = bce_with_logits(x, t, {weight, pos_weight, reduction});
        expect_rules_agree(z, cotangent_of(z));
      }
    }
  }
}

TEST(BceWithLogits, ExtremeLogits) {
  for (const DType dtype : {float32, float64}) {
    const Tensor x = leaf(tensor({1000.0, 1000.0, -1000.0, -1000.0, 0.0}, dtype));
    const Tensor t = tensor({1.0, 0.0, 1.0, 0.0, 1.0}, dtype);
    const Tensor y = bce_with_logits(x, t, {.reduction = Reduction::none});
    expect_near(y, tensor({0.0, 1000.0, 1000.0, 0.0, std::log(2.0)}, dtype), 1e-6);
    expect_near(run_rule(y, ones({5}, dtype), false)[0], tensor({0.0, 1.0, -1.0, 0.0, -0.5}, dtype), 1e-6);
  }
}

TEST(ElementLosses, Errors) {
  expect_error<ShapeError>(
      "mse_loss", "expected a target [4, 1] like the input, got [4]", [] { mse_loss(zeros({4, 1}), zeros({4})); });
  expect_error<ShapeError>(
      "l1_loss", "expected a target [4] like the input, got []", [] { l1_loss(zeros({4}), zeros({})); });
  expect_error<DTypeError>("mse_loss", "expected tensors of one dtype, got float32 and int64", [] {
    mse_loss(zeros({4}), zeros({4}, int64));
  });
  expect_error<DTypeError>(
      "mse_loss", "expected float32 or float64, got int64", [] { mse_loss(zeros({4}, int64), zeros({4}, int64)); });
  expect_error<ShapeError>("bce_with_logits", "expected a target [4] like the input, got [3]", [] {
    bce_with_logits(zeros({4}), zeros({3}));
  });
  expect_error<ShapeError>("bce_with_logits", "expected a pos_weight that broadcasts to [4, 3], got [4]", [] {
    bce_with_logits(zeros({4, 3}), zeros({4, 3}), {.pos_weight = ones({4})});
  });
}

}  // namespace
}  // namespace gradus

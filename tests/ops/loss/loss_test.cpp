#include "checks.h"

#include <gradus/ops/loss.h>
#include <gradus/ops/norm.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace gradus {
namespace {

using namespace ops_test;

constexpr std::array kReductions{Reduction::mean, Reduction::sum, Reduction::none};

Tensor draw(const Shape& shape, std::uint64_t seed = 3, DType dtype = float64) {
  Generator generator(seed);
  return normal(shape, 0, 1, dtype, generator);
}
Tensor draw_between(const Shape& shape, double low, double high, std::uint64_t seed = 4) {
  Generator generator(seed);
  return uniform(shape, low, high, float64, generator);
}
Tensor draw_labels(const Shape& shape, std::int64_t classes, std::uint64_t seed = 5) {
  Generator generator(seed);
  std::vector<std::int64_t> values(static_cast<std::size_t>(shape.numel()));
  for (auto& v : values) v = generator.below(classes);
  return from_vector(values, shape);
}
Tensor cotangent_of(const Tensor& y) { return draw(y.shape(), 11); }

// ---- cross_entropy, nll_loss ---------------------------------------------------------------------

struct Setting {
  Shape x, target;
};
const std::vector<Setting> kSettings{
    {{6, 4}, {6}}, {{4}, {}}, {{2, 4, 3}, {2, 3}}, {{2, 4, 3, 2}, {2, 3, 2}}, {{1, 4}, {1}}};

/// The losses of logarithms of probabilities by the definition, reduced.
double reference(const Tensor& logs, const Tensor& target, const CrossEntropyOptions& options) {
  const int axis = logs.rank() == 1 ? 0 : 1;
  const std::int64_t classes = logs.size(axis);
  Shape order;  // the class dimension last
  for (int d = 0; d < logs.rank(); ++d)
    if (d != axis) order.push_back(d);
  order.push_back(axis);
  const auto l = permute(logs, order).to_vector();
  const auto labels = target.to_vector<std::int64_t>();
  double sum = 0, weights = 0;
  for (std::size_t r = 0; r < labels.size(); ++r) {
    if (options.ignore_index == labels[r]) continue;
    const auto w = [&](std::int64_t c) {
      return options.weight.defined() ? options.weight.to_vector()[static_cast<std::size_t>(c)] : 1;
    };
    for (std::int64_t c = 0; c < classes; ++c) {
      const double q = (c == labels[r] ? 1 - options.label_smoothing : 0) +
                       options.label_smoothing / static_cast<double>(classes);
      sum -= q * w(c) * l[r * static_cast<std::size_t>(classes) + static_cast<std::size_t>(c)];
    }
    weights += w(labels[r]);
  }
  return options.reduction == Reduction::mean ? sum / weights : sum;
}

TEST(CrossEntropy, ByTheDefinition) {
  for (const auto& [shape, target_shape] : kSettings) {
    const Tensor x = draw(shape, 1), target = draw_labels(target_shape, 4);
    const Tensor logs = log_softmax(x, shape.rank() == 1 ? 0 : 1);
    for (const Tensor& weight : {Tensor(), draw_between({4}, 0.5, 2)}) {
      for (const std::optional<std::int64_t> ignored : {std::optional<std::int64_t>(), {-100}}) {
        for (const double smoothing : {0.0, 0.2}) {
          for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
            const CrossEntropyOptions o{weight, ignored, smoothing, reduction};
            const double want = reference(logs, target, o);
            EXPECT_NEAR(cross_entropy(x, target, o).item(), want, 1e-12);
            if (smoothing == 0) {
              EXPECT_NEAR(nll_loss(logs, target, {weight, ignored, reduction}).item(), want, 1e-12);
            }
          }
          const Tensor each =
              cross_entropy(x, target, {weight, ignored, smoothing, Reduction::none});
          EXPECT_EQ(each.shape(), target.shape());
          double sum = 0;
          for (double v : each.to_vector()) sum += v;
          EXPECT_NEAR(
              sum, reference(logs, target, {weight, ignored, smoothing, Reduction::sum}), 1e-12);
        }
      }
    }
  }
}

TEST(CrossEntropy, IgnoredLabelsCountNowhere) {
  const Tensor x = draw({4, 3}), target = tensor({0, -1, 2, -1});
  const Tensor kept_x = stack({select(x, 0, 0), select(x, 0, 2)}), kept = tensor({0, 2});
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    EXPECT_NEAR(cross_entropy(x, target, {.ignore_index = -1, .reduction = reduction}).item(),
                cross_entropy(kept_x, kept, {.reduction = reduction}).item(),
                1e-12);
  }
  const Tensor p = leaf(clone(x));
  const Tensor dx =
      run_rule(cross_entropy(p, target, {.ignore_index = -1}), ones({}, float64), false)[0];
  expect_near(select(dx, 0, 1), zeros({3}, float64));
  // Nothing counts: the mean is 0 / 0, the gradient nothing.
  const Tensor none = cross_entropy(p, full({4}, -1, int64), {.ignore_index = -1});
  EXPECT_TRUE(std::isnan(none.item()));
  expect_near(run_rule(none, ones({}, float64), false)[0], zeros({4, 3}, float64));
}

TEST(CrossEntropy, FusedAndRecordedRulesAgree) {
  for (const auto& [shape, target_shape] : kSettings) {
    const Tensor x = leaf(draw(shape, 1)), target = draw_labels(target_shape, 4);
    for (const Tensor& weight : {Tensor(), draw_between({4}, 0.5, 2)}) {
      for (const double smoothing : {0.0, 0.2}) {
        for (const Reduction reduction : kReductions) {
          const Tensor y = cross_entropy(x, target, {weight, 1, smoothing, reduction});
          expect_rules_agree(y, cotangent_of(y));
        }
      }
    }
  }
}

TEST(CrossEntropy, LabelsAsProbabilities) {
  const Tensor x = draw({5, 3, 2}), labels = draw_labels({5, 2}, 3),
               weight = draw_between({3}, 0.5, 2);
  Tensor q = zeros({5, 3, 2}, float64);
  double* values = q.mutable_data<double>();
  const auto flat = labels.to_vector<std::int64_t>();
  for (std::size_t r = 0; r < flat.size(); ++r)
    values[static_cast<std::int64_t>(r / 2) * 6 + flat[r] * 2 + static_cast<std::int64_t>(r % 2)] =
        1;
  for (const double smoothing : {0.0, 0.3}) {
    const auto with = [&](const Tensor& w, Reduction r) {
      return CrossEntropyOptions{w, {}, smoothing, r};
    };
    for (const Reduction reduction : {Reduction::sum, Reduction::none})
      expect_near(cross_entropy(x, q, with(weight, reduction)),
                  cross_entropy(x, labels, with(weight, reduction)));
    expect_near(cross_entropy(x, q, with({}, Reduction::mean)),
                cross_entropy(x, labels, with({}, Reduction::mean)));
  }
}

TEST(CrossEntropy, ExtremeLogits) {
  const Tensor x = leaf(tensor({{1000.0, 0.0, -1000.0}, {-1000.0, 0.0, 1000.0}}, float64));
  const Tensor y = cross_entropy(x, tensor({0, 0}), {.reduction = Reduction::none});
  expect_near(y, tensor({0.0, 2000.0}, float64));
  expect_near(run_rule(y, ones({2}, float64), false)[0],
              tensor({{0.0, 0.0, 0.0}, {-1.0, 0.0, 1.0}}, float64));
}

TEST(CrossEntropy, ReadsViews) {
  const Tensor x = leaf(transpose(draw({3, 5}))),
               labels = slice(draw_labels({10}, 3), 0, 0, kEnd, 2);
  const Tensor weight = slice(draw_between({6}, 0.5, 2), 0, 0, kEnd, 2);
  const Tensor y = cross_entropy(x, labels, {.weight = weight, .reduction = Reduction::none});
  expect_near(
      y,
      cross_entropy(
          clone(x), clone(labels), {.weight = clone(weight), .reduction = Reduction::none}));
  expect_rules_agree(y, broadcast_to(scalar(2, float64), {5}));
}

TEST(CrossEntropy, Errors) {
  const Tensor x = zeros({4, 10});
  expect_error<IndexError>(
      "cross_entropy", "expected labels in 0..9 (10 classes), got 12 at position 2", [&] {
        cross_entropy(x, tensor({0, 1, 12, -1}));
      });
  expect_error<IndexError>(
      "nll_loss", "expected labels in 0..9 (10 classes), got -1 at position [1, 0]", [] {
        nll_loss(zeros({2, 10, 2}), tensor({{0, 1}, {-1, 2}}));
      });
  expect_error<ShapeError>(
      "cross_entropy", "expected labels [4] for input [4, 10], got [4, 1]", [&] {
        cross_entropy(x, zeros({4, 1}, int64));
      });
  expect_error<ShapeError>("cross_entropy", "expected probabilities [4, 10], got [4]", [&] {
    cross_entropy(x, zeros({4}));
  });
  expect_error<ShapeError>("cross_entropy", "expected weight [10], got [4]", [&] {
    cross_entropy(x, zeros({4}, int64), {.weight = ones({4})});
  });
  expect_error<DTypeError>("cross_entropy", "expected labels of int64, got bool", [&] {
    cross_entropy(x, zeros({4}, boolean));
  });
  expect_error<DTypeError>(
      "nll_loss", "expected labels of int64, got float32", [&] { nll_loss(x, zeros({4})); });
  expect_error<DTypeError>(
      "cross_entropy", "expected tensors of one dtype, got float32 and float64", [&] {
        cross_entropy(x, zeros({4, 10}, float64));
      });
  expect_error<ArgumentError>("cross_entropy", "expected label_smoothing in 0..1, got 1.5", [&] {
    cross_entropy(x, zeros({4}, int64), {.label_smoothing = 1.5});
  });
  expect_error<ArgumentError>("cross_entropy",
                              "expected no ignore_index beside probabilities, got one",
                              [&] { cross_entropy(x, x, {.ignore_index = 1}); });
  expect_error<GradientError>(
      "cross_entropy", "expected a weight that requires no gradient, got one that does", [&] {
        cross_entropy(x, zeros({4}, int64), {.weight = leaf(ones({10}))});
      });
  expect_error<ShapeError>("cross_entropy", "expected input [N, C, *] or [C], got []", [] {
    cross_entropy(zeros({}), zeros({}, int64));
  });
}

TEST(CrossEntropy, ErrorsNameTheCallersLine) {
  const std::uint32_t line = __LINE__ + 2;
  try {
    cross_entropy(zeros({1, 2}), tensor({2}));
    FAIL();
  } catch (const IndexError& e) {
    EXPECT_EQ(e.site().line, line);
  }
}

// ---- losses of elements --------------------------------------------------------------------------

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
  const Tensor x = leaf(tensor({1.0, -2.0, 3.0, 0.5}, float64)),
               t = leaf(tensor({0.0, 1.0, 3.0, 2.0}, float64));
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
  const auto y = bce_with_logits(x, t, {.weight = w, .pos_weight = p, .reduction = Reduction::none})
                     .to_vector();
  double sum = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const double s = 1 / (1 + std::exp(-xs[i]));
    const double want =
        -ws[i / 3] * (ps[i % 3] * ts[i] * std::log(s) + (1 - ts[i]) * std::log(1 - s));
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
    expect_near(
        run_rule(y, ones({5}, dtype), false)[0], tensor({0.0, 1.0, -1.0, 0.0, -0.5}, dtype), 1e-6);
  }
}

TEST(ElementLosses, Errors) {
  expect_error<ShapeError>("mse_loss", "expected a target [4, 1] like the input, got [4]", [] {
    mse_loss(zeros({4, 1}), zeros({4}));
  });
  expect_error<ShapeError>("l1_loss", "expected a target [4] like the input, got []", [] {
    l1_loss(zeros({4}), zeros({}));
  });
  expect_error<DTypeError>("mse_loss", "expected tensors of one dtype, got float32 and int64", [] {
    mse_loss(zeros({4}), zeros({4}, int64));
  });
  expect_error<DTypeError>("mse_loss", "expected float32 or float64, got int64", [] {
    mse_loss(zeros({4}, int64), zeros({4}, int64));
  });
  expect_error<ShapeError>("bce_with_logits", "expected a target [4] like the input, got [3]", [] {
    bce_with_logits(zeros({4}), zeros({3}));
  });
  expect_error<ShapeError>(
      "bce_with_logits", "expected a pos_weight that broadcasts to [4, 3], got [4]", [] {
        bce_with_logits(zeros({4, 3}), zeros({4, 3}), {.pos_weight = ones({4})});
      });
}

}  // namespace
}  // namespace gradus

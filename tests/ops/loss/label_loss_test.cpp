#include "checks.h"

#include <gradus/ops/loss.h>
#include <gradus/ops/norm.h>
#include <gradus/ops/shape.h>

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
Tensor draw_labels(const Shape& shape, std::int64_t classes, std::uint64_t seed = 5) {
  Generator generator(seed);
  std::vector<std::int64_t> values(static_cast<std::size_t>(shape.numel()));
  for (auto& v : values) v = generator.below(classes);
  return from_vector(values, shape);
}
Tensor cotangent_of(const Tensor& y) { return draw(y.shape(), 11); }

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
      const double q =
          (c == labels[r] ? 1 - options.label_smoothing : 0) + options.label_smoothing / static_cast<double>(classes);
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
          const Tensor each = cross_entropy(x, target, {weight, ignored, smoothing, Reduction::none});
          EXPECT_EQ(each.shape(), target.shape());
          double sum = 0;
          for (double v : each.to_vector()) sum += v;
          EXPECT_NEAR(sum, reference(logs, target, {weight, ignored, smoothing, Reduction::sum}), 1e-12);
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
  const Tensor dx = run_rule(cross_entropy(p, target, {.ignore_index = -1}), ones({}, float64), false)[0];
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
  const Tensor x = draw({5, 3, 2}), labels = draw_labels({5, 2}, 3), weight = draw_between({3}, 0.5, 2);
  Tensor q = zeros({5, 3, 2}, float64);
  double* values = q.mutable_data<double>();
  const auto flat = labels.to_vector<std::int64_t>();
  for (std::size_t r = 0; r < flat.size(); ++r)
    values[static_cast<std::int64_t>(r / 2) * 6 + flat[r] * 2 + static_cast<std::int64_t>(r % 2)] = 1;
  for (const double smoothing : {0.0, 0.3}) {
    const auto with = [&](const Tensor& w, Reduction r) { return CrossEntropyOptions{w, {}, smoothing, r}; };
    for (const Reduction reduction : {Reduction::sum, Reduction::none})
      expect_near(cross_entropy(x, q, with(weight, reduction)), cross_entropy(x, labels, with(weight, reduction)));
    expect_near(cross_entropy(x, q, with({}, Reduction::mean)), cross_entropy(x, labels, with({}, Reduction::mean)));
  }
}

TEST(CrossEntropy, ExtremeLogits) {
  const Tensor x = leaf(tensor({{1000.0, 0.0, -1000.0}, {-1000.0, 0.0, 1000.0}}, float64));
  const Tensor y = cross_entropy(x, tensor({0, 0}), {.reduction = Reduction::none});
  expect_near(y, tensor({0.0, 2000.0}, float64));
  expect_near(run_rule(y, ones({2}, float64), false)[0], tensor({{0.0, 0.0, 0.0}, {-1.0, 0.0, 1.0}}, float64));
}

TEST(CrossEntropy, ReadsViews) {
  const Tensor x = leaf(transpose(draw({3, 5}))), labels = slice(draw_labels({10}, 3), 0, 0, kEnd, 2);
  const Tensor weight = slice(draw_between({6}, 0.5, 2), 0, 0, kEnd, 2);
  const Tensor y = cross_entropy(x, labels, {.weight = weight, .reduction = Reduction::none});
  expect_near(y, cross_entropy(clone(x), clone(labels), {.weight = clone(weight), .reduction = Reduction::none}));
  expect_rules_agree(y, broadcast_to(scalar(2, float64), {5}));
}

TEST(CrossEntropy, Errors) {
  const Tensor x = zeros({4, 10});
  expect_error<IndexError>("cross_entropy", "expected labels in 0..9 (10 classes), got 12 at position 2", [&] {
    cross_entropy(x, tensor({0, 1, 12, -1}));
  });
  expect_error<IndexError>("nll_loss", "expected labels in 0..9 (10 classes), got -1 at position [1, 0]", [] {
    nll_loss(zeros({2, 10, 2}), tensor({{0, 1}, {-1, 2}}));
  });
  expect_error<ShapeError>("cross_entropy", "expected labels [4] for input [4, 10], got [4, 1]", [&] {
    cross_entropy(x, zeros({4, 1}, int64));
  });
  expect_error<ShapeError>(
      "cross_entropy", "expected probabilities [4, 10], got [4]", [&] { cross_entropy(x, zeros({4})); });
  expect_error<ShapeError>("cross_entropy", "expected weight [10], got [4]", [&] {
    cross_entropy(x, zeros({4}, int64), {.weight = ones({4})});
  });
  expect_error<DTypeError>(
      "cross_entropy", "expected labels of int64, got bool", [&] { cross_entropy(x, zeros({4}, boolean)); });
  expect_error<DTypeError>("nll_loss", "expected labels of int64, got float32", [&] { nll_loss(x, zeros({4})); });
  expect_error<DTypeError>("cross_entropy", "expected tensors of one dtype, got float32 and float64", [&] {
    cross_entropy(x, zeros({4, 10}, float64));
  });
  expect_error<ArgumentError>("cross_entropy", "expected label_smoothing in 0..1, got 1.5", [&] {
    cross_entropy(x, zeros({4}, int64), {.label_smoothing = 1.5});
  });
  expect_error<ArgumentError>("cross_entropy", "expected no ignore_index beside probabilities, got one", [&] {
    cross_entropy(x, x, {.ignore_index = 1});
  });
  expect_error<GradientError>("cross_entropy", "expected a weight that requires no gradient, got one that does", [&] {
    cross_entropy(x, zeros({4}, int64), {.weight = leaf(ones({10}))});
  });
  expect_error<ShapeError>(
      "cross_entropy", "expected input [N, C, *] or [C], got []", [] { cross_entropy(zeros({}), zeros({}, int64)); });
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

}  // namespace
}  // namespace gradus

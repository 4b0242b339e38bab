#include "expect.h"
#include "flow.h"

#include <gradus/ops/loss.h>
#include <gradus/tensor/random.h>

#include <set>

namespace gradus {
namespace {

TEST(MultilabelMargin, ByHand) {
  // Labels 3 and 0 against classes 1 and 2: (0.4 + 0.6 + 1.1 + 1.3) / 4.
  const Tensor x = leaf(values({0.1, 0.2, 0.4, 0.8})), labels = tensor({3, 0, -1, 1});
  const Tensor y = multilabel_margin_loss(x, labels);
  EXPECT_NEAR(y.item(), 0.85, 1e-15);
  expect_tensor(ops_test::gradient(y, x), float64, {4}, {-0.5, 0.5, 0.5, -0.5}, 1e-15);
}

TEST(MultilabelMargin, ByDefinition) {
  Generator generator(1);
  const Tensor x = normal({5, 4}, 0, 2, float64, generator);
  const std::vector<std::vector<std::int64_t>> labels{
      {1, -1, 2, 3}, {-1, 0, 1, 2}, {0, 1, 2, 3}, {2, 2, -1, 0}, {3, 1, 0, -1}};
  std::vector<std::int64_t> flat;
  std::vector<double> want;
  const auto xs = x.to_vector();
  for (std::size_t n = 0; n < 5; ++n) {
    std::vector<std::int64_t> own;
    for (const std::int64_t label : labels[n]) flat.push_back(label);
    for (const std::int64_t label : labels[n]) {
      if (label < 0) break;
      own.push_back(label);
    }
    const std::set<std::int64_t> is(own.begin(), own.end());
    double sum = 0;
    for (const std::int64_t j : own)
      for (std::int64_t i = 0; i < 4; ++i)
        if (!is.contains(i))
          sum += std::max(0.0, 1 - xs[n * 4 + static_cast<std::size_t>(j)] + xs[n * 4 + static_cast<std::size_t>(i)]);
    want.push_back(sum / 4);
  }
  const Tensor y = multilabel_margin_loss(x, from_vector(flat, {5, 4}), {.reduction = Reduction::none});
  expect_tensor(y, float64, {5}, {want[0], want[1], want[2], want[3], want[4]}, 1e-14);
}

/// Infinite scores on the right side are no loss.
TEST(MultilabelMargin, Infinity) {
  const Tensor x = leaf(values({kInfinity, -kInfinity, 1, -kInfinity}));
  const Tensor y = multilabel_margin_loss(x, tensor({0, 2, -1, -1}));
  EXPECT_EQ(y.item(), 0);
  expect_tensor(ops_test::gradient(y, x), float64, {4}, {0, 0, 0, 0});
}

TEST(MultilabelMargin, Errors) {
  const Tensor x = zeros({2, 3});
  expect_error<IndexError>("multilabel_margin_loss", "expected labels in -1..2, got 3", [&] {
    multilabel_margin_loss(x, tensor({{0, 1, 2}, {3, -1, -1}}));
  });
  expect_error<IndexError>("multilabel_margin_loss", "expected labels in -1..2, got -2", [&] {
    multilabel_margin_loss(x, tensor({{0, 1, -2}, {0, -1, -1}}));
  });
  expect_error<ShapeError>("multilabel_margin_loss", "expected x and labels [N, C], or [C], got [2, 3] and [2]", [&] {
    multilabel_margin_loss(x, tensor({0, 1}));
  });
}

}  // namespace
}  // namespace gradus

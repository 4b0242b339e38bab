// Losses where a target or weight of 0 hides an infinite logarithm.

#include <gradus/autograd/backward.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/loss.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace gradus {
namespace {

using Row = std::vector<double>;
using Loss = std::function<Tensor(const Tensor& x, const Tensor& target)>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Reduction kNone = Reduction::none;

void expect_row(const Tensor& got, const Row& want, const std::string& what) {
  const Row values = got.to_vector();
  ASSERT_EQ(values.size(), want.size()) << what;
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_TRUE(values[i] == want[i] || std::abs(values[i] - want[i]) <= 1e-6 * std::abs(want[i]))
        << what << ", element " << i << ": expected " << want[i] << ", got " << values[i];
}

/// Losses of elements: their values, and the gradients of x and target, with and without recording.
void expect_loss(const Loss& f, const Row& x, const Row& target, const Row& y, const Row& dx, const Row& dt) {
  for (const DType dtype : {float32, float64}) {
    const Tensor a = leaf(cast(from_vector(x), dtype)), t = leaf(cast(from_vector(target), dtype));
    const Tensor out = f(a, t);
    expect_row(out, y, "value");
    for (const bool recorded : {false, true}) {
      const auto g = grad(f(a, t), {a, t}, ones_like(detach(out)), {.create_graph = recorded});
      expect_row(g[0], dx, recorded ? "x, recorded" : "x");
      expect_row(g[1], dt, recorded ? "target, recorded" : "target");
    }
    // With a constant target, too, for which there may be a kernel of its own.
    expect_row(grad(f(a, detach(t)), a, ones_like(detach(out))), dx, "x alone");
  }
}

TEST(BorderLosses, KlDivergenceOfWhatIsImpossible) {
  const auto plain = [](const Tensor& x, const Tensor& t) { return kl_div(x, t, {.reduction = kNone}); };
  expect_loss(plain, {-1, -kInfinity, 0}, {0, 0, 1}, {0, 0, 0}, {0, 0, -1}, {0, 0, 1});
  const auto logs = [](const Tensor& x, const Tensor& t) {
    return kl_div(x, t, {.log_target = true, .reduction = kNone});
  };
  const Row t{-kInfinity, -kInfinity, 0};
  expect_loss(logs, {-1, -kInfinity, 0}, t, {0, 0, 0}, {0, 0, -1}, {0, 0, 1});
}

TEST(BorderLosses, PoissonOfNoEvents) {
  const auto logs = [](const Tensor& x, const Tensor& t) { return poisson_nll_loss(x, t, {.reduction = kNone}); };
  expect_loss(logs, {-kInfinity, 0}, {0, 0}, {0, 1}, {0, 1}, {0, 0});
  const auto rates = [](const Tensor& x, const Tensor& t) {
    return poisson_nll_loss(x, t, {.log_input = false, .eps = 0, .reduction = kNone});
  };
  expect_loss(rates, {0, 1}, {0, 0}, {0, 1}, {1, 1}, {0, 0});
}

TEST(BorderLosses, LogitsThatAreSure) {
  const Row x{kInfinity, -kInfinity}, right{1, 0}, none{0, 0};
  const auto plain = [](const Tensor& v, const Tensor& t) { return bce_with_logits(v, t, {.reduction = kNone}); };
  expect_loss(plain, x, right, none, none, {-kInfinity, kInfinity});
  const auto weighed = [](const Tensor& v, const Tensor& t) {
    const Tensor w = full({2}, 3, v.dtype());
    return bce_with_logits(v, t, {.weight = w, .pos_weight = w * 0.1, .reduction = kNone});
  };
  expect_loss(weighed, x, right, none, none, {-kInfinity, kInfinity});
  // On the wrong side the loss is infinite, and its slope that of a line.
  expect_loss(plain, x, {0, 1}, {kInfinity, kInfinity}, {1, -1}, {-kInfinity, kInfinity});
  // What doesn't count has no loss.
  const auto uncounted = [](const Tensor& v, const Tensor& t) {
    return bce_with_logits(v, t, {.weight = zeros_like(detach(v)), .reduction = kNone});
  };
  const Tensor v = cast(from_vector(x), float32);
  expect_row(uncounted(v, cast(from_vector(Row{0, 1}), float32)), none, "weight 0");

  for (const DType dtype : {float32, float64}) {
    const Tensor logits = leaf(cast(from_vector(x, {1, 2}), dtype));
    const Tensor y = multilabel_soft_margin_loss(logits, cast(from_vector(right, {1, 2}), dtype));
    expect_row(y, {0}, "multilabel");
    expect_row(grad(y, logits), none, "multilabel, gradient");
  }
}

TEST(BorderLosses, CrossEntropyWithMaskedClasses) {
  const double two = std::log(2);
  for (const DType dtype : {float32, float64}) {
    const Tensor x = leaf(cast(from_vector(Row{0, -kInfinity, 0}, {1, 3}), dtype));
    const Tensor q = leaf(cast(from_vector(Row{0.5, 0, 0.5}, {1, 3}), dtype));
    for (const bool recorded : {false, true}) {
      const Tensor y = cross_entropy(x, q);
      expect_row(y, {two}, "probabilities");
      const auto g = grad(y, {x, q}, {}, {.create_graph = recorded});
      expect_row(g[0], {0, 0, 0}, "x");
      expect_row(g[1], {two, 0, two}, "target");
    }
    // A class of weight 0, both as the label and as one that smoothing spreads to.
    const Tensor weight = cast(from_vector(Row{1, 0, 1}), dtype);
    const Tensor y =
        cross_entropy(x, tensor({0}), {.weight = weight, .label_smoothing = 0.5, .reduction = Reduction::sum});
    expect_row(y, {two * (0.5 + 0.5 / 3 + 0.5 / 3)}, "weight");
    const Tensor logs = cast(from_vector(Row{-kInfinity, -1}, {1, 2}), dtype);
    const Tensor w = cast(from_vector(Row{0, 1}), dtype);
    const Tensor nll = nll_loss(logs, tensor({0}), {.weight = w, .reduction = Reduction::sum});
    expect_row(nll, {0}, "nll");
  }
}

TEST(BorderLosses, ProbabilitiesAtTheirEnds) {
  const auto f = [](const Tensor& x, const Tensor& t) { return bce_loss(x, t, {.reduction = kNone}); };
  // As its value is: of a logarithm that is cut off 0, elsewhere -t / x and (1 - t) / (1 - x), however large.
  expect_loss(f, {0, 1, 0, 1}, {0, 1, 1, 0}, {0, 0, 100, 100}, {1, -1, 0, 0}, {100, -100, 100, -100});
  const Tensor x = leaf(cast(from_vector(Row{1e-20}), float32));
  const Tensor t = cast(from_vector(Row{1}), float32);
  for (const bool recorded : {false, true})
    expect_row(grad(f(x, t), x, {}, {.create_graph = recorded}), {-1e20}, "1e-20");
}

TEST(BorderLosses, MarginsOfTheChosenClassAtInfinity) {
  for (const DType dtype : {float32, float64}) {
    const Tensor x = leaf(cast(from_vector(Row{kInfinity, 0, 1}, {1, 3}), dtype));
    const Tensor y = multi_margin_loss(x, tensor({0}));
    expect_row(y, {0}, "value");
    expect_row(grad(y, x), {0, 0, 0}, "gradient");
  }
}

}  // namespace
}  // namespace gradus

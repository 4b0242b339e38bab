#include "expect.h"
#include "flow.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/ctc.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/norm.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>

#include <numbers>

namespace gradus {
namespace {

using ops_test::expect_near;
using Labels = std::vector<std::int64_t>;

Tensor draw(const Shape& shape, std::uint64_t seed) {
  Generator generator(seed);
  return log_softmax(normal(shape, 0, 1, float64, generator), -1);
}
Tensor ints(const Labels& x) { return from_vector(x); }

/// Repeated classes made one, then blanks taken out.
Labels collapsed(const Labels& path, std::int64_t blank) {
  Labels y;
  for (std::size_t t = 0; t < path.size(); ++t)
    if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) y.push_back(path[t]);
  return y;
}

/// The probability of a target [steps, classes] over all paths, and for each step and class that of the paths there.
struct Enumerated {
  double total = 0;
  std::vector<double> parts;

  Enumerated(const Tensor& log_probs, const Labels& target, std::int64_t steps, std::int64_t blank) {
    const std::int64_t classes = log_probs.size(1);
    const auto p = log_probs.to_vector();
    parts.resize(static_cast<std::size_t>(log_probs.numel()));
    std::int64_t paths = 1;
    for (std::int64_t t = 0; t < steps; ++t) paths *= classes;
    for (std::int64_t i = 0; i < paths; ++i) {
      Labels path;
      double sum = 0;
      for (std::int64_t t = 0, rest = i; t < steps; ++t, rest /= classes) {
        path.push_back(rest % classes);
        sum += p[static_cast<std::size_t>(t * classes + path.back())];
      }
      if (collapsed(path, blank) != target) continue;
      total += std::exp(sum);
      for (std::int64_t t = 0; t < steps; ++t)
        parts[static_cast<std::size_t>(t * classes + path[static_cast<std::size_t>(t)])] += std::exp(sum);
    }
  }
};

TEST(Ctc, OverAllAlignments) {
  constexpr std::int64_t kSteps = 5, kClasses = 3;
  const Tensor x = draw({kSteps, kClasses}, 1);
  for (std::int64_t blank = 0; blank < kClasses; ++blank) {
    const std::int64_t a = (blank + 1) % kClasses, b = (blank + 2) % kClasses;
    for (const Labels& target : std::vector<Labels>{{}, {a}, {a, b}, {a, a}, {a, b, a}, {b, b, b}})
      for (std::int64_t steps = 0; steps <= kSteps; ++steps) {
        SCOPED_TRACE(::testing::Message() << blank << " " << target.size() << " " << steps);
        const Enumerated want(x, target, steps, blank);
        const Tensor lp = leaf(clone(x));
        const Tensor y = ctc_loss(lp,
                                  ints(target),
                                  scalar(static_cast<double>(steps), int64),
                                  scalar(static_cast<double>(target.size()), int64),
                                  {.blank = blank, .reduction = Reduction::none});
        if (want.total == 0) {
          EXPECT_EQ(y.item(), kInfinity);
        } else {
          EXPECT_NEAR(y.item(), -std::log(want.total), 1e-13);
        }
        std::vector<double> g;
        for (const double part : want.parts) g.push_back(want.total == 0 ? 0 : -part / want.total);
        expect_near(ops_test::gradient(y, lp), from_vector(g, x.shape()), 1e-13);
      }
  }
}

TEST(Ctc, BatchesOfAllLengths) {
  const Tensor x = draw({4, 3, 3}, 2);
  const Tensor steps = ints({4, 2, 3}), lengths = ints({2, 1, 0});
  // What stands beyond a length is not looked at.
  const Tensor rows = tensor({{1, 2}, {2, -7}, {99, 0}}), joined = ints({1, 2, 2});
  const CtcOptions none{.reduction = Reduction::none}, total{.reduction = Reduction::sum};
  std::vector<double> each;
  for (int n = 0; n < 3; ++n) {
    const Labels target = n == 0 ? Labels{1, 2} : n == 1 ? Labels{2} : Labels{};
    each.push_back(
        ctc_loss(contiguous(select(x, 1, n)), ints(target), select(steps, 0, n), select(lengths, 0, n), total).item());
  }
  for (const Tensor& targets : {rows, joined}) {
    expect_tensor(ctc_loss(x, targets, steps, lengths, none), float64, {3}, each, 1e-14);
    EXPECT_NEAR(ctc_loss(x, targets, steps, lengths, total).item(), each[0] + each[1] + each[2], 1e-13);
    EXPECT_NEAR(ctc_loss(x, targets, steps, lengths).item(), (each[0] / 2 + each[1] + each[2]) / 3, 1e-13);
  }
}

/// One label among T steps of even odds: T (T + 1) / 2 runs of it among 2^T paths.
TEST(Ctc, ManySteps) {
  constexpr double kSteps = 3000;
  for (const DType dtype : {float32, float64}) {
    const Tensor lp = leaf(full({3000, 1, 2}, -std::numbers::ln2, dtype));
    const Tensor y = ctc_loss(lp, tensor({{1}}), ints({3000}), ints({1}));
    const double want = kSteps * std::numbers::ln2 - std::log(kSteps * (kSteps + 1) / 2);
    EXPECT_NEAR(y.item(), want, want * (dtype == float32 ? 1e-7 : 1e-13));
    // Step 1 lies in T of these runs.
    const auto g = ops_test::gradient(y, lp).to_vector();
    EXPECT_NEAR(g[1], -2 / (kSteps + 1), 1e-6 * 2 / kSteps);
    EXPECT_NEAR(g[0] + g[1], -1, 1e-6);
  }
}

TEST(Ctc, BothWaysOfTheRuleAgree) {
  for (const DType dtype : {float32, float64}) {
    const Tensor x = leaf(cast(draw({6, 4, 3}, 3), dtype));
    // The third has no alignment, and the last no steps.
    const Tensor y = ctc_loss(x,
                              tensor({{1, 2, 1}, {2, 2, 0}, {1, 1, 1}, {0, 0, 0}}),
                              ints({6, 5, 4, 0}),
                              ints({3, 2, 3, 0}),
                              {.reduction = Reduction::none});
    expect_tensor(detach(slice(y, 0, 2)), dtype, {2}, {kInfinity, 0});
    ops_test::expect_rules_agree(y, cast(values({1, -2, 3, 4}), dtype), dtype == float32 ? 1e-5 : 1e-12);
  }
}

TEST(Ctc, ClassesThatCannotBe) {
  // Without class 2 the target 1 is the only one; probabilities 0 are infinite logarithms.
  const Tensor lp = leaf(log(tensor({{0.5, 0.5, 0.0}, {0.25, 0.75, 0.0}}, float64)));
  const Tensor length = scalar(2, int64), one = scalar(1, int64);
  const CtcOptions sum{.reduction = Reduction::sum};
  const Tensor y = ctc_loss(lp, ints({1}), length, one, sum);
  EXPECT_NEAR(y.item(), -std::log(0.875), 1e-15);
  const double a = 0.125 / 0.875, b = 0.375 / 0.875;
  for (const bool recording : {false, true})
    expect_near(ops_test::run_rule(
                    ctc_loss(reshape(lp, {2, 1, 3}), ints({1}), ints({2}), ints({1}), {.reduction = Reduction::none}),
                    ones({1}, float64),
                    recording)[0],
                from_vector(std::vector<double>{-b, -a - b, 0, -a, -b - b, 0}, {2, 1, 3}),
                1e-14);
  EXPECT_EQ(ctc_loss(lp, ints({2}), length, one, sum).item(), kInfinity);
  expect_near(ops_test::gradient(ctc_loss(lp, ints({2}), length, one, sum), lp), zeros({2, 3}, float64));
}

TEST(Ctc, ZeroInfinity) {
  const Tensor x = leaf(draw({2, 2, 3}, 4));
  const Tensor targets = tensor({{1, 1}, {1, 2}});
  const CtcOptions zero{.reduction = Reduction::none, .zero_infinity = true};
  const Tensor y = ctc_loss(x, targets, ints({2, 2}), ints({2, 2}), zero);
  const auto v = y.to_vector(), xs = x.to_vector();
  EXPECT_EQ(v[0], 0);
  EXPECT_NEAR(v[1], -xs[4] - xs[11], 1e-14);
  const auto g = ops_test::gradient(y, x).to_vector();
  for (const std::size_t i : {0U, 1U, 2U, 6U, 7U, 8U}) EXPECT_EQ(g[i], 0);
  EXPECT_NEAR(g[4], -1, 1e-14);
}

TEST(Ctc, NaNStays) {
  Tensor x = draw({3, 1, 2}, 5);
  x.mutable_data<double>()[2] = kNaN;
  EXPECT_TRUE(std::isnan(ctc_loss(x, tensor({{1}}), ints({3}), ints({1})).item()));
}

TEST(Ctc, Errors) {
  const Tensor x = zeros({4, 2, 3}), targets = tensor({{1, 2}, {1, 2}}), n = ints({2, 2});
  expect_error<IndexError>("ctc_loss", "expected targets in 0..2, got 3", [&] { ctc_loss(x, add(targets, 1), n, n); });
  expect_error<ArgumentError>(
      "ctc_loss", "expected targets other than the blank, got 2", [&] { ctc_loss(x, targets, n, n, {.blank = 2}); });
  expect_error<IndexError>(
      "ctc_loss", "expected a blank in 0..2, got 3", [&] { ctc_loss(x, targets, n, n, {.blank = 3}); });
  expect_error<ArgumentError>(
      "ctc_loss", "expected input lengths in 0..4, got 5", [&] { ctc_loss(x, targets, ints({5, 4}), n); });
  expect_error<ArgumentError>(
      "ctc_loss", "expected target lengths in 0..2, got 3", [&] { ctc_loss(x, targets, n, ints({3, 2})); });
  expect_error<ShapeError>("ctc_loss", "expected 4 targets in a row for lengths that sum up to it, got [5]", [&] {
    ctc_loss(x, ints({1, 2, 1, 2, 1}), n, n);
  });
  expect_error<ShapeError>("ctc_loss",
                           "expected log_probs [T, N, C], targets [N, S] or [sum of lengths] and lengths [N], or [T, "
                           "C], [S] and [], got [4, 2, 3], [2, 2], [3] and [2]",
                           [&] { ctc_loss(x, targets, ints({2, 2, 2}), n); });
  expect_error<DTypeError>("ctc_loss", "expected int64 targets and lengths, got float32", [&] {
    ctc_loss(x, cast(targets, float32), n, n);
  });
}

}  // namespace
}  // namespace gradus

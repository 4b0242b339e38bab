#include "expect.h"
#include "flow.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/distance.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;

const std::vector<double> kPs{0, 0.5, 1, 1.5, 2, 3, kInfinity};

double by_definition(const double* a, const double* b, std::int64_t n, double p) {
  double sum = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    const double d = std::abs(a[k] - b[k]);
    if (p == 0)
      sum += d != 0 ? 1 : 0;
    else
      sum = std::isinf(p) ? std::max(sum, d) : sum + std::pow(d, p);
  }
  return p == 0 || std::isinf(p) ? sum : std::pow(sum, 1 / p);
}

TEST(Cdist, ByDefinition) {
  const Tensor a = draw({2, 3, 5}, 1), b = draw({2, 4, 5}, 2);
  const auto as = a.to_vector(), bs = b.to_vector();
  for (const double p : kPs) {
    std::vector<double> y;
    for (std::size_t n = 0; n < 2; ++n)
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 4; ++j)
          y.push_back(by_definition(&as[(n * 3 + i) * 5], &bs[(n * 4 + j) * 5], 5, p));
    expect_near(cdist(a, b, p), from_vector(y, {2, 3, 4}));
    EXPECT_TRUE(
        all_close(cdist(cast(a, float32), cast(b, float32), p), cast(from_vector(y, {2, 3, 4}), float32), 2e-6, 0));
  }
}

TEST(Cdist, LeadingDimensionsBroadcast) {
  const Tensor a = draw({2, 1, 3, 4}, 3), b = draw({5, 2, 4}, 4);
  const Tensor y = cdist(a, b);
  EXPECT_EQ(y.shape(), (Shape{2, 5, 3, 2}));
  expect_near(contiguous(select(select(y, 0, 1), 0, 3)),
              cdist(contiguous(select(select(a, 0, 1), 0, 0)), contiguous(select(b, 0, 3))));
}

TEST(Pdist, PairsInOrder) {
  const Tensor x = draw({4, 3}, 5);
  for (const double p : kPs) {
    const auto all = cdist(x, x, p).to_vector();
    expect_near(pdist(x, p), from_vector(std::vector<double>{all[1], all[2], all[3], all[6], all[7], all[11]}));
  }
  EXPECT_EQ(pdist(zeros({1, 3})).shape(), (Shape{0}));
  EXPECT_EQ(pdist(zeros({0, 3})).shape(), (Shape{0}));
}

TEST(Cdist, BothWaysOfTheRuleAgree) {
  // Rows 0 are equal, and rows 1 agree in one element.
  Tensor a = draw({2, 3, 4}, 6), b = draw({2, 5, 4}, 7);
  Tensor row = narrow(narrow(a, 1, 0, 1), 0, 0, 1);
  copy_into(row, narrow(narrow(b, 1, 0, 1), 0, 0, 1));
  Tensor one = narrow(narrow(narrow(a, 0, 1, 1), 1, 1, 1), 2, 0, 1);
  copy_into(one, narrow(narrow(narrow(b, 0, 1, 1), 1, 1, 1), 2, 0, 1));
  for (const double p : kPs) {
    if (p == 0) continue;
    SCOPED_TRACE(p);
    ops_test::expect_rules_agree(cdist(leaf(clone(a)), leaf(clone(b)), p), draw({2, 3, 5}, 8));
  }
}

TEST(Cdist, NoGradientWhereVectorsAreEqual) {
  for (const double p : kPs) {
    if (p == 0) continue;
    const Tensor x = leaf(tensor({{1.0, 2.0}, {1.0, 2.0}, {1.0, 5.0}}, float64));
    const Tensor y = pdist(x, p);
    expect_tensor(detach(y), float64, {3}, {0, 3, 3}, 1e-15);
    // The first pair gives nothing; of the others only the second element moves.
    expect_tensor(ops_test::gradient(y, x, values({7, 1, 10})), float64, {3, 2}, {0, -1, 0, -10, 0, 11}, 1e-14);
  }
}

TEST(Cdist, InfinitePSharesAmongEqualElements) {
  const Tensor a = leaf(values({0, 0, 0})), b = values({2, -2, 1});
  const Tensor y = cdist(reshape(a, {1, 3}), reshape(b, {1, 3}), kInfinity);
  expect_tensor(ops_test::gradient(y, a), float64, {3}, {-0.5, 0.5, 0});
}

TEST(Cdist, LargeAndSmallInFloat32) {
  for (const double s : {1e30, 1e-30, 1e-40})
    for (const double p : {1.0, 2.0, 3.0, kInfinity}) {
      const Tensor a = leaf(mul(tensor({{3.0, 4.0}}), s)), b = zeros({1, 2});
      const Tensor y = cdist(a, b, p);
      const double exact = std::isinf(p) ? 4 : std::pow(std::pow(3, p) + std::pow(4, p), 1 / p);
      EXPECT_NEAR(y.to_vector()[0] / s, exact, 1e-4 * exact) << s << " " << p;
      const auto g = ops_test::gradient(y, a).to_vector();
      EXPECT_NEAR(g[1], std::isinf(p) ? 1 : std::pow(4 / exact, p - 1), 1e-4) << s << " " << p;
    }
}

TEST(Cdist, NaNAndInfinity) {
  const Tensor a = tensor({{kNaN, 1.0}, {kInfinity, 1.0}}, float64), b = zeros({1, 2}, float64);
  for (const double p : {0.5, 1.0, 2.0, 3.0, kInfinity})
    expect_tensor(cdist(a, b, p), float64, {2, 1}, {kNaN, kInfinity});
}

TEST(Cdist, Errors) {
  const Tensor x = zeros({3, 2});
  expect_error<ArgumentError>("cdist", "expected p >= 0, got -1", [&] { cdist(x, x, -1); });
  expect_error<ArgumentError>("pdist", "expected p >= 0, got nan", [&] { pdist(x, kNaN); });
  expect_error<ShapeError>(
      "cdist", "expected vectors [*, P, D] and [*, R, D], got [3, 2] and [3, 4]", [&] { cdist(x, zeros({3, 4})); });
  expect_error<ShapeError>("pdist", "expected vectors [N, D], got [3]", [&] { pdist(zeros({3})); });
}

}  // namespace
}  // namespace gradus

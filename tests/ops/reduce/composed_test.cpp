#include "expect.h"
#include "flow.h"

#include <gradus/ops/reduce.h>
#include <gradus/ops/shape.h>

namespace gradus {
namespace {

using ops_test::expect_near;
using ops_test::gradient;

TEST(Norm, OfEveryOrder) {
  const Tensor x = values({3, -4, 0});
  for (const auto& [p, want] : std::vector<std::pair<double, double>>{
           {0, 2}, {1, 7}, {2, 5}, {3, std::cbrt(91)}, {kInfinity, 4}, {-kInfinity, 0}, {-1, 0}})
    expect_tensor(norm(x, p), float64, {}, {want}, 1e-15);
  expect_tensor(norm(values({3, -4}), -1), float64, {}, {12.0 / 7}, 1e-15);
  expect_tensor(norm(values({3, kNaN}), 2), float64, {}, {kNaN});
  expect_error<ArgumentError>("norm", "expected a number p, got nan", [&] { norm(x, kNaN); });
  expect_error<ArgumentError>("norm", "expected at least one element, got [0]", [&] { norm(zeros({0}), kInfinity); });
}

TEST(Norm, HasGradientZeroAtZero) {
  for (double p : {0.5, 1.0, 1.5, 2.0, 3.0, kInfinity}) {
    const Tensor x = leaf(zeros({2}, float64));
    expect_tensor(gradient(norm(x, p), x), float64, {2}, {0, 0});
  }
  const Tensor same = leaf(full({3}, 2, float64));
  expect_tensor(gradient(stddev(same), same), float64, {3}, {0, 0, 0});
}

TEST(Norm, Normalize) {
  const Tensor x = tensor({{3.0, 4.0}, {0.0, 0.0}}, float64);
  expect_tensor(normalize(x), float64, {2, 2}, {0.6, 0.8, 0, 0}, 1e-15);
  expect_error<ArgumentError>("normalize", "expected eps >= 0, got -1", [&] { normalize(x, 2, 1, -1); });
}

TEST(Reduce, AnyAllAndCount) {
  const Tensor x = tensor({{0.0, kNaN}, {0.0, 0.0}});
  expect_tensor(any(x, 1), boolean, {2}, {1, 0});
  expect_tensor(all(x, 0), boolean, {2}, {0, 0});
  expect_tensor(count_nonzero(x), int64, {}, {1});
  expect_tensor(any(zeros({0, 2}), 0), boolean, {2}, {0, 0});
  expect_tensor(all(zeros({0, 2}), 0), boolean, {2}, {1, 1});
  expect_tensor(all(ones({2, 2}, int64)), boolean, {}, {1});
}

}  // namespace
}  // namespace gradus

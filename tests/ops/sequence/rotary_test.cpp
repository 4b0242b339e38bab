#include "expect.h"

#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/reduce.h>
#include <gradus/ops/rotary.h>
#include <gradus/ops/shape.h>

#include <complex>

namespace gradus {
namespace {

using ops_test::draw;
using ops_test::expect_near;

TEST(Rotary, PairsAreComplexNumbersTurned) {
  constexpr std::size_t kSteps = 5, kPairs = 3;
  const Tensor x = draw({kSteps, 2 * kPairs}, 1);
  const auto xs = x.to_vector();
  std::vector<double> neighbours(xs.size()), halves(xs.size());
  for (std::size_t t = 0; t < kSteps; ++t)
    for (std::size_t i = 0; i < kPairs; ++i) {
      const double angle = static_cast<double>(t) * std::pow(10000, -static_cast<double>(i) / kPairs);
      const auto turn = std::polar(1.0, angle);
      const std::size_t row = t * 2 * kPairs, a = row + 2 * i, b = row + i;
      const auto u = std::complex(xs[a], xs[a + 1]) * turn, v = std::complex(xs[b], xs[b + kPairs]) * turn;
      neighbours[a] = u.real(), neighbours[a + 1] = u.imag();
      halves[b] = v.real(), halves[b + kPairs] = v.imag();
    }
  expect_near(rotary_embedding(x, {.interleaved = true}), from_vector(neighbours, x.shape()));
  expect_near(rotary_embedding(x), from_vector(halves, x.shape()));
}

TEST(Rotary, ProductsDependOnDistances) {
  const Tensor q = draw({1, 8}, 2), k = draw({1, 8}, 3);
  const auto at = [](const Tensor& x, std::int64_t t) {
    return rotary_embedding(x, {.base = 50, .positions = from_vector(std::vector{t})});
  };
  const auto product = [&](std::int64_t m, std::int64_t n) { return sum(mul(at(q, m), at(k, n))).item(); };
  EXPECT_NEAR(product(3, 1), product(1003, 1001), 1e-12);
  EXPECT_NEAR(product(3, 1), product(0, -2), 1e-12);
  EXPECT_NEAR(sum(square(at(q, 17))).item(), sum(square(q)).item(), 1e-12);
  expect_near(at(q, 0), q);
}

TEST(Rotary, PositionsOfEachSequence) {
  const Tensor x = draw({2, 3, 2, 4}, 4);  // [N, heads, T, D]
  const Tensor positions = reshape(tensor({{0, 1}, {5, 9}}), {2, 1, 2});
  const Tensor y = rotary_embedding(x, {.positions = positions});
  expect_near(contiguous(select(y, 0, 1)),
              rotary_embedding(contiguous(select(x, 0, 1)), {.positions = tensor({5, 9})}));
  expect_near(contiguous(select(y, 0, 0)), rotary_embedding(contiguous(select(x, 0, 0))));
}

TEST(Rotary, SomeFeatures) {
  const Tensor x = draw({3, 7}, 5), y = rotary_embedding(x, {.dim = 4});
  expect_near(contiguous(narrow(y, 1, 4, 3)), contiguous(narrow(x, 1, 4, 3)));
  expect_near(contiguous(narrow(y, 1, 0, 4)), rotary_embedding(contiguous(narrow(x, 1, 0, 4))));
  expect_near(rotary_embedding(x, {.dim = 0}), x);
}

TEST(Rotary, Errors) {
  const Tensor x = zeros({3, 4});
  expect_error<ShapeError>(
      "rotary_embedding", "expected an even number of features, got [3, 5]", [] { rotary_embedding(zeros({3, 5})); });
  expect_error<ShapeError>("rotary_embedding", "expected x [*, T, D], got [4]", [] { rotary_embedding(zeros({4})); });
  expect_error<ArgumentError>(
      "rotary_embedding", "expected an even dim in 0..4, got 3", [&] { rotary_embedding(x, {.dim = 3}); });
  expect_error<ArgumentError>(
      "rotary_embedding", "expected a finite base > 0, got 0", [&] { rotary_embedding(x, {.base = 0}); });
  expect_error<ShapeError>("rotary_embedding", "expected positions that broadcast to [*, T] of x [3, 4], got [2]", [&] {
    rotary_embedding(x, {.positions = tensor({0, 1})});
  });
  expect_error<DTypeError>("rotary_embedding", "expected positions of int64, got float32", [&] {
    rotary_embedding(x, {.positions = tensor({0., 1., 2.})});
  });
}

}  // namespace
}  // namespace gradus

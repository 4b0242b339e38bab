#include "checks.h"

#include <gradus/ops/linalg.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>
#include <gradus/tensor/runtime.h>

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace gradus {
namespace {

using namespace ops_test;

/// Restores what a test sets.
struct Threads {
  Threads() : count(num_threads()) {}
  ~Threads() {
    set_num_threads(count);
    set_deterministic(false);
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  int count;
};

TEST(Gemm, DeterministicWhateverTheThreads) {
  const Threads restore;
  Generator generator(2);
  for (const DType dtype : {float32, float64}) {
    for (const auto [m, n, k] :
         std::vector<std::array<std::int64_t, 3>>{{128, 10, 700}, {16, 16, 4096}, {300, 190, 150}}) {
      const Tensor a = normal({m, k}, 0, 1, dtype, generator);
      const Tensor b = normal({n, k}, 0, 1, dtype, generator);
      const Tensor batch = normal({3, m, k}, 0, 1, dtype, generator);
      const auto run = [&] { return std::array{matmul(a, transpose(b)), matmul(batch, transpose(b)), linear(a, b)}; };
      set_deterministic(true);
      set_num_threads(1);
      const auto one = run();
      for (const int threads : {2, 3}) {
        set_num_threads(threads);
        const auto several = run();
        for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(equal(one[i], several[i])) << m << " " << i;
      }
      std::thread([&] { EXPECT_TRUE(equal(one[0], run()[0])); }).join();
      set_deterministic(false);
      EXPECT_TRUE(all_close(one[0], run()[0], 1e-4, 1e-3));
    }
  }
}

// ---- matmul --------------------------------------------------------------------------------------

/// By the definition, for operands of rank >= 2.
Tensor naive_matmul(const Tensor& a, const Tensor& b) {
  const auto leading = [](Shape shape) {
    shape.erase(shape.rank() - 1);
    shape.erase(shape.rank() - 1);
    return shape;
  };
  const Shape batch = broadcast_shapes(leading(a.shape()), leading(b.shape()));
  const std::int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1), count = batch.numel();
  Shape result = batch, left = batch, right = batch;
  result.push_back(m), result.push_back(n);
  left.push_back(m), left.push_back(k);
  right.push_back(k), right.push_back(n);
  const auto p = broadcast_to(a, left).to_vector(), q = broadcast_to(b, right).to_vector();
  std::vector<double> y(static_cast<std::size_t>(count * m * n));
  for (std::int64_t s = 0; s < count; ++s)
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t l = 0; l < k; ++l)
          y[static_cast<std::size_t>((s * m + i) * n + j)] +=
              p[static_cast<std::size_t>((s * m + i) * k + l)] * q[static_cast<std::size_t>((s * k + l) * n + j)];
  return from_vector(y, result);
}

TEST(Matmul, MatricesAndBatches) {
  const std::vector<std::pair<Shape, Shape>> shapes{{{3, 4}, {4, 2}},
                                                    {{1, 4}, {4, 1}},
                                                    {{3, 0}, {0, 2}},
                                                    {{0, 4}, {4, 2}},
                                                    {{2, 3, 4}, {4, 5}},
                                                    {{3, 4}, {2, 4, 5}},
                                                    {{2, 3, 4}, {2, 4, 5}},
                                                    {{2, 1, 3, 4}, {5, 4, 2}},
                                                    {{0, 3, 4}, {4, 5}},
                                                    {{1, 3, 4}, {0, 4, 5}},
                                                    {{70, 80}, {80, 90}}};
  for (const auto& [p, q] : shapes) {
    const Tensor a = draw(p, 1), b = draw(q, 2);
    expect_near(matmul(a, b), naive_matmul(a, b));
  }
}

TEST(Matmul, Vectors) {
  const Tensor a = draw({4}, 1), b = draw({4}, 2), matrix = draw({4, 3}, 3), batch = draw({2, 4, 3}, 4);
  expect_near(matmul(a, b), reshape(matmul(reshape(a, {1, 4}), reshape(b, {4, 1})), {}));
  expect_near(matmul(a, matrix), reshape(naive_matmul(reshape(a, {1, 4}), matrix), {3}));
  expect_near(matmul(transpose(matrix), b), reshape(naive_matmul(transpose(matrix), reshape(b, {4, 1})), {3}));
  expect_near(matmul(a, batch), reshape(naive_matmul(reshape(a, {1, 4}), batch), {2, 3}));
  expect_near(matmul(transpose(batch), b), reshape(naive_matmul(transpose(batch), reshape(b, {4, 1})), {2, 3}));
  EXPECT_EQ(matmul(draw({0}), draw({0})).item(), 0);
}

TEST(Matmul, ReadsViewsOfAnyStrides) {
  const Tensor x = draw({6, 8, 10}, 1), y = draw({6, 10, 8}, 2);
  const auto check = [](const Tensor& a, const Tensor& b) {
    expect_near(matmul(a, b), matmul(clone(a), clone(b)));
    const Tensor g = draw(matmul(a, b).shape(), 7);
    const Tensor p = leaf(detach(a)), q = leaf(detach(b)), c = leaf(clone(a)), d = leaf(clone(b));
    const Cotangents views = run_rule(matmul(p, q), g, false), dense = run_rule(matmul(c, d), g, false);
    expect_near(views[0], dense[0]);
    expect_near(views[1], dense[1]);
  };
  check(transpose(select(x, 0, 1)), transpose(select(y, 0, 1)));
  check(slice(select(x, 0, 0), 1, 2, 7), slice(select(y, 0, 0), 0, 2, 7));
  check(slice(select(x, 0, 0), 1, 0, kEnd, 2), slice(select(y, 0, 0), 0, 0, kEnd, 2));
  check(slice(select(x, 0, 0), 1, -1, kEnd, -1), select(y, 0, 0));
  check(transpose(x), transpose(y));
  check(permute(x, {1, 0, 2}), permute(broadcast_to(select(y, 0, 0), {8, 10, 8}), {0, 1, 2}));
  check(broadcast_to(draw({1, 10}), {8, 10}), select(y, 0, 2));
  check(broadcast_to(draw({8, 1}), {8, 10}), select(y, 0, 2));
  check(select(select(x, 1, 2), 1, 3), draw({6, 4}));  // a column as a vector
  check(draw({4, 6}), select(select(x, 1, 2), 1, 3));
  check(slice(select(x, 0, 0), 1, 3, 4), draw({1, 5}));  // a column as a matrix
  check(permute(x, {2, 0, 1}), draw({8, 3}));
}

TEST(Matmul, OneProductForABatchOfRows) {
  const Tensor x = draw({5, 7, 6}), w = draw({6, 3});
  expect_near(matmul(x, w), naive_matmul(x, w));
  expect_near(matmul(x, draw({6})), reshape(matmul(x, reshape(draw({6}), {6, 1})), {5, 7}));
}

TEST(Matmul, SavesOnlyTheFactorsNeeded) {
  const Tensor a = leaf(draw({3, 4})), b = draw({4, 2});
  const Tensor y = matmul(a, b);
  ASSERT_EQ(node_of(y)->saved().size(), 1U);
  EXPECT_EQ(node_of(y)->saved()[0].slot, 1);
}

TEST(Matmul, Errors) {
  expect_error<ShapeError>("matmul", "expected inner sizes that agree, got [3, 4] and [5, 2] (4 and 5)", [] {
    matmul(zeros({3, 4}), zeros({5, 2}));
  });
  expect_error<ShapeError>(
      "matmul", "expected inner sizes that agree, got [3] and [4] (3 and 4)", [] { matmul(zeros({3}), zeros({4})); });
  expect_error<ShapeError>(
      "matmul", "expected tensors of rank >= 1, got [] and [3]", [] { matmul(zeros({}), zeros({3})); });
  expect_error<ShapeError>("matmul",
                           "expected leading dimensions that broadcast together, got [2, 3, 4] and [3, 4, 5]",
                           [] { matmul(zeros({2, 3, 4}), zeros({3, 4, 5})); });
  expect_error<DTypeError>("matmul", "expected tensors of one dtype, got float32 and float64", [] {
    matmul(zeros({2, 2}), zeros({2, 2}, float64));
  });
  expect_error<DTypeError>(
      "matmul", "expected float32 or float64, got int64", [] { matmul(zeros({2, 2}, int64), zeros({2, 2}, int64)); });
}

TEST(Matmul, ErrorsNameTheCallersLine) {
  const std::uint32_t line = __LINE__ + 2;
  try {
    matmul(zeros({3, 4}), zeros({5, 2}));
    FAIL();
  } catch (const ShapeError& e) {
    EXPECT_EQ(e.site().line, line);
  }
}

// ---- linear --------------------------------------------------------------------------------------

TEST(Linear, IsAProductAndABias) {
  for (const Shape& shape : {Shape{5, 4}, Shape{4}, Shape{2, 3, 4}, Shape{0, 4}, Shape{1, 4}}) {
    const Tensor x = draw(shape, 1), w = draw({3, 4}, 2), b = draw({3}, 3);
    const Tensor product = matmul(x, transpose(w));
    expect_near(linear(x, w), product);
    const auto values = product.to_vector(), bias = b.to_vector(), y = linear(x, w, b).to_vector();
    ASSERT_EQ(y.size(), values.size());
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], values[i] + bias[i % 3], 1e-12);
  }
  expect_near(linear(zeros({2, 0}, float64), zeros({3, 0}, float64), draw({3})), broadcast_to(draw({3}), {2, 3}));
}

TEST(Linear, FusedAndRecordedRulesAgree) {
  struct Case {
    Tensor x, weight;
  };
  const Tensor wide = draw({4, 10}, 9);
  for (const Case& c : {Case{draw({5, 4}, 1), draw({3, 4}, 2)},
                        Case{draw({4}, 1), draw({3, 4}, 2)},
                        Case{draw({2, 3, 4}, 1), draw({3, 4}, 2)},
                        Case{draw({0, 4}, 1), draw({3, 4}, 2)},
                        Case{draw({200, 40}, 1), draw({90, 40}, 2)},
                        Case{transpose(wide), transpose(draw({4, 3}, 2))},
                        Case{slice(transpose(wide), 0, 0, kEnd, 3), draw({3, 4}, 2)},
                        Case{transpose(draw({3, 2, 4}, 1), 0, 1), draw({3, 4}, 2)}}) {
    const Tensor x = leaf(detach(c.x)), w = leaf(detach(c.weight)), b = leaf(draw({w.size(0)}, 3));
    const Tensor y = linear(x, w, b);
    expect_rules_agree(y, draw(y.shape(), 4), 1e-11);
    expect_rules_agree(y, broadcast_to(scalar(0.5, float64), y.shape()), 1e-11);
    expect_rules_agree(linear(x, w), draw(y.shape(), 4), 1e-11);
    expect_rules_agree(linear(detach(x), w, b), draw(y.shape(), 4), 1e-11);
    expect_rules_agree(linear(x, detach(w), b), draw(y.shape(), 4), 1e-11);
  }
}

TEST(Linear, SumsManyRowsAccurately) {
  const std::int64_t rows = 1 << 18;
  const Tensor b = leaf(zeros({3})), y = linear(ones({rows, 1}), ones({3, 1}), b);
  const Tensor db = run_rule(y, full({rows, 3}, 0.1), false)[2];
  EXPECT_NEAR(db.to_vector()[1] / static_cast<double>(rows), 0.1, 1e-7);
}

TEST(Linear, Errors) {
  const Tensor w = zeros({512, 784}), b = zeros({512});
  expect_error<ShapeError>(
      "linear", "expected input [*, 784], got [64, 28, 28]", [&] { linear(zeros({64, 28, 28}), w, b); });
  expect_error<ShapeError>("linear", "expected input [*, 784], got []", [&] { linear(zeros({}), w, b); });
  expect_error<ShapeError>(
      "linear", "expected weight [out, in], got [784]", [&] { linear(zeros({2, 784}), zeros({784})); });
  expect_error<ShapeError>(
      "linear", "expected bias [512], got [784]", [&] { linear(zeros({2, 784}), w, zeros({784})); });
  expect_error<DTypeError>("linear", "expected tensors of one dtype, got float32 and float64", [&] {
    linear(zeros({2, 784}), w, zeros({512}, float64));
  });
  expect_error<DTypeError>(
      "linear", "expected float32 or float64, got int64", [&] { linear(zeros({2, 784}, int64), w, b); });
}

}  // namespace
}  // namespace gradus

// What belongs to whom: the memory of results, and how many there may be.

#include "gradus/autograd/checkpoint.h"
#include "gradus/autograd/functional.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace gradus {
namespace {

Tensor vector(std::initializer_list<detail::Nested> values) { return tensor(values, float64); }

/// Writes to the first element of each in turn, which must change no other and not what is kept.
void expect_own(std::vector<Tensor> results, const std::vector<Tensor>& kept) {
  std::set<const void*> storages;
  for (const Tensor& k : kept) storages.insert(k.raw()->storage);
  for (Tensor& g : results) {
    EXPECT_TRUE(storages.insert(g.raw()->storage).second) << "shared";
    EXPECT_TRUE(g.is_contiguous());
    const std::vector<double> before = g.to_vector();
    g.mutable_data<double>()[0] += 100;
    const std::vector<double> after = g.to_vector();
    for (std::size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i], before[i] + (i == 0 ? 100 : 0));
  }
}

TEST(Results, OfGradHaveMemoryOfTheirOwn) {
  const Tensor a = leaf(vector({1.0, 2.0})), b = leaf(vector({3.0, 4.0}));
  const Tensor c = vector({5.0, 6.0}), y = a + b;
  const auto again = [&](const Tensor& r, const std::vector<Tensor>& xs, const Tensor& g) {
    return grad(r, xs, g, {.retain_graph = true});
  };
  expect_own(again(y, {a, b}, c), {c, a, b});
  expect_own(again(y, {a, a, y}, c), {c, a, b});
  expect_own(again(sum(y), {a, b}, {}), {a, b});
  expect_own(again(sum(a * b), {a, b}, {}), {a, b});
  expect_own(again(reshape(y, {2, 1}), {a, b}, reshape(c, {2, 1})), {c, a, b});
  EXPECT_TRUE(equal(c, vector({5.0, 6.0})));
}

TEST(Results, OfFunctionsHaveMemoryOfTheirOwn) {
  const Tensor a = vector({1.0, 2.0}), c = vector({5.0, 6.0});
  const auto plus = [](const Tensor& x, const Tensor& y) { return x + y; };
  const auto copy = [](const Tensor& x) { return x * 1.0; };
  expect_own(vjp(plus, {a, a}, c).second, {a, c});
  expect_own({jvp(copy, a, c).second}, {a, c});
  expect_own(grad([](const Tensor& x, const Tensor& y) { return sum(x + y); }, {a, a}), {a});
  expect_own(hvp([](const Tensor& x, const Tensor& y) { return sum(x * y); }, {a, a}, {c, c}), {a, c});
}

TEST(Results, OfBackwardHaveMemoryOfTheirOwn) {
  const Tensor a = leaf(vector({1.0, 2.0})), b = leaf(vector({3.0, 4.0}));
  const Tensor c = vector({5.0, 6.0});
  backward(a + b, c);
  expect_own({gradient(a), gradient(b)}, {a, b, c});
}

// ---- many ----------------------------------------------------------------------------------------

TEST(Many, ResultsOfACheckpoint) {
  constexpr std::size_t n = 1000;
  const Tensor x = leaf(vector({2.0}));
  const auto f = [](const Tensor& a) {
    std::vector<Tensor> ys;
    for (std::size_t i = 0; i < n; ++i) ys.push_back(a * static_cast<double>(i));
    return ys;
  };
  const std::vector<Tensor> ys = checkpoint(f, x);
  ASSERT_EQ(ys.size(), n);
  for (std::size_t i : {std::size_t{255}, std::size_t{256}, n - 1})
    EXPECT_EQ(grad(ys[i], x, {}, {.retain_graph = true}).item(), static_cast<double>(i));
  EXPECT_EQ(grad(sum(concat(ys)), x).item(), n * (n - 1) / 2);
}

TEST(Many, ResultsThanThereIsRoomForAreAnError) {
  const Tensor x = leaf(vector({2.0}));
  const auto f = [](const Tensor& a) { return std::vector<Tensor>(kMostResults + 1, a); };
  try {
    checkpoint(f, x);
    FAIL() << "no error";
  } catch (const ArgumentError& e) {
    EXPECT_NE(std::string(e.what()).find("checkpoint: expected a function with at most 65535 results, got 65536"),
              std::string::npos)
        << e.what();
  }
}

TEST(Many, TensorsAreJoined) {
  constexpr std::size_t n = 70000;
  std::vector<Tensor> xs;
  for (std::size_t i = 0; i < n; ++i) xs.push_back(full({1}, static_cast<double>(i), float64));
  EXPECT_EQ(concat(xs).numel(), n);
  EXPECT_EQ(stack(xs).shape(), (Shape{n, 1}));
  for (Tensor& x : xs) set_requires_grad(x);
  const Tensor c = arange(static_cast<std::int64_t>(n), float64);
  const auto expect_places = [&](const std::vector<Tensor>& g) {
    for (std::size_t i : {std::size_t{0}, std::size_t{32767}, std::size_t{65536}, n - 1})
      EXPECT_EQ(g[i].item(), static_cast<double>(i));
  };
  expect_places(grad(concat(xs), xs, c));
  expect_places(grad(stack(xs), xs, reshape(c, {n, 1})));
}

TEST(Many, PartsOfATensor) {
  constexpr std::int64_t n = 1000;
  const Tensor x = leaf(arange(n, float64));
  for (const auto& parts : {unbind(x), split(x, 1), chunk(x, n)}) {
    ASSERT_EQ(parts.size(), static_cast<std::size_t>(n));
    Tensor y = parts[0];
    for (std::size_t i : {std::size_t{255}, std::size_t{256}, std::size_t{999}})
      y = y + parts[i] * static_cast<double>(i);
    const std::vector<double> g = grad(sum(y), x).to_vector();
    EXPECT_EQ(g[0] + g[1], 1);
    EXPECT_EQ(g[255], 255);
    EXPECT_EQ(g[256], 256);
    EXPECT_EQ(g[999], 999);
  }
}

}  // namespace
}  // namespace gradus

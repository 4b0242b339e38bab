// Ops that take a part of a tensor: what flows back from many of them adds up in one place.

#include "close.h"

#include "gradus/autograd/backward.h"
#include "gradus/autograd/gradcheck.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <gtest/gtest.h>

#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {
namespace {

using tests::expect_close, tests::vector;

/// Where the rules of an op put what reached its input, with repeats left out.
struct Sums final : detail::OpWatch {
  explicit Sums(std::string_view op) : name(op) {}
  void end(const detail::OpCall& call) override {
    const char* const op = call.op.info.name;
    if (op != name || detail::context.backward_of != op) return;
    ++calls;
    if (places.empty() || places.back() != call.outputs[0].raw()->data) places.push_back(call.outputs[0].raw()->data);
  }
  std::string_view name;
  int calls = 0;
  std::vector<const void*> places;
};

TEST(Parts, AddUpInOnePlace) {
  constexpr std::int64_t n = 7;
  const Tensor rows = from_vector(std::vector<std::int64_t>{2, 0, 2}), at = reshape(rows, {3, 1});
  using Part = std::function<Tensor(const Tensor& x, std::int64_t i)>;
  const std::pair<const char*, Part> parts[] = {
      {"select", [](const Tensor& x, std::int64_t i) { return select(x, i % 2, i % 3); }},
      {"slice", [](const Tensor& x, std::int64_t i) { return slice(x, i % 2, i % 3, kEnd, -1 - i % 2); }},
      {"index_select", [&](const Tensor& x, std::int64_t i) { return index_select(x, i % 2, rows); }},
      {"gather", [&](const Tensor& x, std::int64_t i) { return gather(x, i % 2, at); }},
  };
  for (const auto& [name, part] : parts) {
    SCOPED_TRACE(name);
    const auto f = [&part = part](const Tensor& x) {
      Tensor y = sum(x) * 0.0;
      for (std::int64_t i = 0; i < n; ++i) y = y + sum(pow(part(x, i), 3)) * static_cast<double>(i + 1);
      return y;
    };
    const Tensor x = leaf(reshape(arange(9.0, float64), {3, 3}) * 0.25 - 1.1);
    for (const bool create_graph : {false, true}) {
      Sums sums(name);
      const Tensor g = grad(f(x), x, {}, {.create_graph = create_graph});
      EXPECT_EQ(sums.calls, n);
      EXPECT_EQ(sums.places.size(), 1U) << create_graph;
      Tensor expected = zeros_like(x);
      for (std::int64_t i = 0; i < n; ++i)
        expected = expected + grad(sum(pow(part(x, i), 3)) * static_cast<double>(i + 1), x);
      expect_close(detach(g), expected);
    }
    EXPECT_TRUE(gradcheck(f, {x}));
    EXPECT_TRUE(gradgradcheck(f, {x}));
    EXPECT_TRUE(gradgradcheck([&](const Tensor& v) { return sum(grad(f)(v) * v); }, {x}));
  }
}

TEST(Parts, LeaveWhatOthersSee) {
  const Tensor x = leaf(vector({1.0, 2.0, 3.0})), v = leaf(vector({0.0, 0.0, 0.0})), c = vector({10.0, 20.0, 30.0});
  for (const bool create_graph : {false, true}) {
    const Tensor part = select(x, 0, 1), other = select(x, 0, 1);
    const Tensor ys[] = {x + v, part, other},
                 cs[] = {c, scalar(1, float64), scalar(2, float64)};  // c reaches x and v as it is, and first
    const Tensor xs[] = {x, v};
    const auto g = grad(ys, xs, cs, {.create_graph = create_graph});
    expect_close(g[0], vector({10.0, 23.0, 30.0}));
    expect_close(g[1], vector({10.0, 20.0, 30.0}));
    expect_close(c, vector({10.0, 20.0, 30.0}));
  }
}

}  // namespace
}  // namespace gradus

// Recurrences against their formulas, step by step.

#include <gradus/autograd.h>
#include <gradus/ops/activation.h>
#include <gradus/ops/arithmetic.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/linalg.h>
#include <gradus/ops/recurrence.h>
#include <gradus/ops/shape.h>
#include <gradus/tensor/random.h>

#include <gtest/gtest.h>

#include <vector>

namespace gradus {
namespace {

Tensor draw(const Shape& shape, std::uint64_t seed) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}

constexpr std::int64_t kSteps = 7, kBatch = 3, kHidden = 20;

/// The number of step i.
std::int64_t step(std::int64_t i, bool reverse) { return reverse ? kSteps - 1 - i : i; }

LstmStates lstm_by_hand(const Tensor& x, const Tensor& w, Tensor h, Tensor c, bool reverse) {
  std::vector<Tensor> all_h(kSteps), all_c(kSteps);
  for (std::int64_t i = 0; i < kSteps; ++i) {
    const auto t = static_cast<std::size_t>(step(i, reverse));
    const auto gates = chunk(select(x, 0, step(i, reverse)) + matmul(h, transpose(w)), 4, 1);
    all_c[t] = c = sigmoid(gates[1]) * c + sigmoid(gates[0]) * tanh(gates[2]);
    all_h[t] = h = sigmoid(gates[3]) * tanh(c);
  }
  return {stack(all_h), stack(all_c)};
}

Tensor gru_by_hand(const Tensor& x, const Tensor& w, const Tensor& b, Tensor h, bool reverse) {
  std::vector<Tensor> all(kSteps);
  for (std::int64_t i = 0; i < kSteps; ++i) {
    const auto from_input = chunk(select(x, 0, step(i, reverse)), 3, 1), from_h = chunk(linear(h, w, b), 3, 1);
    const Tensor r = sigmoid(from_input[0] + from_h[0]), z = sigmoid(from_input[1] + from_h[1]);
    const Tensor n = tanh(from_input[2] + r * from_h[2]);
    all[static_cast<std::size_t>(step(i, reverse))] = h = (1 - z) * n + z * h;
  }
  return stack(all);
}

/// Both are equal, and so are their gradients from one cotangent, made with and without a tape.
void expect_same(const Tensor& got, const Tensor& want, const std::vector<Tensor>& inputs) {
  EXPECT_TRUE(all_close(got, want, 1e-13, 1e-13));
  const Tensor g = draw(got.shape(), 9);
  const auto wanted = grad(want, inputs, g, {.retain_graph = true});
  for (const bool recorded : {false, true}) {
    const auto gradients = grad(got, inputs, g, {.retain_graph = true, .create_graph = recorded});
    for (std::size_t i = 0; i < inputs.size(); ++i)
      EXPECT_TRUE(all_close(gradients[i], wanted[i], 1e-12, 1e-12)) << "input " << i << ", recorded: " << recorded;
  }
}

TEST(Recurrence, LstmIsItsFormula) {
  const Tensor x = leaf(draw({kSteps, kBatch, 4 * kHidden}, 1)), w = leaf(draw({4 * kHidden, kHidden}, 2) * 0.3);
  const Tensor h0 = leaf(draw({kBatch, kHidden}, 3)), c0 = leaf(draw({kBatch, kHidden}, 4));
  const Tensor none = zeros({kBatch, kHidden}, float64);
  for (const bool reverse : {false, true}) {
    const auto both = [](const LstmStates& s) { return concat({s.h, s.c}); };
    expect_same(both(lstm(x, w, h0, c0, reverse)), both(lstm_by_hand(x, w, h0, c0, reverse)), {x, w, h0, c0});
    expect_same(lstm(x, w, {}, c0, reverse).h, lstm_by_hand(x, w, none, c0, reverse).h, {x, w, c0});
    expect_same(lstm(x, w, {}, {}, reverse).c, lstm_by_hand(x, w, none, none, reverse).c, {x, w});
  }
}

TEST(Recurrence, GruIsItsFormula) {
  const Tensor x = leaf(draw({kSteps, kBatch, 3 * kHidden}, 1)), w = leaf(draw({3 * kHidden, kHidden}, 2) * 0.3);
  const Tensor b = leaf(draw({3 * kHidden}, 3)), h0 = leaf(draw({kBatch, kHidden}, 4));
  const Tensor none = zeros({kBatch, kHidden}, float64);
  for (const bool reverse : {false, true}) {
    expect_same(gru(x, w, b, h0, reverse), gru_by_hand(x, w, b, h0, reverse), {x, w, b, h0});
    expect_same(gru(x, w, {}, {}, reverse), gru_by_hand(x, w, {}, none, reverse), {x, w});
  }
}

}  // namespace
}  // namespace gradus

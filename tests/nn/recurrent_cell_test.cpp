// Cells against the layers, and these against their formulas.

#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gradus {
namespace {

Tensor draw(const Shape& shape, std::uint64_t seed) {
  Generator generator(seed);
  return normal(shape, 0, 1, float64, generator);
}

void expect_near(const Tensor& got, const Tensor& want) {
  EXPECT_EQ(got.shape(), want.shape());
  EXPECT_TRUE(all_close(got, want, 1e-12, 1e-12)) << "got\n" << got << "\nwant\n" << want;
}

/// Gives a cell the parameters of the first layer.
template <class C, class L>
void copy_parameters(C& cell, L& layer) {
  const auto from = nn::named_parameters(layer), to = nn::named_parameters(cell);
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i].name, to[i].name + "_l0");
    Tensor here = detach(to[i].parameter);
    copy_into(here, detach(from[i].parameter));
  }
}

template <class L, class C>
void expect_steps_of(nn::RecurrentOptions options, nn::CellOptions same) {
  options.dtype = same.dtype = float64;
  L layer(3, 4, options);
  C cell(3, 4, same);
  copy_parameters(cell, layer);
  const Tensor x = draw({5, 2, 3}, 1), h0 = draw({1, 2, 4}, 2), c0 = draw({1, 2, 4}, 3);
  constexpr bool lstm = std::is_same_v<L, nn::LSTM>;
  const nn::Recurred whole = layer(x, h0, lstm ? c0 : Tensor());
  Tensor h = select(h0, 0, 0), c = select(c0, 0, 0);
  for (std::int64_t t = 0; t < 5; ++t) {
    if constexpr (lstm) {
      const nn::CellState next = cell(select(x, 0, t), h, c);
      h = next.h, c = next.c;
    } else {
      h = cell(select(x, 0, t), h);
    }
    expect_near(h, select(whole.y, 0, t));
  }
  if (lstm) expect_near(c, select(whole.c, 0, 0));
  // Without a state it is 0, and one sample needs no batch.
  const Tensor one = select(select(x, 0, 0), 0, 1);
  expect_near(cell(one), select(select(Tensor(layer(slice(x, 0, 0, 1))), 0, 0), 0, 1));
}

TEST(RecurrentCell, StepsOfTheLayers) {
  expect_steps_of<nn::RNN, nn::RNNCell>({}, {});
  expect_steps_of<nn::RNN, nn::RNNCell>({.relu = true}, {.relu = true});
  expect_steps_of<nn::RNN, nn::RNNCell>({.bias = false}, {.bias = false});
  expect_steps_of<nn::LSTM, nn::LSTMCell>({}, {});
  expect_steps_of<nn::GRU, nn::GRUCell>({}, {});
  expect_steps_of<nn::GRU, nn::GRUCell>({.reset_after = false}, {.reset_after = false});
  expect_steps_of<nn::GRU, nn::GRUCell>({.bias = false, .reset_after = false}, {.bias = false, .reset_after = false});
}

TEST(RecurrentCell, ByTheFormulas) {
  const Tensor x = draw({2, 3}, 4), h = draw({2, 4}, 5), c = draw({2, 4}, 6);
  const auto gates = [&](const auto& cell, std::int64_t count) {
    return std::pair(split(linear(x, cell.weight_ih, cell.bias_ih), 4, 1),
                     chunk(linear(h, cell.weight_hh, cell.bias_hh), count, 1));
  };
  const nn::RNNCell rnn(3, 4, {.dtype = float64});
  const auto [ra, rb] = gates(rnn, 1);
  expect_near(nn::RNNCell(rnn)(x, h), tanh(ra[0] + rb[0]));

  nn::LSTMCell lstm(3, 4, {.dtype = float64});
  const auto [la, lb] = gates(lstm, 4);
  const Tensor next = sigmoid(la[1] + lb[1]) * c + sigmoid(la[0] + lb[0]) * tanh(la[2] + lb[2]);
  const nn::CellState state = lstm(x, h, c);
  expect_near(state.c, next);
  expect_near(state.h, sigmoid(la[3] + lb[3]) * tanh(next));

  for (const bool after : {true, false}) {
    nn::GRUCell gru(3, 4, {.reset_after = after, .dtype = float64});
    const auto [ga, gb] = gates(gru, 3);
    const Tensor r = sigmoid(ga[0] + gb[0]), z = sigmoid(ga[1] + gb[1]);
    const Tensor w = slice(gru.weight_hh, 0, 8), b = slice(gru.bias_hh, 0, 8);
    const Tensor n = tanh(ga[2] + (after ? r * gb[2] : linear(r * h, w, b)));
    expect_near(gru(x, h), (1 - z) * n + z * h);
  }
}

template <class E>
std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const E& e) {
    return e.op() + ": " + e.message();
  }
  return "no error";
}

TEST(RecurrentCell, Errors) {
  const nn::GRUCell cell(3, 4);
  nn::GRUCell gru = cell;
  EXPECT_EQ(error_of<ShapeError>([&] { gru(zeros({2, 4})); }), "gru_cell: expected input [N, 3] or [3], got [2, 4]");
  EXPECT_EQ(error_of<ShapeError>([&] { gru(zeros({2, 3}), zeros({3, 4})); }),
            "gru_cell: expected a state [2, 4], got [3, 4]");
  EXPECT_EQ(error_of<ArgumentError>([] { nn::LSTMCell(3, 0); }), "lstm_cell: expected sizes >= 1, got 3 and 0");
  EXPECT_EQ(error_of<ArgumentError>([] { nn::LSTMCell(3, 4, {.relu = true}); }),
            "lstm_cell: expected relu for an RNN only, got it for another layer");
  EXPECT_EQ(error_of<ArgumentError>([] { nn::LSTM(3, 4, {.reset_after = false}); }),
            "lstm: expected reset_after = false for a GRU only, got it for another layer");
}

TEST(RecurrentCell, StartsUniformWithinOneOverTheRootOfItsSize) {
  manual_seed(1);
  const auto check = [](const auto& module) {
    for (const Parameter& p : nn::parameters(module)) {
      const auto [least, largest] = std::ranges::minmax(p.to_vector());
      EXPECT_GE(least, -0.25);
      EXPECT_LT(least, -0.15);
      EXPECT_GT(largest, 0.15);
      EXPECT_LE(largest, 0.25);
    }
  };
  check(nn::GRUCell(3, 16));
  check(nn::LSTM(3, 16));
  check(nn::LSTMCell(3, 16));
  check(nn::RNN(3, 16, {.num_layers = 2}));
}

}  // namespace
}  // namespace gradus

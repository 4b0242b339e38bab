#pragma once

#include "gradus/nn/module.h"
#include "gradus/tensor/random.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
/// Recurrent layers.
namespace gradus::nn {

struct RecurrentOptions {
  std::int64_t num_layers = 1;
  bool bias = true;
  bool batch_first = false;  // x and y are [N, T, *]
  double dropout = 0;        // of the results of every layer but the last, in training
  bool bidirectional = false;
  bool relu = false;  // in place of tanh; of an RNN only
  /// Of a GRU only: r multiplies the product W_hn h + b_hn; otherwise h, before the product.
  bool reset_after = true;
  DType dtype = float32;
};

struct CellOptions {
  bool bias = true;
  bool relu = false;        // of an RNN only
  bool reset_after = true;  // of a GRU only
  DType dtype = float32;
};

/// What a recurrent layer gives. Where one tensor is expected, in a Sequential, it is y.
struct Recurred {
  Tensor y;  // [T, N, directions hidden], of the last layer
  Tensor h;  // [num_layers directions, N, hidden], after the last step
  Tensor c;  // of an LSTM, like h
  operator Tensor() const { return y; }
};

/// What a step leaves to the next. Where one tensor is expected, it is h.
struct CellState {
  Tensor h;
  Tensor c;  // of an LSTM
  operator Tensor() const { return h; }
};

namespace detail {

/// Parameters under names that are made when the program runs.
struct NamedParameters : std::vector<std::pair<std::string, Parameter>> {
  using key_type = std::string;
  using mapped_type = Parameter;
};

enum class Cell : std::uint8_t { rnn, lstm, gru };

struct Recurrence {
  Recurrence(Cell cell, std::int64_t input, std::int64_t hidden, const RecurrentOptions& options, Generator& generator);
  Recurred run(Arg x, const Tensor& h, const Tensor& c, bool training) const;
  std::string describe() const;

  Cell cell;
  std::int64_t input, hidden;
  RecurrentOptions options;
  NamedParameters parameters;
};

/// One step, on its own parameters.
struct Step {
  Step(Cell cell, std::int64_t input, std::int64_t hidden, const CellOptions& options, Generator& generator);
  std::string describe() const;

  Parameter weight_ih, weight_hh, bias_ih, bias_hh;

 protected:
  CellState run(Arg x, const Tensor& h, const Tensor& c) const;

 private:
  Cell kind_;
  CellOptions options_;
};

template <class Self, Cell cell>
struct RecurrentCell : Module<Self>, Step {
  RecurrentCell(std::int64_t input,
                std::int64_t hidden,
                CellOptions options = {},
                Generator& generator = default_generator())
      : Step(cell, input, hidden, options, generator) {}

  auto fields() {
    return nn::fields("weight_ih", weight_ih, "weight_hh", weight_hh, "bias_ih", bias_ih, "bias_hh", bias_hh);
  }
  std::string describe() const { return Step::describe(); }
};

template <class Self, Cell cell>
class Recurrent : public Module<Self> {
 public:
  Recurrent(std::int64_t input,
            std::int64_t hidden,
            RecurrentOptions options = {},
            Generator& generator = default_generator())
      : recurrence_(cell, input, hidden, options, generator) {}

  Recurred forward(Arg x, const Tensor& h = {}, const Tensor& c = {}) const {
    return recurrence_.run(x, h, c, training);
  }
  auto fields() { return nn::fields("", recurrence_.parameters); }
  std::string describe() const { return recurrence_.describe(); }

  bool training = true;

 private:
  Recurrence recurrence_;
};

}  // namespace detail

// Layers that go through a sequence step by step: LSTM(input, hidden, {.num_layers = 2})(x, h0, c0).
//   shapes    x [T, N, input], h0 and c0 [num_layers directions, N, hidden] or undefined for 0; weight_ih_l0
//             [gates hidden, input], weight_hh_l0 [gates hidden, hidden], bias_ih_l0 and bias_hh_l0 [gates hidden];
//             l1 for the second layer, whose input is the first one's result, l0_reverse for the way back
//   start     all uniform in +-1/sqrt(hidden)
//   errors    ArgumentError for sizes below 1 or dropout outside of 0..1; ShapeError if x, h0 or c0 doesn't fit or
//             there are no steps
// Products with the inputs of all steps are one product; each step adds one with the state.
// clang-format off

/// h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
///   source    Elman 1990, "Finding structure in time"
struct RNN : detail::Recurrent<RNN, detail::Cell::rnn> { using Recurrent::Recurrent; };
/// Gates i, f, o through sigmoid and g through tanh, rows in the order i, f, g, o: c' = f c + i g, h' = o tanh(c').
///   source    Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000 for f
struct LSTM : detail::Recurrent<LSTM, detail::Cell::lstm> { using Recurrent::Recurrent; };
/// Gates r and z through sigmoid, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), rows in the order r, z, n:
/// h' = (1 - z) n + z h. Without reset_after n = tanh(W_in x + b_in + W_hn (r h) + b_hn).
///   source    Cho et al. 2014, arXiv:1406.1078: without reset_after in version 1, with it in version 3
struct GRU : detail::Recurrent<GRU, detail::Cell::gru> { using Recurrent::Recurrent; };
// clang-format on

// One step of these layers, for loops of one's own: h = GRUCell(input, hidden)(x, h).
//   shapes    x [N, input] or [input], h and c [N, hidden] or [hidden], undefined for 0; parameters as those of the
//             layers, without _l0
//   start     all uniform in +-1/sqrt(hidden)
//   errors    ArgumentError for sizes below 1; ShapeError if x, h or c doesn't fit

/// A step of an RNN.
struct RNNCell : detail::RecurrentCell<RNNCell, detail::Cell::rnn> {
  using RecurrentCell::RecurrentCell;
  Tensor forward(Arg x, const Tensor& h = {}) const { return run(x, h, {}).h; }
};
/// A step of an LSTM.
struct LSTMCell : detail::RecurrentCell<LSTMCell, detail::Cell::lstm> {
  using RecurrentCell::RecurrentCell;
  CellState forward(Arg x, const Tensor& h = {}, const Tensor& c = {}) const { return run(x, h, c); }
};
/// A step of a GRU.
struct GRUCell : detail::RecurrentCell<GRUCell, detail::Cell::gru> {
  using RecurrentCell::RecurrentCell;
  Tensor forward(Arg x, const Tensor& h = {}) const { return run(x, h, {}).h; }
};

}  // namespace gradus::nn
GRADUS_EXPORT_END

// Recurrent layers.

#include "onnx/load/node_call.h"

#include "gradus/ops.h"

#include <fmt/format.h>

namespace gradus::onnx {
namespace {

/// One direction: weights [G H, I], [G H, H], both biases [G H] or undefined, states [N, H], peepholes [3 H].
struct Direction {
  Tensor w, r, input_bias, state_bias, h, c, peephole;
  bool is_reverse = false;
};

/// What a direction gives: all states [T, N, H], and the last ones.
struct States {
  Tensor all, h, c;
};

Tensor row(const Tensor& x, std::int64_t i) { return x.defined() ? select(x, 0, i) : Tensor(); }

Tensor product(const Tensor& x, const Tensor& weight, const Tensor& bias) { return linear(x, weight, bias); }

Tensor part(const Tensor& gates, std::int64_t i, std::int64_t hidden) {
  return gates.defined() ? narrow(gates, -1, i * hidden, hidden) : Tensor();
}

/// x + p ∘ s, or x where there is no peephole.
Tensor peeped(const Tensor& x, const Tensor& peephole, std::int64_t i, const Tensor& s, std::int64_t hidden) {
  return peephole.defined() ? x + part(peephole, i, hidden) * s : x;
}

struct Sequence {
  Tensor x;        // [T, N, I]
  Tensor lengths;  // [N] or undefined
  std::int64_t hidden;
};

/// Steps one after the other: `step(products of input t, state)` moves the state on; past a sequence's length it stays,
/// and results there are 0.
template <class Step>
States stepwise(const Sequence& s, const Direction& d, Step step) {
  const std::int64_t steps = s.x.size(0), batch = s.x.size(1);
  const Tensor nothing = zeros({batch, s.hidden}, s.x.dtype());
  States state{{}, d.h.defined() ? d.h : nothing, d.c.defined() ? d.c : nothing};
  const Tensor gates = product(s.x, d.w, d.input_bias);
  std::vector<Tensor> all(static_cast<std::size_t>(steps));
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t t = d.is_reverse ? steps - 1 - i : i;
    const Tensor h = state.h, c = state.c;
    step(select(gates, 0, t), state);
    Tensor y = state.h;
    if (s.lengths.defined()) {
      const Tensor is_inside = unsqueeze(s.lengths > static_cast<double>(t), 1);
      state.h = where(is_inside, state.h, h);
      state.c = where(is_inside, state.c, c);
      y = where(is_inside, y, nothing);
    }
    all[static_cast<std::size_t>(t)] = y;
  }
  state.all = stack(all, 0);
  return state;
}

/// i, o, f, c in rows: c' = σ(f) c + σ(i) tanh(c), h' = σ(o) tanh(c'); peepholes in the order i, o, f.
States lstm_direction(const Sequence& s, const Direction& d) {
  return stepwise(s, d, [&](const Tensor& from_input, States& state) {
    const Tensor g = from_input + product(state.h, d.r, d.state_bias);
    const auto gate = [&](std::int64_t i) { return part(g, i, s.hidden); };
    const Tensor input = sigmoid(peeped(gate(0), d.peephole, 0, state.c, s.hidden));
    const Tensor forget = sigmoid(peeped(gate(2), d.peephole, 2, state.c, s.hidden));
    state.c = forget * state.c + input * tanh(gate(3));
    state.h = sigmoid(peeped(gate(1), d.peephole, 1, state.c, s.hidden)) * tanh(state.c);
  });
}

/// z, r, h in rows: n = tanh(h + r (R h' + b)) behind the product, or tanh(h + R (r h') + b) before it.
States gru_direction(const Sequence& s, const Direction& d, bool is_behind) {
  const std::int64_t n = s.hidden;
  const Tensor r_n = narrow(d.r, 0, 2 * n, n), r_zr = narrow(d.r, 0, 0, 2 * n);
  const Tensor b_n = part(d.state_bias, 2, n);
  const Tensor b_zr = d.state_bias.defined() ? narrow(d.state_bias, -1, 0, 2 * n) : Tensor();
  return stepwise(s, d, [&](const Tensor& from_input, States& state) {
    const Tensor q = sigmoid(narrow(from_input, -1, 0, 2 * n) + product(state.h, r_zr, b_zr));
    const Tensor z = part(q, 0, n), r = part(q, 1, n);
    const Tensor more = is_behind ? r * product(state.h, r_n, b_n) : product(r * state.h, r_n, b_n);
    const Tensor fresh = tanh(part(from_input, 2, n) + more);
    state.h = fresh + z * (state.h - fresh);
  });
}

States rnn_direction(const Sequence& s, const Direction& d, bool is_relu) {
  return stepwise(s, d, [&](const Tensor& from_input, States& state) {
    const Tensor g = from_input + product(state.h, d.r, d.state_bias);
    state.h = is_relu ? relu(g) : tanh(g);
  });
}

/// Inputs of all three operators: x, W, R, B, lengths, initial states (and, of an LSTM, cells and peepholes).
template <class Run>
Tensor recurrence(NodeCall& c, Run run) {
  const bool is_batch_first = c.flag("layout");
  const Tensor x = is_batch_first ? transpose(c.in(0), 0, 1) : c.in(0);
  const Tensor &w = c.in(1), &r = c.in(2), bias = c.maybe(3), lengths = c.maybe(4), peephole = c.maybe(7);
  const std::string direction = c.text("direction", "forward");
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  if (x.rank() != 3 || w.rank() != 3 || r.rank() != 3 || w.size(0) != directions)
    c.fail(fmt::format("x of rank 3 and weights of {} directions", directions), to_string(w.shape()));
  const auto states_of = [&](std::size_t i) {
    const Tensor all = c.maybe(i);
    return all.defined() && is_batch_first ? transpose(all, 0, 1) : all;
  };
  const Tensor h = states_of(5), cell = states_of(6);
  std::vector<Tensor> all, last, cells;
  for (std::int64_t i = 0; i < directions; ++i) {
    Direction d{row(w, i), row(r, i), {}, {}, row(h, i), row(cell, i), row(peephole, i)};
    d.is_reverse = i == 1 || direction == "reverse";
    if (bias.defined()) {
      d.input_bias = narrow(row(bias, i), 0, 0, d.w.size(0));
      d.state_bias = narrow(row(bias, i), 0, d.w.size(0), d.w.size(0));
    }
    const States y = run(Sequence{x, lengths, r.size(2)}, d);
    all.push_back(y.all);
    last.push_back(y.h);
    cells.push_back(y.c);
  }
  const int axis = is_batch_first ? 1 : 0;
  c.give(1, stack(last, axis));
  c.give(2, stack(cells, axis));
  const Tensor y = stack(all, 1);  // [T, directions, N, H]
  return is_batch_first ? permute(y, {2, 0, 1, 3}) : y;
}

Tensor lstm_of(NodeCall& c) { return recurrence(c, lstm_direction); }
Tensor gru_of(NodeCall& c) {
  const bool is_behind = c.flag("linear_before_reset");
  return recurrence(c, [&](const Sequence& s, const Direction& d) { return gru_direction(s, d, is_behind); });
}
Tensor rnn_of(NodeCall& c) {
  const std::vector<std::string> names = c.texts("activations");
  const bool is_relu = !names.empty() && names[0] == "Relu";
  return recurrence(c, [&](const Sequence& s, const Direction& d) { return rnn_direction(s, d, is_relu); });
}

/// null if the activations are those that are built in.
const char* refuse_activations(const Attributes& a, std::initializer_list<std::string_view> usual) {
  const std::vector<std::string> names = a.texts("activations");
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] != *(usual.begin() + i % usual.size())) return "other activations";
  return a.flag("input_forget") ? "input_forget" : nullptr;
}
const char* refuse_lstm(const Attributes& a) { return refuse_activations(a, {"Sigmoid", "Tanh", "Tanh"}); }
const char* refuse_gru(const Attributes& a) { return refuse_activations(a, {"Sigmoid", "Tanh"}); }
const char* refuse_rnn(const Attributes& a) {
  return refuse_activations(a, {"Tanh"}) == nullptr ? nullptr : refuse_activations(a, {"Relu"});
}

// clang-format off
constexpr LoadRule kRules[] = {
    {"GRU", gru_of, "activations direction hidden_size layout linear_before_reset", refuse_gru},
    {"LSTM", lstm_of, "activations direction hidden_size input_forget layout", refuse_lstm},
    {"RNN", rnn_of, "activations direction hidden_size layout", refuse_rnn},
};
// clang-format on

}  // namespace

std::span<const LoadRule> load_sequence_rules() { return kRules; }

}  // namespace gradus::onnx

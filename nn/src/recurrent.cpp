#include "gradus/nn/recurrent.h"

#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/lambda.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/random.h"
#include "gradus/ops/recurrence.h"
#include "gradus/ops/shape.h"

#include <fmt/format.h>

#include <cmath>

namespace gradus::nn::detail {

using gradus::detail::fail;

namespace {

// What a step does with its gates, as one op for each tensor that it makes.
const auto rnn_tanh = elementwise("rnn_tanh", [](auto a, auto b) { return tanh(a + b); });
const auto gru_gate = elementwise("gru_gate", [](auto a, auto b) { return sigmoid(a + b); });
const auto gru_h_before = elementwise("gru_h_before", [](auto z, auto a, auto b, auto h) {
  const auto n = tanh(a + b);
  return n + z * (h - n);
});

constexpr const char* name_of(Cell cell) { return cell == Cell::rnn ? "rnn" : cell == Cell::lstm ? "lstm" : "gru"; }
constexpr std::int64_t gates_of(Cell cell) { return cell == Cell::rnn ? 1 : cell == Cell::lstm ? 4 : 3; }

/// All states of a layer in one direction, [T, N, hidden], and the last.
struct States {
  Tensor all;
  CellState last;
};

/// One layer in one direction.
struct Direction {
  Cell cell;
  bool relu, reset_after;
  std::int64_t hidden;
  Tensor w_ih, w_hh, b_ih, b_hh;

  /// From inputs [T, N, *] and the initial state, which is 0 where it is undefined.
  States run(const Tensor& x, const CellState& first, bool reverse) const {
    const Tensor inputs = from_inputs(x);
    const auto last = [&](const Tensor& states) { return select(states, 0, reverse ? 0 : states.size(0) - 1); };
    if (cell == Cell::lstm) {
      const auto [h, c] = lstm(inputs, w_hh, first.h, first.c, reverse);
      return {h, {last(h), last(c)}};
    }
    if (cell == Cell::gru && reset_after) {
      const Tensor h = gru(inputs, w_hh, b_hh, first.h, reverse);
      return {h, {last(h), {}}};
    }
    const std::vector<Tensor> steps = unbind(inputs, 0);
    std::vector<Tensor> results(steps.size());
    Tensor h = first.h.defined() ? first.h : zeros({x.size(1), hidden}, x.dtype());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::size_t t = reverse ? steps.size() - 1 - i : i;
      h = results[t] = cell == Cell::rnn ? rnn(steps[t], h) : gru_before(steps[t], h);
    }
    return {stack(results), {h, {}}};
  }

 private:
  /// The part of all steps' gates that comes from their inputs. Biases that only add up are added here.
  Tensor from_inputs(const Tensor& x) const {
    const bool sums = b_ih.defined() && cell != Cell::gru;
    return linear(x, w_ih, sums ? add(b_ih, b_hh) : b_ih);
  }
  Tensor rnn(const Tensor& from_input, const Tensor& h) const {
    const Tensor from_h = linear(h, w_hh);
    return relu ? gradus::relu(add(from_input, from_h)) : rnn_tanh(from_input, from_h);
  }
  Tensor gru_before(const Tensor& from_input, const Tensor& h) const {
    const std::vector<std::int64_t> parts{2 * hidden, hidden};
    const auto a = split(from_input, parts, 1), w = split(w_hh, parts, 0);
    const auto bias = b_hh.defined() ? split(b_hh, parts, 0) : std::vector<Tensor>(2);
    const auto rz = split(gru_gate(a[0], linear(h, w[0], bias[0])), hidden, 1);
    return gru_h_before(rz[1], a[1], linear(mul(rz[0], h), w[1], bias[1]), h);
  }
};

void check_options(const char* op, Cell cell, bool relu, bool reset_after) {
  if (relu && cell != Cell::rnn) fail<ArgumentError>(op, "expected relu for an RNN only, got it for another layer");
  if (!reset_after && cell != Cell::gru)
    fail<ArgumentError>(op, "expected reset_after = false for a GRU only, got it for another layer");
}

}  // namespace

Recurrence::Recurrence(
    Cell cell_, std::int64_t input_, std::int64_t hidden_, const RecurrentOptions& options_, Generator& generator)
    : cell(cell_), input(input_), hidden(hidden_), options(options_) {
  const char* op = name_of(cell);
  if (input < 1 || hidden < 1 || options.num_layers < 1)
    fail<ArgumentError>(
        op, fmt::format("expected sizes and layers >= 1, got {}, {} and {}", input, hidden, options.num_layers));
  if (!(options.dropout >= 0 && options.dropout <= 1))
    fail<ArgumentError>(op, fmt::format("expected dropout in [0, 1], got {}", options.dropout));
  check_options(op, cell, options.relu, options.reset_after);
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const std::int64_t rows = gates_of(cell) * hidden, directions = options.bidirectional ? 2 : 1;
  for (std::int64_t layer = 0; layer < options.num_layers; ++layer)
    for (const char* way : {"", "_reverse"}) {
      if (*way != '\0' && !options.bidirectional) continue;
      const auto draw = [&](const char* what, const Shape& shape) {
        parameters.emplace_back(fmt::format("{}_l{}{}", what, layer, way),
                                uniform(shape, -bound, bound, options.dtype, generator));
      };
      draw("weight_ih", {rows, layer == 0 ? input : directions * hidden});
      draw("weight_hh", {rows, hidden});
      if (!options.bias) continue;
      draw("bias_ih", {rows});
      draw("bias_hh", {rows});
    }
}

Recurred Recurrence::run(Arg x, const Tensor& h0, const Tensor& c0, bool training) const {
  const char* op = name_of(cell);
  const std::int64_t directions = options.bidirectional ? 2 : 1;
  const bool fits = x->rank() == 3 && x->size(2) == input;
  const std::int64_t steps = fits ? x->size(options.batch_first ? 1 : 0) : 0;
  if (steps == 0)
    fail<ShapeError>(op,
                     fmt::format("expected input [{}, {}] of at least 1 step, got {}",
                                 options.batch_first ? "N, T" : "T, N",
                                 input,
                                 gradus::to_string(x->shape())),
                     x.site);
  const std::int64_t n = x->size(options.batch_first ? 0 : 1);
  const Shape states{options.num_layers * directions, n, hidden};
  if (c0.defined() && cell != Cell::lstm) fail<ArgumentError>(op, "expected no c0, got one", x.site);
  for (const Tensor* given : {&h0, &c0})
    if (given->defined() && given->shape() != states)
      fail<ShapeError>(
          op,
          fmt::format("expected h0 and c0 {}, got {}", gradus::to_string(states), gradus::to_string(given->shape())),
          x.site);
  const gradus::detail::SitePin pin(x.site);
  std::vector<Tensor> h_last, c_last;
  auto parameter = parameters.begin();
  const auto next = [&]() -> Tensor { return (parameter++)->second; };
  Tensor y = options.batch_first ? transpose(x, 0, 1) : x.tensor;
  for (std::int64_t layer = 0; layer < options.num_layers; ++layer) {
    std::vector<Tensor> ways;
    for (std::int64_t way = 0; way < directions; ++way) {
      Direction direction{cell, options.relu, options.reset_after, hidden, next(), next(), {}, {}};
      if (options.bias) direction.b_ih = next(), direction.b_hh = next();
      const std::int64_t at = layer * directions + way;
      const CellState first{h0.defined() ? select(h0, 0, at) : Tensor(), c0.defined() ? select(c0, 0, at) : Tensor()};
      const States ran = direction.run(y, first, way == 1);
      ways.push_back(ran.all);
      h_last.push_back(ran.last.h);
      c_last.push_back(ran.last.c);
    }
    y = directions == 1 ? ways[0] : concat(ways, 2);
    if (layer + 1 < options.num_layers && options.dropout > 0) y = dropout(y, options.dropout, training);
  }
  return {options.batch_first ? transpose(y, 0, 1) : y, stack(h_last), cell == Cell::lstm ? stack(c_last) : Tensor()};
}

std::string Recurrence::describe() const {
  std::string text = fmt::format("{} → {}", input, hidden);
  if (options.num_layers > 1) text += fmt::format(", {} layers", options.num_layers);
  if (options.bidirectional) text += ", both ways";
  return text;
}

// ---- cells ---------------------------------------------------------------------------------------

static constexpr const char* cell_name(Cell cell) {
  return cell == Cell::rnn ? "rnn_cell" : cell == Cell::lstm ? "lstm_cell" : "gru_cell";
}

Step::Step(Cell cell, std::int64_t input, std::int64_t hidden, const CellOptions& options, Generator& generator)
    : kind_(cell), options_(options) {
  const char* op = cell_name(cell);
  if (input < 1 || hidden < 1)
    fail<ArgumentError>(op, fmt::format("expected sizes >= 1, got {} and {}", input, hidden));
  check_options(op, cell, options.relu, options.reset_after);
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const std::int64_t rows = gates_of(cell) * hidden;
  weight_ih = uniform({rows, input}, -bound, bound, options.dtype, generator);
  weight_hh = uniform({rows, hidden}, -bound, bound, options.dtype, generator);
  if (!options.bias) return;
  bias_ih = uniform({rows}, -bound, bound, options.dtype, generator);
  bias_hh = uniform({rows}, -bound, bound, options.dtype, generator);
}

CellState Step::run(Arg x, const Tensor& h, const Tensor& c) const {
  const std::int64_t input = weight_ih.size(1), hidden = weight_hh.size(1);
  const bool one = x->rank() == 1;
  if ((!one && x->rank() != 2) || x->size(-1) != input)
    fail<ShapeError>(cell_name(kind_),
                     fmt::format("expected input [N, {0}] or [{0}], got {1}", input, gradus::to_string(x->shape())),
                     x.site);
  const Shape states = one ? Shape{hidden} : Shape{x->size(0), hidden};
  for (const Tensor* given : {&h, &c})
    if (given->defined() && given->shape() != states)
      fail<ShapeError>(
          cell_name(kind_),
          fmt::format("expected a state {}, got {}", gradus::to_string(states), gradus::to_string(given->shape())),
          x.site);
  const gradus::detail::SitePin pin(x.site);
  const auto batch = [&](const Tensor& state) { return one && state.defined() ? unsqueeze(state, 0) : state; };
  const Direction direction{kind_, options_.relu, options_.reset_after, hidden, weight_ih, weight_hh, bias_ih, bias_hh};
  const Tensor inputs = one ? reshape(x, {1, 1, input}) : unsqueeze(x, 0);
  const CellState next = direction.run(inputs, {batch(h), batch(c)}, false).last;
  const auto given_back = [&](const Tensor& state) { return one && state.defined() ? squeeze(state, 0) : state; };
  return {given_back(next.h), given_back(next.c)};
}

std::string Step::describe() const { return fmt::format("{} → {}", weight_ih.size(1), weight_hh.size(1)); }

}  // namespace gradus::nn::detail

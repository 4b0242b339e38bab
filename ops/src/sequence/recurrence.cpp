#include "gradus/ops/recurrence.h"

#include "family.h"
#include "norm/optional_data.h"

#include "gradus/kernels/recurrence.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

#include <cmath>

namespace gradus {
namespace detail {
namespace {

/// Steps with `states` [T, N, H] after each.
Steps steps_of(const Tensor& states, bool reverse) { return {states.size(0), states.size(1), states.size(2), reverse}; }

/// The order in which steps flow back.
std::vector<std::int64_t> backward_steps(std::int64_t steps, bool reverse) {
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < steps; ++i) order.push_back(reverse ? i : steps - 1 - i);
  return order;
}

/// The states before each step, from those after it and the initial ones.
Tensor before(const Tensor& states, const Tensor& initial, bool reverse) {
  const Tensor first = unsqueeze(initial.defined() ? initial : zeros(select(states, 0, 0).shape(), states.dtype()), 0);
  const std::int64_t rest = states.size(0) - 1;
  return reverse ? concat({narrow(states, 0, 1, rest), first}, 0) : concat({first, narrow(states, 0, 0, rest)}, 0);
}

/// a + b, either of which may be undefined.
Tensor sum_of(const Tensor& a, const Tensor& b) { return !a.defined() ? b : b.defined() ? add(a, b) : a; }
Tensor step_of(const Tensor& x, std::int64_t t) { return x.defined() ? select(x, 0, t) : Tensor(); }

/// y (1 - y) and 1 - y^2
Tensor slope_of_sigmoid(const Tensor& y) { return mul(y, 1 - y); }
Tensor slope_of_tanh(const Tensor& y) { return 1 - square(y); }

bool has_infinite(const Tensor& given) {
  const Tensor x = dense(given);
  return dispatch_floating(x.dtype(), [&]<class T>() {
    int found = 0;
    for (const T *at = x.data<T>(), *end = at + x.numel(); at != end; ++at) found |= std::isinf(*at) ? 1 : 0;
    return found != 0;
  });
}
/// Numbers whose squares are finite in place of infinite ones, so that what flows back through a gate that they
/// saturate is 0.
Tensor finite(const Tensor& x) {
  if (!has_infinite(x)) return x;
  const double most = x.dtype() == float32 ? 0x1p63 : 0x1p511;
  return clamp(x, -most, most);
}

/// sum_t d_t^T h_{t-1}
Tensor weight_gradient(const Tensor& d, const Tensor& h_before) {
  return matmul(transpose(flatten(d, 0, 1)), flatten(h_before, 0, 1));
}
Tensor fused_weight_gradient(const Tensor& d, const Tensor& h0, const Tensor& h, bool reverse) {
  Tensor dweight = empty({d.size(2), h.size(2)}, h.dtype());
  dispatch_floating(h.dtype(), [&]<class T>() {
    recurrent_weight_gradient(
        steps_of(h, reverse), d.size(2), d.data<T>(), data_or_null<T>(h0), h.data<T>(), dweight.mutable_data<T>());
  });
  return dweight;
}

double flops_of_steps(const OpShapes& s, double gates) {
  const double rows = static_cast<double>(s.out[0].numel());  // T N H
  return rows * gates * (2 * static_cast<double>(s.out[0].back()) + 10);
}

/// Results: h, c and the gates behind their functions.
struct Lstm : Op {
  static constexpr OpInfo info{
      .name = "lstm", .arity = 4, .saves = Saves::input1 | Saves::input2 | Saves::input3 | Saves::output, .outputs = 3};
  bool reverse = false, has_h0 = false, has_c0 = false;
  template <class V>
  void visit(V&& v) const {
    v("reverse", reverse);
    v("has_h0", has_h0);
    v("has_c0", has_c0);
  }
  double flops(const OpShapes& s) const { return flops_of_steps(s, 4); }

  Tensors forward(const Tensor& gates, const Tensor& weight, const Tensor& h0, const Tensor& c0) const {
    const Tensor x = dense(gates), w = dense(weight), h_first = dense(h0), c_first = dense(c0);
    Tensor act = empty_like(x), h = empty({x.size(0), x.size(1), w.size(1)}, x.dtype()), c = empty_like(h);
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::lstm<T>(steps_of(h, reverse),
                       {.from_inputs = x.data<T>(),
                        .weight = w.data<T>(),
                        .h0 = data_or_null<T>(h_first),
                        .c0 = data_or_null<T>(c_first),
                        .h = h.mutable_data<T>(),
                        .c = c.mutable_data<T>(),
                        .gates = act.mutable_data<T>()});
    });
    return {h, c, act};
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor h0 = has_h0 ? p.in(2) : Tensor(), c0 = has_c0 ? p.in(3) : Tensor();
    if (is_recording() || p.all[2].defined()) return composed(p, h0, c0);
    const Tensor h = dense(p.out(0)), c = dense(p.out(1)), act = dense(p.out(2)), w = dense(finite(p.in(1)));
    const Tensor dh = dense(p.all[0]), dc = dense(p.all[1]), c_first = dense(c0);
    Cotangents d(4);
    d[0] = empty_like(act);
    if (p.needs(2)) d[2] = empty_like(select(h, 0, 0));
    if (p.needs(3)) d[3] = empty_like(select(c, 0, 0));
    dispatch_floating(h.dtype(), [&]<class T>() {
      lstm_gradient<T>(steps_of(h, reverse),
                       {.weight = w.data<T>(),
                        .c0 = data_or_null<T>(c_first),
                        .c = c.data<T>(),
                        .gates = act.data<T>(),
                        .dh = data_or_null<T>(dh),
                        .dc = data_or_null<T>(dc),
                        .dgates = d[0].mutable_data<T>(),
                        .dh0 = mutable_data_or_null<T>(d[2]),
                        .dc0 = mutable_data_or_null<T>(d[3])});
    });
    if (p.needs(1)) d[1] = fused_weight_gradient(d[0], dense(h0), h, reverse);
    return d;
  }

 private:
  /// By the formulas, over all steps at once where these don't depend on one another.
  Cotangents composed(const Pullback& p, const Tensor& h0, const Tensor& c0) const {
    const Tensor w = finite(p.in(1)), c = p.out(1), act = p.out(2);
    const auto gates = split(act, w.size(1), 2);
    const Tensor &i = gates[0], &f = gates[1], &g = gates[2], &o = gates[3];
    const Tensor t = tanh(c), of_h = mul(o, slope_of_tanh(t));
    // What dh and dc are multiplied by to give the cotangents of i, f, g (by dc) and o (by dh), before their functions.
    const Tensor by_c = concat({g, before(c, c0, reverse), i}, 2);
    const Tensor slopes = concat({slope_of_sigmoid(i), slope_of_sigmoid(f), slope_of_tanh(g), slope_of_sigmoid(o)}, 2);
    std::vector<Tensor> dgates(static_cast<std::size_t>(c.size(0)));
    Tensor dh = zeros(select(c, 0, 0).shape(), c.dtype()), dc = dh;
    for (const std::int64_t s : backward_steps(c.size(0), reverse)) {
      dh = sum_of(dh, step_of(p.all[0], s));
      dc = add(sum_of(dc, step_of(p.all[1], s)), mul(dh, step_of(of_h, s)));
      const Tensor d = concat({mul(concat({dc, dc, dc}, 1), step_of(by_c, s)), mul(dh, step_of(t, s))}, 1);
      Tensor& step = dgates[static_cast<std::size_t>(s)];
      step = mul(sum_of(d, step_of(p.all[2], s)), step_of(slopes, s));
      dh = matmul(step, w);
      dc = mul(dc, step_of(f, s));
    }
    const Tensor d = stack(dgates);
    return {d,
            p.needs(1) ? weight_gradient(d, before(p.out(0), h0, reverse)) : Tensor(),
            p.needs(2) ? dh : Tensor(),
            p.needs(3) ? dc : Tensor()};
  }
};

/// Results: h, the gates behind their functions, and q of the last third.
struct Gru : Op {
  static constexpr OpInfo info{
      .name = "gru", .arity = 4, .saves = Saves::input1 | Saves::input3 | Saves::output, .outputs = 3};
  bool reverse = false, has_h0 = false;
  template <class V>
  void visit(V&& v) const {
    v("reverse", reverse);
    v("has_h0", has_h0);
  }
  double flops(const OpShapes& s) const { return flops_of_steps(s, 3); }

  Tensors forward(const Tensor& gates, const Tensor& weight, const Tensor& bias, const Tensor& h0) const {
    const Tensor x = dense(gates), w = dense(weight), b = dense(bias), h_first = dense(h0);
    Tensor act = empty_like(x), h = empty({x.size(0), x.size(1), w.size(1)}, x.dtype()), q = empty_like(h);
    dispatch_floating(x.dtype(), [&]<class T>() {
      kernels::gru<T>(steps_of(h, reverse),
                      {.from_inputs = x.data<T>(),
                       .weight = w.data<T>(),
                       .bias = data_or_null<T>(b),
                       .h0 = data_or_null<T>(h_first),
                       .h = h.mutable_data<T>(),
                       .gates = act.mutable_data<T>(),
                       .q = q.mutable_data<T>()});
    });
    return {h, act, q};
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor h0 = has_h0 ? p.in(3) : Tensor();
    if (is_recording() || p.all[1].defined() || p.all[2].defined()) return composed(p, h0);
    const Tensor h = dense(p.out(0)), act = dense(p.out(1)), q = dense(p.out(2)), w = dense(finite(p.in(1)));
    const Tensor dh = dense(p.all[0]), h_first = dense(h0);
    Cotangents d(4);
    d[0] = empty_like(act);
    Tensor dproducts = empty_like(act);
    if (p.needs(3)) d[3] = empty_like(select(h, 0, 0));
    dispatch_floating(h.dtype(), [&]<class T>() {
      gru_gradient<T>(steps_of(h, reverse),
                      {.weight = w.data<T>(),
                       .h0 = data_or_null<T>(h_first),
                       .h = h.data<T>(),
                       .gates = act.data<T>(),
                       .q = q.data<T>(),
                       .dh = data_or_null<T>(dh),
                       .dinputs = d[0].mutable_data<T>(),
                       .dproducts = dproducts.mutable_data<T>(),
                       .dh0 = mutable_data_or_null<T>(d[3])});
    });
    if (p.needs(1)) d[1] = fused_weight_gradient(dproducts, h_first, h, reverse);
    if (p.needs(2)) d[2] = sum(flatten(dproducts, 0, 1), 0);
    return d;
  }

 private:
  Cotangents composed(const Pullback& p, const Tensor& h0) const {
    const Tensor w = finite(p.in(1)), h = p.out(0), q = finite(p.out(2)), h_before = before(h, h0, reverse);
    const auto gates = split(p.out(1), w.size(1), 2);
    const Tensor &r = gates[0], &z = gates[1], &n = gates[2];
    const auto of_gates = p.all[1].defined() ? split(p.all[1], w.size(1), 2) : std::vector<Tensor>(3);
    const Tensor rest = 1 - z, by_z = sub(h_before, n), slope_r = slope_of_sigmoid(r), slope_z = slope_of_sigmoid(z),
                 slope_n = slope_of_tanh(n);
    std::vector<Tensor> inputs(static_cast<std::size_t>(h.size(0))), products(inputs.size());
    Tensor dh = zeros(select(h, 0, 0).shape(), h.dtype());
    for (const std::int64_t s : backward_steps(h.size(0), reverse)) {
      const auto at = [s](const Tensor& x) { return step_of(x, s); };
      dh = sum_of(dh, at(p.all[0]));
      const Tensor dn = mul(sum_of(mul(dh, at(rest)), at(of_gates[2])), at(slope_n));
      const Tensor dz = mul(sum_of(mul(dh, at(by_z)), at(of_gates[1])), at(slope_z));
      const Tensor dr = mul(sum_of(mul(dn, at(q)), at(of_gates[0])), at(slope_r));
      inputs[static_cast<std::size_t>(s)] = concat({dr, dz, dn}, 1);
      Tensor& step = products[static_cast<std::size_t>(s)];
      step = concat({dr, dz, sum_of(mul(dn, at(r)), at(p.all[2]))}, 1);
      dh = add(matmul(step, w), mul(dh, at(z)));
    }
    const Tensor d = stack(products);
    return {stack(inputs),
            p.needs(1) ? weight_gradient(d, h_before) : Tensor(),
            p.needs(2) ? sum(flatten(d, 0, 1), 0) : Tensor(),
            p.needs(3) ? dh : Tensor()};
  }
};

/// Errors unless gates are [T, N, count H], at least one step, and the others fit.
void check_recurrence(const char* op,
                      std::int64_t count,
                      Arg gates,
                      const Tensor& weight,
                      const Tensor& bias,
                      std::initializer_list<const Tensor*> states) {
  check_floating(op, gates);
  check_same_dtype(op, gates, weight);
  const std::int64_t hidden = weight.rank() == 2 ? weight.size(1) : 0;
  if (gates->rank() != 3 || weight.rank() != 2 || gates->size(0) < 1 || weight.size(0) != count * hidden ||
      gates->size(2) != count * hidden)
    fail<ShapeError>(
        op,
        fmt::format("expected gates [T, N, {0} H] of at least 1 step and a weight [{0} H, H], got {1} and {2}",
                    count,
                    to_string(gates->shape()),
                    to_string(weight.shape())),
        gates.site);
  const auto check = [&](const char* what, const Tensor& x, const Shape& shape) {
    if (!x.defined()) return;
    check_same_dtype(op, gates, x);
    if (x.shape() != shape)
      fail<ShapeError>(
          op, fmt::format("expected {} {}, got {}", what, to_string(shape), to_string(x.shape())), gates.site);
  };
  check("a bias", bias, {count * hidden});
  for (const Tensor* state : states) check("initial states", *state, {gates->size(1), hidden});
}

}  // namespace
}  // namespace detail

using namespace detail;

LstmStates lstm(Arg gates, const Tensor& weight, const Tensor& h0, const Tensor& c0, bool reverse) {
  check_recurrence("lstm", 4, gates, weight, {}, {&h0, &c0});
  Lstm op;
  op.reverse = reverse;
  op.has_h0 = h0.defined();
  op.has_c0 = c0.defined();
  const Tensors states = apply(op, gates, weight, h0, c0);
  return {states[0], states[1]};
}

Tensor gru(Arg gates, const Tensor& weight, const Tensor& bias, const Tensor& h0, bool reverse) {
  check_recurrence("gru", 3, gates, weight, bias, {&h0});
  Gru op;
  op.reverse = reverse;
  op.has_h0 = h0.defined();
  return apply(op, gates, weight, bias, h0)[0];
}

namespace detail {

std::span<const OpEntry> recurrence_ops() {
  using In = std::span<const Tensor>;
  using Examples = std::vector<Example>;
  static const auto both = [](const LstmStates& s) { return stack({s.h, s.c}); };
  static const OpEntry table[] = {
      {"lstm",
       &op_class<Lstm>,
       {"c_t = f c_{t-1} + i g, h_t = o tanh(c_t), [i f g o] = act(x_t + h_{t-1} Wᵀ)",
        "that of the formula, from the last step to the first"},
       [] {
         return Examples{
             {"", {{{3, 2, 8}}, {{8, 2}}}, [](In in) { return both(lstm(in[0], in[1])); }},
             {"initial states",
              {{{2, 2, 8}}, {{8, 2}}, {{2, 2}}, {{2, 2}}},
              [](In in) { return both(lstm(in[0], in[1], in[2], in[3])); }},
             {"reverse",
              {{{3, 1, 4}}, {{4, 1}}, {{1, 1}}},
              [](In in) { return lstm(in[0], in[1], in[2], {}, true).h; }},
             {"one step", {{{1, 2, 8}}, {{8, 2}}, {{2, 2}}}, [](In in) { return lstm(in[0], in[1], {}, in[2]).c; }}};
       }},
      {"gru",
       &op_class<Gru>,
       {"h_t = n + z (h_{t-1} - n), [r z n] = [σ σ tanh](x_t + [1 1 r] q_t), q_t = h_{t-1} Wᵀ + b",
        "that of the formula, from the last step to the first"},
       [] {
         return Examples{
             {"", {{{3, 2, 6}}, {{6, 2}}}, [](In in) { return gru(in[0], in[1]); }},
             {"bias, initial state",
              {{{2, 2, 6}}, {{6, 2}}, {{6}}, {{2, 2}}},
              [](In in) { return gru(in[0], in[1], in[2], in[3]); }},
             {"reverse", {{{3, 1, 3}}, {{3, 1}}, {{3}}}, [](In in) { return gru(in[0], in[1], in[2], {}, true); }},
             {"one step", {{{1, 2, 6}}, {{6, 2}}, {{2, 2}}}, [](In in) { return gru(in[0], in[1], {}, in[2]); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "loss/loss.h"

#include "family.h"

#include "gradus/kernels/elementary.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"

#include <cmath>

// Losses of elements; those of labels are in label_loss.cpp.

namespace gradus {
namespace detail {

Tensor weighted(const Tensor& w, const Tensor& v) {
  return mul(w, where(logical_and(equal_to(w, 0), isinf(v)), 0.0, v));
}

namespace {

struct ElementLoss : Op {
  Reduction reduction = Reduction::mean;

 protected:
  /// f(0), f(1), … reduced; `like` has the elements' shape and dtype.
  template <class T, class F>
  Tensor reduce(const Tensor& like, F f) const {
    const std::int64_t n = like.numel();
    if (reduction == Reduction::none) {
      Tensor y = empty_like(like);
      T* out = y.mutable_data<T>();
      parallel_for(n, kGrain, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = f(i);
      });
      return y;
    }
    Tensor y = empty({}, like.dtype());
    const double sum = parallel_block_sum<T>(n, f);
    *y.mutable_data<T>() = static_cast<T>(reduction == Reduction::mean ? sum / static_cast<double>(n) : sum);
    return y;
  }

  /// What the derivative of the sum is multiplied by.
  double scale(const Shape& shape) const {
    return reduction == Reduction::mean ? 1 / static_cast<double>(shape.numel()) : 1;
  }

  /// factor g_i f(i) for each element, g being of one element unless nothing was reduced.
  template <class T, class F>
  Tensor spread(const Tensor& cotangent, const Tensor& like, double factor, F f) const {
    const Tensor g = dense(cotangent);
    Tensor dx = empty_like(like);
    const T* gs = g.data<T>();
    T* out = dx.mutable_data<T>();
    const std::int64_t n = like.numel();
    const T s = static_cast<T>(reduction == Reduction::none ? factor : factor * static_cast<double>(*gs));
    parallel_for(n, kGrain, [=, each = reduction == Reduction::none](std::int64_t begin, std::int64_t end) {
      if (each)
        for (std::int64_t i = begin; i < end; ++i) out[i] = s * gs[i] * f(i);
      else
        for (std::int64_t i = begin; i < end; ++i) out[i] = s * f(i);
    });
    return dx;
  }
};

/// A loss of the difference x - target: its gradients differ in sign only.
struct DifferenceLoss : ElementLoss {
  template <class V>
  void visit(V&& v) const {
    v("reduction", to_string(reduction));
  }

 protected:
  static Cotangents both(const Pullback& p, const Tensor& dx) { return {dx, p.needs(1) ? neg(dx) : Tensor()}; }
};

struct MseLoss : DifferenceLoss {
  static constexpr OpInfo info{.name = "mse_loss", .arity = 2, .saves = Saves::input0 | Saves::input1};

  Tensor forward(const Tensor& input, const Tensor& other) const {
    const Tensor x = dense(input), target = dense(other);
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T *a = x.data<T>(), *b = target.data<T>();
      return reduce<T>(x, [=](std::int64_t i) { return (a[i] - b[i]) * (a[i] - b[i]); });
    });
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor x = dense(p.in(0)), target = dense(p.in(1));
    const double factor = 2 * scale(x.shape());
    if (is_recording()) return both(p, mul(mul(p.g, factor), sub(p.in(0), p.in(1))));
    return both(p, dispatch_floating(x.dtype(), [&]<class T>() {
                  const T *a = x.data<T>(), *b = target.data<T>();
                  return spread<T>(p.g, x, factor, [=](std::int64_t i) { return a[i] - b[i]; });
                }));
  }
};

struct L1Loss : DifferenceLoss {
  static constexpr OpInfo info{.name = "l1_loss", .arity = 2, .saves = Saves::input0 | Saves::input1};

  Tensor forward(const Tensor& input, const Tensor& other) const {
    const Tensor x = dense(input), target = dense(other);
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T *a = x.data<T>(), *b = target.data<T>();
      return reduce<T>(x, [=](std::int64_t i) { return std::abs(a[i] - b[i]); });
    });
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor x = dense(p.in(0)), target = dense(p.in(1));
    const double factor = scale(x.shape());
    if (is_recording()) return both(p, mul(mul(p.g, factor), sign(sub(p.in(0), p.in(1)))));
    return both(p, dispatch_floating(x.dtype(), [&]<class T>() {
                  const T *a = x.data<T>(), *b = target.data<T>();
                  return spread<T>(p.g, x, factor, [=](std::int64_t i) {
                    const T d = a[i] - b[i];
                    return d > 0 ? T(1) : d < 0 ? T(-1) : d * T(0);  // NaN stays NaN
                  });
                }));
  }
};

/// c (d - c / 2) with the difference d and c = clamp(d, -delta, delta); the smooth L1 loss divides it by delta.
template <bool smooth>
struct HuberLoss : DifferenceLoss {
  static constexpr OpInfo info{
      .name = smooth ? "smooth_l1_loss" : "huber_loss", .arity = 2, .saves = Saves::input0 | Saves::input1};
  double delta = 1;

  template <class V>
  void visit(V&& v) const {
    DifferenceLoss::visit(v);
    v(smooth ? "beta" : "delta", delta);
  }

  Tensor forward(const Tensor& input, const Tensor& other) const {
    const Tensor x = dense(input), target = dense(other);
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const T *a = x.data<T>(), *b = target.data<T>(), most = static_cast<T>(delta);
      return reduce<T>(x, [=](std::int64_t i) {
        const T d = a[i] - b[i], c = clamped(d, most), y = c * (d - T(0.5) * c);
        return smooth ? y / most : y;
      });
    });
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor x = dense(p.in(0)), target = dense(p.in(1));
    const double factor = scale(x.shape()) / (smooth ? delta : 1);
    if (is_recording()) return both(p, mul(mul(p.g, factor), clamp(sub(p.in(0), p.in(1)), -delta, delta)));
    return both(p, dispatch_floating(x.dtype(), [&]<class T>() {
                  const T *a = x.data<T>(), *b = target.data<T>(), most = static_cast<T>(delta);
                  return spread<T>(p.g, x, factor, [=](std::int64_t i) { return clamped(a[i] - b[i], most); });
                }));
  }

 private:
  /// d within -most … most; NaN stays.
  template <class T>
  static T clamped(T d, T most) {
    const T above = d > most ? most : d;
    return d < -most ? -most : above;
  }
};

/// Inputs: x, target, weight and pos_weight, of one shape; the last two may be left out.
struct BceWithLogits : ElementLoss {
  static constexpr OpInfo info{
      .name = "bce_with_logits", .arity = 4, .saves = Saves::input0 | Saves::input1 | Saves::input2 | Saves::input3};
  bool has_weight = false, has_pos_weight = false;

  template <class V>
  void visit(V&& v) const {
    v("reduction", to_string(reduction));
    v("has_weight", has_weight);
    v("has_pos_weight", has_pos_weight);
  }

  Tensor forward(const Tensor& x, const Tensor& target, const Tensor& weight, const Tensor& pos_weight) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      const Elements<T> e(x, target, weight, pos_weight);
      // |x| has the weight of the class that x speaks against; without weight it may be infinite.
      return reduce<T>(e.x, [&](std::int64_t i) {
        const T v = e.v(i), size = std::abs(v), against = v < 0 ? e.p(i) * e.t(i) : 1 - e.t(i);
        const T rest = e.positive(i) * elementary::log1p(elementary::exp_down(-size));
        const T all = (against == 0 ? T(0) : against * size) + rest, w = e.w(i);
        return w == 0 ? w : w * all;
      });
    });
  }

  Cotangents vjp(const Pullback& p) const {
    const Tensor weight = has_weight ? p.in(2) : Tensor(), pos_weight = has_pos_weight ? p.in(3) : Tensor();
    if (!is_recording() && !p.needs(1) && !p.needs(2) && !p.needs(3))
      return {fused_gradient(p.g, p.in(0), p.in(1), weight, pos_weight), Tensor(), Tensor(), Tensor()};

    Cotangents result(4);
    const Tensor x = p.in(0), t = p.in(1);
    const Tensor g = mul(p.g, scale(x.shape())), gw = weight.defined() ? mul(g, weight) : g;
    const Tensor positive = pos_weight.defined() ? add(mul(sub(pos_weight, 1), t), 1) : Tensor();
    const auto times_positive = [&](const Tensor& y) { return positive.defined() ? mul(positive, y) : y; };
    const Tensor left = sub(1, t);
    if (p.needs(0)) result[0] = mul(gw, sub(left, times_positive(sigmoid(neg(x)))));
    if (!p.needs(1) && !p.needs(2) && !p.needs(3)) return result;
    // As in forward: |x| for the one class or the other, and what is left of the logarithm.
    const Tensor size = abs(x), below = less(x, 0), rest = softplus(neg(size), 1, 40);
    const auto of_positive = [&](const Tensor& y) { return pos_weight.defined() ? mul(pos_weight, y) : y; };
    if (p.needs(1)) {
      Tensor slope = where(below, of_positive(size), neg(size));
      if (pos_weight.defined()) slope = add(slope, mul(sub(pos_weight, 1), rest));
      result[1] = mul(gw, slope);
    }
    if (p.needs(2)) {
      const Tensor against = where(below, of_positive(t), left);
      result[2] = mul(g, add(weighted(against, size), times_positive(rest)));
    }
    if (p.needs(3)) result[3] = mul(gw, weighted(t, add(where(below, size, 0.0), rest)));
    return result;
  }

 private:
  template <class T>
  struct Elements {
    Tensor x, target, weight, pos_weight;
    const T *xs, *ts, *ws, *ps;

    Elements(const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& d)
        : x(dense(a)),
          target(dense(b)),
          weight(dense(c)),
          pos_weight(dense(d)),
          xs(x.data<T>()),
          ts(target.data<T>()),
          ws(weight.defined() ? weight.data<T>() : nullptr),
          ps(pos_weight.defined() ? pos_weight.data<T>() : nullptr) {}
    T v(std::int64_t i) const { return xs[i]; }
    T t(std::int64_t i) const { return ts[i]; }
    T w(std::int64_t i) const { return ws != nullptr ? ws[i] : T(1); }
    T p(std::int64_t i) const { return ps != nullptr ? ps[i] : T(1); }
    T positive(std::int64_t i) const { return ps != nullptr ? 1 + (ps[i] - 1) * ts[i] : T(1); }
  };

  Tensor fused_gradient(const Tensor& g,
                        const Tensor& input,
                        const Tensor& target,
                        const Tensor& weight,
                        const Tensor& pos_weight) const {
    return dispatch_floating(input.dtype(), [&]<class T>() {
      const Elements<T> e(input, target, weight, pos_weight);
      return spread<T>(g, e.x, scale(e.x.shape()), [&](std::int64_t i) {
        // 1 / (1 + e^x), without overflow
        const T v = e.v(i), small = elementary::exp_down(-std::abs(v));
        const T sigmoid_of_minus = (v < 0 ? T(1) : small) / (1 + small);
        return e.w(i) * ((1 - e.t(i)) - e.positive(i) * sigmoid_of_minus);
      });
    });
  }
};

template <class O>
Tensor apply_reduced(Arg x, const Tensor& target, const LossOptions& options) {
  check_pair(O::info.name, x, target);
  O op;
  op.reduction = options.reduction;
  return apply(op, x, target);
}

template <bool smooth>
Tensor apply_huber(Arg x, const Tensor& target, double delta, Reduction reduction) {
  HuberLoss<smooth> op;
  op.reduction = reduction;
  op.delta = delta;
  return apply(op, x, target);
}

/// A factor broadcast to the input's shape (recorded).
Tensor factor_like(const char* what, Arg x, const Tensor& factor) {
  if (!factor.defined()) return factor;
  check_same_dtype("bce_with_logits", x, factor);
  const Shape have = factor.shape(), want = x->shape();
  if (have == want) return factor;
  bool fits = have.rank() <= want.rank();
  for (int d = 1; fits && d <= have.rank(); ++d)
    fits = have[have.rank() - d] == 1 || have[have.rank() - d] == want[want.rank() - d];
  if (!fits)
    fail<ShapeError>("bce_with_logits",
                     fmt::format("expected a {} that broadcasts to {}, got {}", what, to_string(want), to_string(have)),
                     x.site);
  return broadcast_to(Arg(factor, x.site), want);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor mse_loss(Arg x, const Tensor& target, const LossOptions& options) {
  return apply_reduced<MseLoss>(x, target, options);
}

Tensor l1_loss(Arg x, const Tensor& target, const LossOptions& options) {
  return apply_reduced<L1Loss>(x, target, options);
}

Tensor huber_loss(Arg x, const Tensor& target, const HuberOptions& options) {
  check_pair("huber_loss", x, target);
  if (!(options.delta > 0))
    fail<ArgumentError>("huber_loss", fmt::format("expected delta > 0, got {}", options.delta), x.site);
  return apply_huber<false>(x, target, options.delta, options.reduction);
}

Tensor smooth_l1_loss(Arg x, const Tensor& target, const SmoothL1Options& options) {
  check_pair("smooth_l1_loss", x, target);
  if (!(options.beta >= 0))
    fail<ArgumentError>("smooth_l1_loss", fmt::format("expected beta >= 0, got {}", options.beta), x.site);
  if (options.beta == 0) return l1_loss(x, target, {.reduction = options.reduction});
  return apply_huber<true>(x, target, options.beta, options.reduction);
}

Tensor bce_with_logits(Arg x, const Tensor& target, const BceOptions& options) {
  check_pair("bce_with_logits", x, target);
  BceWithLogits op;
  op.reduction = options.reduction;
  op.has_weight = options.weight.defined();
  op.has_pos_weight = options.pos_weight.defined();
  return apply(
      op, x, target, factor_like("weight", x, options.weight), factor_like("pos_weight", x, options.pos_weight));
}

namespace detail {
namespace {

using PairLoss = Tensor (*)(Arg, const Tensor&, const LossOptions&);

/// Differences stay away from 0, where l1_loss has a kink.
template <class O, PairLoss loss>
OpEntry pair_entry(Formula formula) {
  return {O::info.name, &op_class<O>, formula, [] {
            const auto with = [](LossOptions options) {
              return [=](std::span<const Tensor> in) { return loss(in[0], in[1], options); };
            };
            const auto pair = [](const Shape& shape) {
              return std::vector<Sample>{{shape, domain(-2, -0.1)}, {shape, domain(0.1, 2)}};
            };
            return std::vector<Example>{
                {"mean", pair({4, 3}), with({})},
                {"sum", pair({4, 3}), with({.reduction = Reduction::sum})},
                {"none", pair({4, 3}), with({.reduction = Reduction::none})},
                {"scalars", pair({}), with({})},
                {"empty, none", pair({0, 3}), with({.reduction = Reduction::none})},
                {"given target", {{{5}, domain(0.1, 2)}, {{5}, domain(-2, -0.1), Sample::Kind::constant}}, with({})},
            };
          }};
}

/// Differences of at most 0.8 or at least 1.2: the kink of the first derivative is at 1 or 0.9.
template <auto loss, class Options>
std::vector<Example> huber_examples(Options options) {
  const auto with = [&](Reduction reduction) {
    options.reduction = reduction;
    return [=](std::span<const Tensor> in) { return loss(in[0], in[1], options); };
  };
  const Sample near{{4, 3}, domain(-0.4, 0.4)}, above{{3}, domain(0.6, 2)}, below{{3}, domain(-2, -0.6)};
  return {{"mean", {near, near}, with(Reduction::mean)},
          {"sum", {near, near}, with(Reduction::sum)},
          {"none", {near, near}, with(Reduction::none)},
          {"far", {above, below}, with(Reduction::mean)}};
}

std::vector<Example> bce_examples() {
  const auto with = [](Reduction reduction) {
    return [=](std::span<const Tensor> in) { return bce_with_logits(in[0], in[1], {.reduction = reduction}); };
  };
  const auto weighted = [](std::span<const Tensor> in) {
    return bce_with_logits(in[0], in[1], {.weight = in[2], .pos_weight = in[3], .reduction = Reduction::sum});
  };
  const Sample target{{4, 3}, domain(0, 1)}, given{{4, 3}, domain(0, 1), Sample::Kind::constant};
  const Sample factor{{3}, domain(0.5, 2)};
  return {
      {"mean", {{{4, 3}}, target}, with(Reduction::mean)},
      {"sum, given target", {{{4, 3}}, given}, with(Reduction::sum)},
      {"none", {{{4, 3}}, target}, with(Reduction::none)},
      {"large logits", {{{4, 3}, domain(-60, 60)}, given}, with(Reduction::mean)},
      {"weighted", {{{4, 3}}, target, factor, factor}, weighted},
      {"pos_weight, none",
       {{{4, 3}}, given, {{4, 3}, domain(0.5, 2), Sample::Kind::constant}},
       [](std::span<const Tensor> in) {
         return bce_with_logits(in[0], in[1], {.pos_weight = in[2], .reduction = Reduction::none});
       }},
  };
}

}  // namespace

std::span<const OpEntry> loss_ops() {
  static const OpEntry table[] = {
      pair_entry<MseLoss, mse_loss>({"(x - t)², reduced", "2 g (x - t)"}),
      pair_entry<L1Loss, l1_loss>({"|x - t|, reduced", "g sign(x - t)"}),
      {"huber_loss",
       &op_class<HuberLoss<false>>,
       {"d² / 2 where d = |x - t| < δ, else δ (d - δ/2)", "g min(max(x - t, -δ), δ)"},
       [] { return huber_examples<huber_loss>(HuberOptions{}); }},
      {"smooth_l1_loss",
       &op_class<HuberLoss<true>>,
       {"d² / (2β) where d = |x - t| < β, else d - β/2", "g min(max((x - t) / β, -1), 1)"},
       [] { return huber_examples<smooth_l1_loss>(SmoothL1Options{.beta = 0.9}); }},
      {"bce_with_logits",
       &op_class<BceWithLogits>,
       {"-t ln σ(x) - (1 - t) ln σ(-x), reduced", "g (σ(x) - t)"},
       bce_examples},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

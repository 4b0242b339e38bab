#include "loss/loss.h"

#include "gradus/graph/node.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/index.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/shape.h"

#include <cmath>
#include <numbers>

// Losses made of other ops: of probabilities and distributions, of margins and of angles.

namespace gradus {
namespace detail {
namespace {

Tensor reduced(const Tensor& y, Reduction reduction) {
  return reduction == Reduction::mean ? mean(y) : reduction == Reduction::sum ? sum(y) : y;
}

/// Of elements; the cut of the logarithms has a derivative of its own.
struct Bce : Op {
  static constexpr OpInfo info{.name = "bce_loss", .arity = 2, .saves = Saves::inputs, .flops = 5};
  static constexpr double kLeast = -100;

  Tensor forward(const Tensor& x, const Tensor& target) const {
    return dispatch_floating(x.dtype(), [&]<class T>() {
      return map<T, T>(x, target, [](T v, T t) {
        if (!(v >= 0 && v <= 1) && v == v)
          fail<ArgumentError>("bce_loss", fmt::format("expected x in 0..1, got {}", v));
        const T least = T(kLeast);
        return -t * std::max(std::log(v), least) - (1 - t) * std::max(std::log1p(-v), least);
      });
    });
  }
  Cotangents vjp(const Pullback& p) const {
    Cotangents result(2);
    const Side yes(p.in(0)), no(sub(1, p.in(0)));
    const Tensor t = p.in(1);
    if (p.needs(0)) result[0] = mul(p.g, sub(no.slope(sub(1, t)), yes.slope(t)));
    if (p.needs(1)) result[1] = mul(p.g, sub(no.logarithm(), yes.logarithm()));
    return result;
  }

 private:
  /// A probability, with a number in its place where the logarithm is cut off and flat.
  struct Side {
    Tensor cut, x;
    explicit Side(const Tensor& probability)
        : cut(less_equal(probability, std::exp(kLeast))), x(where(cut, 1.0, probability)) {}
    Tensor logarithm() const { return where(cut, kLeast, log(x)); }
    /// The derivative of t max(log x, -100).
    Tensor slope(const Tensor& t) const { return div(where(cut, 0.0, t), x); }
  };
};

/// d^2 / 2, from |d| = delta on linear.
Tensor huber(const Tensor& d, double delta) {
  const Tensor c = clamp(d, -delta, delta);
  return mul(c, sub(d, mul(c, 0.5)));
}

/// A vector for each row, or a vector: the last axis of both alike.
void check_vectors(const char* op, Arg a, const Tensor& b) {
  check_floating(op, a);
  check_same_dtype(op, a, b);
  if (a->rank() == 0 || a->shape() != b.shape())
    fail<ShapeError>(op,
                     fmt::format("expected vectors [*, D] alike, got {} and {}",
                                 to_string(a->shape()),
                                 to_string(b.shape())),
                     a.site);
}

void check_shape(const char* op, const char* what, Arg x, const Tensor& t, const Shape& expected) {
  check_same_dtype(op, x, t);
  if (t.shape() != expected)
    fail<ShapeError>(
        op,
        fmt::format("expected a {} {}, got {}", what, to_string(expected), to_string(t.shape())),
        x.site);
}

Shape without_last(const Shape& shape) {
  Shape rest = shape;
  rest.erase(rest.rank() - 1);
  return rest;
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor bce_loss(Arg x, const Tensor& target, const BceLossOptions& options) {
  check_pair("bce_loss", x, target);
  const SitePin pin(x.site);
  Tensor y = apply(Bce{}, x, target);
  if (options.weight.defined()) y = mul(y, options.weight);
  return reduced(y, options.reduction);
}

Tensor huber_loss(Arg x, const Tensor& target, const HuberOptions& options) {
  check_pair("huber_loss", x, target);
  if (!(options.delta > 0))
    fail<ArgumentError>(
        "huber_loss", fmt::format("expected delta > 0, got {}", options.delta), x.site);
  const SitePin pin(x.site);
  return reduced(huber(sub(x, target), options.delta), options.reduction);
}

Tensor smooth_l1_loss(Arg x, const Tensor& target, const SmoothL1Options& options) {
  check_pair("smooth_l1_loss", x, target);
  if (!(options.beta >= 0))
    fail<ArgumentError>(
        "smooth_l1_loss", fmt::format("expected beta >= 0, got {}", options.beta), x.site);
  if (options.beta == 0) return l1_loss(x, target, {.reduction = options.reduction});
  const SitePin pin(x.site);
  return reduced(div(huber(sub(x, target), options.beta), options.beta), options.reduction);
}

Tensor kl_div(Arg x, const Tensor& target, const KlDivOptions& options) {
  check_pair("kl_div", x, target);
  if (options.batch_mean && (x->rank() == 0 || x->size(0) == 0))
    fail<ShapeError>("kl_div",
                     fmt::format("expected a batch with samples, got {}", to_string(x->shape())),
                     x.site);
  const SitePin pin(x.site);
  // What has no probability adds nothing, however infinite the logarithms.
  const Tensor q = options.log_target ? exp(target) : target, none = equal_to(q, 0);
  const Tensor apart =
      sub(options.log_target ? where(none, 0.0, target) : log(where(none, 1.0, target)),
          where(none, 0.0, x));
  const Tensor y = mul(where(none, 0.0, q), apart);
  if (options.batch_mean) return div(sum(y), static_cast<double>(x->size(0)));
  return reduced(y, options.reduction);
}

Tensor poisson_nll_loss(Arg x, const Tensor& target, const PoissonNllOptions& options) {
  check_pair("poisson_nll_loss", x, target);
  const SitePin pin(x.site);
  Tensor y;
  if (options.log_input) {
    y = sub(exp(x), weighted(target, x));
  } else {
    const Tensor rate = add(x, options.eps),
                 none = logical_and(equal_to(target, 0), less_equal(rate, 0));
    y = sub(x, mul(target, log(where(none, 1.0, rate))));
  }
  if (options.full) {
    // Of targets up to 1 the term is left out; the logarithm is taken where it is used alone.
    const Tensor large = greater(target, 1), t = where(large, target, 1.0);
    const Tensor stirling =
        add(sub(mul(t, log(t)), t), mul(log(mul(t, 2 * std::numbers::pi)), 0.5));
    y = add(y, where(large, stirling, 0.0));
  }
  return reduced(y, options.reduction);
}

Tensor gaussian_nll_loss(Arg x,
                         const Tensor& target,
                         const Tensor& var,
                         const GaussianNllOptions& options) {
  check_pair("gaussian_nll_loss", x, target);
  check_same_dtype("gaussian_nll_loss", x, var);
  if (!(options.eps > 0))
    fail<ArgumentError>(
        "gaussian_nll_loss", fmt::format("expected eps > 0, got {}", options.eps), x.site);
  const SitePin pin(x.site);
  if (any(less(var, 0)).item<bool>())
    fail<ArgumentError>("gaussian_nll_loss", "expected variances >= 0, got a negative one", x.site);
  const Tensor v = clamp(var, options.eps);
  const Tensor d = sub(x, target);  // its square alone may overflow
  const Tensor y = mul(add(log(v), mul(d, div(d, v))), 0.5);
  return reduced(options.full ? add(y, 0.5 * std::log(2 * std::numbers::pi)) : y,
                 options.reduction);
}

/// ArgumentError unless each label is 1 or -1.
static void check_sides(const char* op, const Tensor& target, CallSite site) {
  const Tensor labels = contiguous(target);
  dispatch(labels.dtype(), [&]<class T>() {
    const T* const label = labels.data<T>();
    for (std::int64_t i = 0; i < labels.numel(); ++i)
      if (label[i] != T(1) && static_cast<double>(label[i]) != -1)
        fail<ArgumentError>(op, fmt::format("expected labels 1 and -1, got {}", label[i]), site);
  });
}

Tensor hinge_loss(Arg x, const Tensor& target, const MarginOptions& options) {
  check_pair("hinge_loss", x, target);
  check_sides("hinge_loss", target, x.site);
  const SitePin pin(x.site);
  return reduced(relu(sub(options.margin, mul(target, x))), options.reduction);
}

Tensor soft_margin_loss(Arg x, const Tensor& target, const LossOptions& options) {
  check_pair("soft_margin_loss", x, target);
  check_sides("soft_margin_loss", target, x.site);
  const SitePin pin(x.site);
  return reduced(neg(log_sigmoid(mul(target, x))), options.reduction);
}

Tensor hinge_embedding_loss(Arg x, const Tensor& target, const MarginOptions& options) {
  check_pair("hinge_embedding_loss", x, target);
  check_sides("hinge_embedding_loss", target, x.site);
  const SitePin pin(x.site);
  const Tensor apart = relu(sub(options.margin, x));
  const Tensor y = where(equal_to(target, 1), x, where(equal_to(target, -1), apart, 0.0));
  return reduced(y, options.reduction);
}

Tensor margin_ranking_loss(Arg a,
                           const Tensor& b,
                           const Tensor& target,
                           const MarginOptions& options) {
  check_pair("margin_ranking_loss", a, b);
  check_shape("margin_ranking_loss", "target", a, target, a->shape());
  check_sides("margin_ranking_loss", target, a.site);
  const SitePin pin(a.site);
  return reduced(relu(sub(options.margin, mul(target, sub(a, b)))), options.reduction);
}

Tensor cosine_embedding_loss(Arg a,
                             const Tensor& b,
                             const Tensor& target,
                             const MarginOptions& options) {
  check_vectors("cosine_embedding_loss", a, b);
  check_shape("cosine_embedding_loss", "target", a, target, without_last(a->shape()));
  check_sides("cosine_embedding_loss", target, a.site);
  const SitePin pin(a.site);
  // Of length |v| / sqrt(|v|^2 + 1e-12): defined at 0 too, and without overflow.
  const auto unit = [](const Tensor& v) {
    return div(v, hypot(norm(v, 2, -1, true), scalar(1e-6, v.dtype())));
  };
  const Tensor cosine = sum(mul(unit(a), unit(b)), -1);
  const Tensor apart = relu(sub(cosine, options.margin));
  const Tensor y =
      where(equal_to(target, 1), sub(1, cosine), where(equal_to(target, -1), apart, 0.0));
  return reduced(y, options.reduction);
}

Tensor triplet_margin_loss(Arg anchor,
                           const Tensor& positive,
                           const Tensor& negative,
                           const TripletOptions& options) {
  check_vectors("triplet_margin_loss", anchor, positive);
  check_vectors("triplet_margin_loss", anchor, negative);
  const SitePin pin(anchor.site);
  const auto distance = [&](const Tensor& a, const Tensor& b) {
    return pairwise_distance(a, b, options.p, options.eps);
  };
  Tensor apart = distance(anchor, negative);
  if (options.swap) apart = minimum(apart, distance(positive, negative));
  const Tensor y = relu(add(sub(distance(anchor, positive), apart), options.margin));
  return reduced(y, options.reduction);
}

Tensor multi_margin_loss(Arg x, const Tensor& target, const MultiMarginOptions& options) {
  check_floating("multi_margin_loss", x);
  if (target.dtype() != int64)
    fail<DTypeError>("multi_margin_loss",
                     fmt::format("expected labels of int64, got {}", to_string(target.dtype())),
                     x.site);
  if (x->rank() < 1 || x->rank() > 2 || target.shape() != without_last(x->shape()))
    fail<ShapeError>("multi_margin_loss",
                     fmt::format("expected x [N, C] and labels [N], or [C] and [], got {} and {}",
                                 to_string(x->shape()),
                                 to_string(target.shape())),
                     x.site);
  if (options.p != 1 && options.p != 2)
    fail<ArgumentError>(
        "multi_margin_loss", fmt::format("expected p 1 or 2, got {}", options.p), x.site);
  const std::int64_t classes = x->size(-1);
  if (options.weight.defined())
    check_shape("multi_margin_loss", "weight", x, options.weight, {classes});
  const SitePin pin(x.site);
  const Tensor labels = unsqueeze(target, -1), right = gather(x, -1, labels);
  const Tensor own = equal_to(one_hot(target, classes), 1);
  const Tensor over = relu(where(own, 0.0, add(sub(x, right), options.margin)));
  Tensor y = div(sum(options.p == 2 ? square(over) : over, -1), static_cast<double>(classes));
  if (options.weight.defined())
    y = mul(y,
            reshape(index_select(options.weight, 0, reshape(target, {target.numel()})),
                    target.shape()));
  return reduced(y, options.reduction);
}

Tensor multilabel_soft_margin_loss(Arg x, const Tensor& target, const BceLossOptions& options) {
  check_pair("multilabel_soft_margin_loss", x, target);
  if (x->rank() == 0)
    fail<ShapeError>("multilabel_soft_margin_loss", "expected an input [*, C], got []", x.site);
  const SitePin pin(x.site);
  const Tensor each =
      bce_with_logits(x, target, {.weight = options.weight, .reduction = Reduction::none});
  return reduced(mean(each, -1), options.reduction);
}

Tensor cosine_similarity(Arg a, const Tensor& b, std::int64_t axis, double eps) {
  check_floating("cosine_similarity", a);
  const SitePin pin(a.site);
  return sum(mul(normalize(a, 2, axis, eps), normalize(b, 2, axis, eps)), axis);
}

Tensor pairwise_distance(Arg a, const Tensor& b, double p, double eps) {
  check_vectors("pairwise_distance", a, b);
  const SitePin pin(a.site);
  return norm(add(sub(a, b), eps), p, -1);
}

namespace detail {
namespace {

using Inputs = std::span<const Tensor>;
using Examples = std::vector<Example>;

Sample given(const Shape& shape, Domain d = {}) { return {shape, d, Sample::Kind::constant}; }

/// 1 where a sampled number is positive, else -1.
Tensor signs(const Tensor& t) { return detach(where(greater(t, 0), ones_like(t), -1.0)); }
Sample sides(const Shape& shape) { return given(shape, domain(-2, 2, {0})); }

/// x and target with each reduction.
template <class Options>
Examples reductions(Tensor (*f)(Arg, const Tensor&, const Options&),
                    std::vector<Sample> inputs,
                    Options options = {},
                    Tensor (*change)(const Tensor&) = nullptr) {
  Examples all;
  for (const Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
    options.reduction = r;
    all.push_back({to_string(r), inputs, [=](Inputs in) {
                     return f(in[0], change != nullptr ? change(in[1]) : in[1], options);
                   }});
  }
  return all;
}

/// Differences of at most 0.8 and at least 1.2: a kink at 1 is far.
const Sample kSmall{{4, 3}, domain(-0.4, 0.4)};
const Sample kPositive{{4, 3}, domain(0.2, 0.8)};

}  // namespace

std::span<const OpEntry> margin_loss_ops() {
  static const OpEntry table[] = {
      {"bce_loss",
       &op_class<Bce>,
       {"-t ln x - (1 - t) ln(1 - x), reduced",
        "g ((1 - t) / (1 - x) - t / x), either term 0 where its logarithm is cut off"},
       [] {
         Examples all = reductions<BceLossOptions>(bce_loss, {kPositive, kPositive});
         all.push_back({"weight", {kPositive, given({4, 3}, domain(0, 1)), {{3}}}, [](Inputs in) {
                          return bce_loss(in[0], in[1], {.weight = in[2]});
                        }});
         return all;
       }},
      {"huber_loss",
       nullptr,
       {"d² / 2 where d = |x - t| < δ, else δ (d - δ/2)", "g min(max(x - t, -δ), δ)"},
       [] {
         Examples all = reductions<HuberOptions>(huber_loss, {kSmall, kSmall});
         all.push_back({"far", {{{3}, domain(1, 2)}, {{3}, domain(-2, -1)}}, [](Inputs in) {
                          return huber_loss(in[0], in[1], {.delta = 0.7});
                        }});
         return all;
       }},
      {"smooth_l1_loss",
       nullptr,
       {"d² / (2β) where d = |x - t| < β, else d - β/2", "g min(max((x - t) / β, -1), 1)"},
       [] {
         return reductions<SmoothL1Options>(smooth_l1_loss, {kSmall, kSmall}, {.beta = 0.9});
       }},
      {"kl_div",
       nullptr,
       {"t (ln t - x), reduced; 0 where t = 0", "-g t, g (ln t + 1 - x) [t ≠ 0]"},
       [] {
         Examples all = reductions<KlDivOptions>(kl_div, {{{4, 3}}, kPositive});
         all.push_back({"log_target, batch_mean", {{{4, 3}}, {{4, 3}}}, [](Inputs in) {
                          return kl_div(in[0], in[1], {.log_target = true, .batch_mean = true});
                        }});
         return all;
       }},
      {"poisson_nll_loss",
       nullptr,
       {"e^x - t x, or x - t ln(x + ε), reduced", "g (e^x - t), or g (1 - t / (x + ε))"},
       [] {
         Examples all = reductions<PoissonNllOptions>(poisson_nll_loss, {{{4, 3}}, kPositive});
         all.push_back(
             {"rate, full", {{{3}, domain(0.5, 2)}, given({3}, domain(0.5, 3))}, [](Inputs in) {
                return poisson_nll_loss(in[0], in[1], {.log_input = false, .full = true});
              }});
         return all;
       }},
      {"gaussian_nll_loss",
       nullptr,
       {"(ln v + (x - t)² / v) / 2, reduced",
        "g (x - t) / v, -g (x - t) / v, g (1 / v - (x - t)² / v²) / 2"},
       [] {
         const Sample var{{4, 1}, domain(0.5, 2)};
         return Examples{{"mean",
                          {{{4, 3}}, {{4, 3}}, var},
                          [](Inputs in) { return gaussian_nll_loss(in[0], in[1], in[2]); }},
                         {"full, none", {{{4, 3}}, {{4, 3}}, var}, [](Inputs in) {
                            return gaussian_nll_loss(
                                in[0], in[1], in[2], {.full = true, .reduction = Reduction::none});
                          }}};
       }},
      {"hinge_loss",
       nullptr,
       {"max(0, m - t x), reduced", "-g t [t x < m]"},
       [] {
         return reductions<MarginOptions>(
             hinge_loss, {{{4, 3}, domain(-0.8, 0.8)}, sides({4, 3})}, {}, signs);
       }},
      {"soft_margin_loss",
       nullptr,
       {"ln(1 + e^(-t x)), reduced", "-g t σ(-t x)"},
       [] {
         return reductions<LossOptions>(soft_margin_loss, {{{4, 3}}, sides({4, 3})}, {}, signs);
       }},
      {"hinge_embedding_loss",
       nullptr,
       {"x where t = 1, max(0, m - x) where t = -1, reduced", "g, or -g [x < m]"},
       [] {
         return reductions<MarginOptions>(
             hinge_embedding_loss, {{{4, 3}, domain(0.1, 0.9)}, sides({4, 3})}, {}, signs);
       }},
      {"margin_ranking_loss",
       nullptr,
       {"max(0, m - t (a - b)), reduced", "∓g t [t (a - b) < m]"},
       [] {
         return Examples{
             {"", {{{5}, domain(-0.2, 0.2)}, {{5}, domain(-0.2, 0.2)}, sides({5})}, [](Inputs in) {
                return margin_ranking_loss(in[0], in[1], signs(in[2]), {.margin = 0.5});
              }}};
       }},
      {"cosine_embedding_loss",
       nullptr,
       {"1 - cos(a, b) where t = 1, max(0, cos(a, b) - m) where t = -1, reduced",
        "that of cosine_similarity"},
       [] {
         return Examples{
             {"", {{{4, 3}, domain(0.5, 2)}, {{4, 3}, domain(0.5, 2)}, sides({4})}, [](Inputs in) {
                return cosine_embedding_loss(in[0], in[1], signs(in[2]));
              }}};
       }},
      {"triplet_margin_loss",
       nullptr,
       {"max(0, |a - p| - |a - n| + m), reduced", "that of pairwise_distance"},
       [] {
         const auto call = [](TripletOptions options) {
           return [=](Inputs in) { return triplet_margin_loss(in[0], in[1], in[2], options); };
         };
         const std::vector<Sample> near{
             {{4, 3}, domain(0, 0.3)}, {{4, 3}, domain(0.4, 0.7)}, {{4, 3}, domain(1.5, 2)}};
         return Examples{
             {"margin 4", near, call({.margin = 4})},
             {"swap, none", near, call({.margin = 4, .swap = true, .reduction = Reduction::none})}};
       }},
      {"multi_margin_loss",
       nullptr,
       {"Σ_(i≠t) max(0, m - x_t + x_i)^p / C, reduced", "that of the formula"},
       [] {
         const Sample x{{4, 3}, domain(-0.4, 0.4)}, label{{4}, domain(0, 3), Sample::Kind::index};
         return Examples{
             {"", {x, label}, [](Inputs in) { return multi_margin_loss(in[0], in[1]); }},
             {"p 2, weight",
              {x, label, {{3}, domain(0.5, 2)}},
              [](Inputs in) { return multi_margin_loss(in[0], in[1], {.p = 2, .weight = in[2]}); }},
             {"one sample",
              {{{3}, domain(-0.4, 0.4)}, {{}, domain(0, 3), Sample::Kind::index}},
              [](Inputs in) { return multi_margin_loss(in[0], in[1]); }}};
       }},
      multilabel_margin_loss_entry(),
      {"multilabel_soft_margin_loss",
       nullptr,
       {"mean of bce_with_logits over classes, reduced", "g (σ(x) - t) / C"},
       [] {
         return reductions<BceLossOptions>(multilabel_soft_margin_loss,
                                           {{{4, 3}}, given({4, 3}, domain(0, 1))});
       }},
      {"cosine_similarity",
       nullptr,
       {"a·b / (|a| |b|)", "g (b / (|a| |b|) - y a / |a|²), and with a, b exchanged"},
       [] {
         return Examples{{"", {{{4, 3}, domain(0.5, 2)}, {{4, 3}, domain(0.5, 2)}}, [](Inputs in) {
                            return cosine_similarity(in[0], in[1]);
                          }}};
       }},
      {"pairwise_distance",
       nullptr,
       {"|a - b + ε|_p", "that of norm, ∓"},
       [] {
         const std::vector<Sample> apart{{{4, 3}, domain(0, 1)}, {{4, 3}, domain(1.5, 2)}};
         return Examples{
             {"", apart, [](Inputs in) { return pairwise_distance(in[0], in[1]); }},
             {"p 3", apart, [](Inputs in) { return pairwise_distance(in[0], in[1], 3); }}};
       }},
  };
  return table;
}

}  // namespace detail
}  // namespace gradus

#include "examples.h"
#include "loss/loss.h"

#include "gradus/graph/node.h"
#include "gradus/ops/compare.h"

namespace gradus::detail {
namespace {

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
    all.push_back(
        {to_string(r), inputs, [=](In in) { return f(in[0], change != nullptr ? change(in[1]) : in[1], options); }});
  }
  return all;
}

/// Differences of at most 0.8 and at least 1.2: a kink at 1 is far.
const Sample kSmall{{4, 3}, domain(-0.4, 0.4)};
const Sample kPositive{{4, 3}, domain(0.2, 0.8)};

}  // namespace

std::vector<OpEntry> composed_loss_examples() {
  const Sample normal{{4, 3}}, part{{4, 3}, domain(0, 1)}, large{{4, 3}, domain(0.5, 2)};
  const Sample above{{4, 3}, domain(1.5, 2)}, var{{4, 1}, domain(0.5, 2)};
  const Sample near{{5}, domain(-0.2, 0.2)}, row{{3}, domain(-0.4, 0.4)};
  const Sample label{{4}, domain(0, 3), Sample::Kind::index};
  const Sample labels{{4, 3}, domain(0, 3), Sample::Kind::index};
  const std::vector<Sample> three{{{4, 3}, domain(0, 0.3)}, {{4, 3}, domain(0.4, 0.7)}, above};
  const auto triplet = [](TripletOptions options) {
    return [=](In in) { return triplet_margin_loss(in[0], in[1], in[2], options); };
  };
  static const ExampleRow rows[] = {
      {"bce_loss",
       {"-t ln x - (1 - t) ln(1 - x), reduced",
        "g ((1 - t) / (1 - x) - t / x), either term 0 where its logarithm is cut off"},
       joined(reductions<BceLossOptions>(bce_loss, {kPositive, kPositive}),
              {{"weight",
                {kPositive, given({4, 3}, domain(0, 1)), {{3}}},
                [](In in) { return bce_loss(in[0], in[1], {.weight = in[2]}); }}})},
      {"kl_div",
       {"t (ln t - x), reduced; 0 where t = 0", "-g t, g (ln t + 1 - x) [t ≠ 0]"},
       joined(reductions<KlDivOptions>(kl_div, {normal, kPositive}),
              {{"log_target, batch_mean",
                {normal, normal},
                [](In in) { return kl_div(in[0], in[1], {.log_target = true, .batch_mean = true}); }}})},
      {"poisson_nll_loss",
       {"e^x - t x, or x - t ln(x + ε), reduced", "g (e^x - t), or g (1 - t / (x + ε))"},
       joined(reductions<PoissonNllOptions>(poisson_nll_loss, {normal, kPositive}),
              {{"rate, full",
                {{{3}, domain(0.5, 2)}, given({3}, domain(0.5, 3))},
                [](In in) { return poisson_nll_loss(in[0], in[1], {.log_input = false, .full = true}); }}})},
      {"gaussian_nll_loss",
       {"(ln v + (x - t)² / v) / 2, reduced", "g (x - t) / v, -g (x - t) / v, g (1 / v - (x - t)² / v²) / 2"},
       {{"mean", {normal, normal, var}, [](In in) { return gaussian_nll_loss(in[0], in[1], in[2]); }},
        {"full, none",
         {normal, normal, var},
         [](In in) { return gaussian_nll_loss(in[0], in[1], in[2], {.full = true, .reduction = Reduction::none}); }}}},
      {"hinge_loss",
       {"max(0, m - t x), reduced", "-g t [t x < m]"},
       reductions<MarginOptions>(hinge_loss, {{{4, 3}, domain(-0.8, 0.8)}, sides({4, 3})}, {}, signs)},
      {"soft_margin_loss",
       {"ln(1 + e^(-t x)), reduced", "-g t σ(-t x)"},
       reductions<LossOptions>(soft_margin_loss, {normal, sides({4, 3})}, {}, signs)},
      {"hinge_embedding_loss",
       {"x where t = 1, max(0, m - x) where t = -1, reduced", "g, or -g [x < m]"},
       reductions<MarginOptions>(hinge_embedding_loss, {{{4, 3}, domain(0.1, 0.9)}, sides({4, 3})}, {}, signs)},
      {"margin_ranking_loss",
       {"max(0, m - t (a - b)), reduced", "∓g t [t (a - b) < m]"},
       {{"",
         {near, near, sides({5})},
         [](In in) { return margin_ranking_loss(in[0], in[1], signs(in[2]), {.margin = 0.5}); }}}},
      {"cosine_embedding_loss",
       {"1 - cos(a, b) where t = 1, max(0, cos(a, b) - m) where t = -1, reduced", "that of cosine_similarity"},
       {{"", {large, large, sides({4})}, [](In in) { return cosine_embedding_loss(in[0], in[1], signs(in[2])); }}}},
      {"triplet_margin_loss",
       {"max(0, |a - p| - |a - n| + m), reduced", "that of pairwise_distance"},
       {{"margin 4", three, triplet({.margin = 4})},
        {"swap, none", three, triplet({.margin = 4, .swap = true, .reduction = Reduction::none})}}},
      {"multi_margin_loss",
       {"Σ_(i≠t) max(0, m - x_t + x_i)^p / C, reduced", "that of the formula"},
       {{"", {kSmall, label}, [](In in) { return multi_margin_loss(in[0], in[1]); }},
        {"p 2, weight",
         {kSmall, label, {{3}, domain(0.5, 2)}},
         [](In in) { return multi_margin_loss(in[0], in[1], {.p = 2, .weight = in[2]}); }},
        {"one sample",
         {row, {{}, domain(0, 3), Sample::Kind::index}},
         [](In in) { return multi_margin_loss(in[0], in[1]); }}}},
      {"multilabel_margin_loss",
       {"Σ max(0, 1 - x_j + x_i) / C over labels j and other classes i, reduced", "that of the formula"},
       joined(reductions<LossOptions>(multilabel_margin_loss, {kSmall, labels}),
              {{"one label", {row}, [](In in) { return multilabel_margin_loss(in[0], tensor({2, -1, 0})); }}})},
      {"multilabel_soft_margin_loss",
       {"mean of bce_with_logits over classes, reduced", "g (σ(x) - t) / C"},
       reductions<BceLossOptions>(multilabel_soft_margin_loss, {normal, given({4, 3}, domain(0, 1))})},
      {"cosine_similarity",
       {"a·b / (|a| |b|)", "g (b / (|a| |b|) - y a / |a|²), and with a, b exchanged"},
       {{"", {large, large}, [](In in) { return cosine_similarity(in[0], in[1]); }}}},
      {"pairwise_distance",
       {"|a - b + ε|_p", "that of norm, ∓"},
       {{"", {part, above}, [](In in) { return pairwise_distance(in[0], in[1]); }},
        {"p 3", {part, above}, [](In in) { return pairwise_distance(in[0], in[1], 3); }}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "examples.h"

#include "gradus/ops/loss.h"

namespace gradus::detail {

static Sample labels(const Shape& shape, double classes) { return {shape, domain(0, classes), Sample::Kind::index}; }
static const Sample weight{{3}, domain(0.5, 2), Sample::Kind::constant};

/// The examples that both have.
template <class Options, class F>
static Examples label_examples(F loss) {
  const auto call = [=](Options options) {
    return [=](In in) {
      Options all = options;
      if (in.size() > 2) all.weight = in[2];
      return loss(in[0], in[1], all);
    };
  };
  return {
      {"mean", {{{4, 3}}, labels({4}, 3)}, call({})},
      {"sum", {{{4, 3}}, labels({4}, 3)}, call({.reduction = Reduction::sum})},
      {"none", {{{4, 3}}, labels({4}, 3)}, call({.reduction = Reduction::none})},
      {"weighted mean", {{{4, 3}}, labels({4}, 3), weight}, call({})},
      {"images, weighted mean, class 1 ignored",
       {{{2, 3, 2, 2}}, labels({2, 2, 2}, 3), weight},
       call({.ignore_index = 1})},
      {"sequences, none", {{{2, 3, 2}}, labels({2, 2}, 3)}, call({.reduction = Reduction::none})},
      {"vector", {{{3}}, labels({}, 3)}, call({})},
      {"one class", {{{4, 1}}, labels({4}, 1)}, call({})},
      {"no rows, sum", {{{0, 3}}, labels({0}, 3)}, call({.reduction = Reduction::sum})},
  };
}

std::vector<OpEntry> label_loss_examples() {
  const auto smoothed = [](In in) {
    return cross_entropy(in[0], in[1], {.weight = in[2], .label_smoothing = 0.1, .reduction = Reduction::none});
  };
  static const ExampleRow rows[] = {
      {"cross_entropy",
       {"-Σ t ln softmax(x), weighted and reduced", "g (softmax(x) - t), weighted"},
       joined(label_examples<CrossEntropyOptions>(cross_entropy),
              {{"smoothed",
                {{{4, 3}}, labels({4}, 3)},
                [](In in) { return cross_entropy(in[0], in[1], {.label_smoothing = 0.1}); }},
               {"smoothed, weighted, none", {{{4, 3}}, labels({4}, 3), weight}, smoothed},
               {"probabilities", {{{4, 3}}, {{4, 3}, domain(0, 1)}}, [](In in) { return cross_entropy(in[0], in[1]); }},
               {"probabilities of images, smoothed, weighted, none",
                {{{2, 3, 2}}, {{2, 3, 2}, domain(0, 1)}, weight},
                smoothed}})},
      {"nll_loss",
       {"-x[label], weighted and reduced", "-g at the label, weighted"},
       label_examples<NllOptions>(nll_loss)},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "gradus/ops/random.h"

#include "examples.h"

namespace gradus::detail {

/// A call with a generator that is always in the same state.
template <class F>
static auto drawn(F call) {
  return [=](In in) {
    Generator generator(3);
    return call(in, generator);
  };
}

std::vector<OpEntry> random_examples() {
  const auto drop = [](double p) { return drawn([=](In in, Generator& g) { return dropout(in[0], p, true, g); }); };
  const auto draw = [](bool replacement) {
    return drawn([=](In in, Generator& g) { return multinomial(in[0], 2, replacement, g); });
  };
  const Sample matrix{{4, 5}}, x{{4, 5}, domain(-3, 3, {0})}, weights{{3, 4}, domain(0.1, 1)};
  static const ExampleRow rows[] = {
      {"dropout",
       {"x [kept] / (1 - p)", "g [kept] / (1 - p)"},
       {{"p 0.3", {matrix}, drop(0.3)},
        {"p 1", {matrix}, drop(1)},
        {"no rows", {{{0, 5}}}, drop(0.3)},
        {"evaluation", {matrix}, [](In in) { return dropout(in[0], 0.3, false); }}}},
      {"feature_dropout",
       {"whole channels of x [kept] / (1 - p)", "g [kept] / (1 - p)"},
       {{"", {{{2, 4, 3}}}, drawn([](In in, Generator& g) { return feature_dropout(in[0], 0.3, true, g); })}}},
      {"alpha_dropout",
       {"a (x [kept] + α' [dropped]) + b (Klambauer et al. 2017)", "a g [kept]"},
       {{"", {matrix}, drawn([](In in, Generator& g) { return alpha_dropout(in[0], 0.3, true, g); })}}},
      {"rrelu",
       {"x where x > 0, else ax with a ~ U[α, β); evaluation: a = (α + β) / 2", "g (1 or a)"},
       {{"training", {x}, drawn([](In in, Generator& g) { return rrelu(in[0], 0.1, 0.4, true, g); })},
        {"evaluation", {x}, [](In in) { return rrelu(in[0], 0.1, 0.4, false); }}}},
      {"bernoulli",
       {"1 with probability p, else 0"},
       {{"", {{{4, 5}, domain(0, 1)}}, drawn([](In in, Generator& g) { return bernoulli(in[0], g); }), false, false}}},
      {"normal",
       {"μ + σ z, z standard normal", "g, g z"},
       {{"", {{{2, 3}}, {{3}, domain(0.5, 2)}}, drawn([](In in, Generator& g) { return normal(in[0], in[1], g); })}}},
      {"uniform",
       {"a + (b - a) u, u uniform in [0, 1)", "g (1 - u), g u"},
       {{"", {{{2, 1}}, {{3}, domain(2, 3)}}, drawn([](In in, Generator& g) { return uniform(in[0], in[1], g); })}}},
      {"multinomial",
       {"indices drawn by weight"},
       {{"", {weights}, draw(false), false, false}, {"replacement", {weights}, draw(true), false, false}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

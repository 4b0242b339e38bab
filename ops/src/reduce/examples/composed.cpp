#include "examples.h"

#include "gradus/ops/reduce.h"

#include <limits>

namespace gradus::detail {

/// Examples for functions of `(x, axes, keepdim)`.
template <auto function>
static Examples over_axes(Sample::Kind kind = Sample::Kind::real, bool differentiable = true) {
  return {{"all", {{{2, 3}, {}, kind}}, [](In in) { return function(in[0], Axes(), false); }, false, differentiable},
          {"axis 0, keepdim",
           {{{3, 2}, {}, kind}},
           [](In in) { return function(in[0], Axes(0), true); },
           false,
           differentiable},
          {"axes 0 and -1",
           {{{2, 3, 2}, {}, kind}},
           [](In in) { return function(in[0], Axes({0, -1}), false); },
           false,
           differentiable}};
}

static Tensor biased_std(Arg x, const Axes& axes, bool keepdim) { return stddev(x, axes, keepdim, 0); }
template <int p>
static Tensor norm_of(Arg x, const Axes& axes, bool keepdim) {
  return norm(x, p, axes, keepdim);
}

std::vector<OpEntry> composed_reduce_examples() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  using Kind = Sample::Kind;
  const Sample kinked{{2, 3}, domain(-2, 2, {0})}, positive{{2, 3}, domain(0.5, 2)};
  const Sample distinct{{2, 3}, domain(0.5, 3), Kind::distinct};
  static const ExampleRow rows[] = {
      {"stddev", {"√var", "g (x - m) / ((n - ddof) y)"}, over_axes<&biased_std>(Kind::distinct)},
      {"norm",
       {"(Σ |x|^p)^(1/p)", "g sign(x) (|x| / y)^(p-1)"},
       joined(over_axes<&norm_of<2>>(),
              {{"p 1", {kinked}, [](In in) { return norm(in[0], 1, 0); }},
               {"p 3", {kinked}, [](In in) { return norm(in[0], 3, -1); }},
               {"p 0.5", {kinked}, [](In in) { return norm(in[0], 0.5); }},
               {"p -1.5", {kinked}, [](In in) { return norm(in[0], -1.5, 1); }},
               {"p 0", {kinked}, [](In in) { return norm(in[0], 0, 1); }, false, false},
               {"p inf", {distinct}, [](In in) { return norm(in[0], infinity, 1, true); }},
               {"p -inf", {distinct}, [](In in) { return norm(in[0], -infinity, 0); }}})},
      {"normalize",
       {"x / max(norm, ε)", "(g - y Σ g y) / norm for p = 2"},
       {{"p 2, axis 1", {positive}, [](In in) { return normalize(in[0]); }},
        {"p 3, axis 0", {positive}, [](In in) { return normalize(in[0], 3, 0); }},
        {"below eps", {{}}, [](In in) { return normalize(in[0], 2, 1, 100); }}}},
      {"amax", {"the greatest", "g, shared by the greatest"}, over_axes<&amax>(Kind::distinct)},
      {"amin", {"the least", "g, shared by the least"}, over_axes<&amin>(Kind::distinct)},
      {"any", {"some x ≠ 0"}, over_axes<&any>(Kind::flag, false)},
      {"all", {"every x ≠ 0"}, over_axes<&gradus::all>(Kind::flag, false)},
      {"count_nonzero", {"how many x ≠ 0"}, over_axes<&count_nonzero>(Kind::real, false)},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "gradus/ops/reduce.h"

#include "examples.h"

#include "gradus/graph/node.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"

namespace gradus::detail {

/// Examples that suit every reduction which takes `(x, axes, keepdim)`.
template <auto function>
static Examples common_examples(Sample::Kind kind = Sample::Kind::real) {
  return {{"all", {{{2, 3}, {}, kind}}, [](In in) { return function(in[0], Axes(), false); }},
          {"axis 0", {{{3, 4}, {}, kind}}, [](In in) { return function(in[0], Axes(0), false); }},
          {"axis -1, keepdim", {{{2, 3, 2}, {}, kind}}, [](In in) { return function(in[0], Axes(-1), true); }},
          {"axes 0 and 2", {{{2, 3, 2}, {}, kind}}, [](In in) { return function(in[0], Axes({0, 2}), false); }},
          {"axes 1 and -1 of a transposed one",
           {{{2, 3, 2}, {}, kind}},
           [](In in) { return function(transpose(in[0], 0, 2), Axes({1, -1}), false); }},
          {"size 1", {{{3, 1, 2}, {}, kind}}, [](In in) { return function(in[0], Axes(1), false); }},
          {"rank 0", {{Shape{}, {}, kind}}, [](In in) { return function(in[0], Axes(), true); }},
          {"no results", {{{0, 3}, {}, kind}}, [](In in) { return function(in[0], Axes(1), false); }}};
}

template <auto function>
static Examples sum_examples() {
  return joined(common_examples<function>(),
                {{"of nothing", {{{0, 2}}}, [](In in) { return function(in[0], Axes(0), false); }}});
}

static Tensor biased_var(Arg x, const Axes& axes, bool keepdim) { return var(x, axes, keepdim, 0); }

/// Of functions of all elements, and of `(x, axis, keepdim)`.
template <Tensor (*all)(Arg), Tensor (*along)(Arg, std::int64_t, bool)>
static Examples arg_examples() {
  const auto x = [](const Shape& shape) { return Sample{shape, {}, Sample::Kind::distinct}; };
  return {{"all", {x({2, 3})}, [](In in) { return all(in[0]); }, false, false},
          {"axis 0, keepdim", {x({2, 3})}, with<along>(0, true), false, false},
          {"axis -1", {x({2, 3, 2})}, with<along>(-1, false), false, false}};
}

template <auto function>
static Examples with_index_examples() {
  constexpr auto kind = Sample::Kind::distinct;
  return {{"axis 0", {{{3, 4}, {}, kind}}, [](In in) { return function(in[0], 0, false).values; }},
          {"axis -2, keepdim", {{{2, 3, 2}, {}, kind}}, [](In in) { return function(in[0], -2, true).values; }}};
}

std::vector<OpEntry> reduce_examples() {
  constexpr auto distinct = Sample::Kind::distinct;
  static const ExampleRow rows[] = {
      {"sum", {"Σ x", "g, broadcast"}, sum_examples<&gradus::sum>()},
      {"nansum",
       {"Σ x without NaN", "g, broadcast; 0 of NaN"},
       joined(sum_examples<&gradus::nansum>(),
              {{"some NaN",
                {{{2, 3}, domain(-2, 1, {0})}},
                [](In in) { return nansum(add(in[0], mul(log(detach(in[0])), 0)), 1); }}})},
      {"mean", {"Σ x / n", "g / n, broadcast"}, common_examples<&gradus::mean>()},
      {"prod",
       {"Π x", "g times the product of the others"},
       joined(sum_examples<&gradus::prod>(),
              {{"one zero", {{}}, [](In in) { return prod(mul(in[0], cast(tensor({1, 0, 1}), in[0].dtype())), 1); }},
               {"seven", {{{7}}}, [](In in) { return prod(in[0]); }}})},
      {"max", {"the greatest", "g, shared by the greatest"}, common_examples<&gradus::max>(distinct)},
      {"min", {"the least", "g, shared by the least"}, common_examples<&gradus::min>(distinct)},
      {"argmax", {"where the greatest stands first"}, arg_examples<&argmax, &argmax>()},
      {"argmin", {"where the least stands first"}, arg_examples<&argmin, &argmin>()},
      {"max_with_index",
       {"the greatest, and where it stands first", "g there"},
       with_index_examples<&max_with_index>()},
      {"min_with_index", {"the least, and where it stands first", "g there"}, with_index_examples<&min_with_index>()},
      {"var",
       {"Σ (x - m)² / (n - ddof), m the mean", "2 g (x - m) / (n - ddof)"},
       joined(common_examples<&biased_var>(), {{"unbiased", {{{3, 4}}}, [](In in) { return var(in[0], 0); }}})},
      {"logsumexp", {"ln Σ e^x", "g softmax(x)"}, common_examples<&gradus::logsumexp>()},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

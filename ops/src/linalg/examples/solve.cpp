#include "examples.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/shape.h"

namespace gradus::detail {

std::vector<OpEntry> solve_examples() {
  // Well conditioned: close to 2.
  static const auto regular = [](const Tensor& x) { return x + 2.0 * eye(x.size(-1), -1, x.dtype()); };
  const auto det_of = [](In in) { return det(regular(in[0])); };
  const auto slogdet_of = [](In in) { return slogdet(regular(in[0])).logabsdet; };
  const auto inverse_of = [](In in) { return inverse(regular(in[0])); };
  const auto solution = [](In in) { return solve(regular(in[0]), in[1]); };
  const auto triangular = [](Triangular form) {
    return [=](In in) { return triangular_solve(regular(in[0]), in[1], form); };
  };
  const Sample one{{3, 3}, domain(-0.5, 0.5)}, two{{2, 2, 2}, domain(-0.5, 0.5)};
  const std::vector<Sample> pair{one, {{3, 2}}};
  static const ExampleRow rows[] = {
      {"det",
       {"det A", "g y A⁻ᵀ"},
       {{"matrix", {one}, det_of},
        {"batch", {two}, det_of},
        {"any", {{{3, 3}}}, [](In in) { return det(in[0]); }},
        {"of rank 2",
         {one, {{3, 1}}},
         [](In in) {  // its last row is 0
           return det(concat({narrow(in[0], 0, 0, 2), 0.0 * narrow(in[0], 0, 2, 1)}) * in[1]);
         }}}},
      {"slogdet",
       {"sign of det A, and ln |det A|", "g A⁻ᵀ of the second"},
       {{"matrix", {one}, slogdet_of}, {"batch", {two}, slogdet_of}}},
      {"logdet",
       {"ln det A", "g A⁻ᵀ"},
       {{"", {one}, [](In in) { return logdet(regular(in[0])); }},
        {"x^T x",
         {{{3, 3}, {}, Sample::Kind::spectrum}},
         [](In in) { return logdet(matmul(transpose(in[0]), in[0])); }}}},
      {"inverse",
       {"A⁻¹", "-Yᵀ G Yᵀ"},
       {{"matrix", {one}, inverse_of}, {"batch", {two}, inverse_of}, {"empty", {{{0, 0}}}, inverse_of}}},
      {"matrix_power",
       {"Aⁿ; with a fraction, V diag(wⁿ) Vᵀ of a symmetric A", "that of the products; as spectral"},
       {{"2", {one}, [](In in) { return matrix_power(in[0], 2); }},
        {"5", {two}, [](In in) { return matrix_power(in[0], 5); }},
        {"0.7", {one}, [](In in) { return matrix_power(regular(in[0]), 0.7); }},
        {"-2", {one}, [](In in) { return matrix_power(regular(in[0]), -2); }}}},
      {"solve",
       {"A⁻¹ B", "-(A⁻ᵀ G) Yᵀ, A⁻ᵀ G"},
       {{"matrix", pair, solution},
        {"vector", {one, {{3}}}, solution},
        {"batch", {two, {{2, 2, 1}}}, solution},
        {"broadcast", {two, {{2, 3}}}, solution},
        {"no columns", {one, {{3, 0}}}, solution}}},
      {"triangular_solve",
       {"A⁻¹ B, A triangular", "the triangle of -(A⁻ᵀ G) Yᵀ, A⁻ᵀ G"},
       {{"lower", pair, triangular({})},
        {"upper", pair, triangular({.upper = true})},
        {"lower, transposed", pair, triangular({.transpose = true})},
        {"upper, transposed, unit", pair, triangular({.upper = true, .transpose = true, .unit = true})},
        {"lower, unit", pair, triangular({.unit = true})},
        {"batch, vector", {two, {{2}}}, triangular({})}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

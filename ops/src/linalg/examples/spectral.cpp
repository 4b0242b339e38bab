#include "gradus/ops/spectral.h"

#include "examples.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

namespace gradus::detail {

std::vector<OpEntry> spectral_examples() {
  // Q d Q^T with Q close to 1, d positive.
  static const auto definite = [](const Tensor& x) {
    const Tensor y = add(mul(x, 0.3), eye(x.size(-1), -1, x.dtype()));
    return matmul(y, transpose(y));
  };
  // With eigenvalues from 1 on, equal where singular values of x are.
  static const auto above = [](const Tensor& x) {
    return add(matmul(transpose(x), x), eye(x.size(-1), -1, x.dtype()));
  };
  // As x, but no larger than 1: roots have no derivative where an eigenvalue is lost to rounding.
  static const auto bounded = [](const Tensor& x) { return div(x, sqrt(add(sum(mul(x, x)), 1))); };
  const auto wave = [](In in) { return spectral(in[0], [](auto x) { return tanh(x) + x * sin(x); }); };
  const auto root = [](In in) { return matrix_sqrt(definite(bounded(in[0]))); };
  const Sample any{{3, 3}, {}, Sample::Kind::spectrum}, square{{3, 3}, domain(-0.5, 0.5)},
      batch{{2, 2, 2}, domain(-0.5, 0.5)};
  static const ExampleRow rows[] = {
      {"spectral",
       {"V diag(f(w)) Vᵀ of a symmetric A",
        "V (f[w_i, w_j] (Vᵀ G V)_ij) Vᵀ, f[·, ·] the divided difference (Daleckii and Krein 1965)"},
       {{"", {square}, wave}, {"batch", {batch}, wave}, {"any", {any}, wave}, {"empty", {{{0, 0}}}, wave}}},
      {"matrix_sqrt",
       {"V diag(√w) Vᵀ of a symmetric A", "as spectral"},
       {{"", {square}, root},
        {"batch", {batch}, root},
        {"diagonal", {{{3}, domain(0.5, 2)}}, [](In in) { return matrix_sqrt(diag_embed(in[0])); }},
        {"any", {any}, [](In in) { return matrix_sqrt(above(bounded(in[0]))); }}}},
      {"matrix_rsqrt",
       {"V diag(1/√w) Vᵀ of a symmetric A", "as spectral"},
       {{"", {square}, [](In in) { return matrix_rsqrt(definite(in[0])); }},
        {"any", {any}, [](In in) { return matrix_rsqrt(above(in[0])); }}}},
      {"matrix_log",
       {"V diag(ln w) Vᵀ of a symmetric A", "as spectral"},
       {{"", {square}, [](In in) { return matrix_log(definite(in[0])); }},
        {"any", {any}, [](In in) { return matrix_log(above(in[0])); }}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "examples.h"
#include "linalg/matrices.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/decompose.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"

namespace gradus::detail {

Tensor far_apart(const Tensor& x) {
  const std::int64_t m = x.size(-2), n = x.size(-1);
  return 0.2 * x + cast(eye(m, n), x.dtype()) * arange(1, static_cast<double>(n) + 0.5, 1, x.dtype());
}

std::vector<OpEntry> spectrum_examples() {
  static const auto symmetric = [](const Tensor& x) { return far_apart(x) + transpose(far_apart(x)); };
  static const auto part_of = [](const Tensor& x) { return 0.5 * (x + transpose(x)); };
  // Functions of x that the signs of singular vectors and eigenvectors don't change.
  static const auto waves = [](const SvdResult& f) { return matmul(f.u * unsqueeze(sin(f.s), -2), f.vh); };
  static const auto function = [](const EighResult& f, const Tensor& of_values) {
    return matmul(f.vectors * unsqueeze(of_values, -2), transpose(f.vectors));
  };
  const auto singular = [](In in) { return svd(far_apart(in[0])).s; };
  const auto factors = [](In in) { return waves(svd(far_apart(in[0]))); };
  const auto waves_of_any = [](In in) { return waves(svd(in[0])); };
  const auto eigen = [](In in) {
    const EighResult f = eigh(symmetric(in[0]));
    return function(f, sin(f.values));
  };
  const auto inverse = [](In in) { return pinverse(far_apart(in[0])); };
  const Sample any{{3, 3}, {}, Sample::Kind::spectrum}, square{{3, 3}, domain(-0.5, 0.5)},
      tall{{4, 2}, domain(-0.5, 0.5)}, wide{{2, 3}, domain(-0.5, 0.5)}, batch{{2, 2, 2}, domain(-0.5, 0.5)};
  static const ExampleRow rows[] = {
      {"svd",
       {"U, S, Vᵀ with U S Vᵀ = A", "Townsend 2016"},
       {{"values", {tall}, singular},
        {"all", {square}, factors},
        {"all, tall", {tall}, factors},
        {"all, wide", {wide}, factors},
        {"squares, batch",
         {batch},
         [](In in) {
           const SvdResult f = svd(far_apart(in[0]));
           return matmul(gradus::square(f.u), gradus::square(f.vh));
         }},
        {"function of values", {any}, [](In in) { return sum(exp(gradus::square(svd(in[0]).s))); }},
        {"function, by vectors", {any}, waves_of_any},
        {"function, by vectors, tall", {{{3, 2}, {}, Sample::Kind::spectrum}}, waves_of_any},
        {"empty", {{{2, 0}}}, singular}}},
      {"eigh",
       {"eigenvalues w and vectors V of a symmetric A", "V (diag g_w + (Vᵀ G_V) / (w_j - w_i)) Vᵀ"},
       {{"values", {square}, [](In in) { return eigh(symmetric(in[0])).values; }},
        {"all", {square}, eigen},
        {"all, batch", {batch}, eigen},
        {"squares", {square}, [](In in) { return gradus::square(eigh(symmetric(in[0])).vectors); }},
        {"function of values", {any}, [](In in) { return sum(exp(eigh(part_of(in[0])).values)); }},
        {"function, by vectors",
         {any},
         [](In in) {
           const EighResult f = eigh(part_of(in[0]));
           return function(f, log(gradus::square(f.values)));
         }}}},
      {"pinverse",
       {"the Moore–Penrose inverse", "through svd"},
       {{"tall", {tall}, inverse},
        {"wide", {wide}, inverse},
        {"batch", {batch}, inverse},
        {"any", {any}, [](In in) { return pinverse(in[0]); }}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "examples.h"

#include "gradus/ops/linalg.h"

namespace gradus::detail {

std::span<const OpEntry> products_ops() {
  const auto batches = [](In in) { return bmm(in[0], in[1]); };
  const auto sum = [](In in) { return addmm(in[0], in[1], in[2]); };
  const std::vector<Sample> matrices{{{3, 2}}, {{3, 4}}, {{4, 2}}};
  static const ExampleRow rows[] = {
      {"bmm",
       {"A B for each of a batch", "G Bᵀ, Aᵀ G"},
       {{"batches", {{{2, 3, 4}}, {{2, 4, 2}}}, batches}, {"none", {{{0, 3, 4}}, {{0, 4, 2}}}, batches}}},
      {"addmm",
       {"β C + α A B", "β G, α G Bᵀ, α Aᵀ G"},
       {{"plain", matrices, sum},
        {"scaled", matrices, [](In in) { return addmm(in[0], in[1], in[2], -0.5, 3); }},
        {"row", {{{2}}, {{3, 4}}, {{4, 2}}}, sum}}},
      {"baddbmm",
       {"β C + α A B for each of a batch", "β G, α G Bᵀ, α Aᵀ G"},
       {{"scaled",
         {{{2, 1, 2}}, {{2, 3, 4}}, {{2, 4, 2}}},
         [](In in) { return baddbmm(in[0], in[1], in[2], 2, 0.5); }}}},
      {"mv", {"A b", "g bᵀ, Aᵀ g"}, {{"", {{{3, 4}}, {{4}}}, [](In in) { return mv(in[0], in[1]); }}}},
      {"dot",
       {"Σ a b", "g b, g a"},
       {{"", {{{4}}, {{4}}}, [](In in) { return dot(in[0], in[1]); }},
        {"empty", {{{0}}, {{0}}}, [](In in) { return dot(in[0], in[1]); }}}},
      {"outer", {"y_ij = a_i b_j", "G b, Gᵀ a"}, {{"", {{{3}}, {{4}}}, [](In in) { return outer(in[0], in[1]); }}}},
      {"trace",
       {"Σ x_ii", "g I"},
       {{"matrix", {{{3, 4}}}, [](In in) { return trace(in[0]); }},
        {"batch", {{{2, 3, 2}}}, [](In in) { return trace(in[0]); }}}},
      {"kron",
       {"blocks a_ij B", "sums with the other factor"},
       {{"matrices", {{{2, 3}}, {{3, 2}}}, [](In in) { return kron(in[0], in[1]); }},
        {"vector", {{{3}}, {{2, 2}}}, [](In in) { return kron(in[0], in[1]); }}}},
      {"cross",
       {"a × b", "b × g, g × a"},
       {{"last", {{{2, 3}}, {{2, 3}}}, [](In in) { return cross(in[0], in[1]); }},
        {"axis 0", {{{3, 1}}, {{3, 2}}}, [](In in) { return cross(in[0], in[1], 0); }}}},
  };
  static const std::vector<OpEntry> table = entries<rows>();
  return table;
}

}  // namespace gradus::detail

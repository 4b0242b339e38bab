#include "examples.h"

#include "gradus/ops/norm.h"

namespace gradus::detail {

std::vector<OpEntry> layer_norm_examples() {
  static const ExampleRow rows[] = {
      {"layer_norm",
       {"w x̂ + b, x̂ = (x - m) / √(v + ε) over the last axes", "as batch_norm, over the last axes"},
       {{"", {{{3, 4}}, {{4}}, {{4}}}, [](In in) { return layer_norm(in[0], {4}, in[1], in[2]); }},
        {"two dimensions", {{{2, 3, 2}}}, [](In in) { return layer_norm(in[0], {3, 2}); }},
        {"no rows", {{{0, 4}}}, [](In in) { return layer_norm(in[0], {4}); }},
        {"eps 0.1", {{{2, 20}}}, [](In in) { return layer_norm(in[0], {20}, {}, {}, 0.1); }}}},
      {"rms_norm",
       {"w x / √(mean x² + ε)", "(w g - x̂ mean(w g x̂)) / √(mean x² + ε), Σ g x̂"},
       {{"", {{{3, 4}}, {{4}}}, [](In in) { return rms_norm(in[0], {4}, in[1]); }}}},
      {"group_norm",
       {"the same over groups of channels", "as batch_norm, over groups"},
       {{"", {{{2, 4, 3}}, {{4}}, {{4}}}, [](In in) { return group_norm(in[0], 2, in[1], in[2]); }},
        {"one group", {{{2, 2, 2, 2}}}, [](In in) { return group_norm(in[0], 1); }}}},
      {"instance_norm",
       {"the same over each channel of a sample", "as batch_norm, over a channel"},
       {{"", {{{2, 3, 4}}, {{3}}, {{3}}}, [](In in) { return instance_norm(in[0], in[1], in[2]); }}}},
      {"local_response_norm",
       {"x / (k + α mean x²)^β over neighbouring channels", "that of the formula"},
       {{"size 3", {{{2, 4, 2}}}, [](In in) { return local_response_norm(in[0], 3, {.alpha = 0.5}); }},
        {"size 4", {{{1, 5}}}, [](In in) { return local_response_norm(in[0], 4, {.alpha = 0.5, .k = 2}); }}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "gradus/ops/sort.h"

#include "examples.h"

namespace gradus::detail {

std::vector<OpEntry> sort_examples() {
  constexpr auto distinct = Sample::Kind::distinct;
  static const Sample matrix{{2, 3}, {}, distinct}, cube{{2, 3, 2}, {}, distinct};
  static const ExampleRow rows[] = {
      {"sort",
       {"x in order, and where it stood", "g, put back"},
       {{"last axis", {matrix}, [](In in) { return sort(in[0]).values; }},
        {"axis 1, descending", {cube}, [](In in) { return sort(in[0], 1, true).values; }},
        {"of nothing", {{{2, 0}}}, [](In in) { return sort(in[0]).values; }}}},
      {"argsort",
       {"where the sorted stood"},
       {{"axis 0", {matrix}, [](In in) { return argsort(in[0], 0); }, false, false},
        {"axis -2, descending", {cube}, [](In in) { return argsort(in[0], -2, true); }, false, false}}},
      {"topk",
       {"the k greatest or least, and where they stand", "g, put back"},
       {{"2 largest", {matrix}, [](In in) { return topk(in[0], 2).values; }},
        {"2 smallest, axis 1", {cube}, [](In in) { return topk(in[0], 2, 1, false).values; }},
        {"none", {matrix}, [](In in) { return topk(in[0], 0).values; }}}},
      {"kthvalue",
       {"the k-th least, and where it stands", "g there"},
       {{"second", {matrix}, [](In in) { return kthvalue(in[0], 2).values; }},
        {"first, axis 1, keepdim", {cube}, [](In in) { return kthvalue(in[0], 1, 1, true).values; }}}},
      {"median",
       {"the lower median, and where it stands", "g there"},
       {{"all", {matrix}, [](In in) { return median(in[0]); }},
        {"axis 1, keepdim", {cube}, [](In in) { return median(in[0], 1, true).values; }}}},
      {"quantile",
       {"between sorted neighbours, linearly", "g, shared by the neighbours"},
       {{"0.3 of all", {matrix}, [](In in) { return quantile(in[0], 0.3); }},
        {"0.9, axis 1, keepdim", {cube}, [](In in) { return quantile(in[0], 0.9, 1, true); }},
        {"an element", {matrix}, [](In in) { return quantile(in[0], 0.5, -1); }}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

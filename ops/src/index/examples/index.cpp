#include "gradus/ops/index.h"

#include "examples.h"

#include "gradus/ops/shape.h"

namespace gradus::detail {

std::vector<OpEntry> index_examples() {
  const auto places = [](const Shape& shape, double low, double high) {
    return Sample{shape, domain(low, high), Sample::Kind::index};
  };
  static const ExampleRow rows[] = {
      {"index_select",
       {"slices i of an axis", "g, added at i"},
       {{"axis 0, repeated", {{{3, 2}}, places({5}, -3, 3)}, [](In in) { return index_select(in[0], 0, in[1]); }},
        {"axis -1 of a transposed one",
         {{{3, 2}}, places({2}, 0, 3)},
         [](In in) { return index_select(transpose(in[0]), -1, in[1]); }},
        {"no index", {{{3, 2}}, places({0}, 0, 3)}, [](In in) { return index_select(in[0], 1, in[1]); }}}},
      {"index_add",
       {"x with a added at slices i", "g, slices i of g"},
       {{"axis 0, repeated",
         {{{3, 2}}, places({5}, -3, 3), {{5, 2}}},
         [](In in) { return index_add(in[0], 0, in[1], in[2]); }},
        {"axis 1 of 3",
         {{{2, 3, 2}}, places({2}, 0, 3), {{2, 2, 2}}},
         [](In in) { return index_add(in[0], 1, in[1], in[2]); }}}},
      {"gather",
       {"y[j] = x[i[j]] along an axis", "g, added at i"},
       {{"axis 0, longer", {{{3, 2}}, places({5, 2}, -3, 3)}, [](In in) { return gather(in[0], 0, in[1]); }},
        {"axis 1, smaller", {{{2, 3, 4}}, places({1, 5, 3}, 0, 3)}, [](In in) { return gather(in[0], 1, in[1]); }},
        {"nothing", {{{3, 2}}, places({0, 2}, 0, 3)}, [](In in) { return gather(in[0], 0, in[1]); }}}},
      {"scatter_add",
       {"x with a added at i", "g, g at i"},
       {{"axis 0, repeated",
         {{{3, 2}}, places({5, 2}, -3, 3), {{5, 2}}},
         [](In in) { return scatter_add(in[0], 0, in[1], in[2]); }},
        {"axis -1, a larger source",
         {{{2, 3}}, places({1, 4}, 0, 3), {{2, 5}}},
         [](In in) { return scatter_add(in[0], -1, in[1], in[2]); }}}},
      {"one_hot",
       {"1 at the label, 0 elsewhere"},
       {{"3 classes", {places({2, 2}, 0, 3)}, [](In in) { return one_hot(in[0], 3); }, false, false}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "examples.h"

#include "gradus/ops/index.h"
#include "gradus/ops/shape.h"

namespace gradus::detail {

std::vector<OpEntry> scatter_examples() {
  const auto places = [](const Shape& shape, double low, double high) {
    return Sample{shape, domain(low, high), Sample::Kind::index};
  };
  const auto flags = [](const Shape& shape) { return Sample{shape, {}, Sample::Kind::flag}; };
  static const ExampleRow rows[] = {
      {"scatter",
       {"x with a written at i", "g but at i, g at i"},
       {{"axis 0, repeated",
         {{{3, 2}}, places({5, 2}, -3, 3), {{5, 2}}},
         [](In in) { return scatter(in[0], 0, in[1], in[2]); }},
        {"axis -1, a larger source",
         {{{2, 3}}, places({1, 2}, 0, 3), {{2, 4}}},
         [](In in) { return scatter(in[0], -1, in[1], in[2]); }}}},
      {"index_fill",
       {"x with slices i replaced by a number", "g but there"},
       {{"axis 1", {{{2, 4}}, places({2}, -4, 4)}, [](In in) { return index_fill(in[0], 1, in[1], 0.5); }}}},
      {"index_put",
       {"x with a written at, or added to, places", "g but there (or g), g there"},
       {{"elements, repeated",
         {{{2, 3}}, places({5}, -2, 2), places({5}, 0, 3), {{5}}},
         [](In in) { return index_put(in[0], in.subspan(1, 2), in[3]); }},
        {"rows, added",
         {{{3, 2}}, places({2, 2}, 0, 3), {{2}}},
         [](In in) { return index_put(in[0], in.subspan(1, 1), in[2], true); }}}},
      {"slice_assign",
       {"x with a slice replaced by a", "g outside the slice, g inside it"},
       {{"1 to 3", {{{2, 4}}, {{2, 2}}}, [](In in) { return slice_assign(in[0], in[1], 1, 1, 3); }},
        {"every second, backwards, of one row",
         {{{5, 2}}, {{2}}},
         [](In in) { return slice_assign(in[0], in[1], 0, -1, kEnd, -2); }}}},
      {"masked_select",
       {"x where the mask holds, in a row", "g, put back"},
       {{"", {{{2, 3}}, flags({2, 3})}, [](In in) { return masked_select(in[0], in[1]); }},
        {"of a column, broadcast", {{{2, 1}}, flags({3})}, [](In in) { return masked_select(in[0], in[1]); }}}},
      {"masked_fill",
       {"x, a number where the mask holds", "g [not mask]"},
       {{"a row", {{{2, 3}}, flags({3})}, [](In in) { return masked_fill(in[0], in[1], 2); }}}},
      {"nonzero", {"where x ≠ 0"}, {{"of flags", {flags({2, 3})}, [](In in) { return nonzero(in[0]); }, false, false}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "gradus/ops/shape.h"

#include "examples.h"

namespace gradus::detail {

std::vector<OpEntry> shape_examples() {
  const Sample number{Shape{}};
  static const ExampleRow rows[] = {
      {"reshape",
       {"the same elements in another shape", "g, reshaped"},
       {{"[2, 3] as [3, -1]", {{}}, with<reshape>(Shape{3, -1})},
        {"[1] as []", {{{1}}}, with<reshape>(Shape{})},
        {"[2, 0] as [0, 5, 2]", {{{2, 0}}}, with<reshape>(Shape{0, 5, 2})},
        {"a transposed one, copied", {{}}, [](In in) { return reshape(transpose(in[0]), in[0].shape()); }},
        {"every second row, a view",
         {{{4, 6}}},
         [](In in) { return reshape(slice(in[0], 0, 0, kEnd, 2), {2, 1, 2, 3}); }}}},
      {"flatten",
       {"some axes as one", "g, reshaped"},
       {{"from axis 1", {{{2, 3, 2}}}, with<flatten>(1, -1)}, {"all", {{{2, 1, 2}}}, with<flatten>(0, -1)}}},
      {"transpose",
       {"two axes exchanged", "g, transposed"},
       {{"a matrix", {{}}, with<transpose>(-2, -1)},
        {"axes 0 and 2", {{{2, 3, 4}}}, with<transpose>(0, 2)},
        {"empty", {{{0, 3}}}, with<transpose>(-2, -1)}}},
      {"permute",
       {"axes in another order", "g in the order before"},
       {{"2 0 1", {{{2, 3, 4}}}, with<permute>(Shape{2, 0, 1})},
        {"negative", {{{2, 1, 3}}}, with<permute>(Shape{-1, 0, -2})},
        {"rank 0", {number}, with<permute>(Shape{})}}},
      {"squeeze",
       {"without axes of size 1", "g, with them"},
       {{"all", {{{1, 3, 1, 2}}}, [](In in) { return squeeze(in[0]); }},
        {"axis -2", {{{3, 1, 2}}}, [](In in) { return squeeze(in[0], -2); }}}},
      {"unsqueeze",
       {"with an axis of size 1", "g, without it"},
       {{"axis 1", {{}}, with<unsqueeze>(1)},
        {"axis -1", {{}}, with<unsqueeze>(-1)},
        {"rank 0", {number}, with<unsqueeze>(0)}}},
      {"broadcast_to",
       {"repeated along axes of size 1", "g, summed"},
       {{"[3, 1] to [2, 3, 4]", {{{3, 1}}}, with<broadcast_to>(Shape{2, 3, 4})},
        {"[] to [2, 3]", {number}, with<broadcast_to>(Shape{2, 3})},
        {"[1, 3] to [0, 3]", {{{1, 3}}}, with<broadcast_to>(Shape{0, 3})}}},
      {"sum_to",
       {"summed to a shape", "g, broadcast"},
       {{"[2, 3, 4] to [3, 1]", {{{2, 3, 4}}}, with<sum_to>(Shape{3, 1})},
        {"[2, 3] to []", {{}}, with<sum_to>(Shape{})},
        {"[0, 3] to [1, 3]", {{{0, 3}}}, with<sum_to>(Shape{1, 3})}}},
      {"flip",
       {"in reverse order", "g, flipped"},
       {{"axis 1", {{}}, with<flip>(Shape{1})},
        {"axes 0 and -1", {{{2, 3, 2}}}, with<flip>(Shape{0, -1})},
        {"empty", {{{2, 0}}}, with<flip>(Shape{0, 1})}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

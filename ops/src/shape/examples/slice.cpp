#include "examples.h"

#include "gradus/ops/shape.h"

namespace gradus::detail {

std::vector<OpEntry> slice_examples() {
  static const ExampleRow rows[] = {
      {"concat",
       {"joined along an axis", "parts of g"},
       {{"axis 0", {{{2, 3}}, {{1, 3}}}, [](In in) { return concat(in); }},
        {"axis -1, one empty", {{{2, 1}}, {{2, 0}}, {{2, 2}}}, [](In in) { return concat(in, -1); }},
        {"one twice, transposed",
         {{{2, 3}}, {{3, 1}}},
         [](In in) { return concat({transpose(in[0]), in[1], transpose(in[0])}, 1); }}}},
      {"stack",
       {"joined along a new axis", "parts of g"},
       {{"axis 0", {{}, {}}, [](In in) { return stack(in); }},
        {"axis -1", {{}, {}, {}}, [](In in) { return stack(in, -1); }},
        {"rank 0", {{Shape{}}, {Shape{}}}, [](In in) { return stack(in); }}}},
      {"split",
       {"parts along an axis", "g at its place, 0 elsewhere"},
       {{"sizes 3 0 1, crossed",
         {{{2, 4}}},
         [](In in) {
           const auto parts = split(in[0], {3, 0, 1}, -1);
           return concat({parts[2], parts[0], parts[1], parts[0]}, 1);
         }},
        {"one part used", {{{5, 2}}}, [](In in) { return split(in[0], {2, 2, 1})[1]; }},
        {"into 40", {{{40}}}, [](In in) { return concat(split(flip(in[0], {0}), 1)); }}}},
      {"chunk",
       {"equal parts along an axis", "g at its place, 0 elsewhere"},
       {{"2 of 5", {{{5, 2}}}, [](In in) { return chunk(in[0], 2)[0]; }}}},
      {"slice",
       {"every step-th from start to stop", "g at its place, 0 elsewhere"},
       {{"1 to -1", {{{5, 2}}}, with<slice>(0, 1, -1, 1)},
        {"every second", {{{2, 5}}}, with<slice>(1, 0, kEnd, 2)},
        {"backwards by 2", {{{2, 6}}}, with<slice>(-1, -2, 0, -2)},
        {"all backwards", {{{3, 2}}}, with<slice>(0, -1, kEnd, -1)},
        {"nothing", {{{3, 2}}}, with<slice>(0, 2, 2, 1)}}},
      {"slice_put",
       {"x in a tensor of zeros", "a slice of g"},
       {{"1 to 3 of 4", {{}}, with<slice_put>(Shape{4, 3}, 0, 1, 3, 1)},
        {"backwards by 2", {{}}, with<slice_put>(Shape{2, 6}, 1, -1, kEnd, -2)},
        {"nothing", {{{2, 0}}}, with<slice_put>(Shape{2, 3}, 1, 3, kEnd, 1)}}},
      {"select",
       {"one slice, without its axis", "g at its place, 0 elsewhere"},
       {{"axis 0", {{}}, with<select>(0, 1)},
        {"axis 1 from the back", {{{2, 3, 2}}}, with<select>(1, -1)},
        {"of one", {{{1}}}, with<select>(0, 0)}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

#include "examples.h"

#include "gradus/ops/arithmetic.h"
#include "gradus/ops/shape.h"

namespace gradus::detail {

std::vector<OpEntry> rearrange_examples() {
  const auto padded = [](std::vector<std::int64_t> pads, PadMode mode, double value = 0) {
    return [=](In in) { return pad(in[0], pads, mode, value); };
  };
  const auto product = [](bool xy) {
    return [=](In in) {
      const auto grids = meshgrid(in, xy);
      return mul(grids[0], grids[1]);
    };
  };
  static const ExampleRow rows[] = {
      {"narrow",
       {"n elements from start", "g at its place, 0 elsewhere"},
       {{"1, 2", {{{2, 4}}}, with<narrow>(1, 1, 2)}}},
      {"unbind",
       {"slices along an axis", "g at its place, 0 elsewhere"},
       {{"axis 1", {{}}, [](In in) { return stack(unbind(in[0], 1)); }}}},
      {"unflatten", {"one axis as several", "g, reshaped"}, {{"axis 1", {{{2, 6}}}, with<unflatten>(1, Shape{2, -1})}}},
      {"movedim",
       {"axes moved", "g, moved back"},
       {{"0 to -1", {{{2, 3, 2}}}, [](In in) { return movedim(in[0], 0, -1); }},
        {"two", {{{2, 3, 1}}}, [](In in) { return movedim(in[0], {0, 2}, {1, 0}); }}}},
      {"swapdims", {"two axes exchanged", "g, transposed"}, {{"0, 1", {{}}, with<swapdims>(0, 1)}}},
      {"rot90",
       {"turned by quarters", "g, turned back"},
       {{"1", {{}}, with<rot90>(1, Shape{0, 1})},
        {"2", {{}}, with<rot90>(2, Shape{0, 1})},
        {"-1 of axes 2, 0", {{{2, 3, 2}}}, with<rot90>(-1, Shape{2, 0})}}},
      {"repeat",
       {"repeated along axes", "g, summed over the repeats"},
       {{"2, 1", {{}}, with<repeat>(Shape{2, 1})},
        {"one more axis", {{{3}}}, with<repeat>(Shape{2, 3})},
        {"never", {{}}, with<repeat>(Shape{1, 0})}}},
      {"tile", {"repeated along axes", "g, summed over the repeats"}, {{"2", {{}}, with<tile>(Shape{2})}}},
      {"repeat_interleave",
       {"each element repeated", "g, summed over the repeats"},
       {{"2, axis 0", {{}}, [](In in) { return repeat_interleave(in[0], 2, 0); }},
        {"by numbers", {{}}, [](In in) { return repeat_interleave(in[0], tensor({2, 0, 1}), 1); }}}},
      {"roll",
       {"shifted around", "g, shifted back"},
       {{"1, axis 1", {{}}, [](In in) { return roll(in[0], 1, 1); }},
        {"both", {{}}, [](In in) { return roll(in[0], {-1, 4}, {0, 1}); }}}},
      {"pad",
       {"with a border (constant, reflect, replicate, circular)", "g without it; copies in it added to their source"},
       {{"constant", {{}}, padded({1, 2, 0, 1}, PadMode::constant, 1.5)},
        {"cropped", {{{3, 4}}}, padded({-1, 2, 1, -2}, PadMode::constant)},
        {"reflect", {{{2, 4}}}, padded({3, 1}, PadMode::reflect)},
        {"replicate", {{}}, padded({1, -1, 2, 0}, PadMode::replicate)},
        {"circular", {{}}, padded({3, 1, 0, 2}, PadMode::circular)}}},
      {"meshgrid",
       {"coordinates of a grid", "g, summed over the other axes"},
       {{"ij", {{{2}}, {{3}}}, product(false)}, {"xy", {{{2}}, {{3}}}, product(true)}}},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

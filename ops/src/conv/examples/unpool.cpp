#include "examples.h"

#include "gradus/ops/pool.h"

namespace gradus::detail {

std::span<const OpEntry> unpool_ops() {
  constexpr auto index = Sample::Kind::index;
  static const Domain away = domain(-2, 2, {0});  // powers of odd p have no second derivative at 0
  static const ExampleRow rows[] = {
      {"max_unpool1d",
       {"zeros, x at the indices", "g at the indices"},
       {{"size",
         {{{2, 2, 3}}, {{2, 2, 3}, domain(0, 7), index}},
         [](In in) { return max_unpool1d(in[0], in[1], 2, {.size = 7}); }}}},
      {"max_unpool2d",
       {"zeros, x at the indices", "g at the indices"},
       {{"",
         {{{2, 1, 2, 3}}, {{2, 1, 2, 3}, domain(0, 24), index}},
         [](In in) { return max_unpool2d(in[0], in[1], 2); }},
        {"one image, overlap",
         {{{2, 2, 3}}, {{2, 2, 3}, domain(0, 8), index}},
         [](In in) { return max_unpool2d(in[0], in[1], {3, 2}, {.stride = 1, .padding = {1, 0}}); }}}},
      {"max_unpool3d",
       {"zeros, x at the indices", "g at the indices"},
       {{"",
         {{{1, 2, 1, 2, 2}}, {{1, 2, 1, 2, 2}, domain(0, 32), index}},
         [](In in) { return max_unpool3d(in[0], in[1], 2); }}}},
      {"lp_pool1d",
       {"(Σ |x|^p)^(1/p) over a window", "g sign(x) (|x| / y)^(p-1)"},
       {{"p 2", {{{2, 2, 5}, away}}, [](In in) { return lp_pool1d(in[0], 2, 2); }},
        {"p 1, one sequence", {{{2, 5}, away}}, [](In in) { return lp_pool1d(in[0], 1, 3, {.stride = 1}); }},
        {"no sequences", {{{0, 2, 5}}}, [](In in) { return lp_pool1d(in[0], 2, 2); }}}},
      {"lp_pool2d",
       {"(Σ |x|^p)^(1/p) over a window", "g sign(x) (|x| / y)^(p-1)"},
       {{"p 3", {{{1, 2, 4, 4}, away}}, [](In in) { return lp_pool2d(in[0], 3, 2); }},
        {"p 1.5, ceil",
         {{{1, 1, 3, 4}, away}},
         [](In in) { return lp_pool2d(in[0], 1.5, 2, {.stride = {2, 3}, .ceil_mode = true}); }}}},
      {"lp_pool3d",
       {"(Σ |x|^p)^(1/p) over a window", "g sign(x) (|x| / y)^(p-1)"},
       {{"p 2", {{{1, 1, 2, 3, 2}, away}}, [](In in) { return lp_pool3d(in[0], 2, {2, 2, 1}, {.stride = 1}); }}}},
  };
  static const std::vector<OpEntry> table = entries<rows>();
  return table;
}

}  // namespace gradus::detail

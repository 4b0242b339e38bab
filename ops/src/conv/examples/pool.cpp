#include "gradus/ops/pool.h"

#include "examples.h"

namespace gradus::detail {

namespace {

Example max_example(const char* label,
                    const Shape& shape,
                    Tensor (*f)(Arg, const PerAxis&, const MaxPoolOptions&),
                    const PerAxis& kernel,
                    const MaxPoolOptions& options) {
  return {label, {{shape, domain(-4, 4), Sample::Kind::distinct}}, [=](In in) { return f(in[0], kernel, options); }};
}
Example avg_example(const char* label,
                    const Shape& shape,
                    Tensor (*f)(Arg, const PerAxis&, const AvgPoolOptions&),
                    const PerAxis& kernel,
                    const AvgPoolOptions& options) {
  return {label, {{shape}}, [=](In in) { return f(in[0], kernel, options); }};
}
template <Tensor (*f)(Arg, const PerAxis&), int spatial>
Examples adaptive_examples() {
  Shape shape{1, 2};
  for (int d = 0; d < spatial; ++d) shape.push_back(5 - d);
  return {{"size 2", {{shape, domain(-4, 4), Sample::Kind::distinct}}, [](In in) { return f(in[0], 2); }}};
}

}  // namespace

std::vector<OpEntry> pool_examples() {
  static const ExampleRow rows[] = {
      {"max_pool",
       {"the greatest of a window", "g for the greatest"},
       {{"",
         {{{1, 2, 5, 4}, domain(-4, 4), Sample::Kind::distinct}},
         [](In in) { return adaptive_max_pool2d(in[0], {2, 3}); }}}},
      {"max_pool1d",
       {"the greatest of a window", "g for the greatest"},
       {max_example("", {2, 2, 6}, max_pool1d, 2, {}),
        max_example("one sequence", {2, 5}, max_pool1d, 3, {.stride = 1, .padding = 1})}},
      {"max_pool2d",
       {"the greatest of a window", "g for the greatest"},
       {max_example("", {2, 2, 4, 4}, max_pool2d, 2, {}),
        max_example("overlap", {1, 2, 4, 5}, max_pool2d, {3, 2}, {.stride = 1, .padding = {1, 0}}),
        max_example("ceil, dilation", {1, 1, 5, 6}, max_pool2d, 2, {.dilation = 2, .ceil_mode = true}),
        max_example("no images", {0, 2, 4, 4}, max_pool2d, 2, {})}},
      {"max_pool3d",
       {"the greatest of a window", "g for the greatest"},
       {max_example("", {1, 2, 2, 4, 3}, max_pool3d, {1, 2, 2}, {.stride = 1})}},
      {"avg_pool",
       {"the mean of a window", "g / n for each of it"},
       {{"", {{{1, 2, 5, 4}}}, [](In in) { return adaptive_avg_pool2d(in[0], {2, 3}); }}}},
      {"avg_pool1d", {"the mean of a window", "g / n for each of it"}, {avg_example("", {2, 2, 6}, avg_pool1d, 2, {})}},
      {"avg_pool2d",
       {"the mean of a window", "g / n for each of it"},
       {avg_example("", {2, 2, 4, 4}, avg_pool2d, 2, {}),
        avg_example("padding counts", {1, 2, 4, 5}, avg_pool2d, {3, 2}, {.stride = {2, 1}, .padding = 1}),
        avg_example("padding doesn't count",
                    {1, 2, 4, 5},
                    avg_pool2d,
                    3,
                    {.stride = 2, .padding = 1, .count_include_pad = false}),
        avg_example("ceil", {1, 1, 5, 4}, avg_pool2d, 3, {.stride = 2, .ceil_mode = true}),
        avg_example("divisor", {1, 1, 4, 4}, avg_pool2d, 2, {.divisor = 3})}},
      {"avg_pool3d",
       {"the mean of a window", "g / n for each of it"},
       {avg_example("", {1, 2, 2, 4, 3}, avg_pool3d, {1, 2, 2}, {.stride = 1})}},
      {"adaptive_avg_pool1d",
       {"the mean of a window", "g / n for each of it"},
       adaptive_examples<adaptive_avg_pool1d, 1>()},
      {"adaptive_avg_pool2d",
       {"the mean of a window", "g / n for each of it"},
       adaptive_examples<adaptive_avg_pool2d, 2>()},
      {"adaptive_avg_pool3d",
       {"the mean of a window", "g / n for each of it"},
       adaptive_examples<adaptive_avg_pool3d, 3>()},
      {"adaptive_max_pool1d",
       {"the greatest of a window", "g for the greatest"},
       adaptive_examples<adaptive_max_pool1d, 1>()},
      {"adaptive_max_pool2d",
       {"the greatest of a window", "g for the greatest"},
       adaptive_examples<adaptive_max_pool2d, 2>()},
      {"adaptive_max_pool3d",
       {"the greatest of a window", "g for the greatest"},
       adaptive_examples<adaptive_max_pool3d, 3>()},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

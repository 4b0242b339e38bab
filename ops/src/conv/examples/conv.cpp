#include "gradus/ops/conv.h"

#include "examples.h"

namespace gradus::detail {
namespace {

template <class Options>
using Function = Tensor (*)(Arg, const Tensor&, const Tensor&, const Options&);

template <class Options>
Example with_bias(const char* label,
                  Function<Options> f,
                  const Options& options,
                  const Shape& x,
                  const Shape& weight,
                  std::int64_t out) {
  return {label, {{x}, {weight}, {{out}}}, [=](In in) { return f(in[0], in[1], in[2], options); }};
}
template <class Options>
Example bare(const char* label, Function<Options> f, const Options& options, const Shape& x, const Shape& weight) {
  return {label, {{x}, {weight}}, [=](In in) { return f(in[0], in[1], {}, options); }};
}

Examples conv1d_examples() {
  return {with_bias("", conv1d, {}, {2, 3, 5}, {2, 3, 2}, 2),
          bare("stride 2, padding 1", conv1d, {.stride = 2, .padding = 1}, {2, 2, 5}, {3, 2, 3}),
          bare("causal", conv1d, {.padding = Padding::asymmetric(4, 0), .dilation = 2}, {1, 2, 5}, {2, 2, 3}),
          bare("one sequence", conv1d, {}, {2, 5}, {3, 2, 3}),
          bare("no sequences", conv1d, {}, {0, 2, 5}, {3, 2, 3})};
}

Examples conv2d_examples() {
  return {
      with_bias("", conv2d, {}, {2, 2, 4, 3}, {3, 2, 3, 2}, 3),
      bare("stride, padding", conv2d, {.stride = {2, 1}, .padding = {1, 0}}, {2, 2, 4, 3}, {2, 2, 3, 2}),
      bare("dilation 2", conv2d, {.padding = 1, .dilation = 2}, {1, 2, 4, 5}, {2, 2, 2, 2}),
      with_bias("groups 2", conv2d, {.groups = 2}, {2, 4, 3, 3}, {2, 2, 2, 2}, 2),
      bare("depthwise", conv2d, {.padding = 1, .groups = 3}, {1, 3, 3, 3}, {3, 1, 3, 3}),
      bare("asymmetric",
           conv2d,
           {.stride = 2, .padding = Padding::asymmetric({2, 0}, {0, 1})},
           {1, 2, 3, 4},
           {2, 2, 3, 2}),
      bare("same", conv2d, {.padding = Padding::same}, {1, 2, 3, 4}, {2, 2, 2, 3}),
      with_bias("pointwise", conv2d, {}, {2, 3, 2, 2}, {2, 3, 1, 1}, 2),
  };
}

Examples conv3d_examples() {
  return {with_bias("", conv3d, {.stride = 2, .padding = 1}, {1, 2, 3, 3, 3}, {2, 2, 2, 2, 2}, 2)};
}

template <Function<ConvTransposeOptions> f>
Examples transpose_examples() {
  const auto shape = [](std::int64_t first, std::int64_t second, std::initializer_list<std::int64_t> more) {
    const int spatial = f == conv_transpose1d ? 1 : f == conv_transpose2d ? 2 : 3;
    Shape s{first, second};
    for (int d = 0; d < spatial; ++d) s.push_back(more.begin()[d]);
    return s;
  };
  return {
      with_bias("", f, {}, shape(2, 3, {2, 3, 2}), shape(3, 2, {2, 2, 2}), 2),
      bare("stride 2, padding 1",
           f,
           {.stride = 2, .padding = 1, .output_padding = 1},
           shape(1, 2, {3, 2, 2}),
           shape(2, 2, {3, 3, 3})),
      bare("groups 2, dilation 2", f, {.dilation = 2, .groups = 2}, shape(1, 4, {2, 2, 2}), shape(4, 1, {2, 2, 2})),
      bare("output_padding from stride to dilation",
           f,
           {.stride = 2, .output_padding = 2, .dilation = 3},
           shape(1, 2, {2, 1, 2}),
           shape(2, 1, {2, 2, 1})),
      bare("groups 2, output_padding above stride, asymmetric",
           f,
           {.padding = Padding::asymmetric(0, 1), .output_padding = 2, .dilation = 3, .groups = 2},
           shape(1, 2, {2, 2, 1}),
           shape(2, 1, {2, 1, 2})),
  };
}

}  // namespace

std::vector<OpEntry> conv_examples() {
  static const ExampleRow rows[] = {
      {"conv",
       {"Σ x w over windows + b", "conv_input(g, w); conv_weight(x, g); Σ g"},
       {with_bias("", conv2d, {.padding = Padding::same}, {2, 2, 3, 3}, {3, 2, 3, 2}, 3)}},
      {"conv1d",
       {"Σ x w over windows + b", "the transposed convolution of g; that of x and g; Σ g"},
       conv1d_examples()},
      {"conv2d",
       {"Σ x w over windows + b", "the transposed convolution of g; that of x and g; Σ g"},
       conv2d_examples()},
      {"conv3d",
       {"Σ x w over windows + b", "the transposed convolution of g; that of x and g; Σ g"},
       conv3d_examples()},
      {"conv_input",
       {"Σ g w, back to the windows", "the convolution of its cotangent; conv_weight of that and g"},
       {bare("", conv_transpose2d, {.stride = {2, 1}}, {2, 3, 2, 2}, {3, 2, 3, 2})}},
      {"conv_transpose1d",
       {"the transposed convolution of x", "the convolution of g; that of g and x; Σ g"},
       transpose_examples<conv_transpose1d>()},
      {"conv_transpose2d",
       {"the transposed convolution of x", "the convolution of g; that of g and x; Σ g"},
       transpose_examples<conv_transpose2d>()},
      {"conv_transpose3d",
       {"the transposed convolution of x", "the convolution of g; that of g and x; Σ g"},
       transpose_examples<conv_transpose3d>()},
  };
  return entries<rows>();
}

}  // namespace gradus::detail

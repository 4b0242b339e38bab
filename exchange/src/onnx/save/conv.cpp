// Convolutions, and patches of images as columns.

#include "onnx/save/op_writer.h"

#include <algorithm>

namespace gradus::onnx {
namespace {

using Numbers = std::vector<std::int64_t>;

Numbers joined(Numbers a, const Numbers& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Padding before and behind of each axis.
std::pair<Numbers, Numbers> padding_of(OpWriter& op) {
  if (op.first().attributes.contains("padding")) return {op.integers("padding"), op.integers("padding")};
  return {op.integers("padding_before"), op.integers("padding_behind")};
}

/// The spatial sizes of a value [N, C, *].
Numbers kernel_of(OpWriter& op, int weight) {
  Numbers kernel;
  for (int d = 2; d < op.rank(weight); ++d) kernel.push_back(op.fixed(op.size(weight, d), "kernel"));
  return kernel;
}

void conv(OpWriter& op) {
  const auto [low, high] = padding_of(op);
  op.give(op.node("Conv",
                  {op.in(0), op.in(1), op.in(2)},
                  {{"kernel_shape", kernel_of(op, 1)},
                   {"strides", op.integers("stride")},
                   {"pads", joined(low, high)},
                   {"dilations", op.integers("dilation")},
                   {"group", op.integer("groups")}}));
}

struct Transposed {
  Numbers kernel, stride, low, dilation;
  std::int64_t groups;
  Numbers high{};
};

/// ConvTranspose with the padding behind that gives `size`. Before it a result has
/// (n - 1) stride + dilation (kernel - 1) + 1 elements; beyond them it is 0.
std::string conv_transpose(OpWriter& op,
                           const std::string& x,
                           std::span<const Sizes> from,
                           const std::string& weight,
                           std::span<const Sizes> size,
                           Transposed t) {
  const std::size_t axes = t.kernel.size();
  Numbers more(axes, 0), zeros(2 * (axes + 2), 0);
  bool beyond = false;
  for (std::size_t d = 0; d < axes; ++d) {
    Sizes cut;
    for (std::size_t r = 0; r < kRecordings; ++r)
      cut[r] = (from[d][r] - 1) * t.stride[d] + t.dilation[d] * (t.kernel[d] - 1) + 1 - t.low[d] - size[d][r];
    const std::int64_t behind = op.fixed(cut, "padding");
    t.high.push_back(std::max<std::int64_t>(behind, 0));
    if (behind < 0 && -behind < t.stride[d]) more[d] = -behind;
    if (-behind >= t.stride[d]) zeros[axes + 2 + 2 + d] = -behind;
    beyond = beyond || -behind >= t.stride[d];
  }
  const std::string y = op.node("ConvTranspose",
                                {x, weight},
                                {{"kernel_shape", t.kernel},
                                 {"strides", t.stride},
                                 {"pads", joined(t.low, t.high)},
                                 {"output_padding", more},
                                 {"dilations", t.dilation},
                                 {"group", t.groups}});
  return beyond ? op.node("Pad", {y, op.list(zeros), op.graph().scalar(0, op.dtype())}) : y;
}

std::span<const Sizes> spatial(const std::vector<Sizes>& shape) { return std::span(shape).subspan(2); }

/// The gradient of a convolution by its input.
void conv_input(OpWriter& op) {
  const Numbers low = padding_of(op).first;
  const std::vector<Sizes> from = op.shape(0), to = op.result_shape();
  op.give(
      conv_transpose(op,
                     op.in(0),
                     spatial(from),
                     op.in(1),
                     spatial(to),
                     {kernel_of(op, 1), op.integers("stride"), low, op.integers("dilation"), op.integer("groups")}));
}

/// [channels volume, 1, *kernel]: for each channel and each place of the kernel a 1 at that place.
std::string one_at_a_time(OpWriter& op, std::int64_t channels, const Numbers& kernel, DType dtype) {
  std::int64_t volume = 1;
  for (const std::int64_t k : kernel) volume *= k;
  Shape shape{channels * volume, 1};
  for (const std::int64_t k : kernel) shape.push_back(k);
  Tensor weight = zeros(shape, float64);
  double* out = weight.mutable_data<double>();
  for (std::int64_t row = 0; row < channels * volume; ++row) out[row * volume + row % volume] = 1;
  return op.graph().constant(cast(weight, dtype), "constant");
}

std::int64_t volume_of(const Numbers& kernel) {
  std::int64_t volume = 1;
  for (const std::int64_t k : kernel) volume *= k;
  return volume;
}

/// The patches are the channels of a depthwise convolution with such a weight.
void unfold(OpWriter& op) {
  const Numbers kernel = op.integers("kernel"), padding = op.integers("padding");
  const std::int64_t channels = op.fixed(op.size(0, 1), "number of channels");
  const std::string y = op.node("Conv",
                                {op.in(), one_at_a_time(op, channels, kernel, op.dtype())},
                                {{"kernel_shape", kernel},
                                 {"strides", op.integers("stride")},
                                 {"pads", joined(padding, padding)},
                                 {"dilations", op.integers("dilation")},
                                 {"group", channels}});
  op.give(op.node("Reshape", {y, op.list({0, channels * volume_of(kernel), -1})}));
}

/// And fold is such a convolution transposed.
void fold(OpWriter& op) {
  const Numbers kernel = op.integers("kernel"), stride = op.integers("stride"), padding = op.integers("padding"),
                dilation = op.integers("dilation"), size = op.integers("size");
  const std::int64_t rows = op.fixed(op.size(0, 1), "number of rows"), channels = rows / volume_of(kernel);
  Numbers shape{0, rows};
  std::vector<Sizes> from, to;
  for (std::size_t d = 0; d < kernel.size(); ++d) {
    shape.push_back((size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1);
    from.emplace_back().fill(shape.back());
    to.emplace_back().fill(size[d]);
  }
  const std::string x = op.node("Reshape", {op.in(), op.list(shape)});
  const std::string weight = one_at_a_time(op, channels, kernel, op.dtype());
  op.give(conv_transpose(op, x, from, weight, to, {kernel, stride, padding, dilation, channels}));
}

constexpr NamedRule kRules[] = {
    {"conv", conv},
    {"conv_input", conv_input},
    {"unfold", unfold},
    {"fold", fold},
};

}  // namespace

std::span<const NamedRule> conv_rules() { return kRules; }

}  // namespace gradus::onnx

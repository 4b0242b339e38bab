// Models of several layers, with sizes that vary.

#include "exported.h"

#include "gradus/nn.h"
#include "gradus/ops.h"

#include <memory>
#include <tuple>
#include <utility>

namespace gradus {
namespace {

struct Mlp : nn::Module<Mlp> {
  nn::Linear fc1{12, 16};
  nn::BatchNorm bn{16};
  nn::Linear fc2{16, 3};
  Tensor forward(const Tensor& x) { return fc2(relu(bn(fc1(flatten(x))))); }
};

struct Block : nn::Module<Block> {
  nn::Conv2d conv1{4, 4, {.padding = 1, .bias = false}}, conv2{4, 4, {.padding = 1, .groups = 4}};
  nn::BatchNorm bn1{4}, bn2{4};
  Tensor forward(const Tensor& x) { return relu(bn2(conv2(relu(bn1(conv1(x))))) + x); }
};
/// Images of any size.
struct ResNet : nn::Module<ResNet> {
  nn::Conv2d stem{3, 4, {.kernel = 3, .stride = 2, .padding = 1}};
  std::vector<Block> blocks = std::vector<Block>(2);
  nn::Linear head{4, 5};
  Tensor forward(const Tensor& x) {
    Tensor y = stem(x);
    for (Block& block : blocks) y = block(y);
    return head(mean(y, {2, 3}));
  }
};

/// Sequences of any length: states of both ways, their last ones too.
struct Tagger : nn::Module<Tagger> {
  nn::Embedding words{7, 6};
  nn::LSTM lstm{6, 5, {.num_layers = 2, .batch_first = true, .bidirectional = true}};
  nn::Linear tags{10, 4};
  struct Output {
    Tensor tags, h, c;
  };
  Output forward(const Tensor& index) {
    const nn::Recurred r = lstm(words(index));
    return {log_softmax(tags(r.y), 2), r.h, r.c};
  }
};

/// Tokens and their places, looked up by numbers that are counted up; layers that look back only.
struct Gpt : nn::Module<Gpt> {
  nn::Embedding tokens{9, 8}, places{32, 8};
  nn::TransformerEncoderLayer layer{8, 2, {.dim_feedforward = 16, .batch_first = true, .norm_first = true}};
  nn::LayerNorm norm{8};
  nn::Linear head{8, 9, {.bias = false}};
  Tensor forward(const Tensor& index) {
    const Tensor x = tokens(index) + places(arange(index.size(1)));
    return head(norm(layer(x, nn::AttentionMask{.causal = true})));
  }
};

/// Sizes as numbers: a mean by hand, the middle of a sequence, a flattened picture of two sizes that vary.
struct BySizes : nn::Module<BySizes> {
  nn::Linear fc{6, 6};
  Tensor forward(const Tensor& x) {
    const std::int64_t n = x.size(0), t = x.size(1);
    const Tensor rows = reshape(fc(reshape(x, {n * t, 6})), {n, t, 6});
    const Tensor middle = select(rows, 1, t / 2), all = sum(rows, 1) / static_cast<double>(t);
    const Tensor joined = concat({slice(rows, 1, 1, t), zeros({n, 1, 6})}, 1);
    return concat({flatten(joined, 0, 1), middle, all * (1.0 / static_cast<double>(t))}, 0);
  }
};

struct Encoder : nn::Module<Encoder> {
  nn::Conv2d conv{1, 2, {.kernel = 3, .stride = 2, .padding = 1}};
  nn::ConvTranspose2d back{2, 1, {.kernel = 4, .stride = 2, .padding = 1}};
  std::vector<Tensor> forward(const Tensor& x) {
    const Tensor h = conv(x);
    return {h, sigmoid(back(silu(h)))};
  }
};

/// Pools and norms of images of any size.
struct Pools : nn::Module<Pools> {
  nn::MaxPool2d most{3, {.stride = 2, .padding = 1}};
  nn::AvgPool2d mean{2, {.stride = 1, .padding = 1}};
  nn::GroupNorm groups{2, 4};
  nn::InstanceNorm each{4, {.affine = true}};
  nn::LocalResponseNorm neighbours{3};
  nn::ConvTranspose2d wider{4, 4, {.kernel = 3, .stride = 2, .output_padding = 1}};
  nn::AdaptiveAvgPool2d all{1};
  nn::AdaptiveMaxPool2d largest{1};
  Tensor forward(const Tensor& x) {
    const Tensor y = pixel_shuffle(pixel_unshuffle(neighbours(each(groups(mean(most(x))))), 1), 1);
    return concat({flatten(all(wider(y))), flatten(largest(pad(y, {1, 2, 0, 1})))}, 1);
  }
};

/// Some keys are to be ignored, and the weights are asked for.
struct Masked : nn::Module<Masked> {
  nn::MultiheadAttention attend{8, 2, {.batch_first = true}};
  std::tuple<Tensor, Tensor> forward(const Tensor& x, const Tensor& ignored) {
    const nn::Attended weighed = attend(x, nn::AttentionMask{.key_padding = ignored > 0, .weights = true});
    const nn::Attended seen = attend(x, nn::AttentionMask{.key_padding = ignored > 0, .causal = true});
    return {weighed.weights, seen.y};
  }
};

/// States are given, steps come first.
struct Continued : nn::Module<Continued> {
  nn::LSTM lstm{3, 4};
  nn::GRU gru{4, 4, {.bidirectional = true}};
  std::vector<Tensor> forward(const Tensor& x, const Tensor& h, const Tensor& c) {
    const nn::Recurred first = lstm(x, h, c);
    const nn::Recurred second = gru(first.y, concat({first.h, first.h}, 0));
    return {first.c, second.y, second.h};
  }
};

/// One matrix in two places, in float64.
struct Tied : nn::Module<Tied> {
  nn::Embedding words{7, 4, {.dtype = float64}};
  Tensor forward(const Tensor& index) {
    const Tensor scores = matmul(words(index), transpose(words.weight));
    return concat({scores, sort(scores, -1).values, cumsum(scores, -1)}, -1);
  }
};

struct Pair : nn::Module<Pair> {
  nn::Bilinear both{3, 4, 2};
  Tensor forward(const Tensor& a, const Tensor& b) { return both(a, b) - 1; }
};

template <class M, class... Inputs>
Exported exported(std::string name, M made, std::tuple<Inputs...> inputs, nn::SaveOnnxOptions options = {}) {
  auto m = std::make_shared<M>(std::move(made));
  stir(nn::detail::ref(*m));
  nn::eval(*m);
  auto forward = nn::detail::onnx_forward(*m, std::index_sequence_for<Inputs...>{});
  return {std::move(name),
          [m, forward](std::span<const Tensor> x) { return forward(x); },
          nn::detail::ref(*m),
          std::apply([](const auto&... x) { return std::vector<Tensor>{x...}; }, inputs),
          std::move(options)};
}

/// Weights large enough for a file beside the model, and small ones.
struct Wide : nn::Module<Wide> {
  nn::LSTM lstm{8, 32, {.batch_first = true}};
  nn::Linear head{32, 300}, last{300, 2};
  Tensor forward(const Tensor& x) { return last(tanh(head(lstm(x).y))); }
};

Tensor drawn(const Shape& shape) {
  Generator g(3);
  return normal(shape, 0, 1, float32, g);
}
Tensor words() { return tensor({{1, 4, 0, 2, 6}, {3, 3, 5, 1, 0}}); }

}  // namespace

std::vector<Exported> whole_models() {
  manual_seed(3);
  const std::vector<nn::DynamicAxis> sequences{{0, "batch"}, {1, "time"}};
  const std::vector<nn::DynamicAxis> images{{0, "batch"}, {2, "height"}, {3, "width"}};
  std::vector<Exported> all;
  all.push_back(exported("model: an MLP", Mlp{}, std::tuple(drawn({4, 3, 4}))));
  all.push_back(exported("model: an MLP, folded", Mlp{}, std::tuple(drawn({4, 12})), {.fold_batch_norms = true}));
  all.push_back(exported("model: a residual network", ResNet{}, std::tuple(drawn({2, 3, 9, 8})), {.dynamic = images}));
  all.push_back(exported("model: a residual network, folded",
                         ResNet{},
                         std::tuple(drawn({1, 3, 9, 8})),
                         {.dynamic = images, .fold_batch_norms = true}));
  all.push_back(exported("model: an LSTM of both ways", Tagger{}, std::tuple(words()), {.dynamic = sequences}));
  all.push_back(exported("model: a causal transformer", Gpt{}, std::tuple(words()), {.dynamic = sequences}));
  all.push_back(exported("model: sizes as numbers", BySizes{}, std::tuple(drawn({3, 4, 6})), {.dynamic = sequences}));
  all.push_back(exported("model: an encoder and a decoder",
                         Encoder{},
                         std::tuple(drawn({2, 1, 8, 6})),
                         {.inputs = {"image"}, .outputs = {"code", "image_again"}, .opset = 18, .ir_version = 9}));
  all.push_back(exported("model: a causal transformer, opset 21",
                         Gpt{},
                         std::tuple(words()),
                         {.dynamic = sequences, .opset = 21, .ir_version = 10}));
  all.push_back(exported("model: a residual network, opset 18",
                         ResNet{},
                         std::tuple(drawn({2, 3, 9, 8})),
                         {.dynamic = images, .opset = 18}));
  all.push_back(exported("model: pools", Pools{}, std::tuple(drawn({2, 4, 12, 9})), {.dynamic = images}));
  const std::vector<nn::DynamicAxis> masks{{0, "batch"}, {1, "time"}, {0, "batch", 1}, {1, "time", 1}};
  // Of each row the first key is seen.
  const Tensor ignored = cast(tensor({{-1, 1, -1, 1, -1}, {-1, -1, -1, 1, 1}}), float32);
  all.push_back(exported("model: masks", Masked{}, std::tuple(drawn({2, 5, 8}), ignored), {.dynamic = masks}));
  const std::vector<nn::DynamicAxis> steps{{0, "time"}, {1, "batch"}, {1, "batch", 1}, {1, "batch", 2}};
  all.push_back(exported("model: states given",
                         Continued{},
                         std::tuple(drawn({5, 2, 3}), drawn({1, 2, 4}), drawn({1, 2, 4}) * 0.5),
                         {.dynamic = steps}));
  all.push_back(exported("model: tied, in float64", Tied{}, std::tuple(words())));
  all.push_back(exported(
      "model: data beside it", Wide{}, std::tuple(drawn({2, 5, 8})), {.dynamic = sequences, .external_data = true}));
  all.push_back(exported("model: two inputs", Pair{}, std::tuple(drawn({5, 3}), drawn({5, 4}))));
  return all;
}

}  // namespace gradus

#include "layer_rows.h"

#include "gradus/ops.h"

#include <memory>
#include <stdexcept>
#include <utility>

namespace gradus {

Tensor some(const Shape& shape) {
  Generator g(static_cast<std::uint64_t>(shape.numel()) + 3);
  return normal(shape, 0, 1, float32, g);
}

namespace {

template <class M>
Layer layer_of(M made) {
  auto m = std::make_shared<M>(std::move(made));
  return {nn::detail::ref(*m),
          [m](std::span<const Tensor> x) -> Tensor {
            if constexpr (requires { m->forward(x[0], x[1], x[2], x[3]); })
              if (x.size() == 4) return (*m)(x[0], x[1], x[2], x[3]);
            if constexpr (requires { m->forward(x[0], x[1], x[2]); })
              if (x.size() == 3) return (*m)(x[0], x[1], x[2]);
            if constexpr (requires { m->forward(x[0], x[1]); })
              if (x.size() == 2) return (*m)(x[0], x[1]);
            if constexpr (requires { m->forward(x[0]); }) return (*m)(x[0]);
            throw std::logic_error("wrong number of inputs");
          },
          [m] { return layer_of(nn::clone(*m)); }};
}

template <class F>
Row row(std::string name, F make, std::vector<Tensor> inputs) {
  return {std::move(name), [make] { return layer_of(make()); }, std::move(inputs)};
}
Tensor positive(const Shape& shape) { return abs(some(shape)) + 0.2; }
Tensor labels() { return tensor({2, 0, 1}); }
Tensor signs(const Shape& shape) { return where(some(shape) > 0, ones(shape), full(shape, -1)); }

#define GRADUS_ROW(layer, ...) row(#layer, [] { return nn::layer; }, {__VA_ARGS__})

std::vector<Row> all_rows() {
  const Tensor x = some({3, 4}), image = some({2, 4, 4, 4}), line = some({2, 4, 7}), volume = some({1, 4, 3, 3, 3}),
               steps = some({4, 2, 3}), probabilities = sigmoid(x), far = cos(x * 3) * 2 + 0.7;
  std::vector<Row> all{
      GRADUS_ROW(ReLU(), x),
      GRADUS_ROW(ReLU6(), x),
      GRADUS_ROW(LeakyReLU(0.1), x),
      GRADUS_ROW(PReLU(), x),
      GRADUS_ROW(PReLU(4), image),
      GRADUS_ROW(ELU(0.7), x),
      GRADUS_ROW(CELU(0.7), x),
      GRADUS_ROW(SELU(), x),
      GRADUS_ROW(GELU(), x),
      GRADUS_ROW(GELU(Approximate::tanh), x),
      GRADUS_ROW(SiLU(), x),
      GRADUS_ROW(Mish(), x),
      GRADUS_ROW(Sigmoid(), x),
      GRADUS_ROW(LogSigmoid(), x),
      GRADUS_ROW(Tanh(), x),
      GRADUS_ROW(Tanhshrink(), x),
      GRADUS_ROW(Softplus(2), x),
      GRADUS_ROW(Softsign(), x),
      GRADUS_ROW(Softshrink(0.3), x),
      GRADUS_ROW(Hardshrink(0.3), x),
      GRADUS_ROW(Hardtanh(), x),
      GRADUS_ROW(Hardsigmoid(), x),
      GRADUS_ROW(Hardswish(), x),
      GRADUS_ROW(Threshold(0.1, 2), x),
      GRADUS_ROW(Softmax(), x),
      GRADUS_ROW(LogSoftmax(), x),
      GRADUS_ROW(Softmin(), x),
      GRADUS_ROW(GLU(), x),
      GRADUS_ROW(Maxout(2), x),
      GRADUS_ROW(MaxoutLinear(4, 3, 3), x),

      GRADUS_ROW(Linear(4, 3), x),
      GRADUS_ROW(Linear(4, 3, {.bias = false}), x),
      GRADUS_ROW(Bilinear(4, 3, 2), x, some({3, 3})),
      GRADUS_ROW(Conv1d(4, 6, {.kernel = 3, .stride = 2, .groups = 2}), line),
      GRADUS_ROW(Conv2d(4, 3, {.kernel = 3, .padding = 1}), image),
      GRADUS_ROW(Conv3d(4, 2, {.kernel = 2}), volume),
      GRADUS_ROW(ConvTranspose1d(4, 2, {.kernel = 3, .stride = 2}), line),
      GRADUS_ROW(ConvTranspose2d(4, 2, {.kernel = 2}), image),
      GRADUS_ROW(ConvTranspose3d(4, 1, {.kernel = 2}), volume),
      GRADUS_ROW(MaxPool1d(2), line),
      GRADUS_ROW(MaxPool2d(2), image),
      GRADUS_ROW(MaxPool3d(2), volume),
      GRADUS_ROW(AvgPool1d(2), line),
      GRADUS_ROW(AvgPool2d(3, {.stride = 2}), image),
      GRADUS_ROW(AvgPool3d(2), volume),
      GRADUS_ROW(AdaptiveAvgPool1d(4), line),
      GRADUS_ROW(AdaptiveAvgPool2d(2), image),
      GRADUS_ROW(AdaptiveAvgPool3d(2), volume),
      GRADUS_ROW(AdaptiveMaxPool1d(4), line),
      GRADUS_ROW(AdaptiveMaxPool2d(2), image),
      GRADUS_ROW(AdaptiveMaxPool3d(2), volume),
      GRADUS_ROW(Embedding(5, 3), tensor({{1, 4}, {0, 1}})),
      GRADUS_ROW(Embedding(5, 3, {.padding = 1}), tensor({3, 4, 0})),
      GRADUS_ROW(EmbeddingBag(5, 3), tensor({1, 4, 0, 2}), tensor({0, 1})),
      GRADUS_ROW(Dropout(0.4), x),
      GRADUS_ROW(FeatureDropout(0.4), image),
      GRADUS_ROW(AlphaDropout(0.4), x),
      GRADUS_ROW(RReLU(), x),
      GRADUS_ROW(Upsample(2), line),
      GRADUS_ROW(Upsample(2, {.mode = Interpolation::linear}), some({2, 2, 3, 4})),
      GRADUS_ROW(Upsample(1.6, {.mode = Interpolation::cubic}), some({1, 2, 3, 4})),
      GRADUS_ROW(RotaryEmbedding(), some({2, 3, 4})),
      GRADUS_ROW(MaxUnpool1d(2), some({1, 2, 3}), tensor({{{0, 3, 4}, {1, 2, 5}}})),
      GRADUS_ROW(MaxUnpool2d(2), some({1, 1, 1, 2}), tensor({{{{5, 2}}}})),
      GRADUS_ROW(MaxUnpool3d(2), some({1, 1, 1, 1, 2}), tensor({{{{{5, 15}}}}})),
      GRADUS_ROW(LPPool1d(2, 3), line),
      GRADUS_ROW(LPPool2d(3, 2, {.stride = 1}), image),
      GRADUS_ROW(LPPool3d(2, 2), volume),
      GRADUS_ROW(Flatten(), line),
      GRADUS_ROW(Unflatten(1, {2, 2}), x),
      GRADUS_ROW(Identity(), x),

      GRADUS_ROW(BatchNorm(4), some({5, 4})),
      GRADUS_ROW(BatchNorm(4, {.momentum = std::nullopt, .affine = false}), line),
      GRADUS_ROW(BatchNorm(4, {.track_running_stats = false}), image),
      GRADUS_ROW(BatchNorm(4), volume),
      GRADUS_ROW(LayerNorm(4), x),
      GRADUS_ROW(LayerNorm({4, 4}), image),
      GRADUS_ROW(RMSNorm(4), x),
      GRADUS_ROW(GroupNorm(2, 4), line),
      GRADUS_ROW(InstanceNorm(4, {.affine = true}), image),
      GRADUS_ROW(LocalResponseNorm(3), line),
      GRADUS_ROW(WeightNorm(nn::Linear(4, 3)), x),
      GRADUS_ROW(WeightNorm(nn::Conv1d(4, 2)), line),
      GRADUS_ROW(SpectralNorm(nn::Linear(4, 3)), x),

      GRADUS_ROW(RNN(3, 4), steps),
      GRADUS_ROW(RNN(3, 4, {.relu = true}), steps),
      GRADUS_ROW(LSTM(3, 4), steps),
      GRADUS_ROW(LSTM(3, 2, {.num_layers = 2, .batch_first = true, .dropout = 0.3, .bidirectional = true}), steps),
      GRADUS_ROW(GRU(3, 4, {.bias = false}), steps),
      GRADUS_ROW(GRU(3, 2, {.num_layers = 2, .bidirectional = true}), steps),
      GRADUS_ROW(GRU(3, 4, {.reset_after = false}), steps),
      GRADUS_ROW(RNNCell(3, 4), some({2, 3}), some({2, 4})),
      GRADUS_ROW(RNNCell(3, 4, {.bias = false, .relu = true}), some({2, 3})),
      GRADUS_ROW(LSTMCell(3, 4), some({2, 3}), some({2, 4}), reshape(some({4, 2}) * 2, {2, 4})),
      GRADUS_ROW(LSTMCell(3, 4), some({3})),
      GRADUS_ROW(GRUCell(3, 4), some({2, 3}), some({2, 4})),
      GRADUS_ROW(GRUCell(3, 4, {.reset_after = false}), some({2, 3}), some({2, 4})),
      GRADUS_ROW(MultiheadAttention(4, 2), some({3, 2, 4})),
      GRADUS_ROW(MultiheadAttention(4, 2, {.dropout = 0.2, .batch_first = true}),
                 some({2, 3, 4}),
                 some({2, 5, 4}),
                 some({2, 5, 4})),
      GRADUS_ROW(TransformerEncoderLayer(4, 2, {.dim_feedforward = 6}), some({3, 2, 4})),
      GRADUS_ROW(TransformerEncoderLayer(4, 1, {.dim_feedforward = 6, .batch_first = true, .norm_first = true}),
                 some({2, 3, 4})),
      GRADUS_ROW(TransformerDecoderLayer(4, 2, {.dim_feedforward = 6}), some({3, 2, 4}), some({5, 2, 4})),
      GRADUS_ROW(TransformerDecoderLayer(4, 1, {.dim_feedforward = 6, .batch_first = true, .norm_first = true}),
                 some({2, 3, 4}),
                 some({2, 2, 4})),
      GRADUS_ROW(Sequential(nn::Linear(4, 5), nn::Tanh(), nn::BatchNorm(5), nn::Linear(5, 2)), x),
      GRADUS_ROW(Residual(nn::Sequential(nn::Linear(4, 4), tanh)), x),
      GRADUS_ROW(Residual(nn::Linear(4, 2), nn::Linear(4, 2, {.bias = false})), x),
      GRADUS_ROW(Parallel({nn::Linear(4, 2), nn::Sigmoid()}), x),

      GRADUS_ROW(CrossEntropyLoss({.label_smoothing = 0.1}), x, labels()),
      GRADUS_ROW(NLLLoss(), x, labels()),
      GRADUS_ROW(MSELoss(), x, far),
      GRADUS_ROW(L1Loss(), x, far),
      GRADUS_ROW(HuberLoss(), x, far),
      GRADUS_ROW(SmoothL1Loss({.beta = 0.5}), x, far),
      GRADUS_ROW(BCELoss(), probabilities, probabilities * probabilities),
      GRADUS_ROW(BCEWithLogitsLoss(), x, probabilities * probabilities),
      GRADUS_ROW(KLDivLoss(), x, probabilities),
      GRADUS_ROW(PoissonNLLLoss(), x, positive({3, 4})),
      GRADUS_ROW(GaussianNLLLoss(), x, far, positive({3, 4})),
      GRADUS_ROW(HingeLoss(), x, signs({3, 4})),
      GRADUS_ROW(SoftMarginLoss(), x, signs({3, 4})),
      GRADUS_ROW(HingeEmbeddingLoss(), x, signs({3, 4})),
      GRADUS_ROW(MarginRankingLoss(), x, far, signs({3, 4})),
      GRADUS_ROW(CosineEmbeddingLoss(), x, sin(x * 5), tensor({1., -1., 1.})),
      GRADUS_ROW(TripletMarginLoss(), x, sin(x * 5), cos(x * 3)),
      GRADUS_ROW(MultiMarginLoss(), x, labels()),
      GRADUS_ROW(MultiLabelMarginLoss(), x, tensor({{1, -1, 0, 0}, {0, 3, -1, 2}, {2, 1, 0, -1}})),
      GRADUS_ROW(CTCLoss(), log_softmax(some({4, 2, 3}), -1), tensor({{1, 2}, {2, 0}}), tensor({4, 3}), tensor({2, 1})),
      GRADUS_ROW(MultiLabelSoftMarginLoss(), x, probabilities * probabilities),
      GRADUS_ROW(CosineSimilarity(), x, sin(x * 5)),
      GRADUS_ROW(PairwiseDistance(), x, sin(x * 5)),
  };
  for (Row& r : all) {
    r.exact_in_training = !r.name.starts_with("SpectralNorm");
    for (const char* name : {"BCEWithLogitsLoss",
                             "HingeLoss",
                             "SoftMarginLoss",
                             "MarginRankingLoss",
                             "HingeEmbeddingLoss",
                             "CosineEmbeddingLoss",
                             "MultiLabelSoftMarginLoss"})
      r.fixed_target = r.fixed_target || r.name.starts_with(name);
  }
  return all;
}

}  // namespace

std::vector<Row> layer_rows() { return all_rows(); }

}  // namespace gradus

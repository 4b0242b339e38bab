#include "errors.h"

#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <unistd.h>
#include <utility>
#include <vector>

namespace gradus {
namespace {

// ---- layers --------------------------------------------------------------------------------------

TEST(Linear, ComputesAndStartsAsDocumented) {
  Generator g(1);
  nn::Linear fc(100, 50, {}, g);
  EXPECT_EQ(fc.weight.shape(), (Shape{50, 100}));
  EXPECT_LE(max(abs(detach(fc.weight))).item(), 0.1);
  EXPECT_NEAR(stddev(detach(fc.weight)).item(), 0.1 / std::sqrt(3.0), 0.002);
  const Tensor x = normal({3, 4, 100});
  EXPECT_TRUE(all_close(fc(x), matmul(x, transpose(fc.weight)) + fc.bias, 1e-4, 1e-5));
  EXPECT_EQ(nn::parameters(fc).size(), 2U);
  nn::Linear bare(2, 3, {.bias = false});
  EXPECT_EQ(nn::parameters(bare).size(), 1U);
  EXPECT_THROW(nn::Linear(0, 3), ArgumentError);
}

struct Net : nn::Module<Net> {
  nn::Linear fc1{784, 256};
  Tensor forward(const Tensor& x) { return fc1(x); }
};

TEST(Linear, AWrongInputNamesTheLayerAndTheLine) {
  Net net;
  try {
    net(zeros({64, 28, 28}));
    FAIL();
  } catch (const ShapeError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("linear: expected input [*, 784], got [64, 28, 28]"), std::string::npos) << text;
    EXPECT_NE(text.find("fc1 (Linear 784 → 256) at layers_test.cpp:"), std::string::npos) << text;
  }
}

TEST(BatchNorm, NormalisesInTrainingAndUsesRunningStatisticsAfterwards) {
  nn::BatchNorm bn(3, {.dtype = float64});
  const Tensor x = normal({200, 3, 5}, 4, 2, float64);
  const Tensor y = bn(x);
  EXPECT_TRUE(all_close(mean(y, {0, 2}), zeros({3}, float64), 0, 1e-10));
  EXPECT_TRUE(all_close(var(y, {0, 2}, false, 0), ones({3}, float64), 1e-4));
  EXPECT_TRUE(all_close(bn.running_mean, 0.1 * mean(x, {0, 2}), 1e-12));
  EXPECT_TRUE(all_close(bn.running_var, 0.9 + 0.1 * var(x, {0, 2}), 1e-12));
  EXPECT_EQ(bn.num_batches_tracked.item<std::int64_t>(), 1);
  nn::eval(bn);
  const Tensor m = reshape(bn.running_mean, {1, 3, 1}), v = reshape(bn.running_var, {1, 3, 1});
  EXPECT_TRUE(all_close(bn(x), (x - m) / sqrt(v + 1e-5), 1e-10));
  EXPECT_EQ(bn.num_batches_tracked.item<std::int64_t>(), 1);
}

TEST(BatchNorm, CumulativeAverageAndOptions) {
  nn::BatchNorm bn(2, {.momentum = std::nullopt, .affine = false, .dtype = float64});
  EXPECT_TRUE(nn::parameters(bn).empty());
  const Tensor a = normal({10, 2}, 0, 1, float64), b = normal({10, 2}, 0, 1, float64);
  bn(a), bn(b);
  EXPECT_TRUE(all_close(bn.running_mean, (mean(a, 0) + mean(b, 0)) / 2.0, 1e-12));
  nn::BatchNorm untracked(2, {.track_running_stats = false});
  EXPECT_TRUE(nn::buffers(untracked).empty());
  EXPECT_THROW(bn(zeros({10, 3}, float64)), ShapeError);
  EXPECT_THROW(bn(zeros({2}, float64)), ShapeError);
  EXPECT_THROW(bn(zeros({1, 2}, float64)), ArgumentError);
  EXPECT_THROW(nn::BatchNorm(2, {.eps = -1}), ArgumentError);
  EXPECT_THROW(nn::BatchNorm(2, {.momentum = 2}), ArgumentError);
}

TEST(Dropout, OnlyInTraining) {
  nn::Dropout drop(0.25);
  const Tensor x = ones({10000}), y = drop(x);
  const auto v = y.to_vector();
  const auto zeros = static_cast<double>(std::count(v.begin(), v.end(), 0.0));
  EXPECT_NEAR(zeros / 10000, 0.25, 5 * std::sqrt(0.25 * 0.75 / 10000));
  EXPECT_NEAR(mean(y).item(), 1, 0.05);
  nn::eval(drop);
  EXPECT_TRUE(equal(drop(x), x));
  EXPECT_THROW(nn::Dropout(1.5), ArgumentError);
}

TEST(Activations, ModulesAreTheirFunctions) {
  const Tensor x = normal({4, 6});
  EXPECT_TRUE(equal(nn::ReLU()(x), relu(x)));
  EXPECT_TRUE(equal(nn::LeakyReLU(0.2)(x), leaky_relu(x, 0.2)));
  EXPECT_TRUE(equal(nn::ELU(1.5)(x), elu(x, 1.5)));
  EXPECT_TRUE(equal(nn::Sigmoid()(x), sigmoid(x)));
  EXPECT_TRUE(equal(nn::Tanh()(x), tanh(x)));
  EXPECT_TRUE(equal(nn::Softplus(2)(x), softplus(x, 2)));
  EXPECT_TRUE(equal(nn::Maxout(3)(x), maxout(x, 3)));
  EXPECT_TRUE(equal(nn::Flatten()(ones({2, 3, 4})), ones({2, 12})));
  nn::PReLU prelu;
  EXPECT_TRUE(equal(prelu(x), leaky_relu(x, 0.25)));
  EXPECT_EQ(nn::parameters(prelu).size(), 1U);
}

// ---- values in closed form -----------------------------------------------------------------------

using tests::message_of;
#define EXPECT_MESSAGE(text, ...) \
  EXPECT_NE(message_of([&] { __VA_ARGS__; }).find(text), std::string::npos) << message_of([&] { __VA_ARGS__; })

TEST(MaxoutLinear, IsTheLargestOfItsPieces) {
  nn::MaxoutLinear layer(1, 1, 2);  // max(x, -x) = |x|
  copy_into(layer.weight, tensor({{1.}, {-1.}}));
  copy_into(layer.bias, zeros({2}));
  const Tensor x = tensor({{-3.}, {0.}, {2.}});
  EXPECT_TRUE(equal(layer(x), abs(x)));
  EXPECT_EQ(nn::parameter_count(nn::MaxoutLinear(10, 4, 3)), 3 * nn::parameter_count(nn::Linear(10, 4)));
  EXPECT_THROW(nn::MaxoutLinear(2, 3, 0), ArgumentError);
}

// All weights 1/2, biases 0, x = h = c = 1: every gate is a = 1, so c' = s(1) + s(1) tanh(1), h' = s(1) tanh(c').
TEST(Recurrent, OneStepByHand) {
  const double s = 1 / (1 + std::exp(-1.0));
  const Tensor x = ones({1, 1, 1}, float64);
  const auto prepared = [](auto layer) {
    for (Parameter p : nn::parameters(layer)) init::constant(p, p.rank() == 2 ? 0.5 : 0);
    return layer;
  };
  const auto lstm = prepared(nn::LSTM(1, 1, {.dtype = float64}))(x, x, x);
  const double c = s + s * std::tanh(1.0);
  EXPECT_NEAR(lstm.c.item(), c, 1e-14);
  EXPECT_NEAR(lstm.h.item(), s * std::tanh(c), 1e-14);
  EXPECT_NEAR(lstm.y.item(), s * std::tanh(c), 1e-14);
  const auto rnn = prepared(nn::RNN(1, 1, {.dtype = float64}))(x, x);
  EXPECT_NEAR(rnn.y.item(), std::tanh(1.0), 1e-14);
  // n = tanh(1/2 + s/2), h' = (1 - s) n + s.
  const auto gru = prepared(nn::GRU(1, 1, {.dtype = float64}))(x, x);
  const double n = std::tanh(0.5 + s / 2);
  EXPECT_NEAR(gru.y.item(), (1 - s) * n + s, 1e-14);
}

TEST(Recurrent, ShapesOfLayersAndDirections) {
  nn::LSTM lstm(3, 5, {.num_layers = 2, .batch_first = true, .bidirectional = true});
  const auto r = lstm(normal({4, 7, 3}));
  EXPECT_EQ(r.y.shape(), (Shape{4, 7, 10}));
  EXPECT_EQ(r.h.shape(), (Shape{4, 4, 5}));
  EXPECT_EQ(r.c.shape(), (Shape{4, 4, 5}));
  // The way back ends at the first step.
  EXPECT_TRUE(equal(select(select(detach(r.y), 1, 0), 1, 7), select(select(detach(r.h), 0, 3), 1, 2)));
}

TEST(Recurrent, StandsInARow) {
  nn::Sequential net{nn::LSTM(3, 5), nn::GRU(5, 4), nn::Linear(4, 2)};
  EXPECT_EQ(net(normal({6, 2, 3})).shape(), (Shape{6, 2, 2}));
}

TEST(Attention, OneKeyIsTakenWholeAndMaskedOnesNot) {
  nn::MultiheadAttention attention(4, 2, {.batch_first = true});
  const Tensor query = normal({2, 3, 4}), key = normal({2, 5, 4});
  const nn::AttentionMask mask{
      .key_padding = tensor({{false, false, true, true, true}, {false, true, true, true, true}}), .weights = true};
  const auto r = attention(query, key, key, mask);
  const Tensor w = detach(r.weights);
  EXPECT_TRUE(all_close(sum(w, 2), ones({2, 3})));
  EXPECT_EQ(max(narrow(w, 2, 2, 3)).item(), 0);
  EXPECT_TRUE(all_close(select(select(w, 0, 1), 1, 0), ones({3})));
  // Causal: the first result depends on the first position only.
  Tensor x = leaf(normal({1, 4, 4}));
  const Tensor g = grad(sum(select(attention(x, nn::AttentionMask{.causal = true}).y, 1, 0)), x);
  EXPECT_EQ(max(abs(narrow(g, 1, 1, 3))).item(), 0);
}

TEST(Embedding, ThePaddingRowStaysZero) {
  nn::Embedding table(4, 3, {.padding = 2});
  EXPECT_TRUE(equal(select(detach(table.weight), 0, 2), zeros({3})));
  backward(sum(table(tensor({2, 2, 1}))));
  EXPECT_TRUE(equal(select(gradient(table.weight), 0, 2), zeros({3})));
  EXPECT_TRUE(equal(select(gradient(table.weight), 0, 1), ones({3})));
  EXPECT_THROW(nn::Embedding(4, 3, {.padding = 4}), IndexError);
}

TEST(WeightNorm, KeepsTheLayerAndSeparatesLengths) {
  nn::Linear fc(6, 4);
  const Tensor x = normal({3, 6}), before = detach(fc(x));
  nn::WeightNorm normed(fc);
  EXPECT_TRUE(all_close(detach(normed(x)), before, 1e-5, 1e-6));
  copy_into(normed.weight_v, detach(normed.weight_v) * 3);
  EXPECT_TRUE(all_close(detach(normed(x)), before, 1e-5, 1e-6));
}

TEST(SpectralNorm, TheLargestSingularValueIsOne) {
  nn::SpectralNorm layer(nn::Linear(8, 5));
  for (int i = 0; i < 100; ++i) layer(zeros({1, 8}));
  EXPECT_NEAR(max(svd(detach(layer.weight())).s).item(), 1, 1e-4);
}

TEST(SpectralNorm, StepsOnceUnderCheckpoint) {
  nn::SpectralNorm a(nn::Linear(8, 5)), b = nn::clone(a);
  const Tensor x = leaf(normal({3, 8}));
  backward(sum(a(x)));
  backward(sum(checkpoint([&](const Tensor& in) { return b(in); }, x)));
  EXPECT_TRUE(equal(a.weight_u, b.weight_u));
  EXPECT_TRUE(equal(gradient(a.weight_orig), gradient(b.weight_orig)));
}

TEST(Fold, ABatchNormGoesIntoTheLayerBefore) {
  nn::Sequential net{nn::BatchNorm(3, {.track_running_stats = false}),
                     nn::Conv2d(3, 8, {.bias = false}),
                     nn::BatchNorm(8),
                     nn::ReLU(),
                     nn::Flatten(),
                     nn::Linear(8 * 4 * 4, 6),
                     nn::BatchNorm(6)};
  for (int i = 0; i < 20; ++i) net(2 * normal({32, 3, 6, 6}) + 1);
  int moved = 0;
  for (const auto& p : nn::named_parameters(net))
    if (p.name == "2.weight" || p.name == "6.bias") {
      Tensor target = p.parameter;
      copy_into(target, uniform(target.shape(), 0.5, 2));
      ++moved;
    }
  ASSERT_EQ(moved, 2);
  nn::Sequential folded = fold(net);
  nn::eval(net);
  EXPECT_EQ(folded.size(), net.size() - 2);
  const Tensor x = normal({16, 3, 6, 6}), y = detach(net(x));
  EXPECT_LT((max(abs(detach(folded(x)) - y)) / max(abs(y))).item(), 1e-6);
  nn::zero_grad(net);
  EXPECT_THROW(nn::fold(nn::Linear(4, 3), nn::BatchNorm(4)), ShapeError);
  EXPECT_THROW(nn::fold(nn::Linear(4, 3), nn::BatchNorm(3, {.track_running_stats = false})), ArgumentError);
}

TEST(Penalties, AreSumsOverWeights) {
  nn::Linear fc(2, 2);
  copy_into(fc.weight, tensor({{1., -2.}, {3., 0.}}));
  copy_into(fc.bias, tensor({10., -10.}));
  EXPECT_EQ(nn::l2(fc, 0.5).item(), 7);
  EXPECT_EQ(nn::l1(fc, 0.5).item(), 3);
  EXPECT_EQ(nn::l1(fc, 1, {.vectors = true}).item(), 26);
  backward(nn::l2(fc, 0.5));
  EXPECT_TRUE(equal(gradient(fc.weight), detach(fc.weight)));
  zero_grad(fc.weight);
  backward(nn::l1(fc, 0.5));
  EXPECT_TRUE(equal(gradient(fc.weight), tensor({{0.5, -0.5}, {0.5, 0.}})));
  EXPECT_EQ(nn::l2(fc, 0).item(), 0);
  EXPECT_THROW(nn::l2(fc, -1), ArgumentError);
  EXPECT_THROW(nn::l1(nn::ReLU(), 1), ArgumentError);
}

TEST(Layers, WrongShapesSayWhatWasExpected) {
  EXPECT_MESSAGE("[N, 4, *], got [2, 3]", nn::GroupNorm(2, 4)(zeros({2, 3})));
  EXPECT_MESSAGE("rnn: expected input [T, N, 3] of at least 1 step, got [4, 2]", nn::RNN(3, 4)(zeros({4, 2})));
  EXPECT_MESSAGE("lstm: expected h0 and c0 [1, 2, 4]", nn::LSTM(3, 4)(zeros({5, 2, 3}), zeros({1, 2, 3})));
  EXPECT_MESSAGE("gru: expected no c0", nn::GRU(3, 4)(zeros({5, 2, 3}), Tensor(), zeros({1, 2, 4})));
  EXPECT_MESSAGE("query, key and value [*, N, 4]", nn::MultiheadAttention(4, 2)(zeros({3, 2, 5})));
  EXPECT_MESSAGE("features that the heads divide", nn::MultiheadAttention(4, 3));
  EXPECT_MESSAGE("like the path around", nn::Residual(nn::Linear(4, 3))(zeros({2, 4})));
  EXPECT_MESSAGE("expected p in [0, 1]", nn::AlphaDropout(-1));
  EXPECT_MESSAGE("channels >= 1 that the groups divide", nn::Conv2d(3, 4, {.groups = 2}));
  EXPECT_MESSAGE("sizes >= 1", nn::Embedding(0, 3));
  EXPECT_MESSAGE("relu for an RNN only", nn::LSTM(3, 4, {.relu = true}));
}

TEST(Layers, SayWhatTheyAre) {
  const auto text = [](auto layer) { return nn::detail::ref(layer).describe(); };
  EXPECT_EQ(text(nn::Linear(4, 3)), "Linear 4 → 3");
  EXPECT_EQ(text(nn::Linear(4, 3, {.bias = false})), "Linear 4 → 3, no bias");
  EXPECT_EQ(text(nn::Bilinear(4, 3, 2)), "Bilinear 4, 3 → 2");
  EXPECT_EQ(text(nn::MaxoutLinear(4, 3, 2)), "MaxoutLinear 4 → 3, 2 pieces");
  EXPECT_EQ(text(nn::Embedding(5, 3)), "Embedding 5 × 3");
  EXPECT_EQ(text(nn::Dropout(0.4)), "Dropout p 0.4");
  EXPECT_EQ(text(nn::BatchNorm(4)), "BatchNorm 4");
  EXPECT_EQ(text(nn::GroupNorm(2, 4)), "GroupNorm 4 in 2");
  EXPECT_EQ(text(nn::LSTM(3, 4)), "LSTM 3 → 4");
  EXPECT_EQ(text(nn::GRU(3, 4, {.num_layers = 2, .bidirectional = true})), "GRU 3 → 4, 2 layers, both ways");
  EXPECT_EQ(text(nn::RNNCell(3, 4)), "RNNCell 3 → 4");
  EXPECT_EQ(text(nn::MultiheadAttention(4, 2)), "MultiheadAttention 4, 2 heads");
}

TEST(Layers, SizesBeginAtOne) {
  using Make = std::function<void(std::int64_t)>;
  const std::vector<std::pair<const char*, Make>> all{
      {"Linear in", [](std::int64_t n) { return nn::Linear(n, 1); }},
      {"Linear out", [](std::int64_t n) { return nn::Linear(1, n); }},
      {"Bilinear in", [](std::int64_t n) { return nn::Bilinear(n, 1, 1); }},
      {"Bilinear beside", [](std::int64_t n) { return nn::Bilinear(1, n, 1); }},
      {"Bilinear out", [](std::int64_t n) { return nn::Bilinear(1, 1, n); }},
      {"Embedding rows", [](std::int64_t n) { return nn::Embedding(n, 1); }},
      {"Embedding size", [](std::int64_t n) { return nn::Embedding(1, n); }},
      {"EmbeddingBag", [](std::int64_t n) { return nn::EmbeddingBag(n, n); }},
      {"Conv1d in", [](std::int64_t n) { return nn::Conv1d(n, 1, {.kernel = 1}); }},
      {"Conv1d out", [](std::int64_t n) { return nn::Conv1d(1, n, {.kernel = 1}); }},
      {"Conv1d groups", [](std::int64_t n) { return nn::Conv1d(1, 1, {.kernel = 1, .groups = n}); }},
      {"ConvTranspose1d", [](std::int64_t n) { return nn::ConvTranspose1d(n, n, {.kernel = 1}); }},
      {"BatchNorm", [](std::int64_t n) { return nn::BatchNorm(n); }},
      {"GroupNorm groups", [](std::int64_t n) { return nn::GroupNorm(n, 1); }},
      {"GroupNorm channels", [](std::int64_t n) { return nn::GroupNorm(1, n); }},
      {"InstanceNorm", [](std::int64_t n) { return nn::InstanceNorm(n); }},
      {"RNN input", [](std::int64_t n) { return nn::RNN(n, 1); }},
      {"LSTM hidden", [](std::int64_t n) { return nn::LSTM(1, n); }},
      {"GRU layers", [](std::int64_t n) { return nn::GRU(1, 1, {.num_layers = static_cast<int>(n)}); }},
      {"RNNCell input", [](std::int64_t n) { return nn::RNNCell(n, 1); }},
      {"GRUCell hidden", [](std::int64_t n) { return nn::GRUCell(1, n); }},
      {"MultiheadAttention size", [](std::int64_t n) { return nn::MultiheadAttention(n, 1); }},
      {"MultiheadAttention heads", [](std::int64_t n) { return nn::MultiheadAttention(1, n); }},
      {"MaxoutLinear pieces", [](std::int64_t n) { return nn::MaxoutLinear(1, 1, n); }},
  };
  for (const auto& [name, make] : all) {
    EXPECT_NO_THROW(make(1)) << name;
    EXPECT_THROW(make(0), ArgumentError) << name;
    EXPECT_THROW(make(-1), ArgumentError) << name;
  }
}

// ---- files ---------------------------------------------------------------------------------------

class Save : public testing::Test {
 protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("gradus_save_" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    path = folder / "net.safetensors";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void write(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
  std::string read() const {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  std::filesystem::path folder, path;
};

struct Small : nn::Module<Small> {
  nn::Linear fc{4, 3};
  nn::BatchNorm bn{3};
  Tensor forward(const Tensor& x) { return bn(fc(x)); }
};

TEST_F(Save, ComesBackBitForBit) {
  Small a, b;
  a(normal({8, 4}));
  nn::save(a, path);
  nn::load(b, path);
  nn::eval(a), nn::eval(b);
  const Tensor x = normal({5, 4});
  EXPECT_TRUE(equal(a(x), b(x)));
  EXPECT_EQ(b.bn.num_batches_tracked.item<std::int64_t>(), 1);
  const std::map<std::string, Tensor> all = nn::load_tensors(path);
  EXPECT_EQ(all.size(), 7U);
  EXPECT_TRUE(all.contains("fc.weight") && all.contains("bn.running_var"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST_F(Save, ParametersStayThoseOfTheModel) {
  Small a, b;
  const auto before = nn::parameters(b);
  nn::save(a, path);
  nn::load(b, path);
  EXPECT_TRUE(before[0].is_same(b.fc.weight));
  EXPECT_TRUE(equal(detach(before[0]), detach(a.fc.weight)));
}

TEST_F(Save, EveryDtypeAndEmptyTensors) {
  const std::map<std::string, Tensor> given{{"d", normal({3}, 0, 1, float64)},
                                            {"b", tensor({true, false, true})},
                                            {"i", arange(5)},
                                            {"none", zeros({0, 3})},
                                            {"scalar", scalar(2)}};
  nn::save_tensors(given, path);
  const auto got = nn::load_tensors(path);
  for (const auto& [name, x] : given) EXPECT_TRUE(equal(got.at(name), x)) << name;
}

TEST_F(Save, AnotherModelsFileChangesNothing) {
  struct Other : nn::Module<Other> {
    nn::Linear fc{4, 2};
  } other;
  Small net;
  nn::save(other, path);
  const Tensor before = clone(net.fc.weight);
  EXPECT_THROW(nn::load(net, path), Error);
  EXPECT_TRUE(equal(detach(net.fc.weight), before));
}

TEST_F(Save, DamagedFilesAreRefused) {
  Small net;
  nn::save(net, path);
  const std::string good = read();
  for (std::size_t n = 0; n < good.size(); n += 1 + good.size() / 97) {
    write(good.substr(0, n));
    EXPECT_THROW(nn::load_tensors(path), IoError) << n;
  }
  write(std::string(8, '\xff') + good.substr(8));
  EXPECT_THROW(nn::load_tensors(path), IoError);
  Generator random(3);
  for (int i = 0; i < 300; ++i) {  // a flipped byte is an error or another value, never a crash
    std::string bad = good;
    bad[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(good.size())))] =
        static_cast<char>(random.below(256));
    write(bad);
    try {
      nn::load_tensors(path);
    } catch (const Error&) {
    }
  }
  std::filesystem::remove(path);
  EXPECT_THROW(nn::load_tensors(path), IoError);
}

TEST_F(Save, AnUnwritableFolderIsAnError) {
  Small net;
  EXPECT_THROW(nn::save(net, folder / "no" / "net.safetensors"), IoError);
}

TEST(Embedding, PaddingIsARowOfZeros) {
  for (const std::int64_t padding : {0, 2, -1, -3}) {
    const nn::Embedding layer(3, 2, {.padding = padding});
    EXPECT_TRUE(equal(select(detach(layer.weight), 0, padding), zeros({2}))) << padding;
  }
  for (const std::int64_t padding : {3, -4}) {
    try {
      nn::Embedding(3, 2, {.padding = padding});
      ADD_FAILURE() << padding;
    } catch (const IndexError& e) {
      EXPECT_EQ(e.op(), "embedding");
    }
  }
}

}  // namespace
}  // namespace gradus

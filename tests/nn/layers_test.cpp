#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>

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
    EXPECT_NE(text.find("linear: expected input [*, 784], got [64, 28, 28]"), std::string::npos)
        << text;
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

}  // namespace
}  // namespace gradus

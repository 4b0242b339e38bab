#include "gradus/data/augment.h"
#include "gradus/data/preprocess.h"
#include "gradus/graph/node.h"
#include "gradus/nn/activation.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/sequential.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/reduce.h"
#include "gradus/ops/shape.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <unistd.h>

namespace gradus::train {
namespace {

namespace fs = std::filesystem;

class RunTest : public testing::Test {
 protected:
  RunTest() { fs::create_directories(folder_); }
  ~RunTest() override { fs::remove_all(folder_); }
  std::string file(const char* name) const { return folder_ / name; }
  static std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("gradus_resume_" + std::to_string(getpid()) +
                                                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const ArgumentError& error) {
    return error.message();
  }
  return "accepted";
}

data::Splits images(std::uint64_t seed = 1) {
  Generator generator(seed);
  const Tensor x = uniform({24, 1, 4, 4}, 0, 1, float32, generator);
  Tensor y = zeros({24}, int64);
  for (std::int64_t i = 0; i < 24; ++i) y.mutable_data<std::int64_t>()[i] = i % 3;
  data::Splits splits;
  splits.train = {.inputs = x, .targets = y};
  return splits;
}

nn::Sequential net(bool relu = true) {
  Generator generator(1);
  nn::Sequential result;
  result.push_back(nn::Flatten());
  result.push_back(nn::Linear(16, 8, {}, generator));
  if (relu)
    result.push_back(nn::ReLU());
  else
    result.push_back(nn::Tanh());
  result.push_back(nn::Linear(8, 3, {}, generator));
  return result;
}

/// Trains two epochs, then goes on with what `change` makes of the options; gives what is said of it.
class Resume : public RunTest {
 protected:
  FitOptions options() const {
    return {.epochs = 2, .batch = 8, .augment = data::horizontal_flip(), .seed = 3, .progress = Progress::none};
  }
  template <class F>
  std::string after(F change, double lr = 0.01, double beta2 = 0.999, bool relu = true, std::uint64_t seed = 1) {
    {
      nn::Sequential model = net();
      optim::Adam adam(parameters(model), {.lr = 0.01});
      FitOptions o = options();
      o.optimizer = adam;
      o.checkpoint = file("run");
      o.notes = {{"colour", std::string("red")}, {"batch", std::string("large")}};
      o.fixed_notes = {"colour", "batch"};
      fit(model, images(), o);
    }
    nn::Sequential model = net(relu);
    optim::Adam adam(parameters(model), {.lr = lr, .beta2 = beta2});
    FitOptions o = options();
    o.epochs = 3;
    o.optimizer = adam;
    o.resume = file("run");
    o.notes = {{"colour", std::string("red")}, {"batch", std::string("large")}};
    o.fixed_notes = {"colour", "batch"};
    change(o);
    return refusal([&] { fit(model, images(seed), o); });
  }
};

TEST_F(Resume, GoesOnWithTheSameOptions) {
  EXPECT_EQ(after([](FitOptions&) {}), "accepted");
}

TEST_F(Resume, NamesTheOptionThatDiffers) {
  const auto none = [](FitOptions&) {};
  EXPECT_EQ(after([](FitOptions& o) { o.batch = 4; }), "expected a checkpoint of a run with batch' 4, got one with 8");
  EXPECT_EQ(after([](FitOptions& o) { o.shuffle = false; }),
            "expected a checkpoint of a run with shuffle off, got one with on");
  EXPECT_EQ(after([](FitOptions& o) { o.notes["colour"] = std::string("blue"); }),
            "expected a checkpoint of a run with colour blue, got one with red");
  EXPECT_EQ(after(none, 0.02), "expected a checkpoint of a run with optimizer 0.lr 0.02, got one with 0.01");
  EXPECT_EQ(after(none, 0.01, 0.9), "expected a checkpoint of a run with optimizer 0.beta2 0.9, got one with 0.999");
  const auto says = [](const std::string& message, const char* what) {
    EXPECT_EQ(message.find(std::string("expected a checkpoint of a run with ") + what), 0U) << message;
  };
  says(after([](FitOptions& o) { o.schedule = optim::cosine_annealing(1); }), "epochs");
  says(after([](FitOptions& o) { o.augment = {}; }), "augmentation none");
  says(after([](FitOptions& o) { o.augment = data::random_crop(); }), "augmentation");
  says(
      after([](FitOptions& o) { o.transform = [](const Tensor& x) { return x.is_contiguous() ? zeros_like(x) : x; }; }),
      "transform");
  says(after(none, 0.01, 0.999, false), "layers");             // tanh for relu: the same parameters
  says(after(none, 0.01, 0.999, true, 2), "training inputs");  // others of the same shape
}

/// A line y = 4 x through eight points.
data::Splits line() {
  data::Splits splits;
  splits.train = {.inputs = reshape(arange(0, 8, 1, float32), {8, 1}),
                  .targets = reshape(arange(0, 32, 4, float32), {8, 1})};
  return splits;
}

class Explosion : public RunTest {};

TEST_F(Explosion, EndsTheRunAndKeepsWhatWasMeasured) {
  Generator generator(1);
  nn::Linear model(1, 1, {}, generator);
  const Tensor before = clone(model.weight);
  // The largest curvature is near 35: each step multiplies the error by about -34.
  optim::Sgd sgd(parameters(model), {.lr = 1});
  FitOptions o{.epochs = 50, .optimizer = sgd, .seed = 1, .out = file("run"), .progress = Progress::none};
  const std::string message = refusal([&] { fit(model, line(), o); });
  EXPECT_NE(message.find("expected a loss of at most "), std::string::npos) << message;
  EXPECT_NE(message.find("1000 times the first"), std::string::npos) << message;
  EXPECT_NE(message.find("a learning rate below 1 may help"), std::string::npos) << message;
  EXPECT_NE(message.find("what was measured is in " + file("run")), std::string::npos) << message;
  EXPECT_TRUE(equal(detach(model.weight), before));
  const std::string summary = content(file("run/summary.json"));
  EXPECT_NE(summary.find("\"status\": \"diverged\""), std::string::npos) << summary;
  EXPECT_NE(summary.find("\"diverged_epoch\": "), std::string::npos) << summary;
  EXPECT_NE(content(file("run/metrics.jsonl")).find("\"epoch\":1"), std::string::npos);
  EXPECT_FALSE(fs::exists(file("run/weights.safetensors")));
  EXPECT_TRUE(fs::exists(file("run/config.json")));
}

TEST_F(Explosion, IsBorneWhereAskedFor) {
  Generator generator(1);
  nn::Linear model(1, 1, {}, generator);
  optim::Sgd sgd(parameters(model), {.lr = 1});
  FitOptions o{.epochs = 4,
               .optimizer = sgd,
               .seed = 1,
               .out = file("run"),
               .explosion = std::numeric_limits<double>::infinity(),
               .progress = Progress::none};
  EXPECT_EQ(refusal([&] { fit(model, line(), o); }), "accepted");
  EXPECT_NE(content(file("run/summary.json")).find("\"status\": \"finished\""), std::string::npos);
  o.explosion = 0.5;
  EXPECT_EQ(refusal([&] { fit(model, line(), o); }), "expected an explosion above 1, got 0.5");
}

TEST_F(Explosion, AFirstLossNearZeroIsNoMeasure) {
  // A loss of 1e-12 first, then up to 1: a fine-tuned model meets a hard row.
  nn::Linear model(1, 1, {.bias = false});
  int calls = 0;
  const Loss loss = [&](const Tensor& output, const Tensor&) {
    return mean(output * 0) + (calls++ == 0 ? 1e-12 : 1.0);
  };
  EXPECT_EQ(refusal([&] { fit(model, line(), {.epochs = 3, .loss = loss, .progress = Progress::none}); }), "accepted");
}

TEST(Score, HasTheShareOfVarianceExplained) {
  // t = 0, 4, …, 28 has the sum of squared deviations 672; y = 4 x + 1 is off by 1 each: 8.
  nn::Linear model(1, 1);
  copy_into(model.weight, full({1, 1}, 4));
  copy_into(model.bias, full({1}, 1));
  const Score score = evaluate(model, line().train);
  EXPECT_NEAR(score.r2, 1 - 8.0 / 672, 1e-6);
  EXPECT_NEAR(score.loss, 1, 1e-6);
  nn::Sequential classes = net();
  EXPECT_TRUE(std::isnan(evaluate(classes, images().train).r2));
}

TEST(Score, LossesAreToldInTheirUnit) {
  Generator first(1), second(1);
  nn::Linear a(1, 1, {}, first), b(1, 1, {}, second);
  const Record one = fit(a, line(), {.epochs = 1, .seed = 1, .progress = Progress::none});
  const Record nine = fit(b, line(), {.epochs = 1, .seed = 1, .loss_unit = 9, .progress = Progress::none});
  EXPECT_DOUBLE_EQ(nine.train.loss, 9 * one.train.loss);
  EXPECT_DOUBLE_EQ(nine.train.r2, one.train.r2);
}

}  // namespace
}  // namespace gradus::train

#include "gradus/train/fit.h"

#include "gradus/data/generated.h"
#include "gradus/data/preprocess.h"
#include "gradus/graph/node.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/model_text.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/loss.h"
#include "gradus/tensor/runtime.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace gradus::train {
namespace {

constexpr Progress kQuiet = Progress::none;

data::Splits spiral(double validation = 0, double test = 0.2) {
  Generator generator(5);
  const data::Dataset all = data::spiral({.points = 150}, generator);
  return data::split(all, {.validation = validation, .test = test, .stratified = true}, generator);
}

nn::Sequential spiral_net(std::uint64_t seed = 1) {
  Generator generator(seed);
  return nn::model_from_text("fc 64, relu, fc 64, relu, fc 3", {2}, generator);
}

template <class M>
std::vector<Tensor> weights(const M& net) {
  std::vector<Tensor> list;
  for (const auto& p : nn::parameters(net)) list.push_back(clone(p));
  for (const auto& b : nn::buffers(net)) list.push_back(clone(b));
  return list;
}
void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(equal(a[i], b[i])) << i;
}

/// The message of the error of type E that `f` ends with.
template <class E, class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another type: ") + error.what();
  }
  return "accepted";
}

TEST(Fit, LearnsTheSpiral) {
  const data::Splits data = spiral();
  nn::Sequential net = spiral_net();
  optim::Adam adam{parameters(net), {.lr = 0.01}};
  const Record record = fit(net, data, {.epochs = 40, .batch = 32, .optimizer = adam, .seed = 1, .progress = kQuiet});
  EXPECT_GT(record.test.accuracy, 0.93);
  EXPECT_GT(record.train.accuracy, 0.95);
  EXPECT_LT(record.train.loss, record.history.front().train.loss / 3);
  const Score again = evaluate(net, data.test);
  EXPECT_DOUBLE_EQ(again.accuracy, record.test.accuracy);
  EXPECT_NEAR(again.loss, record.test.loss, 1e-6);
}

TEST(Fit, TheRecordIsComplete) {
  const data::Splits data = spiral(0.2);
  nn::Sequential net = spiral_net();
  optim::Sgd sgd{parameters(net), {.lr = 0.05}};
  const Record record = fit(net, data, {.epochs = 3, .optimizer = sgd, .seed = 9, .progress = kQuiet});
  ASSERT_EQ(record.history.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const EpochRecord& epoch = record.history[static_cast<std::size_t>(i)];
    EXPECT_EQ(epoch.epoch, i + 1);
    EXPECT_EQ(epoch.lr, 0.05);
    EXPECT_GT(epoch.seconds, 0);
    EXPECT_TRUE(std::isfinite(epoch.train.loss) && std::isfinite(epoch.validation.loss));
    EXPECT_TRUE(epoch.train.accuracy >= 0 && epoch.train.accuracy <= 1);
    EXPECT_TRUE(std::isnan(epoch.test.loss)) << "looked at the test rows although there are others";
  }
  EXPECT_EQ(record.parameters, nn::parameter_count(net));
  EXPECT_EQ(record.seed, 9u);
  EXPECT_EQ(record.folder, "");
  EXPECT_GE(record.seconds, record.history[0].seconds);
}

TEST(Fit, TheMetricSaysWhichEpochIsTheBest) {
  // A rate that is too high: scores go up and down.
  const data::Splits data = spiral(0.2);
  const auto run = [&](Metric metric, std::uint64_t seed) {
    nn::Sequential net = spiral_net();
    optim::Adam adam{parameters(net), {.lr = 0.2}};
    return fit(net, data, {.epochs = 12, .optimizer = adam, .seed = seed, .metric = metric, .progress = kQuiet});
  };
  const auto first_best = [](const Record& record, auto is_better) {
    const EpochRecord* best = &record.history[0];
    for (const EpochRecord& epoch : record.history)
      if (is_better(epoch.validation, best->validation)) best = &epoch;
    return best->epoch;
  };
  int apart = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Record loss = run(Metric::loss, seed), accuracy = run(Metric::accuracy, seed);
    EXPECT_EQ(loss.best_epoch, first_best(loss, [](const Score& a, const Score& b) { return a.loss < b.loss; }));
    EXPECT_EQ(accuracy.best_epoch,
              first_best(accuracy, [](const Score& a, const Score& b) { return a.accuracy > b.accuracy; }));
    apart += loss.best_epoch != accuracy.best_epoch;
  }
  EXPECT_GT(apart, 0);  // else these runs can't tell them apart
}

TEST(Fit, PatienceEndsARun) {
  const data::Splits data = spiral(0.2);
  nn::Sequential net = spiral_net();
  optim::Sgd sgd{parameters(net), {.lr = 0}};  // no epoch is better than the first
  const Record record = fit(net, data, {.epochs = 50, .optimizer = sgd, .seed = 4, .patience = 3, .progress = kQuiet});
  EXPECT_EQ(record.best_epoch, 1);
  EXPECT_EQ(record.history.size(), 4u);
}

TEST(Fit, DefaultsAreAdamAndCrossEntropy) {
  const data::Splits data = spiral();
  nn::Sequential a = spiral_net(), b = spiral_net();
  fit(a, data, {.epochs = 2, .seed = 3, .progress = kQuiet});
  optim::Adam adam{parameters(b), {.lr = 1e-3}};
  const Loss loss = [](const Tensor& y, const Tensor& t) { return cross_entropy(y, t); };
  fit(b, data, {.epochs = 2, .optimizer = adam, .loss = loss, .seed = 3, .progress = kQuiet});
  expect_same(weights(a), weights(b));
}

TEST(Fit, FloatingTargetsAreFittedByLeastSquares) {
  Generator generator(2);
  const Tensor x = uniform({200, 3}, -1, 1, float32, generator);
  const Tensor y = matmul(x, tensor({{1.0}, {-2.0}, {0.5}})) + 0.25;
  nn::Linear net(3, 1, {}, generator);
  optim::Adam adam{parameters(net), {.lr = 0.05}};
  const Record record = fit(
      net, {.train = {.inputs = x, .targets = y}}, {.epochs = 60, .batch = 20, .optimizer = adam, .progress = kQuiet});
  EXPECT_LT(record.train.loss, 1e-4);
  EXPECT_TRUE(std::isnan(record.train.accuracy));
  EXPECT_TRUE(std::isnan(record.test.loss));
  EXPECT_NEAR(net.weight.to_vector()[1], -2, 0.02);
}

TEST(Fit, ALossOfTheUsersMayDoWithoutTargets) {
  Generator generator(2);
  const Tensor x = uniform({64, 4}, -1, 1, float32, generator);
  nn::Sequential net = nn::model_from_text("fc 2, fc 4", {4}, generator);
  const Loss small = [](const Tensor& y, const Tensor& t) {
    EXPECT_FALSE(t.defined());
    return mse_loss(y, zeros_like(y));
  };
  const Record record = fit(net, {.train = {.inputs = x}}, {.epochs = 5, .loss = small, .progress = kQuiet});
  EXPECT_LT(record.history.back().train.loss, record.history.front().train.loss);
}

TEST(Fit, TheTransformIsAppliedInTrainingAndEvaluation) {
  data::Splits data = spiral();
  const auto standardize = data::Standardize().fit(data.train.inputs);
  nn::Sequential a = spiral_net(), b = spiral_net();
  const Record given = fit(a, data, {.epochs = 2, .transform = standardize, .seed = 3, .progress = kQuiet});
  data.train.inputs = standardize(data.train.inputs);
  data.test.inputs = standardize(data.test.inputs);
  const Record done = fit(b, data, {.epochs = 2, .seed = 3, .progress = kQuiet});
  expect_same(weights(a), weights(b));
  EXPECT_EQ(given.test.loss, done.test.loss);
}

/// Puts the weights where it wants them at the end of each epoch.
class Puppeteer : public Observer {
 public:
  Puppeteer(nn::Linear& net, std::vector<double> values) : net_(net), values_(std::move(values)) {}
  void after_step(const Step& step) override {
    nn::Linear& net = net_;
    copy_into(net.weight, full_like(net.weight, values_[static_cast<std::size_t>(step.epoch) - 1]));
  }

 private:
  nn::Linear& net_;
  std::vector<double> values_;
};

data::Splits line(bool validation) {
  const Tensor x = tensor({{1.0}, {2.0}});
  const data::Dataset rows{.inputs = x, .targets = x * 3.0};  // y = 3 x
  return {.train = rows, .validation = validation ? rows : data::Dataset{}, .test = rows};
}

TEST(Fit, KeepsTheWeightsThatAreBestOnTheValidationRows) {
  nn::Linear net(1, 1, {.bias = false});
  Puppeteer puppeteer(net, {1, 2.9, 5, 2.5});
  const Record record = fit(net, line(true), {.epochs = 4, .observer = puppeteer, .progress = kQuiet});
  EXPECT_EQ(record.best_epoch, 2);
  EXPECT_FLOAT_EQ(net.weight.item<float>(), 2.9F);
  EXPECT_NEAR(record.validation.loss, 0.01 * 2.5, 1e-4);
  EXPECT_NEAR(record.test.loss, 0.01 * 2.5, 1e-4);
  EXPECT_EQ(record.train.loss, record.history[1].train.loss);
}

TEST(Fit, KeepsTheLastWeightsWithoutValidationRows) {
  nn::Linear net(1, 1, {.bias = false});
  Puppeteer puppeteer(net, {1, 2.9, 5});
  const Record record = fit(net, line(false), {.epochs = 3, .observer = puppeteer, .progress = kQuiet});
  EXPECT_EQ(record.best_epoch, 3);
  EXPECT_FLOAT_EQ(net.weight.item<float>(), 5);
  EXPECT_NEAR(record.test.loss, 4 * 2.5, 1e-4);
}

TEST(Fit, TheSeedDecidesEverything) {
  const auto run = [](std::uint64_t seed) {
    Generator generator(1);
    nn::Sequential net = nn::model_from_text("fc 32, bn, relu, dropout 0.3, fc 3", {2}, generator);
    fit(net, spiral(), {.epochs = 2, .seed = seed, .progress = kQuiet});
    return weights(net);
  };
  const auto a = run(1), b = run(1), c = run(2);
  expect_same(a, b);
  EXPECT_FALSE(equal(a[0], c[0]));
}

TEST(Fit, TheNumberOfThreadsDecidesNothingWhenDeterministic) {
  const int threads = num_threads();
  set_deterministic(true);
  const auto run = [](int n) {
    set_num_threads(n);
    Generator generator(1);
    nn::Sequential net = nn::model_from_text("fc 256, bn, relu, dropout 0.3, fc 256, relu, fc 3", {2}, generator);
    fit(net, spiral(), {.epochs = 2, .batch = 128, .seed = 4, .progress = kQuiet});
    return weights(net);
  };
  const auto one = run(1), two = run(2), three = run(3);
  set_num_threads(threads);
  set_deterministic(false);
  expect_same(one, two);
  expect_same(one, three);
}

TEST(Fit, TheDefaultGeneratorIsLeftAlone) {
  nn::Sequential net = nn::model_from_text("fc 8, dropout 0.5, fc 3", {2});
  default_generator().seed(77);
  const std::uint64_t position = default_generator().position();
  fit(net, spiral(), {.epochs = 1, .seed = 4, .progress = kQuiet});
  EXPECT_EQ(default_generator().seed(), 77u);
  EXPECT_EQ(default_generator().position(), position);
}

TEST(Fit, WithoutASeedRunsDiffer) {
  nn::Sequential net = spiral_net();
  const FitOptions options{.epochs = 1, .progress = kQuiet};
  EXPECT_NE(fit(net, spiral(), options).seed, fit(net, spiral(), options).seed);
}

TEST(Fit, ModesAreAsBefore) {
  nn::Sequential net = nn::model_from_text("bn, fc 3, dropout 0.5", {2});
  net[0].get_if<nn::BatchNorm>()->training = false;
  fit(net, spiral(), {.epochs = 1, .progress = kQuiet});
  evaluate(net, spiral().test);
  EXPECT_FALSE(net[0].get_if<nn::BatchNorm>()->training);
  EXPECT_TRUE(net[2].get_if<nn::Dropout>()->training);
}

TEST(Fit, ASingleRowLeftOverIsNoBatch) {
  const data::Dataset rows = spiral(0, 0).train.slice(0, 65);
  nn::Sequential net = nn::model_from_text("fc 4, bn, fc 3", {2});
  EXPECT_NO_THROW(fit(net, {.train = rows}, {.epochs = 1, .batch = 64, .progress = kQuiet}));
}

class Counter : public Observer {
 public:
  void after_backward(const Step& step) override {
    ++backward;
    had_gradients = had_gradients && gradient(step.optimizer.parameters()[0]).defined();
    last_step = step.step;
  }
  void after_step(const Step& step) override {
    ++steps;
    EXPECT_EQ(step.output.size(0), step.batch.inputs.size(0));
    EXPECT_EQ(step.steps, 6);
    EXPECT_TRUE(std::isfinite(step.loss));
    if (step.step == 1) {
      EXPECT_DOUBLE_EQ(step.so_far.loss, 2 * step.loss);  // in another unit
    }
    so_far = step.so_far;
  }
  bool after_epoch(const EpochRecord& record) override {
    EXPECT_EQ(so_far.loss, record.train.loss);
    EXPECT_EQ(so_far.accuracy, record.train.accuracy);
    return record.epoch < 2;
  }
  Score so_far;
  int backward = 0, steps = 0;
  std::int64_t last_step = 0;
  bool had_gradients = true;
};

TEST(Fit, AnObserverSeesEveryStepAndCanEndTheRun) {
  nn::Sequential net = spiral_net();
  Counter counter;
  const Record record = fit(net, spiral(), {.epochs = 5, .observer = counter, .loss_unit = 2, .progress = kQuiet});
  EXPECT_EQ(record.history.size(), 2u);
  EXPECT_EQ(counter.steps, 12);
  EXPECT_EQ(counter.backward, 12);
  EXPECT_EQ(counter.last_step, 6);
  EXPECT_TRUE(counter.had_gradients);
}

class Thrower : public Observer {
  bool after_epoch(const EpochRecord& record) override {
    if (record.epoch == 2) throw std::runtime_error("enough");
    return true;
  }
};

TEST(Fit, AfterAnErrorTheModelIsAsBefore) {
  nn::Sequential net = nn::model_from_text("fc 8, bn, relu, dropout 0.1, fc 3", {2});
  nn::eval(net);
  const auto before = weights(net);
  Thrower thrower;
  EXPECT_THROW(fit(net, spiral(), {.observer = thrower, .progress = kQuiet}), std::runtime_error);
  expect_same(before, weights(net));
  EXPECT_FALSE(net[1].get_if<nn::BatchNorm>()->training);
  for (const Parameter& p : nn::parameters(net)) EXPECT_FALSE(gradient(p).defined());
}

TEST(Fit, ALossThatIsNotFiniteEndsTheRunAndIsPlaced) {
  nn::Sequential net = spiral_net();
  const auto before = weights(net);
  optim::Sgd wild{parameters(net), {.lr = 1e20}};
  const std::string message =
      refusal<ArgumentError>([&] { fit(net, spiral(), {.optimizer = wild, .progress = kQuiet}); });
  EXPECT_NE(message.find("fit: expected a finite loss, got "), std::string::npos) << message;
  EXPECT_NE(message.find("in epoch 1, step "), std::string::npos) << message;
  EXPECT_NE(message.find("a learning rate below 1e+20 may help"), std::string::npos) << message;
  EXPECT_NE(message.find("at fit_test.cpp:"), std::string::npos) << message;
  expect_same(before, weights(net));
}

TEST(Fit, ALossThatIsNotFiniteAfterTheLastStepIsFoundToo) {
  nn::Linear net(1, 1, {.bias = false});
  Puppeteer puppeteer(net, {std::numeric_limits<double>::quiet_NaN()});
  const std::string message =
      refusal<ArgumentError>([&] { fit(net, line(false), {.epochs = 1, .observer = puppeteer, .progress = kQuiet}); });
  EXPECT_NE(message.find("expected a finite loss on the test rows, got nan after epoch 1"), std::string::npos)
      << message;
}

struct Leaky : nn::Module<Leaky> {
  nn::Linear fc{2, 3};
  const Tensor* bias = nullptr;
  Tensor forward(const Tensor& x) { return fc(x) + *bias; }
};

TEST(Fit, AParameterOutsideTheModelIsReported) {
  const Parameter stray = zeros({3});
  Leaky net;
  net.bias = &stray;
  const auto run = [&] { fit(net, spiral(), {.progress = kQuiet}); };
  const std::string message = refusal<ArgumentError>(run);
  EXPECT_NE(message.find("got a parameter [3] used by broadcast_to in leaky at fit_test.cpp:"), std::string::npos)
      << message;

  std::vector<Parameter> all = nn::parameters(net);
  all.push_back(stray);
  optim::Adam adam{all};
  EXPECT_NO_THROW(fit(net, spiral(), {.epochs = 1, .optimizer = adam, .progress = kQuiet}));
}

TEST(Fit, BadOptionsAndDataAreRefused) {
  nn::Sequential net = spiral_net();
  const data::Splits good = spiral(0.1);
  const auto refused = [&](const data::Splits& data, FitOptions options, const char* part) {
    options.progress = kQuiet;
    const std::string message = refusal<Error>([&] { fit(net, data, options); });
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  refused(good, {.epochs = 0}, "expected epochs >= 1, got 0");
  refused(good, {.patience = -1}, "expected patience >= 0, got -1");
  refused({.train = good.train}, {.patience = 1}, "expected validation rows, as patience goes by them, got none");
  refused(good, {.metric = Metric::r2}, "expected the metric accuracy or loss for classes, got r2");
  refused(good, {.batch = 0}, "expected a batch >= 1, got 0");
  refused({}, {}, "expected rows to train on, got none");
  refused(good, {.out = "a", .runs = "b"}, "expected out or runs, got both");

  data::Splits data = good;
  data.test.inputs = zeros({data.test.size(), 3});
  refused(data, {}, "expected test rows of shape [2] like those to train on, got [3]");
  data = good;
  data.validation.targets = zeros({data.validation.size()});
  refused(data, {}, "expected validation targets like those to train on");
  data = good;
  data.test.targets = full({data.test.size()}, 3, int64);
  refused(data, {}, "expected classes below 3, as the model has outputs, got 3 in row 0");
  data.test.targets = full({data.test.size()}, -1, int64);
  refused(data, {}, "expected classes >= 0, got -1 in row 0");
  data = good;
  data.train.targets = {};
  data.validation.targets = {};
  data.test.targets = {};
  refused(data, {}, "expected targets, or a loss that needs none");

  nn::Linear other(2, 3);
  optim::Adam adam{parameters(other)};
  refused(good, {.optimizer = adam}, "expected an optimizer of the model's parameters");
  nn::ReLU nothing;
  EXPECT_NE(refusal<ArgumentError>([&] { fit(nothing, good, {.progress = kQuiet}); }).find("model with parameters"),
            std::string::npos);
}

TEST(Evaluate, MeasuresByHand) {
  nn::Linear net(1, 2, {.bias = false});
  copy_into(net.weight, tensor({{1.0}, {-1.0}}));
  const data::Dataset rows{.inputs = tensor({{1.0}, {2.0}, {-3.0}}), .targets = tensor({0, 1, 1})};
  const Score score = evaluate(net, rows, {.batch = 2});
  EXPECT_NEAR(score.accuracy, 2.0 / 3, 1e-12);
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  EXPECT_NEAR(score.loss, (softplus(-2) + softplus(4) + softplus(-6)) / 3, 1e-6);
}

TEST(Evaluate, RefusesWhatItCannotMeasure) {
  nn::Linear net(1, 2);
  EXPECT_NE(refusal<ArgumentError>([&] { evaluate(net, {}); }).find("evaluate: expected rows"), std::string::npos);
  const data::Dataset rows{.inputs = zeros({2, 1}), .targets = tensor({0, 2})};
  EXPECT_NE(refusal<ArgumentError>([&] { evaluate(net, rows); }).find("below 2"), std::string::npos);
}

}  // namespace
}  // namespace gradus::train

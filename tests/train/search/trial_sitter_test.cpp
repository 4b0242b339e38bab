#include "gradus/train/trial_sitter.h"

#include "errors.h"

#include "gradus/autograd/backward.h"
#include "gradus/data/generated.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/loss.h"
#include "gradus/nn/model.h"
#include "gradus/nn/model_text.h"
#include "gradus/ops/arithmetic.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace gradus::train {
namespace {

data::Splits spiral() {
  Generator generator(5);
  return data::split(data::spiral({.points = 128}, generator), {.validation = 0, .test = 0}, generator);
}

struct Ended {
  TrialResult trial;
  int epochs = 0;  // that were done
};
/// 12 steps an epoch, ten epochs.
Ended train_with(double lr, TrialSitterOptions options = {}) {
  struct Count : Observer {
    int epochs = 0;
    bool after_epoch(const EpochRecord&) override { return ++epochs, true; }
  } count;
  const data::Splits data = spiral();
  Ended ended;
  const SearchResults results = Search({{"lr", Choice{{"x"}}}}, Random{.trials = 1}).run([&](Trial& trial) {
    Generator generator(1);
    nn::Sequential net = nn::model_from_text("fc 32, relu, fc 3", {2}, generator);
    optim::Sgd sgd{parameters(net), {.lr = lr}};
    TrialSitter sitter(trial, net, options);
    Observers both{&count, &sitter};
    return fit(net,
               data,
               {.epochs = 10, .batch = 32, .optimizer = sgd, .seed = 1, .observer = both, .progress = Progress::none})
        .train.loss;
  });
  return {results.trials.at(0), count.epochs};
}

TEST(TrialSitter, StopsATrialThatLearnsNextToNothing) {
  // A fifth of 120 steps is 24; every fifth is looked at.
  const Ended slow = train_with(1e-5);
  EXPECT_EQ(slow.trial.status, TrialStatus::condemned);
  EXPECT_EQ(slow.trial.finding, "loss-slow");
  EXPECT_TRUE(slow.trial.reason.starts_with("epoch 3, step 25: after 25 steps the loss is ")) << slow.trial.reason;
  EXPECT_EQ(slow.epochs, 2);
  // Later, where more patience is asked for.
  const Ended patient = train_with(1e-5, {.rules = {"loss-slow"}, .patience = 0.5});
  EXPECT_TRUE(patient.trial.reason.starts_with("epoch 5, step 60: ")) << patient.trial.reason;
}

TEST(TrialSitter, LeavesOtherTrialsAlone) {
  const Ended good = train_with(0.5);
  EXPECT_EQ(good.trial.status, TrialStatus::finished) << good.trial.reason;
  EXPECT_EQ(good.trial.finding, "");
  EXPECT_EQ(good.epochs, 10);
  // Slow ones too, where no such rule is to end them.
  const double never = std::numeric_limits<double>::infinity();
  EXPECT_EQ(train_with(1e-5, {.rules = {}}).trial.status, TrialStatus::finished);
  EXPECT_EQ(train_with(1e-5, {.rules = {"loss-slow"}, .patience = never}).trial.status, TrialStatus::finished);
  EXPECT_EQ(train_with(1e-5, {.rules = {"loss-slow"}, .slow = 2}).trial.status, TrialStatus::finished);
}

TEST(TrialSitter, StopsATrialForAnError) {
  const Ended wild = train_with(1e6, {.rules = {}});
  EXPECT_EQ(wild.trial.status, TrialStatus::condemned);
  EXPECT_TRUE(wild.trial.finding == "nan" || wild.trial.finding == "loss-explodes") << wild.trial.finding;
  EXPECT_EQ(wild.epochs, 0);
}

/// The steps of 120 in which weights were measured.
std::int64_t steps_measured(const TrialSitterOptions& options) {
  TrialResult record;
  Trial trial(record);
  Generator generator(1);
  nn::Sequential net = nn::model_from_text("fc 32, relu, fc 3", {2}, generator);
  optim::Sgd sgd{parameters(net), {.lr = 0.5}};
  TrialSitter sitter(trial, net, options);
  fit(net, spiral(), {.epochs = 10, .batch = 32, .optimizer = sgd, .observer = sitter, .progress = Progress::none});
  EXPECT_EQ(sitter.measurements().step, 120);
  return sitter.measurements().parameters.at(0).sampled;
}

TEST(TrialSitter, MeasuresWhatItsRulesNeed) {
  EXPECT_EQ(steps_measured({}), 1);
  // The first, each fifth of the first hundred, and one of 25 behind.
  EXPECT_EQ(steps_measured({.rules = {"loss-stuck", "gradient-vanishes"}}), 1 + 100 / 5);
  EXPECT_EQ(steps_measured({.rules = {"gradient-vanishes"}, .watch = {.every = 40, .first = 3, .print = false}}),
            3 + 2);
}

TEST(TrialSitter, StopsALoopOfOnesOwn) {
  TrialResult record;
  Trial trial(record);
  Generator generator(1);
  nn::Linear net(2, 3, {}, generator);
  TrialSitter sitter(trial, net);
  optim::Sgd sgd{nn::parameters(net), {.lr = 1}};
  const Tensor nan = full({}, std::numeric_limits<double>::quiet_NaN());
  const Tensor loss = nn::cross_entropy(net(ones({4, 2})), zeros({4}, int64)) * nan;
  backward(loss);
  EXPECT_THROW(sitter.after_backward(loss), Condemned);
  EXPECT_EQ(record.status, TrialStatus::condemned);
  EXPECT_EQ(record.finding, "nan");
}

TEST(TrialSitter, RefusesUnknownRulesAndNoPatience) {
  TrialResult record;
  Trial trial(record);
  nn::Linear net(2, 3);
  const auto refusal = [&](const TrialSitterOptions& options) {
    return tests::message_of<ArgumentError>([&] { TrialSitter(trial, net, options); });
  };
  EXPECT_TRUE(refusal({.rules = {"loss-stukc"}}).ends_with("got 'loss-stukc' (did you mean 'loss-stuck'?)"))
      << refusal({.rules = {"loss-stukc"}});
  EXPECT_TRUE(refusal({.patience = 0}).ends_with("expected patience > 0, got 0")) << refusal({.patience = 0});
}

}  // namespace
}  // namespace gradus::train

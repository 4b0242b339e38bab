// Runs over rows that are made when they are needed.
#include "errors.h"

#include "gradus/data/generated.h"
#include "gradus/data/preprocess.h"
#include "gradus/nn/model_text.h"
#include "gradus/nn/save.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace gradus::train {
namespace {

data::Splits moons() {
  Generator generator(1);
  return data::split(data::two_moons({.points = 100}, generator), {.validation = 0.2, .test = 0.2}, generator);
}
data::SourceSplits sources_of(const data::Splits& data) {
  return {data::as_source(data.train), data::as_source(data.validation), data::as_source(data.test)};
}
nn::Sequential net(std::uint64_t seed = 1) {
  Generator generator(seed);
  return nn::model_from_text("fc 8, bn, relu, dropout 0.2, fc 2", {2}, generator);
}
void expect_same(const nn::Sequential& a, const nn::Sequential& b) {
  const auto x = nn::state(a), y = nn::state(b);
  ASSERT_EQ(x.size(), y.size());
  for (const auto& [name, values] : x) EXPECT_TRUE(equal(values, y.at(name))) << name;
}

TEST(FitOverSources, IsFitOverTheirRows) {
  const data::Splits data = moons();
  for (const bool by_blocks : {false, true}) {
    FitOptions options{.epochs = 3, .batch = 16, .seed = 5, .progress = Progress::none};
    if (by_blocks) options.sampler = data::block_sampler({.block = 8, .window = 4});
    nn::Sequential one = net(), two = net(), three = net();
    const Record tensors = fit(one, data, options), rows = fit(two, sources_of(data), options);
    options.workers = 2;
    fit(three, sources_of(data), options);
    expect_same(one, two);
    expect_same(one, three);
    EXPECT_EQ(rows.validation.loss, tensors.validation.loss);
    EXPECT_EQ(rows.test.accuracy, tensors.test.accuracy);
    EXPECT_EQ(evaluate(two, sources_of(data).test).loss, evaluate(one, data.test).loss);
  }
}

/// Ends a run.
class Stop : public Observer {
 public:
  explicit Stop(int steps) : left_(steps) {}
  void after_step(const Step&) override {
    if (--left_ == 0) throw std::runtime_error("stop");
  }

 private:
  int left_;
};

TEST(FitOverSources, GoesOnInTheMiddleOfAWindow) {
  const data::SourceSplits data = sources_of(moons());
  FitOptions options{.epochs = 3,
                     .batch = 16,
                     .seed = 5,
                     .sampler = data::block_sampler({.block = 8, .window = 6}),
                     .checkpoint = testing::TempDir() + "sources.safetensors",
                     .checkpoint_every = 1,
                     .progress = Progress::none};
  nn::Sequential whole = net(), part = net(), later = net(9);
  fit(whole, data, options);
  Stop stop(13);
  options.observer = stop;
  EXPECT_THROW(fit(part, data, options), std::runtime_error);
  options.observer = {};
  options.resume = options.checkpoint;
  fit(later, data, options);
  expect_same(later, whole);

  // Other rows are noticed.
  options.resume.clear();
  options.observer = stop = Stop(3);
  EXPECT_THROW(fit(part, data, options), std::runtime_error);
  options.observer = {};
  options.resume = options.checkpoint;
  data::Splits other = moons();
  other.train.inputs.mutable_data<float>()[0] += 1;
  const std::string message = tests::message_of<ArgumentError>([&] { fit(later, sources_of(other), options); });
  EXPECT_TRUE(message.starts_with("fit: expected a checkpoint of a run with training inputs 120 rows, some float32"))
      << message;
  std::remove(options.checkpoint.c_str());
}

TEST(FitOverSources, RefusesWhatItCantTrainOn) {
  nn::Sequential model = net();
  const auto refusal = [&](const data::SourceSplits& data, const FitOptions& options = {}) {
    return tests::message_of([&] { fit(model, data, options); });
  };
  EXPECT_TRUE(refusal({}).starts_with("fit: expected rows to train on, got none"));
  EXPECT_NE(refusal({.train = {.size = 3}}).find("either `get` or `fetch`, got 3 rows and neither"), std::string::npos);
  const data::SourceSplits data{.train = sources_of(moons()).train};
  EXPECT_NE(refusal(data, {.patience = 1}).find("expected validation rows"), std::string::npos);
  EXPECT_NE(refusal(data, {.workers = -1}).find("expected workers >= 0, got -1"), std::string::npos);
  EXPECT_NE(refusal(data, {.metric = Metric::r2}).find("the metric accuracy or loss for classes"), std::string::npos);
  EXPECT_NE(tests::message_of([&] { evaluate(model, data::Source{}); }).find("expected rows, got none"),
            std::string::npos);
  data::SourceSplits wrong = data;
  wrong.train.fetch = [fetch = data.train.fetch](std::span<const std::int64_t> rows) {
    data::Batch batch = fetch(rows);
    batch.targets = full({static_cast<std::int64_t>(rows.size())}, 7, int64);
    return batch;
  };
  wrong.train.targets = {};
  EXPECT_NE(refusal(wrong), "no error");
}

}  // namespace
}  // namespace gradus::train

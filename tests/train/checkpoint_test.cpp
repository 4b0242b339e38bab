#include "gradus/train/checkpoint.h"

#include "errors.h"

#include "gradus/autograd/backward.h"
#include "gradus/data/generated.h"
#include "gradus/nn/loss.h"
#include "gradus/nn/model_text.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace gradus::train {
namespace {

std::string file(const char* name) { return testing::TempDir() + name; }

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

data::Dataset digits() {
  Generator generator(1);
  return data::drawn_digits({.count = 128}, generator);
}
nn::Sequential digit_net(std::uint64_t seed) {
  Generator generator(seed);
  return nn::model_from_text("conv 4, bn, relu, pool, fc 16, dropout 0.3, fc 10", {1, 16, 16}, generator);
}

void expect_same(const nn::Sequential& a, const nn::Sequential& b) {
  const auto x = nn::state(a), y = nn::state(b);
  ASSERT_EQ(x.size(), y.size());
  for (const auto& [name, values] : x) EXPECT_TRUE(equal(values, y.at(name))) << name;
}

/// An aggregate, which could be a model as well.
struct Count {
  std::int64_t n = 0;
  optim::State state() const { return {{"n", from_vector(std::vector<std::int64_t>{n})}}; }
  void set_state(const optim::State& state) { n = state.at("n").item<std::int64_t>(); }
};

TEST(Checkpoint, TakesAnObjectsOwnState) {
  Count count{3};
  save_checkpoint(file("count"), {{"count", count}});
  count.n = 0;
  load_checkpoint(file("count"), {{"count", count}});
  EXPECT_EQ(count.n, 3);
}

/// A loop of one's own, with everything that changes in it.
struct Loop {
  nn::Sequential net;
  optim::Adam adam{nn::parameters(net), {.lr = 0.01}};
  optim::Schedule schedule{adam, optim::exponential(0.9)};
  data::Loader loader;

  explicit Loop(std::uint64_t seed, int workers = 0)
      : net(digit_net(seed)),
        loader(digits(),
               {.batch = 16,
                .shuffle = true,
                .augment = data::augmentation("crop 2, rotate 10"),
                .seed = seed,
                .workers = workers}) {
    default_generator().seed(seed);
  }
  std::vector<Part> parts() {
    return {
        {"net", net}, {"adam", adam}, {"schedule", schedule}, {"loader", loader}, {"generator", default_generator()}};
  }
  void run(int steps, int save_after = 0) {
    while (steps > 0)
      for (const auto& [x, y] : loader) {
        adam.zero_grad();
        backward(nn::cross_entropy(net(x), y));
        adam.step();
        schedule.step();
        if (--save_after == 0) save_checkpoint(file("loop"), parts());
        if (--steps == 0) break;
      }
  }
};

TEST(Checkpoint, ALoopGoesOnInTheMiddleOfAnEpoch) {
  Loop whole(1);
  whole.run(23, 13);

  Loop later(2, 2);
  load_checkpoint(file("loop"), later.parts());
  later.run(10);
  expect_same(whole.net, later.net);
  EXPECT_EQ(whole.adam.lr(), later.adam.lr());
}

TEST(Checkpoint, DamageIsPlacedAndChangesNothing) {
  Loop loop(1);
  loop.run(3);
  const std::string path = file("damaged");
  save_checkpoint(path, loop.parts());
  const std::string good = content(path);
  loop.run(1);
  const auto before = nn::state(loop.net);
  std::size_t header = 0;  // its length
  for (int i = 7; i >= 0; --i) header = header << 8 | static_cast<unsigned char>(good[static_cast<std::size_t>(i)]);

  const auto refusal = [&](const std::string& bytes) -> std::string {
    write(path, bytes);
    try {
      load_checkpoint(path, loop.parts());
    } catch (const IoError& error) {
      return error.what();
    }
    return "no IoError";
  };
  for (std::size_t at = header + 8; at < good.size(); at += 997) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    const std::string message = refusal(bytes);
    EXPECT_NE(message.find("it damaged in " + path + " at byte "), std::string::npos) << message;
  }
  for (std::size_t at = 0; at < header + 8; at += 31) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    const std::string message = refusal(bytes);
    EXPECT_NE(message.find(path + " at byte "), std::string::npos) << at << ": " << message;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, header / 2, header + 8, good.size() - 1}) {
    const std::string message = refusal(good.substr(0, size));
    EXPECT_NE(message.find(path + " at byte "), std::string::npos) << size << ": " << message;
  }
  for (const auto& [name, values] : nn::state(loop.net)) EXPECT_TRUE(equal(values, before.at(name)));
}

TEST(Checkpoint, PartsMustFit) {
  Loop loop(1);
  const std::string path = file("parts");
  save_checkpoint(path, loop.parts());
  EXPECT_THROW(load_checkpoint(path, {{"net", loop.net}}), ArgumentError);
  EXPECT_THROW(load_checkpoint(path, {{"other", loop.net}}), ArgumentError);
  nn::Sequential net = nn::model_from_text("fc 10", {1, 16, 16});
  const auto before = nn::state(net);
  save_checkpoint(path, {{"net", loop.net}});
  EXPECT_THROW(load_checkpoint(path, {{"net", net}}), Error);
  EXPECT_TRUE(equal(nn::state(net).begin()->second, before.begin()->second));
  EXPECT_THROW(load_checkpoint(file("nowhere"), {{"net", net}}), IoError);
}

TEST(Checkpoint, ErrorsNameTheUsersLine) {
  using tests::line_of;
  nn::Sequential net = nn::model_from_text("fc 2", {1, 4, 4});
  optim::Adam adam(nn::parameters(net));
  // clang-format off
  EXPECT_EQ(line_of([&] { save_checkpoint("/nowhere/x", {{"net", net}}); }), __LINE__);
  EXPECT_EQ(line_of([&] { load_checkpoint("/nowhere/x", {{"net", net}}); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::save("/nowhere/x", {{"adam", adam}}); }), __LINE__);
  EXPECT_EQ(line_of([&] { optim::load("/nowhere/x", {{"adam", adam}}); }), __LINE__);
  // clang-format on
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

FitOptions options(std::int64_t every) {
  return {.epochs = 3,
          .batch = 16,
          .schedule = optim::cosine_annealing(1),
          .augment = data::augmentation("crop 2, mixup"),
          .seed = 3,
          .checkpoint = file("fit"),
          .checkpoint_every = every,
          .progress = Progress::none};
}

/// Stopped after so many steps; the data give eight an epoch.
void expect_going_on(bool validates, std::int64_t every, int steps) {
  data::Splits data{.train = digits(), .test = digits().slice(0, 20)};
  if (validates) data.validation = digits().slice(20, 50);
  nn::Sequential whole = digit_net(1), part = digit_net(1), later = digit_net(9);
  const Record expected = fit(whole, data, options(every));
  FitOptions o = options(every);
  Stop stop(steps);
  o.observer = stop;
  EXPECT_THROW(fit(part, data, o), std::runtime_error);
  o.observer = {};
  o.resume = o.checkpoint;
  const Record got = fit(later, data, o);
  expect_same(whole, later);
  EXPECT_EQ(got.best_epoch, expected.best_epoch);
  EXPECT_EQ(got.test.loss, expected.test.loss);
  ASSERT_EQ(got.history.size(), expected.history.size());
  for (std::size_t i = 0; i < got.history.size(); ++i) {
    EXPECT_EQ(got.history[i].train.loss, expected.history[i].train.loss) << i;
    EXPECT_EQ(got.history[i].lr, expected.history[i].lr) << i;
  }
}

TEST(Checkpoint, FitGoesOnFromAnEpochsEnd) { expect_going_on(false, 0, 12); }
TEST(Checkpoint, FitGoesOnInTheMiddleOfAnEpoch) { expect_going_on(false, 5, 12); }
TEST(Checkpoint, FitGoesOnFromAnEpochsLastStep) { expect_going_on(false, 8, 17); }
TEST(Checkpoint, FitGoesOnWithTheBestWeightsSoFar) { expect_going_on(true, 5, 22); }

TEST(Checkpoint, FitRefusesACheckpointOfAnotherRun) {
  const data::Splits data{.train = digits()};
  nn::Sequential net = digit_net(1);
  FitOptions o = options(0);
  fit(net, data, o);
  const auto refused = [&](const FitOptions& other) {
    const auto before = nn::state(net);
    EXPECT_THROW(fit(net, data, other), Error);
    for (const auto& [name, values] : nn::state(net)) EXPECT_TRUE(equal(values, before.at(name)));
  };
  o.resume = o.checkpoint;
  o.batch = 8;
  refused(o);
  o.batch = 16;
  o.seed = 4;
  refused(o);
  o.seed = 3;
  o.schedule = {};
  refused(o);
  o = options(-1);
  refused(o);
  o = options(0);
  o.checkpoint = file("nowhere/fit");
  refused(o);
}

TEST(Fit, AScheduleGivesTheRatesBack) {
  const data::Splits data{.train = digits()};
  nn::Sequential net = digit_net(1);
  optim::Sgd sgd(nn::parameters(net), {.lr = 0.1});
  FitOptions o = options(0);
  o.optimizer = sgd;
  o.checkpoint = "";
  const Record record = fit(net, data, o);
  EXPECT_EQ(sgd.lr(), 0.1);
  EXPECT_NEAR(record.history.back().lr, 0, 0.002);
}

}  // namespace
}  // namespace gradus::train

#include "gradus/train/search.h"

#include "errors.h"
#include "searches.h"

#include "gradus/data/generated.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/model_text.h"
#include "gradus/optim/optimizer.h"
#include "gradus/train/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>

namespace gradus::train {
namespace {

using tests::line_of;
using tests::message_of;

Space line() { return {{"x", Uniform{0, 1}}}; }

TEST(Search, FindsWhatIsBest) {
  for (const bool maximize : {false, true}) {
    const Search search(mixed_space(), Random{.trials = 200}, {.maximize = maximize, .seed = 1, .fine = 50});
    const SearchResults results = search.run([&](Trial& t) { return maximize ? -bowl(t) : bowl(t); });
    EXPECT_EQ(results.trials.size(), 250u);
    EXPECT_NEAR(std::log10(results.best().values.real("lr")), -3, 0.1);
    for (const TrialResult& t : results.trials) {
      if (maximize)
        EXPECT_LE(t.value, results.best().value);
      else
        EXPECT_GE(t.value, results.best().value);
    }
  }
}

TEST(Search, ATrialTellsWhatItIs) {
  Search(line(), Random{.trials = 3}, {.seed = 5, .budget = 7}).run([n = 0](Trial& t) mutable {
    EXPECT_EQ(t.number(), n);
    EXPECT_EQ(t.configuration(), n++);
    EXPECT_EQ(t.budget(), 7);
    EXPECT_EQ(default_generator().seed(), t.seed());
    EXPECT_EQ(t.values().real("x"), t.real("x"));
    EXPECT_TRUE(t.has("x"));
    return 0.0;
  });
}

TEST(Search, TheDefaultGeneratorIsLeftAsItWas) {
  manual_seed(17);
  const std::uint64_t position = default_generator().position();
  Search(line(), Random{.trials = 3}).run([](Trial&) { return default_generator().uniform(); });
  EXPECT_EQ(default_generator().seed(), 17u);
  EXPECT_EQ(default_generator().position(), position);
}

TEST(Search, EachKindOfFailureIsOneTrial) {
  std::vector<int> told;
  const auto results =
      Search(line(), Random{.trials = 7}, {.after_trial = [&](const TrialResult& t) { told.push_back(t.number); }})
          .run([](Trial& t) -> double {
            switch (t.number()) {
              case 0: throw std::runtime_error("a reason");
              case 1: throw std::bad_alloc();
              case 2: throw 17;
              case 3: return std::nan("");
              case 4: t.report(1, 0.5), t.report(2, std::numeric_limits<double>::infinity()); return 1;
              case 5: t.stop("units are dead");
              default: return 3;
            }
          });
  const auto expect = [&](std::size_t i, TrialStatus status, const std::string& reason) {
    EXPECT_EQ(results.trials[i].status, status) << i;
    EXPECT_EQ(results.trials[i].reason, reason);
    EXPECT_EQ(std::isnan(results.trials[i].value), status != TrialStatus::finished);
  };
  expect(0, TrialStatus::failed, "a reason");
  expect(1, TrialStatus::failed, "not enough memory");
  expect(2, TrialStatus::failed, "an exception of an unknown type");
  expect(3, TrialStatus::failed, "expected a finite value of the objective, got nan");
  expect(4, TrialStatus::condemned, "reported inf at step 2");
  expect(5, TrialStatus::condemned, "units are dead");
  expect(6, TrialStatus::finished, "");
  EXPECT_EQ(results.trials[4].curve.size(), 2u);
  EXPECT_EQ(results.best().number, 6);
  EXPECT_EQ(told, (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(Search, ACondemnedTrialStaysOneIfItsExceptionIsCaught) {
  const auto results = Search(line(), Random{.trials = 1}).run([](Trial& t) {
    try {
      t.stop("a reason");
    } catch (const std::exception&) {
    }
    return 1.0;
  });
  EXPECT_EQ(results.trials[0].status, TrialStatus::condemned);
  EXPECT_NE(message_of([&] { results.best(); }).find("expected a trial that finished, got 1 without: a reason"),
            std::string::npos);
}

TEST(Search, AParameterThatIsNotThereEndsTheSearch) {
  for (const bool isolated : {false, true}) {
    int line = 0;
    const auto run = [&] {
      Search(mixed_space(), Random{.trials = 40}, {.isolated = isolated}).run([&](Trial& t) {
        line = __LINE__ + 1;
        return t.real("rate_of_lr");
      });
    };
    const std::string error = message_of<ArgumentError>(run);
    EXPECT_NE(error.find("Trial: expected a parameter of the search, got 'rate_of_lr'"), std::string::npos) << error;
    if (!isolated) {
      EXPECT_EQ(line_of(run), static_cast<unsigned>(line));
    }
  }
}

TEST(Search, StoppedEndsTheSearch) {
  for (const bool isolated : {false, true})
    EXPECT_THROW(Search(line(), Random{}, {.isolated = isolated}).run([](Trial&) -> double { throw Stopped(); }),
                 Stopped);
}

/// An observer of fit condemns a trial.
struct Critic : Observer {
  explicit Critic(Trial& t) : trial(t) {}
  void after_step(const Step& step) override {
    if (step.step == 3 && trial.real("lr") > 0.1) trial.stop("a rate over 0.1");
  }
  Trial& trial;
};

TEST(Search, TrainsAndIsStoppedByAnObserver) {
  Generator generator(5);
  const data::Splits data =
      data::split(data::spiral({.points = 100}, generator), {.validation = 0.3, .test = 0}, generator);
  const Search search({{"lr", LogUniform{1e-4, 1}}}, Random{.trials = 8}, {.maximize = true, .seed = 2, .budget = 5});
  const auto objective = [&](Trial& trial) {
    nn::Sequential net = nn::model_from_text("fc 32, relu, fc 3", {2}, default_generator());
    optim::Adam adam(nn::parameters(net), {.lr = trial.real("lr")});
    Critic critic(trial);
    const Record record = fit(net,
                              data,
                              {.epochs = static_cast<int>(trial.budget()),
                               .batch = 32,
                               .optimizer = adam,
                               .seed = trial.seed(),
                               .observer = critic,
                               .progress = Progress::none});
    for (const EpochRecord& epoch : record.history) trial.report(epoch.epoch, epoch.validation.accuracy);
    return record.validation.accuracy;
  };
  const SearchResults results = search.run(objective);
  int condemned = 0;
  for (const TrialResult& t : results.trials) {
    EXPECT_EQ(t.status == TrialStatus::condemned, t.values.real("lr") > 0.1);
    EXPECT_NE(t.status, TrialStatus::failed) << t.reason;
    condemned += t.status == TrialStatus::condemned;
    EXPECT_EQ(t.curve.size(), t.status == TrialStatus::finished ? 5u : 0u);
  }
  EXPECT_GT(condemned, 0);
  EXPECT_LT(condemned, 8);
  EXPECT_EQ(search.run(objective).table(), results.table());
}

TEST(Search, FoldsArePutDown) {
  const auto results =
      Search(line(), Random{.trials = 1}).run([](Trial& t) { return t.from(mean_and_spread({1, 2, 6})); });
  EXPECT_EQ(results.trials[0].value, 3);
  EXPECT_EQ(results.trials[0].folds, (std::vector<double>{1, 2, 6}));
}

}  // namespace
}  // namespace gradus::train

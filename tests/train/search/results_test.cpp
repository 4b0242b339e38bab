#include "errors.h"
#include "searches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace gradus::train {
namespace {

TrialResult finished(int number, double value, std::vector<Values::Entry> entries) {
  TrialResult trial;
  trial.number = trial.configuration = number;
  trial.status = TrialStatus::finished;
  trial.value = value;
  trial.values = Values(std::move(entries));
  return trial;
}

SearchResults three() {
  SearchResults results{{{"lr", LogUniform{1e-6, 1e-1}}, {"model", Choice{{"a,b", "c"}}}}, true, {}};
  results.trials.push_back(finished(0, 0.5, {{"lr", 1e-3}, {"model", std::string("a,b")}}));
  results.trials.push_back(finished(1, 0.975, {{"lr", 0.09}, {"model", std::string("c")}}));
  results.trials.push_back(finished(2, 0.7, {{"lr", 1e-4}, {"model", std::string("c")}}));
  results.trials[0].seed = 7;
  results.trials[2].status = TrialStatus::condemned;
  results.trials[2].reason = "loss rises\nat step 3";
  return results;
}

TEST(SearchResults, Table) {
  EXPECT_EQ(three().table(),
            "trial  value      lr  model\n"
            "    1  0.975    0.09      c\n"
            "    0    0.5   0.001    a,b\n"
            "    2      -  0.0001      c  condemned: loss rises\n");
  SearchResults results = three();
  results.trials[1].budget = 3;
  results.trials[0].folds = {0.4, 0.5, 0.6};
  EXPECT_EQ(results.table(),
            "trial  value  ± spread  budget      lr  model\n"
            "    1  0.975         -       3    0.09      c\n"
            "    0    0.5     ± 0.1       1   0.001    a,b\n"
            "    2      -         -       1  0.0001      c  condemned: loss rises\n");
}

TEST(SearchResults, Csv) {
  EXPECT_EQ(three().csv(),
            "trial,configuration,budget,seed,status,value,spread,seconds,reason,lr,model\n"
            "0,0,1,7,finished,0.5,,0.000,,0.001,\"a,b\"\n"
            "1,1,1,0,finished,0.975,,0.000,,0.09,c\n"
            "2,2,1,0,condemned,,,0.000,\"loss rises\nat step 3\",0.0001,c\n");
}

TEST(SearchResults, Jsonl) {
  const std::string text = three().jsonl();
  EXPECT_EQ(text.substr(0, text.find('\n')),
            R"({"trial":0,"configuration":0,"budget":1.0,"fine":false,"seed":7,"values":{"lr":0.001,"model":"a,b"},)"
            R"("status":"finished","value":0.5,"seconds":0.0})");
}

TEST(SearchResults, TheBestHadTheLargestBudget) {
  SearchResults results = three();
  EXPECT_EQ(results.best().number, 1);
  results.trials[0].budget = 9;
  EXPECT_EQ(results.best().number, 0);
  results.trials[2].budget = 27;  // condemned
  EXPECT_EQ(results.best().number, 0);
}

TEST(SearchResults, ABestValueAtTheBorderIsToldOf) {
  SearchResults results = three();
  ASSERT_EQ(results.warnings().size(), 1u);
  EXPECT_EQ(results.warnings()[0],
            "the best lr, 0.09, is at the upper end of lr: log-uniform 1e-06..0.1: better ones may lie beyond it");
  results.trials[1].values = Values({{"lr", 1.5e-6}, {"model", std::string("c")}});
  EXPECT_NE(results.warnings()[0].find("the best lr, 1.5e-06, is at the lower end"), std::string::npos);
  results.trials[1].values = Values({{"lr", 0.05}, {"model", std::string("c")}});  // a range of 5 decades: 6 % below
  EXPECT_TRUE(results.warnings().empty());

  SearchResults whole{{{"n", Integer{1, 100}}}, false, {finished(0, 0, {{"n", std::int64_t{2}}})}};
  EXPECT_TRUE(whole.warnings().empty());
  whole.trials[0].values = Values({{"n", std::int64_t{100}}});
  EXPECT_EQ(whole.warnings().size(), 1u);
  EXPECT_TRUE(SearchResults{}.warnings().empty());
}

TEST(SearchResults, WarnsOfOneFold) {
  SearchResults results = three();
  results.trials[1].values = results.trials[0].values;
  EXPECT_TRUE(results.warnings().empty());
  results.trials[1].folds = {0.90, 0.91, 0.99, 0.90, 0.91};
  ASSERT_EQ(results.warnings().size(), 1u);
  EXPECT_EQ(results.warnings()[0], "trial 1 owes its value to fold 3, which gave 0.99, the others 0.905 ± 0.0058");
  results.maximize = false;  // then it is the worst, and trial 0 the best
  EXPECT_TRUE(results.warnings().empty());
}

TEST(SearchResults, WarnsOfFailures) {
  SearchResults results = three();
  results.trials[1].values = results.trials[0].values;
  results.trials[2].status = TrialStatus::failed;
  ASSERT_EQ(results.warnings().size(), 1u);
  EXPECT_EQ(results.warnings()[0], "1 of 3 trials failed, the last because: loss rises\nat step 3");
}

Space four() {
  return {{"matters", LogUniform{1e-6, 1}},
          {"idle", Uniform{0, 1}},
          {"word", Choice{{"a", "b", "c"}}},
          {"whole", Integer{1, 100}}};
}
double share(const SearchResults& results, const std::string& name) {
  for (const Importance& i : results.importances())
    if (i.name == name) return i.share;
  return -1;
}

TEST(Importances, TellWhatMatters) {
  const auto results = Search(four(), Random{.trials = 100}, {.seed = 1}).run([](Trial& t) {
    return std::pow(std::log10(t.real("matters")) + 5, 2) + 0.1 * t.real("idle");
  });
  EXPECT_GT(share(results, "matters"), 0.8);
  EXPECT_LT(share(results, "idle"), 0.15);
  EXPECT_LT(share(results, "word"), 0.15);
  EXPECT_LT(share(results, "whole"), 0.15);

  const auto words = Search(four(), Random{.trials = 100}, {.maximize = true}).run([](Trial& t) {
    return (t.word("word") == "b") + 0.1 * t.real("idle");
  });
  EXPECT_GT(share(words, "word"), 0.6);  // two of the three words are alike
  EXPECT_LT(share(words, "matters"), 0.15);
}

/// H = 8.80585 with the correction for ties, by the formula of Kruskal & Wallis 1952, eq. 1.2 and 1.3.
TEST(Importances, AreKruskalAndWallisEffectSize) {
  SearchResults results{{{"word", Choice{{"a", "b", "c"}}}}, false, {}};
  const std::vector<std::pair<std::string, std::vector<double>>> groups{
      {"a", {1, 1, 2, 3}}, {"b", {2, 4, 5, 6}}, {"c", {6, 7, 8, 8}}};
  for (const auto& [word, values] : groups)
    for (const double value : values)
      results.trials.push_back(finished(static_cast<int>(results.trials.size()), value, {{"word", word}}));
  EXPECT_NEAR(share(results, "word"), (8.8058511 - 3 + 1) / (12 - 3), 1e-7);
}

TEST(Importances, AreAboutZeroWhereNothingMatters) {
  double sum = 0, largest = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto results =
        Search(four(), Random{.trials = 40}, {.seed = seed}).run([](Trial&) { return default_generator().uniform(); });
    for (const Importance& i : results.importances()) sum += i.share, largest = std::max(largest, i.share);
  }
  EXPECT_LT(sum / 200, 0.06);
  EXPECT_LT(largest, 0.5);
}

TEST(Importances, OneHugeLossChangesLittleAndCondemnedTrialsCount) {
  const auto run = [](double huge, bool condemn) {
    return Search(four(), Random{.trials = 60}, {.seed = 3}).run([=](Trial& t) -> double {
      const double x = std::log10(t.real("matters"));
      if (x > -1) {
        if (condemn) t.stop("diverges");
        return huge;
      }
      return -x;
    });
  };
  EXPECT_EQ(share(run(1e30, false), "matters"), share(run(1e3, false), "matters"));
  EXPECT_EQ(share(run(0, true), "matters"), share(run(1e30, false), "matters"));
  EXPECT_GT(share(run(0, true), "matters"), 0.7);
}

TEST(Importances, CondemnedTrialsAreRankedByHowFarTheyCameAndWhatTheyReported) {
  const auto run = [](bool condemn) {
    return Search(four(), Random{.trials = 60}, {.seed = 3}).run([=](Trial& t) -> double {
      const double loss = std::fabs(std::log10(t.real("matters")) + 3);
      if (!condemn || loss < 0.5) return loss;
      t.report(1, loss < 1.5 ? 10 - loss : loss);
      if (loss < 1.5) t.report(2, loss);
      t.stop("for a test");
    });
  };
  EXPECT_EQ(share(run(true), "matters"), share(run(false), "matters"));
  EXPECT_GT(share(run(true), "matters"), 0.5);
}

/// Fine trials are better, and alike in all parameters: counted, they would make the idle one matter.
TEST(Importances, FineTrialsDoNotCount) {
  const auto run = [](int fine) {
    return Search(four(), Random{.trials = 40}, {.seed = 6, .fine = fine, .fine_share = 0.05}).run([](Trial& t) {
      return std::fabs(std::log10(t.real("matters")) + 3);
    });
  };
  EXPECT_EQ(share(run(40), "idle"), share(run(0), "idle"));
  EXPECT_EQ(run(40).importances()[0].trials, 40);
}

TEST(Importances, OfFewTrialsThereAreNone) {
  const auto results = Search(mixed_space(), Random{.trials = 12}).run(bowl);
  for (const Importance& i : results.importances()) {
    EXPECT_EQ(i.trials, i.name == "momentum" ? i.trials : 12);
    EXPECT_EQ(std::isnan(i.share), i.trials < 10) << i.name;
  }
  EXPECT_TRUE(SearchResults{}.importances().empty());
}

}  // namespace
}  // namespace gradus::train

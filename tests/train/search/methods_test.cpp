#include "errors.h"
#include "search/sobol.h"
#include "searches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <set>
#include <string>

namespace gradus::train {
namespace {

using tests::message_of;

Space cube(int dimensions) {
  std::vector<Hyperparameter> list;
  for (int d = 0; d < dimensions; ++d) list.push_back({"x" + std::to_string(d), Uniform{0, 1}});
  return Space(list);
}

TEST(Sobol, EachIntervalHoldsOneOfEachPowerOfTwo) {
  for (std::size_t d = 0; d < kSobolDimensions; ++d)
    for (std::uint32_t first : {0U, 256U, 768U}) {
      std::set<std::uint32_t> intervals;
      for (std::uint32_t i = 0; i < 256; ++i) intervals.insert(sobol_word(first + i, d) >> 24);
      EXPECT_EQ(intervals.size(), 256u) << d << " from " << first;
    }
}

/// Sobol's property A, which Joe & Kuo's numbers have in up to 1111 dimensions: of the first 2^d points each of the 2^d
/// parts into which the halves of all axes divide the cube holds one. The points are linear in the bits of their
/// number, so this is a matrix over two elements that can be inverted.
TEST(Sobol, EachOrthantHoldsOne) {
  for (std::size_t dimensions = 1; dimensions <= kSobolDimensions; ++dimensions) {
    std::vector<std::uint32_t> rows;  // a bit for each dimension: its half
    for (std::size_t k = 0; k < dimensions; ++k) {
      std::uint32_t row = 0;
      for (std::size_t d = 0; d < dimensions; ++d) row |= sobol_word(1U << k, d) >> 31 << d;
      rows.push_back(row);
    }
    std::size_t rank = 0;
    for (std::size_t column = 0; column < dimensions; ++column) {
      std::size_t pivot = rank;
      while (pivot < rows.size() && (rows[pivot] >> column & 1) == 0) ++pivot;
      if (pivot == rows.size()) continue;
      std::swap(rows[pivot], rows[rank]);
      for (std::size_t r = 0; r < rows.size(); ++r)
        if (r != rank && (rows[r] >> column & 1) != 0) rows[r] ^= rows[rank];
      ++rank;
    }
    EXPECT_EQ(rank, dimensions);
  }
}

/// The first two dimensions are a (0, 2)-sequence: every box of area 1 / 2^k with dyadic sides holds one of 2^k points.
TEST(Sobol, EachDyadicBoxHoldsItsCount) {
  for (const std::uint64_t seed : {0U, 7U})
    for (int k = 1; k <= 8; ++k) {
      const auto trials = trials_of(cube(2), Sobol{.trials = 1 << k}, {.seed = seed});
      for (int a = 0; a <= k; ++a) {
        std::set<std::pair<int, int>> boxes;
        for (const TrialResult& trial : trials)
          boxes.emplace(static_cast<int>(trial.values.real("x0") * (1 << a)),
                        static_cast<int>(trial.values.real("x1") * (1 << (k - a))));
        EXPECT_EQ(boxes.size(), std::size_t{1} << k) << "2^-" << a << " by 2^-" << k - a;
      }
    }
}

TEST(Sobol, TheSeedShiftsTheSequence) {
  const auto first = [](std::uint64_t seed) {
    return trials_of(cube(3), Sobol{.trials = 1}, {.seed = seed})[0].values;
  };
  EXPECT_NE(first(0), first(1));
  EXPECT_EQ(first(4), first(4));
  EXPECT_NE(message_of([] { Search(cube(22), Sobol{}); }).find("expected at most 21 parameters for Sobol, got 22"),
            std::string::npos);
}

TEST(Methods, TrialsFollowFromTheSeed) {
  const auto values = [](const Method& method, std::uint64_t seed) {
    std::string text;
    for (const TrialResult& t : trials_of(mixed_space(), method, {.seed = seed}))
      text += to_string(t.values) + " " + std::to_string(t.seed) + "\n";
    return text;
  };
  EXPECT_EQ(values(Random{.trials = 5}, 1), values(Random{.trials = 5}, 1));
  EXPECT_NE(values(Random{.trials = 5}, 1), values(Random{.trials = 5}, 2));
  // More trials are the same and more.
  EXPECT_TRUE(values(Random{.trials = 9}, 1).starts_with(values(Random{.trials = 5}, 1)));
  std::set<std::uint64_t> seeds;
  for (const TrialResult& t : trials_of(cube(1), Random{.trials = 1000})) seeds.insert(t.seed);
  EXPECT_EQ(seeds.size(), 1000u);
}

TEST(Methods, HyperbandHasTheBracketsOfItsAlgorithm) {
  // Li et al. 2018, algorithm 1, with R = 81 and eta = 3: n = ceil(5 / (s + 1) 3^s), n_i = floor(n 3^-i).
  const std::vector<std::vector<Rung>> expected = {{{81, 1}, {27, 3}, {9, 9}, {3, 27}, {1, 81}},
                                                   {{34, 3}, {11, 9}, {3, 27}, {1, 81}},
                                                   {{15, 9}, {5, 27}, {1, 81}},
                                                   {{8, 27}, {2, 81}},
                                                   {{5, 81}}};
  const auto got = brackets({.eta = 3}, 81);
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t b = 0; b < got.size(); ++b) {
    ASSERT_EQ(got[b].size(), expected[b].size());
    for (std::size_t i = 0; i < got[b].size(); ++i) {
      EXPECT_EQ(got[b][i].trials, expected[b][i].trials) << b << " " << i;
      EXPECT_NEAR(got[b][i].budget, expected[b][i].budget, 1e-12) << b << " " << i;
    }
  }
  // No bracket spends more than (s_max + 1) R, but for the ceiling: one trial in each rung.
  for (const double budget : {1.0, 2.0, 5.0, 100.0, 1000.0})
    for (const double eta : {2.0, 3.0, 4.5}) {
      const auto list = brackets({.eta = eta}, budget);
      const double most = static_cast<double>(list.size()) * budget;
      for (const auto& bracket : list) {
        double spent = 0;
        for (const Rung& rung : bracket) spent += rung.trials * rung.budget;
        EXPECT_LE(spent, most + static_cast<double>(bracket.size()) * budget);
        EXPECT_NEAR(bracket.back().budget, budget, 1e-9 * budget);
      }
    }
  for (const Hyperband& wrong : {Hyperband{.eta = 1}, {.least = 0}, {.least = 100}, {.eta = std::nan("")}})
    EXPECT_NE(message_of([&] { brackets(wrong, 81); }).find("expected eta > 1 and 0 < least <= budget"),
              std::string::npos);
}

/// The objective of a trial is its x, whatever the budget: the best go on.
TEST(Methods, HalvingPromotesTheBest) {
  for (const bool maximize : {false, true}) {
    const Search search(cube(1), Halving{.trials = 27, .eta = 3, .least = 1}, {.maximize = maximize, .budget = 9});
    const auto trials = search.run([](Trial& t) { return t.real("x0"); }).trials;
    ASSERT_EQ(trials.size(), 27u + 9u + 3u);
    std::vector<std::pair<double, int>> first;
    for (int i = 0; i < 27; ++i) {
      const TrialResult& t = trials[static_cast<std::size_t>(i)];
      EXPECT_EQ(t.budget, 1);
      EXPECT_EQ(t.configuration, t.number);
      first.emplace_back(maximize ? -t.value : t.value, i);
    }
    std::sort(first.begin(), first.end());
    for (std::size_t i = 0; i < 12; ++i) {
      const TrialResult& t = trials[27 + i];
      EXPECT_EQ(t.budget, i < 9 ? 3 : 9);
      EXPECT_EQ(t.configuration, first[i < 9 ? i : i - 9].second);
      EXPECT_EQ(t.values, trials[static_cast<std::size_t>(t.configuration)].values);
      EXPECT_EQ(t.seed, trials[static_cast<std::size_t>(t.configuration)].seed);
    }
  }
}

TEST(Methods, HyperbandRunsEachRungOfEachBracket) {
  const Search search(cube(2), Hyperband{.eta = 3}, {.budget = 9});
  const auto results = search.run([](Trial& t) { return t.real("x0") + 1 / t.budget(); });
  std::vector<Rung> got;
  for (const TrialResult& t : results.trials) {
    if (got.empty() || got.back().budget != t.budget) got.push_back({0, t.budget});
    ++got.back().trials;
  }
  // Brackets {9, 1} {3, 3} {1, 9}; {5, 3} {1, 9}; {3, 9}: the last two rungs have the same budget.
  EXPECT_EQ(got, (std::vector<Rung>{{9, 1}, {3, 3}, {1, 9}, {5, 3}, {4, 9}}));
  EXPECT_EQ(results.best().budget, 9);
}

TEST(Methods, AHalvingWithoutFinishedTrialsEnds) {
  const Search search(cube(1), Hyperband{.eta = 3}, {.budget = 9});
  const auto results = search.run([](Trial& t) -> double {
    if (t.budget() < 9) t.stop("too small");
    return t.real("x0");
  });
  EXPECT_EQ(results.trials.size(), 9u + 5u + 3u);
  EXPECT_EQ(results.best().budget, 9);
}

TEST(Methods, FineTrialsAreNearTheBest) {
  for (const Method& method : {Method(Random{.trials = 30}), Method(Sobol{.trials = 32}), Method(Grid{.points = 5})}) {
    const Search search({{"lr", LogUniform{1e-6, 1}}, {"x", Uniform{0, 1}}}, method, {.fine = 20, .fine_share = 0.1});
    const auto objective = [](Trial& t) { return std::pow(std::log10(t.real("lr")) + 2.5, 2) + t.real("x"); };
    const SearchResults results = search.run(objective);
    const std::vector<TrialResult>& trials = results.trials;
    EXPECT_EQ(std::count_if(trials.begin(), trials.end(), [](const TrialResult& t) { return t.fine; }), 20);
    SearchResults before{results.space, false, {}};  // the trials before a run of fine ones
    for (std::size_t i = 0; i < trials.size(); ++i) {
      EXPECT_EQ(trials[i].number, static_cast<int>(i));
      if (!trials[i].fine) continue;
      if (!trials[i - 1].fine) before.trials.assign(trials.begin(), trials.begin() + static_cast<std::ptrdiff_t>(i));
      const Values &v = trials[i].values, &best = before.best().values;
      EXPECT_LE(std::fabs(std::log10(v.real("lr") / best.real("lr"))), 0.3 + 1e-9);
      EXPECT_LE(std::fabs(v.real("x") - best.real("x")), 0.05 + 1e-9);
    }
  }
}

/// Whether trials are fine, in their order.
std::string kinds(const Method& method, const SearchOptions& options) {
  std::string text;
  for (const TrialResult& t :
       Search(cube(1), method, options).run([](Trial& trial) { return trial.real("x0"); }).trials)
    text += t.fine ? 'f' : 'c';
  return text;
}

TEST(Methods, FineTrialsAreSpreadOverRounds) {
  EXPECT_EQ(kinds(Random{.trials = 10}, {.fine = 4, .round = 4}), "ccccfccccfccff");
  EXPECT_EQ(kinds(Sobol{.trials = 4}, {.fine = 1, .round = 2}), "ccccf");
  EXPECT_EQ(kinds(Grid{.points = 8}, {.fine = 2, .round = 2}), "ccccccccff");
  EXPECT_EQ(kinds(Random{.trials = 3}, {.fine = 2, .round = 1000}), "cccff");
  EXPECT_EQ(kinds(Hyperband{.eta = 3}, {.budget = 3, .fine = 2}), "ccccfccf");
}

TEST(Methods, RoundsDrawWhatOneWould) {
  for (const Method& method : {Method(Random{.trials = 20}), Method(Sobol{.trials = 16})}) {
    const auto drawn = [&](const SearchOptions& options) {
      std::vector<double> values;
      for (const TrialResult& t :
           Search(cube(1), method, options).run([](Trial& trial) { return trial.real("x0"); }).trials)
        if (!t.fine) values.push_back(t.values.real("x0"));
      return values;
    };
    EXPECT_EQ(drawn({.seed = 3, .fine = 7, .round = 3}), drawn({.seed = 3}));
  }
}

TEST(Methods, TrialsThatReportWorseThanMostArePruned) {
  for (const bool maximize : {false, true}) {
    const SearchOptions options{.maximize = maximize, .seed = 2, .prune = 0.7, .round = 5};
    const SearchResults results = Search(cube(1), Random{.trials = 60}, options).run([](Trial& t) {
      t.report(3, t.real("x0"));
      return 0.0;
    });
    int pruned = 0;
    for (std::size_t i = 0; i < results.trials.size(); ++i) {
      const auto x = [&](std::size_t trial) { return results.trials[trial].values.real("x0") * (maximize ? -1 : 1); };
      const std::size_t earlier = i / 5 * 5;
      std::size_t better = 0;
      for (std::size_t k = 0; k < earlier; ++k) better += x(k) < x(i);
      const bool expected = earlier > 0 && 10 * better >= 3 * earlier;
      EXPECT_EQ(results.trials[i].status, expected ? TrialStatus::condemned : TrialStatus::finished) << i;
      EXPECT_EQ(results.trials[i].finding, expected ? "pruned" : "") << i;
      pruned += expected;
    }
    EXPECT_GT(pruned, 30);
  }
}

TEST(Methods, ATrialIsJudgedByThoseOfItsBudgetThatCameToItsStep) {
  // What earlier trials reported at step 2: 1, 2, 3 and 4; at step 1 all 0.
  std::vector<TrialResult> earlier(4);
  for (std::size_t i = 0; i < 4; ++i) {
    earlier[i].status = TrialStatus::finished;
    earlier[i].curve = {{1, 0.0}, {2, static_cast<double>(i + 1)}};
  }
  const auto reason = [&](double value, std::int64_t step = 2, double budget = 1) {
    TrialResult record;
    record.budget = budget;
    Trial trial(record, {&earlier, 0.5, false});
    try {
      trial.report(step, value);
    } catch (const Condemned&) {
    }
    return record.reason;
  };
  EXPECT_EQ(reason(1.5), "");
  EXPECT_EQ(reason(2.5), "reported 2.5 at step 2, where 2 of 4 earlier trials were better");
  EXPECT_EQ(reason(2.5, 3), "");
  EXPECT_EQ(reason(2.5, 2, 3), "");
  earlier[3].status = TrialStatus::condemned;  // counts as worse than any where it did not come to the step
  earlier[3].curve.pop_back();
  EXPECT_EQ(reason(1.5), "");
  EXPECT_EQ(reason(2), "");  // as good as the second best
  EXPECT_NE(reason(2.1), "");
  earlier[3].status = TrialStatus::failed;  // does not count, and three are too few
  EXPECT_EQ(reason(9), "");
}

/// The exclusive or of the first 32 direction numbers of each dimension, by the table of Joe and Kuo.
TEST(Methods, SobolsNumbersAreThoseOfTheTable) {
  constexpr std::uint32_t kWords[] = {0xffffffff, 0x00000001, 0x4f00ffff, 0x300cff8d, 0x50050093, 0xc0111111,
                                      0x4070ccdd, 0x84f0027f, 0x87f305cf, 0x812ad7a7, 0x87629643, 0x84fe76d3,
                                      0x840d0e51, 0xed0cf3ad, 0x2b02b0eb, 0x504f41df, 0x33cc45bd, 0xd5145157,
                                      0xd91d5079, 0xd0b76ed1, 0xcf013877};
  static_assert(std::size(kWords) == kSobolDimensions);
  for (std::size_t d = 0; d < kSobolDimensions; ++d) EXPECT_EQ(sobol_word(0xffffffff, d), kWords[d]) << d;
}

TEST(Methods, OptionsOutOfRangeAreNamed) {
  const auto error = [](const Method& method, const SearchOptions& options = {}) {
    return message_of<ArgumentError>([&] { Search(cube(1), method, options); });
  };
  EXPECT_NE(error(Random{.trials = 0}).find("expected trials from 1 to a million, got 0"), std::string::npos);
  EXPECT_NE(error(Sobol{.trials = -1}).find("expected trials from 1"), std::string::npos);
  EXPECT_NE(error(Grid{.points = 0}).find("expected points >= 1, got 0"), std::string::npos);
  EXPECT_NE(error(Halving{.least = 2}).find("0 < least <= budget, got eta 3, least 2, budget 1"), std::string::npos);
  EXPECT_NE(error(Random{}, {.budget = 0}).find("expected budget > 0"), std::string::npos);
  EXPECT_NE(error(Random{}, {.fine = -1}).find("expected fine from 0 to a million"), std::string::npos);
  EXPECT_NE(error(Random{}, {.fine_share = 2}).find("a fine_share in (0, 1], got 2"), std::string::npos);
  EXPECT_NE(error(Random{}, {.prune = 1}).find("expected a share to prune in [0, 1), got 1"), std::string::npos);
  EXPECT_NE(error(Random{}, {.round = 0}).find("expected a round from 1 to a million, got 0"), std::string::npos);
  EXPECT_NE(error(Random{}, {.processes = 0}).find("1 to 1024 processes, got 0"), std::string::npos);
  EXPECT_NE(message_of([] { Search(Space(std::vector<Hyperparameter>{})); }).find("expected parameters to search for"),
            std::string::npos);
}

}  // namespace
}  // namespace gradus::train

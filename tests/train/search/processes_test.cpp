#include "errors.h"
#include "searches.h"

#include "gradus/ops/linalg.h"
#include "gradus/ops/reduce.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/runtime.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

namespace gradus::train {
namespace {

Space line() { return {{"x", Uniform{0, 1}}}; }

TEST(Processes, GiveTheSameAsOne) {
  for (const Method& method : {Method(Random{.trials = 40}), Method(Hyperband{.eta = 3})}) {
    const SearchOptions options{.seed = 4, .budget = 9, .fine = 6, .prune = 0.5};
    const auto objective = [](Trial& t) -> double {
      if (t.number() % 7 == 3) throw std::runtime_error("a reason with \"quotes\", ümlauts\nand lines");
      t.report(1, bowl(t));
      return bowl(t) + default_generator().uniform() / t.budget();
    };
    const SearchResults one = Search(mixed_space(), method, options).run(objective);
    for (const int processes : {2, 5}) {
      SearchOptions parallel = options;
      parallel.processes = processes;
      const SearchResults many = Search(mixed_space(), method, parallel).run(objective);
      EXPECT_EQ(many.table(), one.table());
      ASSERT_EQ(many.trials.size(), one.trials.size());
      for (std::size_t i = 0; i < one.trials.size(); ++i) {
        EXPECT_EQ(many.trials[i].values, one.trials[i].values);
        EXPECT_EQ(many.trials[i].reason, one.trials[i].reason);
        EXPECT_EQ(many.trials[i].curve, one.trials[i].curve);
        EXPECT_EQ(many.trials[i].status, one.trials[i].status);
        if (one.trials[i].status == TrialStatus::finished) {
          EXPECT_EQ(many.trials[i].value, one.trials[i].value);
        }
      }
    }
  }
}

TEST(Processes, ATrialThatDiesIsOneThatFailed) {
  const auto results = Search(line(), Random{.trials = 6}, {.processes = 2}).run([](Trial& t) -> double {
    switch (t.number()) {
      case 0: std::signal(SIGSEGV, SIG_DFL), raise(SIGSEGV); return 0;
      case 1: raise(SIGKILL); return 0;
      case 2: _exit(3);
      case 3: _exit(0);
      case 4: throw std::runtime_error("a reason");
      default: return 1;
    }
  });
  const char* expected[] = {"its process ended by signal 11 (Segmentation fault)",
                            "its process ended by signal 9 (Killed)",
                            "its process ended with exit code 3",
                            "its process ended without a result",
                            "a reason",
                            ""};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(results.trials[i].reason, expected[i]);
    EXPECT_EQ(results.trials[i].status, i < 5 ? TrialStatus::failed : TrialStatus::finished);
  }
}

TEST(Processes, AreManyAtATimeAndNoMore) {
  const auto most_at_once = [](int processes) {
    const std::string folder = testing::TempDir() + "gradus_at_once_XXXXXX";
    std::string made = folder;
    EXPECT_NE(mkdtemp(made.data()), nullptr);
    const auto count = [&](int from) {
      int n = 0;
      for (int i = from; i < 12; ++i) n += access((made + "/" + std::to_string(i)).c_str(), F_OK) == 0;
      return static_cast<double>(n);
    };
    const auto results = Search(line(), Random{.trials = 12}, {.processes = processes}).run([&](Trial& t) {
      const std::string mine = made + "/" + std::to_string(t.number());
      std::fclose(std::fopen(mine.c_str(), "w"));
      double most = 0;
      // The first wait for each other, on a busy machine too; all look on for a while, whether there are more.
      for (int i = 0; i < 20 || (i < 1000 && t.number() < processes && most < processes); ++i) {
        most = std::max(most, count(0));
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      std::remove(mine.c_str());
      return most;
    });
    double most = 0;
    for (const TrialResult& t : results.trials) most = std::max(most, t.value);
    rmdir(made.c_str());
    return static_cast<int>(most);
  };
  EXPECT_EQ(most_at_once(3), 3);
}

/// OpenMP's threads are not there after fork(); a kernel that waited for them would wait for ever.
TEST(Processes, MayComputeAfterThisOneUsedThreads) {
  const int before = num_threads();
  set_num_threads(4);
  const auto product = [] {
    Generator generator(1);
    const Tensor a = normal({300, 300}, 0, 1, float32, generator);
    return sum(matmul(a, a)).item<double>() + sum(normal({1000, 1000}, 0, 1, float32, generator)).item<double>();
  };
  product();
  const auto results =
      Search(line(), Random{.trials = 4}, {.processes = 2}).run([&](Trial&) { return product() + num_threads(); });
  set_num_threads(1);
  const double alone = product() + 1;
  set_num_threads(before);
  for (const TrialResult& t : results.trials) {
    ASSERT_EQ(t.status, TrialStatus::finished) << t.reason;
    EXPECT_EQ(t.value, alone);
  }
}

TEST(Processes, WhatWaitsToBePrintedIsPrintedOnce) {
  testing::internal::CaptureStdout();
  std::printf("before ");
  Search(line(), Random{.trials = 3}, {.processes = 3}).run([](Trial& t) {
    std::printf("<%d>", t.number());
    return 0.0;
  });
  const std::string out = testing::internal::GetCapturedStdout();
  EXPECT_EQ(out.size(), std::string("before <0><1><2>").size()) << out;
}

TEST(Processes, LongResultsArrive) {
  const auto results = Search(line(), Random{.trials = 3}, {.processes = 3}).run([](Trial& t) {
    for (int i = 0; i < 50000; ++i) t.report(i, i / 3.0);
    return 1.0;
  });
  for (const TrialResult& t : results.trials) {
    ASSERT_EQ(t.curve.size(), 50000u) << t.reason;
    EXPECT_EQ(t.curve[7].second, 7 / 3.0);
  }
}

}  // namespace
}  // namespace gradus::train

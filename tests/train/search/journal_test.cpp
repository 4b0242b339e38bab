#include "errors.h"
#include "searches.h"

#include "gradus/tensor/file.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gradus::train {
namespace {

using tests::message_of;

class Journals : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "gradus_journal_XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    journal_ = folder_ + "/search.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string text() const { return gradus::detail::read_file("test", journal_); }
  void set_text(const std::string& bytes) const { gradus::detail::write_file("test", journal_, bytes); }
  std::size_t lines() const {
    const std::string all = text();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n'));
  }

  std::string folder_, journal_;
};

TEST_F(Journals, AFinishedSearchIsNotRunAgain) {
  for (const int processes : {1, 3}) {
    std::filesystem::remove(journal_);
    int told = 0;
    const SearchOptions options{
        .budget = 9, .processes = processes, .journal = journal_, .after_trial = [&](const TrialResult&) { ++told; }};
    const Search search(mixed_space(), Hyperband{.eta = 3}, options);
    const auto objective = [](Trial& t) -> double {
      if (t.number() == 2) throw std::runtime_error("ümlaut \"quoted\"\nand a line");
      if (t.number() == 3) t.report(4, std::nan(""));
      t.report(1, 1 / 3.0);
      return t.from(mean_and_spread({bowl(t), bowl(t) + 1}));
    };
    const SearchResults first = search.run(objective);
    EXPECT_EQ(lines(), first.trials.size() + 1);
    EXPECT_EQ(told, static_cast<int>(first.trials.size()));
    const std::string before = text();
    const SearchResults again = search.run([](Trial&) -> double {
      ADD_FAILURE() << "run again";
      return 0;
    });
    EXPECT_EQ(again.table(), first.table());
    EXPECT_EQ(again.csv(), first.csv());
    EXPECT_EQ(again.jsonl(), first.jsonl());
    EXPECT_EQ(text(), before);
  }
}

TEST_F(Journals, ATornLastLineIsDropped) {
  const Search search(mixed_space(), Random{.trials = 6}, {.journal = journal_});
  const SearchResults whole = search.run(bowl);
  const std::string all = text();
  // Wherever it is torn, in the first line too.
  for (std::size_t size = 0; size < all.size(); size += 13) {
    set_text(all.substr(0, size));
    const auto kept = std::count(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size), '\n');
    int runs = 0;
    const SearchResults results = search.run([&](Trial& t) { return ++runs, bowl(t); });
    EXPECT_EQ(results.table(), whole.table()) << size;
    EXPECT_EQ(runs, 6 - std::max<std::ptrdiff_t>(kept - 1, 0)) << size;
    EXPECT_EQ(lines(), 7u) << size;
  }
}

TEST_F(Journals, OneOfAnotherSearchIsRefused) {
  const SearchOptions options{.seed = 1, .journal = journal_, .notes = {{"data", "mnist"}}};
  Search(mixed_space(), Random{.trials = 2}, options).run(bowl);
  const std::string before = text();
  const auto error = [&](const Space& space, const Method& method, SearchOptions other) {
    return message_of<ArgumentError>([&] { Search(space, method, std::move(other)).run(bowl); });
  };
  const auto with = [&](auto change) {
    SearchOptions other = options;
    change(other);
    return error(mixed_space(), Random{.trials = 2}, other);
  };
  EXPECT_NE(with([](SearchOptions& o) {
              o.seed = 2;
            }).find("expected a journal of a search with seed 2, got one with 1 in " + journal_),
            std::string::npos);
  EXPECT_NE(with([](SearchOptions& o) { o.maximize = true; }).find("with goal maximize, got one with minimize"),
            std::string::npos);
  EXPECT_NE(with([](SearchOptions& o) { o.budget = 2; }).find("with budget 2, got one with 1"), std::string::npos);
  EXPECT_NE(with([](SearchOptions& o) { o.fine = 2; }).find("with fine 2 trials in 0.25, got one with none"),
            std::string::npos);
  EXPECT_NE(with([](SearchOptions& o) { o.prune = 0.5; }).find("with prune 0.5, got one with none"), std::string::npos);
  EXPECT_NE(with([](SearchOptions& o) { o.round = 5; }).find("with round 5, got one with 6"), std::string::npos);
  EXPECT_NE(with([](SearchOptions& o) { o.notes["data"] = "cifar"; }).find("with data cifar, got one with mnist"),
            std::string::npos);
  EXPECT_NE(with([](SearchOptions& o) { o.notes.clear(); }).find("with data none, got one with mnist"),
            std::string::npos);
  EXPECT_NE(error(mixed_space(), Random{.trials = 3}, options)
                .find("with method random, 3 trials, got one with random, 2 trials"),
            std::string::npos);
  EXPECT_NE(error({{"lr", LogUniform{1e-6, 1e-2}}}, Random{.trials = 2}, options)
                .find("with space lr: log-uniform 1e-06..0.01, got one with lr: log-uniform 1e-06..0.1; optimizer:"),
            std::string::npos);
  EXPECT_EQ(text(), before);
}

TEST_F(Journals, OtherFilesAreRefusedAndLeftAlone) {
  const auto error = [&] {
    return message_of<IoError>([&] { Search(mixed_space(), Random{.trials = 4}, {.journal = journal_}).run(bowl); });
  };
  for (const char* other : {"precious", "precious\n", "{\"a\": 1}\n", "[1]\n", "\n", "{\"gradus_run\""}) {
    set_text(other);
    EXPECT_NE(error().find("got another file"), std::string::npos) << other;
    EXPECT_EQ(text(), other);
  }
  std::filesystem::remove(journal_);
  Search(mixed_space(), Random{.trials = 4}, {.journal = journal_}).run(bowl);
  std::string all = text();
  const std::size_t third = all.find('\n', all.find('\n') + 1) + 1;
  std::string damaged = all;
  damaged[third + 5] = '{';
  set_text(damaged);
  EXPECT_NE(error().find("got a damaged one (line 3)"), std::string::npos);
  const std::string line = all.substr(third, all.find('\n', third) + 1 - third);
  set_text(all + line);  // a trial twice
  EXPECT_NE(error().find("got a damaged one (line 6)"), std::string::npos);
  damaged = all;
  damaged.replace(damaged.find("\"lr\":") + 5, 1, "7");
  set_text(damaged);
  EXPECT_NE(error().find("expected trial 0 with lr = "), std::string::npos);

  journal_ = folder_ + "/nowhere/search.jsonl";
  EXPECT_NE(error().find("No such file or directory"), std::string::npos);
  journal_ = folder_;
  EXPECT_NE(error().find("Is a directory"), std::string::npos);
  journal_ = "/dev/null";
  EXPECT_NE(error().find("no regular file"), std::string::npos);
}

/// A file that may not grow any more stands for a disk without room.
TEST_F(Journals, ADiskWithoutRoomEndsTheSearchWhichGoesOn) {
  const Search search(mixed_space(), Random{.trials = 9}, {.journal = journal_});
  const std::string expected = Search(mixed_space(), Random{.trials = 9}).run(bowl).table();
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1500, 1500};
    setrlimit(RLIMIT_FSIZE, &limit);
    const std::string error = message_of<IoError>([&] { search.run(bowl); });
    _exit(error.find("File too large") == std::string::npos ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  const std::size_t before = lines();
  EXPECT_GT(before, 2u);
  EXPECT_LT(before, 10u);
  int runs = 0;
  EXPECT_EQ(search.run([&](Trial& t) { return ++runs, bowl(t); }).table(), expected);
  EXPECT_EQ(static_cast<std::size_t>(runs), 10 - before);
}

TEST_F(Journals, OneInUseIsRefused) {
  const Search search(mixed_space(), Random{.trials = 1}, {.journal = journal_});
  std::string inner;
  search.run([&](Trial& t) {
    inner = message_of<IoError>([&] { search.run(bowl); });
    return bowl(t);
  });
  EXPECT_NE(inner.find("got one that another search is writing to"), std::string::npos) << inner;
}

/// A line in a file, by one write.
void note(const std::string& file, const std::string& line) {
  const int out = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0666);
  if (::write(out, line.data(), line.size()) < 0) std::abort();
  ::close(out);
}

std::int64_t lines_of(const std::string& file) {
  std::ifstream in(file);
  return std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n');
}

std::set<int> whole_lines(const std::string& journal) {
  std::set<int> numbers;
  std::ifstream in(journal);
  std::string line;
  const std::string key = "{\"trial\":";
  while (std::getline(in, line))
    if (!in.eof() && line.starts_with(key)) numbers.insert(std::stoi(line.substr(key.size())));
  return numbers;
}

/// Killed at random moments and gone on with: the same table to the last bit, and nothing that was finished is run
/// again.
/// Without taking note of it: it can still be waited for.
bool has_ended(pid_t child) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

TEST_F(Journals, AKilledSearchGoesOn) {
  const std::string log = folder_ + "/log";
  for (const int processes : {1, 3}) {
    const SearchOptions plain{.seed = 8, .budget = 9, .fine = 8, .prune = 0.25};
    const auto objective = [&](Trial& t) -> double {
      note(log, std::to_string(t.number()) + "\n");
      usleep(1500);
      if (t.number() % 11 == 5) throw std::runtime_error("a reason");
      t.report(1, bowl(t));
      return bowl(t) + default_generator().uniform() / t.budget();
    };
    const SearchResults whole = Search(mixed_space(), Hyperband{.eta = 3}, plain).run(objective);
    SearchOptions options = plain;
    options.processes = processes;
    options.journal = journal_;
    const Search search(mixed_space(), Hyperband{.eta = 3}, options);
    std::filesystem::remove(journal_);
    std::filesystem::remove(log);
    Generator generator(9);
    std::multiset<int> starts;
    int kills = 0, progress = 0;
    for (; kills < 20; ++kills) {
      const std::set<int> before = whole_lines(journal_);
      const pid_t child = fork();
      if (child == 0) {
        search.run(objective);
        _exit(0);
      }
      // At a random moment, by its own clock, as others may keep the processor from it.
      const std::int64_t begun = 1 + generator.below(4);
      for (int i = 0; i < 5000 && lines_of(log) < begun && !has_ended(child); ++i) usleep(200);
      usleep(static_cast<useconds_t>(generator.below(3000)));
      kill(child, SIGKILL);
      int status = 0;
      waitpid(child, &status, 0);
      usleep(20000);  // for its own processes to end as well
      const std::set<int> after = whole_lines(journal_);
      EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end())) << "something was lost";
      progress += after.size() > before.size();
      std::ifstream in(log);
      for (int number = 0; in >> number;) {
        EXPECT_FALSE(before.contains(number)) << "trial " << number << " was run again";
        starts.insert(number);
      }
      std::filesystem::remove(log);
    }
    EXPECT_GT(progress, 2);
    EXPECT_EQ(search.run(objective).table(), whole.table());
    const std::set<int> all = whole_lines(journal_);
    EXPECT_EQ(all.size(), whole.trials.size());
    EXPECT_EQ(lines(), whole.trials.size() + 1);  // each once
  }
}

}  // namespace
}  // namespace gradus::train

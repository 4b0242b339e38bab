#include "mutation.h"
#include "target.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/random.h"
#include "gradus/tensor/tensor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>
#include <stdexcept>

// The short run: the same inputs each time, by any compiler. GRADUS_FUZZ_SECONDS=60 goes on with others, a minute for
// each target, starting from all inputs that gave an error of a new kind. scripts/fuzz.sh is the long one.

namespace gradus::fuzz {

void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

namespace {

/// An error's message without what differs from input to input.
std::string kind_of(const std::string& message) {
  std::string kind;
  for (const char c : message.substr(0, message.find(" at byte ")))
    if (c < '0' || c > '9') kind += c;
  return kind.substr(0, 60);
}

class Fuzz : public testing::TestWithParam<Target> {};

TEST_P(Fuzz, TakesSeeds) {
  Runner runner(GetParam());
  ASSERT_FALSE(runner.seeds().empty());
  for (const std::string& seed : runner.seeds()) {
    const Runner::Outcome outcome = runner.run(seed);
    EXPECT_EQ(outcome.refused, "");
    EXPECT_EQ(outcome.wrong, "");
  }
}

TEST_P(Fuzz, TakesWhatOnceFailed) {
  const char* const source = std::getenv("GRADUS_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "GRADUS_SOURCE_DIR is not set";
  const std::filesystem::path folder = std::filesystem::path(source) / "tests/fuzz/corpus" / GetParam().name;
  if (!std::filesystem::exists(folder)) return;  // nothing has failed yet
  Runner runner(GetParam());
  for (const auto& file : std::filesystem::directory_iterator(folder))
    for (const bool mended : {false, true})
      EXPECT_EQ(runner.run(data::read_bytes(file.path().string()), mended).wrong, "") << file.path();
}

/// Deep and wide, in proportion to nothing: too much for a stack, or for work that grows with the square of its input.
TEST_P(Fuzz, TakesTheSameOverAndOver) {
  Runner runner(GetParam());
  for (const char* const part : {"[", "{\"a\":", "(", "\"", ",", ";", "\n", " ", "0", "a", "\xff"}) {
    std::string bytes;
    while (bytes.size() < 100'000) bytes += part;
    EXPECT_EQ(runner.run(bytes).wrong, "") << "of " << part;
    const std::string& seed = runner.seeds()[0];
    EXPECT_EQ(runner.run(seed + bytes).wrong, "") << "behind a seed, of " << part;
  }
}

/// As each value in JSON.
TEST_P(Fuzz, TakesDeepLists) {
  Runner runner(GetParam());
  const std::string& seed = runner.seeds().back();
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (std::size_t at = 0; (at = seed.find(':', at)) != std::string::npos; ++at) {
    const std::size_t end = std::min(seed.find_first_of(",}\n", at), seed.size());
    EXPECT_EQ(runner.run(seed.substr(0, at + 1) + deep + seed.substr(end)).wrong, "") << "at byte " << at;
  }
}

TEST_P(Fuzz, TakesChangedSeeds) {
  constexpr int kRounds = 400;
  const char* const seconds = std::getenv("GRADUS_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  Runner runner(GetParam());
  std::vector<std::string> seeds = runner.seeds();
  std::set<std::string> kinds;
  for (int round = 0; round < kRounds || std::chrono::steady_clock::now() < end; ++round) {
    Generator random(static_cast<std::uint64_t>(round));
    std::string bytes = seeds[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(seeds.size())))];
    for (std::int64_t changes = 1 + random.below(4); changes > 0; --changes) change(bytes, random, GetParam().words);
    const Runner::Outcome outcome = runner.run(bytes, random.below(4) != 0);
    if (!outcome.wrong.empty()) {
      const std::string kept = std::string("failed-") + GetParam().name;
      std::ofstream(kept, std::ios::binary) << bytes;
      FAIL() << outcome.wrong << "\nround " << round << ", the input is in " << kept;
    }
    if (!outcome.refused.empty() && kinds.insert(kind_of(outcome.refused)).second && round >= kRounds)
      seeds.push_back(bytes);
  }
  EXPECT_FALSE(kinds.empty());
}

INSTANTIATE_TEST_SUITE_P(Every, Fuzz, testing::ValuesIn(targets()), [](const auto& of) {
  return std::string(of.param.name);
});

// ---- the runner itself ---------------------------------------------------------------------------

std::vector<std::string> one_seed(const TempFolder&) { return {"seed"}; }

std::string wrong_with(void (*read)(const std::string&), bool is_told = false, void (*mend)(std::string&) = nullptr) {
  const Target target{.name = "sample",
                      .file = "x.txt",
                      .seeds = one_seed,
                      .read = read,
                      .per_byte = 10,
                      .is_told = is_told,
                      .mend = mend};
  return Runner(target).run("some input", true).wrong;
}

TEST(FuzzRunner, LetsErrorsThatNameTheFilePass) {
  EXPECT_EQ(wrong_with([](const std::string&) {}), "");
  EXPECT_EQ(wrong_with([](const std::string& path) { fail<IoError>("read", "expected more in " + path); }), "");
  EXPECT_EQ(wrong_with([](const std::string&) { fail<ArgumentError>("read", "expected another"); }, true), "");
}

TEST(FuzzRunner, SeesWhatIsWrong) {
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(wrong_with([](const std::string&) { fail<IoError>("read", "expected more"); }), "name the file"));
  EXPECT_TRUE(has(wrong_with([](const std::string&) { fail<ArgumentError>("read", "no"); }), "not an IoError"));
  EXPECT_TRUE(has(wrong_with([](const std::string&) { throw std::runtime_error("other"); }), "other"));
  EXPECT_TRUE(has(wrong_with([](const std::string&) { std::vector<char>().reserve(2 << 20); }), "bytes of memory"));
  EXPECT_TRUE(has(wrong_with([](const std::string&) { zeros({1 << 20}); }), "bytes of memory"));
  EXPECT_TRUE(has(wrong_with([](const std::string&) {
                    const std::clock_t begin = std::clock();
                    while (std::clock() - begin < 11 * CLOCKS_PER_SEC / 10) {
                    }
                  }),
                  " s for an input of 10 bytes"));
}

TEST(FuzzRunner, MendsWhatItIsTold) {
  const auto expect_mended = [](const std::string& path) {
    if (data::read_bytes(path) != "some input, mended") fail<ArgumentError>("read", "expected it mended");
  };
  EXPECT_EQ(wrong_with(expect_mended, false, [](std::string& bytes) { bytes += ", mended"; }), "");
}

}  // namespace
}  // namespace gradus::fuzz

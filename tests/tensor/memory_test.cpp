#include <gradus/tensor.h>
#include <gradus/tensor/file.h>
#include <gradus/tensor/packed.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace gradus {
namespace {

// Under AddressSanitizer nothing is cached.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaches = false;
#else
constexpr bool kCaches = true;
#endif

constexpr std::int64_t kMiB = 1 << 20;

TEST(Allocator, BlocksAreAlignedAndApart) {
  struct Block {
    std::byte* at;
    std::size_t bytes;
  };
  std::mt19937 random(1);
  std::vector<std::size_t> sizes{0, 1, 63, 64, 65, 512, 513, 640, 641, 4096, 100'000, 262'144, 262'145, 3'000'000};
  for (int i = 0; i < 2000; ++i) sizes.push_back(random() % 5000);
  std::vector<Block> blocks;
  for (std::size_t bytes : sizes) blocks.push_back({static_cast<std::byte*>(detail::allocate(bytes)), bytes});
  std::sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.at < b.at; });
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks[i].at) % 64, 0U);
    if (i > 0) {
      EXPECT_GE(blocks[i].at, blocks[i - 1].at + std::max<std::size_t>(blocks[i - 1].bytes, 1));
    }
  }
  for (const Block& b : blocks) detail::deallocate(b.at, b.bytes);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(zeros({16}).data<float>()) % 64, 0U);
}

TEST(Allocator, WasteIsAQuarterAtMost) {
  for (std::size_t bytes = 512; bytes < 3'000'000; bytes += bytes / 7) {
    const std::int64_t before = memory_stats().live;
    void* block = detail::allocate(bytes);
    const std::int64_t taken = memory_stats().live - before;
    EXPECT_GE(taken, static_cast<std::int64_t>(bytes));
    EXPECT_LE(taken, static_cast<std::int64_t>(bytes + bytes / 4 + 64)) << bytes;
    detail::deallocate(block, bytes);
    EXPECT_EQ(memory_stats().live, before);
  }
}

TEST(Allocator, CountsLiveAndPeak) {
  const std::int64_t before = memory_stats().live;
  reset_peak_memory();
  {
    const Tensor a = zeros({kMiB});
    EXPECT_GE(memory_stats().live, before + 4 * kMiB);
    EXPECT_LE(memory_stats().live, before + 6 * kMiB);
    const Tensor view = view_as(a, {10}, {1});
    EXPECT_LE(memory_stats().live, before + 6 * kMiB);
  }
  EXPECT_EQ(memory_stats().live, before);
  EXPECT_GE(memory_stats().peak, before + 4 * kMiB);
  reset_peak_memory();
  EXPECT_EQ(memory_stats().peak, before);
}

TEST(Allocator, SteadyStateAsksTheSystemForNothing) {
  if (!kCaches) GTEST_SKIP() << "nothing is cached under this sanitizer";
  const auto step = [] {
    Tensor keep = zeros({100, 100});
    for (std::int64_t n : {1, 10, 1000, 100'000, 3'000'000}) {
      const Tensor x = ones({n}), y = cast(x, float64);
      keep = view_as(y, {1}, {1});
    }
  };
  step();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 20; ++i) step();
  EXPECT_EQ(memory_stats().system_calls, before.system_calls);
  EXPECT_EQ(memory_stats().live, before.live);
  EXPECT_EQ(memory_stats().cached, before.cached);
}

TEST(Allocator, GivesCachedMemoryBack) {
  release_cached_memory();
  const MemoryStats before = memory_stats();
  {
    std::vector<Tensor> many;
    for (int i = 0; i < 20'000; ++i) many.push_back(zeros({8}));
    const Tensor large = zeros({20 * kMiB});
  }
  if (kCaches) {
    EXPECT_GT(memory_stats().cached, before.cached + 80 * kMiB);
  }
  release_cached_memory();
  EXPECT_EQ(memory_stats().live, before.live);
  EXPECT_LE(memory_stats().cached, before.cached + kMiB);
  const Tensor again = ones({20'000});  // and all is as usual afterwards
  EXPECT_EQ(again.data<float>()[19'999], 1);
}

TEST(Allocator, KeepsAChunkThatIsPartlyInUse) {
  Tensor kept;
  {
    std::vector<Tensor> many;
    for (int i = 0; i < 10'000; ++i) many.push_back(full({16}, i));
    kept = many[5000];
  }
  release_cached_memory();
  for (float v : kept.to_vector<float>()) EXPECT_EQ(v, 5000);
}

// ---- small blocks --------------------------------------------------------------------------------

TEST(SmallBlocks, LieInTheOrderInWhichTheyWereMade) {
  if (!kCaches) GTEST_SKIP() << "nothing is cached under this sanitizer";
  constexpr std::size_t count = 20'000, bytes = 120;
  std::mt19937 random(1);
  std::vector<std::byte*> blocks(count);
  for (int round = 0; round < 5; ++round) {
    std::size_t in_turn = 0;
    for (std::size_t i = 0; i < count; ++i) {
      blocks[i] = static_cast<std::byte*>(detail::allocate_packed(bytes));
      in_turn += i > 0 && blocks[i] == blocks[i - 1] + bytes;
    }
    EXPECT_GT(in_turn, count * 9 / 10);
    std::shuffle(blocks.begin(), blocks.end(), random);
    for (std::byte* b : blocks) detail::deallocate_packed(b, bytes);
  }
}

TEST(SmallBlocks, OneThatStaysKeepsLittleMemory) {
  if (!kCaches) GTEST_SKIP() << "nothing is cached under this sanitizer";
  constexpr std::size_t steps = 4000;
  const MemoryStats before = memory_stats();
  std::vector<Tensor> kept;
  for (std::size_t i = 0; i < steps; ++i) {
    std::vector<Tensor> step;
    for (int k = 0; k < 1500; ++k) step.push_back(zeros({}));
    kept.push_back(step[700]);
  }
  const MemoryStats after = memory_stats();
  EXPECT_LE(after.live - before.live, static_cast<std::int64_t>(steps * 72));
  EXPECT_LT(after.cached - before.cached, 2 * kMiB);
}

TEST(SmallBlocks, OfThreadsThatEndAreUsedAgain) {
  if (!kCaches) GTEST_SKIP() << "nothing is cached under this sanitizer";
  const auto round = [] {
    std::vector<Tensor> made;
    std::thread([&] {
      for (int i = 0; i < 5000; ++i) made.push_back(full({10}, i));
    }).join();
    for (int i = 0; i < 5000; ++i) ASSERT_EQ(made[static_cast<std::size_t>(i)].data<float>()[9], static_cast<float>(i));
  };
  for (int i = 0; i < 5; ++i) round();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 50; ++i) round();
  EXPECT_EQ(memory_stats().system_calls, before.system_calls);
  EXPECT_EQ(memory_stats().live, before.live);
  release_cached_memory();
  EXPECT_LT(memory_stats().cached, before.cached);
}

TEST(SmallBlocks, ATensorOfOneNumberTakesEightyEight) {
  const std::int64_t before = memory_stats().live;
  const Tensor x = full({1}, 7);
  EXPECT_LE(memory_stats().live - before, 88);
  const Tensor y = full({}, 7);
  EXPECT_LE(memory_stats().live - before, 160);
}

/// Tensors on their way from a thread that makes them to one that drops them.
class Queue {
 public:
  void push(Tensor x) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return items_.size() < 64; });
    items_.push_back(std::move(x));
    changed_.notify_all();
  }
  Tensor pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !items_.empty(); });
    Tensor x = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    return x;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Tensor> items_;
};

/// Makes tensors of `shape` for another thread, which reads them and lets them go.
void hand_over(int count, const Shape& shape) {
  Queue queue;
  std::thread consumer([&] {
    for (int i = 0; i < count; ++i) EXPECT_EQ(queue.pop().data<float>()[0], static_cast<float>(i));
  });
  for (int i = 0; i < count; ++i) queue.push(full(shape, i));
  consumer.join();
}

TEST(Allocator, CacheStaysBoundedWhenAnotherThreadFrees) {
  const MemoryStats before = memory_stats();
  hand_over(60'000, {1000});  // some 250 MB in all
  EXPECT_EQ(memory_stats().live, before.live);
  EXPECT_LT(memory_stats().cached, before.cached + 16 * kMiB);
}

TEST(SmallBlocks, ComeBackFromAnotherThread) {
  const MemoryStats before = memory_stats();
  hand_over(60'000, {});  // some 4 MB in all
  EXPECT_EQ(memory_stats().live, before.live);
  EXPECT_LE(memory_stats().cached, before.cached + kMiB);
}

TEST(Allocator, ThreadsThatOnlyFreeLoseNothing) {
  if (!kCaches) GTEST_SKIP() << "nothing is cached under this sanitizer";
  const auto round = [] {
    std::vector<Tensor> batch;
    for (int i = 0; i < 500; ++i) batch.push_back(full({100}, i));
    std::thread([moved = std::move(batch)]() mutable { moved.clear(); }).join();
  };
  for (int i = 0; i < 5; ++i) round();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 50; ++i) round();
  EXPECT_EQ(memory_stats().system_calls, before.system_calls);
  EXPECT_EQ(memory_stats().cached, before.cached);
}

TEST(Allocator, ThreadsAtTheSameTime) {
  const std::int64_t before = memory_stats().live;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      std::mt19937 random(static_cast<unsigned>(t));
      std::vector<Tensor> held(50);
      for (int i = 0; i < 5000; ++i) {
        Tensor& place = held[random() % held.size()];
        if (place.defined()) {
          const auto values = place.to_vector<std::int64_t>();
          for (auto v : values) ASSERT_EQ(v, values[0]);
        }
        place = full({static_cast<std::int64_t>(random() % 300 + 1)}, i, int64);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(memory_stats().live, before);
}

TEST(ParallelFor, CoversEachIndexOnceAndPassesErrorsOn) {
  const int before = num_threads();
  for (int threads : {1, 2, 5})
    for (bool deterministic : {false, true}) {
      set_num_threads(threads);
      set_deterministic(deterministic);
      std::vector<int> seen(10'007);
      detail::parallel_for(10'007, 100, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
      });
      EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 10'007);
      EXPECT_THROW(detail::parallel_for(1000,
                                        10,
                                        [](std::int64_t, std::int64_t end) {
                                          if (end == 1000) throw std::runtime_error("x");
                                        }),
                   std::runtime_error);
    }
  set_deterministic(false);
  set_num_threads(before);
  detail::parallel_for(0, 10, [](std::int64_t, std::int64_t) { FAIL(); });
  EXPECT_THROW(set_num_threads(0), ArgumentError);
}

class Files : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(dir_); }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::size_t count() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir_), {}));
  }
  std::string dir_ = testing::TempDir() + "gradus_files_" + std::to_string(::getpid());
};

TEST_F(Files, AreReplacedAsAWhole) {
  const std::string path = dir_ + "/a.txt";
  detail::write_file("save", path, "one");
  detail::write_file("save", path, std::string(100'000, 'x'));
  EXPECT_EQ(read(path), std::string(100'000, 'x'));
  EXPECT_EQ(count(), 1U);
  std::filesystem::create_symlink("a.txt", dir_ + "/link");
  detail::write_file("save", dir_ + "/link", "two");
  EXPECT_EQ(read(path), "two");
  EXPECT_TRUE(std::filesystem::is_symlink(dir_ + "/link"));
  detail::write_file("save", "/dev/null", "three");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST_F(Files, AreForcedToTheDisk) {
  detail::write_file("save", dir_ + "/a.txt", "one", detail::OnDisk::later);
  detail::force_to_disk("save", dir_ + "/a.txt");
  detail::force_to_disk("save", dir_);
  EXPECT_EQ(read(dir_ + "/a.txt"), "one");
  EXPECT_THROW(detail::force_to_disk("save", dir_ + "/missing"), IoError);
}

TEST_F(Files, ErrorsLeaveNothingBehind) {
  try {
    detail::write_file("save", dir_ + "/missing/a.txt", "one");
    FAIL();
  } catch (const IoError& e) {
    EXPECT_EQ(e.op(), "save");
    EXPECT_EQ(e.message(),
              "expected a file that can be written, got '" + dir_ + "/missing/a.txt' (No such file or directory)");
  }
  EXPECT_THROW(detail::write_file("save", dir_, "one"), IoError);
  EXPECT_THROW(detail::write_file("save", "", "one"), IoError);
  EXPECT_EQ(count(), 0U);
  if (std::filesystem::exists("/dev/full")) {
    EXPECT_THROW(detail::write_file("save", "/dev/full", "one"), IoError);
  }
}

TEST_F(Files, TwoThatBelongTogetherAreReplacedTogetherOrNotAtAll) {
  const std::string path = dir_ + "/a", beside = dir_ + "/a.data";
  const auto write = [&](std::string_view text, const std::string& other) {
    const std::string_view parts[] = {text.substr(0, 1), {}, text.substr(1)};
    detail::write_files("save", {path, parts}, {other, parts});
  };
  const auto expect = [&](const char* text) {
    EXPECT_EQ(read(path), text);
    EXPECT_EQ(read(beside), text);
    EXPECT_EQ(count(), 2U);
  };
  write("one", beside);
  expect("one");
  write("second", beside);
  expect("second");
  EXPECT_THROW(write("third", "/dev/null"), IoError);
  EXPECT_THROW(write("third", dir_), IoError);
  EXPECT_THROW(write("third", dir_ + "/missing/a.data"), IoError);
  expect("second");
  EXPECT_THROW(write("third", path), IoError);  // found out when the first has been moved away
  expect("second");
  std::filesystem::remove(path);
  std::filesystem::remove(beside);
  write("fourth", beside);
  expect("fourth");
}

}  // namespace
}  // namespace gradus

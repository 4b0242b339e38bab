// A child of fork() computes, on one thread.

#include <gradus/autograd.h>
#include <gradus/nn.h>
#include <gradus/ops.h>
#include <gradus/tensor.h>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace gradus {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool kForks = false;  // its runtime starts no thread after a fork
#else
constexpr bool kForks = true;
#endif

/// How a child ends that does `job`: 0 if it is true.
int status_of_child(const std::function<bool()>& job) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // one that waits for a thread it hasn't got
    _exit(job() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

/// Products, convolutions and loops that take several threads where there are.
std::vector<Tensor> work() {
  const Tensor x = reshape(sin(arange(0, 300 * 300)), {300, 300});
  const Tensor w = leaf(reshape(cos(arange(0, 300 * 300)), {300, 300}));
  const Tensor images = reshape(x, {4, 1, 150, 150}), kernels = leaf(reshape(cos(arange(0, 16 * 9)), {16, 1, 3, 3}));
  const Tensor loss = mean(exp(sin(matmul(x, w)))) + mean(square(conv2d(images, kernels)));
  std::vector<Tensor> all = grad(loss, {w, kernels});
  all.push_back(loss);
  return all;
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!equal(a[i], b[i])) return false;
  return true;
}

class Fork : public testing::Test {
 protected:
  void SetUp() override {
    if (!kForks) GTEST_SKIP() << "not under this sanitizer";
    set_deterministic(true);
    set_num_threads(4);
  }
  void TearDown() override {
    set_deterministic(false);
    set_num_threads(threads_);
  }
  int threads_ = num_threads();
};

TEST_F(Fork, AChildComputesWhatItsParentDoes) {
  const std::vector<Tensor> expected = work();
  EXPECT_EQ(num_threads(), 4);
  EXPECT_EQ(status_of_child([&] { return num_threads() == 1 && same(work(), expected); }), 0);
  EXPECT_EQ(num_threads(), 4);
  EXPECT_TRUE(same(work(), expected));
}

TEST_F(Fork, AChildStartsThreadsOfItsOwn) {
  const std::vector<Tensor> expected = work();
  const auto job = [&] {
    set_num_threads(3);  // this thread has none to help it, another may have
    bool well = num_threads() == 1 && same(work(), expected);
    std::thread([&] { well = well && num_threads() == 3 && same(work(), expected); }).join();
    return well;
  };
  EXPECT_EQ(status_of_child(job), 0);
}

TEST_F(Fork, AChildOfAChildComputes) {
  const std::vector<Tensor> expected = work();
  EXPECT_EQ(status_of_child([&] { return status_of_child([&] { return same(work(), expected); }) == 0; }), 0);
}

TEST_F(Fork, WhileOtherThreadsAskForMemory) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (unsigned t = 0; t < 3; ++t)
    others.emplace_back([&stop, t] {
      std::mt19937 random(t);
      std::vector<Tensor> held(20);
      while (!stop) held[random() % held.size()] = ones({static_cast<std::int64_t>(1 << (random() % 20))});
    });
  const auto job = [] {
    std::vector<Tensor> all;
    for (int i = 0; i < 20; ++i) all.push_back(ones({std::int64_t{1} << i}));
    release_cached_memory();
    return sum(all.back()).item() == 1 << 19;
  };
  int failed = 0;
  for (int i = 0; i < 100 && failed == 0; ++i) failed += status_of_child(job) != 0;
  stop = true;
  for (std::thread& thread : others) thread.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace gradus

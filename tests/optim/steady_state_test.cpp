#include "gradus/autograd.h"
#include "gradus/nn.h"
#include "gradus/ops.h"
#include "gradus/optim.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

// Every call of the malloc family in this program is counted, whoever makes it. (Sanitizers bring their own
// malloc, which must not be replaced.)
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define GRADUS_COUNTS_MALLOC

static std::atomic<long> malloc_calls{0};

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t n) {
  ++malloc_calls;
  return __libc_malloc(n);
}
void* calloc(std::size_t n, std::size_t size) {
  ++malloc_calls;
  return __libc_calloc(n, size);
}
void* realloc(void* block, std::size_t n) {
  ++malloc_calls;
  return __libc_realloc(block, n);
}
void* aligned_alloc(std::size_t alignment, std::size_t n) {
  ++malloc_calls;
  return __libc_memalign(alignment, n);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t n) {
  ++malloc_calls;
  *block = __libc_memalign(alignment, n);
  return *block == nullptr ? ENOMEM : 0;
}
}
#endif

namespace gradus {
namespace {

struct Net : nn::Module<Net> {
  nn::Linear fc1{20, 32, {.dtype = float64}};
  nn::BatchNorm bn{32, {.dtype = float64}};
  nn::Dropout drop{0.3};
  nn::Linear fc2{32, 5, {.dtype = float64}};
  Tensor forward(const Tensor& x) { return fc2(drop(relu(bn(fc1(x))))); }
};

/// Calls of malloc in a training step, after a few steps to warm up.
template <class Optimizer>
long calls_in_a_step() {
  Net net;
  Optimizer optimizer(nn::parameters(net), {.lr = 0.01});
  optim::Schedule schedule(optimizer, optim::warmup(2) * optim::cosine_annealing(100));
  optim::Average average = optim::ema(nn::parameters(net));
  const Tensor x = normal({16, 20}, 0, 1, float64), y = cast(uniform({16}, 0, 5), int64);
  const auto step = [&] {
    optimizer.zero_grad();
    backward(cross_entropy(net(x), y));
    optim::clip_grad_norm(optimizer.parameters(), 0.1);
    optimizer.step();
    schedule.step();
    average.update();
  };
  for (int i = 0; i < 3; ++i) step();
#ifdef GRADUS_COUNTS_MALLOC
  const long before = malloc_calls;
  step();
  return malloc_calls - before;
#else
  return 0;
#endif
}

TEST(SteadyState, ATrainingStepCallsMallocNever) {
#ifndef GRADUS_COUNTS_MALLOC
  GTEST_SKIP() << "a sanitizer has its own malloc";
#endif
  set_num_threads(1);
  EXPECT_EQ(calls_in_a_step<optim::Sgd>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::Adam>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::AdamW>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::NAdam>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::RAdam>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::Adamax>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::Adagrad>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::Adadelta>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::Rmsprop>(), 0);
  EXPECT_EQ(calls_in_a_step<optim::Lion>(), 0);
}

TEST(SteadyState, TheAllocatorAsksTheSystemForNothing) {
#ifndef GRADUS_COUNTS_MALLOC
  GTEST_SKIP() << "under a sanitizer every block is one of the system's";
#endif
  nn::Sequential net{nn::Linear(784, 512), relu, nn::Linear(512, 10)};
  optim::Sgd sgd(nn::parameters(net), {.lr = 0.01, .momentum = 0.9});
  const Tensor x = normal({128, 784}), y = cast(uniform({128}, 0, 10), int64);
  std::int64_t before = 0;
  for (int i = 0; i < 6; ++i) {
    if (i == 3) before = memory_stats().system_calls;
    sgd.zero_grad();
    backward(cross_entropy(net(x), y));
    sgd.step();
  }
  EXPECT_EQ(memory_stats().system_calls, before);
}

}  // namespace
}  // namespace gradus

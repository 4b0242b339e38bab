#include "gradus/tensor/runtime.h"

#include "gradus/tensor/error.h"
#include "gradus/tensor/worker.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <system_error>

#ifdef _OPENMP
#include <omp.h>
#else
#include <future>
#include <vector>
#endif

namespace gradus {
namespace {

std::atomic<int> threads{0};  // 0: not set yet
std::atomic<bool> deterministic{false};
thread_local bool worker = false;

#ifdef _OPENMP
bool in_parallel() { return omp_in_parallel() != 0; }
#else
thread_local bool inside_parallel = false;
bool in_parallel() { return inside_parallel; }
#endif

}  // namespace

void set_num_threads(int n) {
  if (n < 1) detail::fail<ArgumentError>("set_num_threads", "expected n >= 1, got " + std::to_string(n));
  threads = n;
#ifdef _OPENMP
  if (!worker) omp_set_num_threads(n);
#endif
}

int num_threads() {
  if (worker) return 1;
  const int n = threads.load(std::memory_order_relaxed);
  if (n > 0) return n;
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

void set_deterministic(bool on) { deterministic = on; }
bool is_deterministic() { return deterministic.load(std::memory_order_relaxed); }

namespace detail {

void become_worker() {
  worker = true;
#ifdef _OPENMP
  omp_set_num_threads(1);
#endif
}

// The threads that helped this one do not exist in a process that it makes by fork(); OpenMP would wait for them.
[[maybe_unused]] static const int at_fork = pthread_atfork(nullptr, nullptr, &become_worker);

void parallel_for(std::int64_t n, std::int64_t grain, void (*body)(void*, std::int64_t, std::int64_t), void* closure) {
  const std::int64_t most = std::max<std::int64_t>(1, (n + grain - 1) / grain);
  const std::int64_t parts = is_deterministic() ? most : std::min<std::int64_t>(most, num_threads());
  const auto run = [&](std::int64_t i) { body(closure, n * i / parts, n * (i + 1) / parts); };
  if (parts == 1 || num_threads() == 1 || in_parallel()) {
    for (std::int64_t i = 0; i < parts; ++i) run(i);
    return;
  }
  std::exception_ptr error;
  std::mutex mutex;
  const auto guarded = [&](std::int64_t i) {
    try {
      run(i);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
#ifdef _OPENMP
#pragma omp parallel for num_threads(num_threads()) schedule(static)
  for (std::int64_t i = 0; i < parts; ++i) guarded(i);
#else
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    inside_parallel = true;
    for (std::int64_t i = next++; i < parts; i = next++) guarded(i);
    inside_parallel = false;
  };
  {
    std::vector<std::future<void>> helpers;  // joined when they are destroyed
    try {
      helpers.reserve(static_cast<std::size_t>(num_threads()));
      for (int k = 1; k < num_threads(); ++k) helpers.push_back(std::async(std::launch::async, work));
    } catch (const std::bad_alloc&) {  // those that there are do it all
    } catch (const std::system_error&) {
    }
    work();
  }
#endif
  if (error) std::rethrow_exception(error);
}

#ifdef _OPENMP
ThreadLimit::ThreadLimit(int n) : outer_(omp_get_max_threads()) {
  if (outer_ == n)
    outer_ = 0;
  else
    omp_set_num_threads(n);
}
ThreadLimit::~ThreadLimit() {
  if (outer_ != 0) omp_set_num_threads(outer_);
}
#else
ThreadLimit::ThreadLimit(int) : outer_(0) {}
ThreadLimit::~ThreadLimit() = default;
#endif

}  // namespace detail
}  // namespace gradus

#pragma once

#include "gradus/tensor/export.h"

#include <cstdint>
#include <type_traits>

GRADUS_EXPORT_BEGIN
namespace gradus {

/// Threads that kernels may use, 1 or more; at the start OMP_NUM_THREADS, or the number of cores.
void set_num_threads(int n);
/// How many that are.
int num_threads();

/// With true, no result depends on the number of threads.
void set_deterministic(bool on);
/// Whether that is so.
bool is_deterministic();

namespace detail {

/// Runs `body(context, begin, end)` over parts of [0, n) of at least `grain` on the threads allowed. The
/// parts depend on n and grain alone when deterministic. An exception in a part reaches the caller.
void parallel_for(std::int64_t n, std::int64_t grain, void (*body)(void*, std::int64_t, std::int64_t), void* closure);

template <class F>
void parallel_for(std::int64_t n, std::int64_t grain, F&& f) {
  if (n <= grain) {
    if (n > 0) f(std::int64_t{0}, n);
    return;
  }
  parallel_for(
      n,
      grain,
      [](void* closure, std::int64_t begin, std::int64_t end) {
        (*static_cast<std::remove_reference_t<F>*>(closure))(begin, end);
      },
      const_cast<void*>(static_cast<const void*>(&f)));
}

/// Libraries that use OpenMP, called while it lives, use this many threads, whatever the calling thread's setting is.
class ThreadLimit {
 public:
  explicit ThreadLimit(int n);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int outer_;  // 0: it was n
};

}  // namespace detail
}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

namespace gradus::detail {

/// Libraries called while it lives use this many threads, whatever the calling thread's setting is.
class ThreadLimit {
 public:
#ifdef _OPENMP
  explicit ThreadLimit(int n) : outer_(omp_get_max_threads()) {
    if (outer_ != n) omp_set_num_threads(n);
    changed_ = outer_ != n;
  }
  ~ThreadLimit() {
    if (changed_) omp_set_num_threads(outer_);
  }
#else
  explicit ThreadLimit(int) {}
#endif
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
#ifdef _OPENMP
  int outer_;
  bool changed_;
#endif
};

}  // namespace gradus::detail

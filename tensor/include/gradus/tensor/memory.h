#pragma once

#include "gradus/tensor/export.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

GRADUS_EXPORT_BEGIN
namespace gradus {

/// What the caching allocator holds at this moment, in bytes, over all threads.
struct MemoryStats {
  std::int64_t live;          // in tensors and nodes
  std::int64_t cached;        // free, kept for reuse
  std::int64_t peak;          // the largest `live` since the last reset
  std::int64_t system_calls;  // requests to the system allocator since the start
};
MemoryStats memory_stats();
/// Sets the peak to what is live.
void reset_peak_memory();

/// Gives cached memory of this thread and of the shared pool back to the system.
void release_cached_memory();

namespace detail {

/// 64-byte aligned memory in size classes: blocks up to 1 KiB from chunks of the thread, those up to 256 KiB from its
/// lists, larger ones from a pool that threads share. Under AddressSanitizer each block is a system one.
/// A block may be returned on another thread. Throws std::bad_alloc.
void* allocate(std::size_t bytes);
void deallocate(void* block, std::size_t bytes) noexcept;

/// For the standard containers, so that a training step in steady state asks the system for nothing.
template <class T>
struct CachingAllocator {
  using value_type = T;
  CachingAllocator() = default;
  template <class U>
  CachingAllocator(const CachingAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(detail::allocate(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) noexcept { detail::deallocate(p, n * sizeof(T)); }
  template <class U>
  bool operator==(const CachingAllocator<U>&) const {
    return true;
  }
};

/// True until the process starts its second thread: until then counts need no atomic instruction.
inline bool single_threaded() noexcept {
#if __has_include(<sys/single_threaded.h>) && !defined(__SANITIZE_THREAD__)
  return __libc_single_threaded != 0;
#else
  return false;
#endif
}

/// An intrusive reference count.
class RefCount {
 public:
  void increment() noexcept {
    if (single_threaded())
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      count_.fetch_add(1, std::memory_order_relaxed);
  }
  /// True when the last reference went.
  bool decrement() noexcept {
    if (single_threaded()) {
      const std::uint32_t left = count_.load(std::memory_order_relaxed) - 1;
      count_.store(left, std::memory_order_relaxed);
      return left == 0;
    }
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  bool unique() const noexcept { return count() == 1; }
  std::uint32_t count() const noexcept { return count_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint32_t> count_{1};
};

}  // namespace detail
}  // namespace gradus
GRADUS_EXPORT_END

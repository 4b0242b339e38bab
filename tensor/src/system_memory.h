#pragma once

#include "gradus/tensor/memory.h"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gradus::detail {

/// Under AddressSanitizer each block is a system one.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kCaching = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kCaching = false;
#else
inline constexpr bool kCaching = true;
#endif
#else
inline constexpr bool kCaching = true;
#endif

/// Counts that skip atomic instructions while there is one thread.
class Counter {
 public:
  std::int64_t add(std::int64_t n) {
    if (!single_threaded()) return value_.fetch_add(n, std::memory_order_relaxed) + n;
    const std::int64_t sum = value_.load(std::memory_order_relaxed) + n;
    value_.store(sum, std::memory_order_relaxed);
    return sum;
  }
  std::int64_t get() const { return value_.load(std::memory_order_relaxed); }
  void set(std::int64_t n) { value_.store(n, std::memory_order_relaxed); }
  void raise_to(std::int64_t n) {
    std::int64_t old = get();
    while (n > old && !value_.compare_exchange_weak(old, n, std::memory_order_relaxed)) {
    }
  }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// What `memory_stats` tells; `held` are the bytes got from the system.
struct Usage {
  Counter live, held, peak, calls;
};
extern constinit Usage usage;

/// Memory of the system, a multiple of `alignment`; where need be after what is cached has been given back. Throws
/// std::bad_alloc.
void* system_allocate(std::size_t bytes, std::size_t alignment);
void system_free(void* block, std::size_t bytes) noexcept;

}  // namespace gradus::detail

#include "gradus/tensor/memory.h"

#include "target.h"

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define GRADUS_FUZZ_HOOKS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GRADUS_FUZZ_HOOKS
#endif
#endif

#ifdef GRADUS_FUZZ_HOOKS
#include <sanitizer/allocator_interface.h>
#endif

namespace {

std::atomic<std::int64_t> live{0}, most{0};

void add(std::size_t bytes) {
  const std::int64_t now = live.fetch_add(static_cast<std::int64_t>(bytes)) + static_cast<std::int64_t>(bytes);
  std::int64_t old = most.load();
  while (now > old && !most.compare_exchange_weak(old, now)) {
  }
}
void subtract(std::size_t bytes) { live.fetch_sub(static_cast<std::int64_t>(bytes)); }

}  // namespace

#ifdef GRADUS_FUZZ_HOOKS
namespace {

// All memory of the process, that of tensors too.
[[maybe_unused]] const int kInstalled = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t bytes) { add(bytes); },
    [](const volatile void* block) { subtract(__sanitizer_get_allocated_size(block)); });

std::int64_t bytes_of_tensors() { return 0; }
std::int64_t peak_of_tensors() { return 0; }
void reset_tensors() {}

}  // namespace
#else
namespace {

std::int64_t bytes_of_tensors() { return gradus::memory_stats().live; }
std::int64_t peak_of_tensors() { return gradus::memory_stats().peak; }
void reset_tensors() { gradus::reset_peak_memory(); }

}  // namespace

void* operator new(std::size_t bytes) {
  void* const block = std::malloc(bytes);
  if (block == nullptr) throw std::bad_alloc();
  add(malloc_usable_size(block));
  return block;
}
void operator delete(void* block) noexcept {
  if (block != nullptr) subtract(malloc_usable_size(block));
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept { operator delete(block); }
#endif

namespace gradus::fuzz {

AllocationPeak::AllocationPeak() : tensors_(bytes_of_tensors()), others_(live.load()) {
  most.store(others_);
  reset_tensors();
}

std::int64_t AllocationPeak::bytes() const { return most.load() - others_ + peak_of_tensors() - tensors_; }

}  // namespace gradus::fuzz

#include "allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace gradus::tests {
namespace {

std::atomic<std::int64_t> held{0};
constinit thread_local std::int64_t left = 0;  // requests until one is refused; 0: none will be
constinit thread_local bool refusing = false, all_after = false, come = false;

bool refuse() {
  if (!refusing) return false;
  if (left > 0 && --left == 0) return come = true;
  return come && all_after;
}

void* take(std::size_t bytes, std::size_t alignment) {
  if (refuse()) return nullptr;
  void* block = nullptr;
  if (posix_memalign(&block, alignment, bytes == 0 ? 1 : bytes) != 0) return nullptr;
  held.fetch_add(1, std::memory_order_relaxed);
  return block;
}
void* take_or_throw(std::size_t bytes, std::size_t alignment) {
  if (void* const block = take(bytes, alignment); block != nullptr) return block;
  throw std::bad_alloc();
}
void give(void* block) noexcept {
  if (block != nullptr) held.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

std::int64_t blocks_held() { return held.load(std::memory_order_relaxed); }

Refusal::Refusal(std::int64_t n, bool all) {
  left = n;
  all_after = all;
  come = false;
  refusing = true;
}
Refusal::~Refusal() { refusing = false; }
bool Refusal::has_come() { return come; }

}  // namespace gradus::tests

namespace {
constexpr std::size_t kDefault = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
std::size_t aligned(std::align_val_t alignment) { return static_cast<std::size_t>(alignment); }
}  // namespace

void* operator new(std::size_t n) { return gradus::tests::take_or_throw(n, kDefault); }
void* operator new[](std::size_t n) { return gradus::tests::take_or_throw(n, kDefault); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return gradus::tests::take(n, kDefault); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return gradus::tests::take(n, kDefault); }
void* operator new(std::size_t n, std::align_val_t a) { return gradus::tests::take_or_throw(n, aligned(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return gradus::tests::take_or_throw(n, aligned(a)); }
void operator delete(void* p) noexcept { gradus::tests::give(p); }
void operator delete[](void* p) noexcept { gradus::tests::give(p); }
void operator delete(void* p, std::size_t) noexcept { gradus::tests::give(p); }
void operator delete[](void* p, std::size_t) noexcept { gradus::tests::give(p); }
void operator delete(void* p, std::align_val_t) noexcept { gradus::tests::give(p); }
void operator delete[](void* p, std::align_val_t) noexcept { gradus::tests::give(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { gradus::tests::give(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { gradus::tests::give(p); }

// gradus::detail::allocate and allocate_packed, whose callers the linker sends here (--wrap): most of what they give is
// cached, so a refusal of the system would not reach it.
extern "C" {
void* __real__ZN6gradus6detail8allocateEm(std::size_t bytes);
void* __real__ZN6gradus6detail15allocate_packedEm(std::size_t bytes);

void* __wrap__ZN6gradus6detail8allocateEm(std::size_t bytes) {
  if (gradus::tests::refuse()) throw std::bad_alloc();
  return __real__ZN6gradus6detail8allocateEm(bytes);
}
void* __wrap__ZN6gradus6detail15allocate_packedEm(std::size_t bytes) {
  if (gradus::tests::refuse()) throw std::bad_alloc();
  return __real__ZN6gradus6detail15allocate_packedEm(bytes);
}
}

#include "gradus/tensor/memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace gradus {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaching = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kCaching = false;
#else
constexpr bool kCaching = true;
#endif
#else
constexpr bool kCaching = true;
#endif

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSmallest = 64;              // the finest step of size classes
constexpr std::size_t kSmallLimit = 256 * 1024;    // above: the shared pool
constexpr std::size_t kChunk = 256 * 1024;         // small blocks are cut from chunks of this size
constexpr std::size_t kThreadLimit = 1024 * 1024;  // bytes of one class that a thread keeps for itself
constexpr int kClasses = 160;

/// Multiples of 64 up to 576, then four classes for each power of two, and 64 for the header of a storage, so
/// that tensors of a power of two bytes fit exactly.
int class_of(std::size_t bytes) {
  if (bytes <= 9 * kSmallest) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / kSmallest);
  const std::size_t last = bytes - kSmallest - 1;
  const int log = static_cast<int>(std::bit_width(last)) - 1;  // 2^log <= last
  const auto quarter = static_cast<int>((last >> (log - 2)) & 3);
  return 9 + (log - 9) * 4 + quarter;
}

std::size_t class_size(int index) {
  if (index < 9) return static_cast<std::size_t>(index + 1) * kSmallest;
  const int log = (index - 9) / 4 + 9, quarter = (index - 9) % 4;
  return kSmallest + (std::size_t{1} << log) + ((std::size_t{1} << (log - 2)) * static_cast<std::size_t>(quarter + 1));
}

struct Free {
  Free* next;
};

/// Free blocks of one class, in a singly linked list.
struct List {
  Free* head = nullptr;
  Free* tail = nullptr;
  std::size_t count = 0;

  void push(Free* block) {
    block->next = head;
    if (head == nullptr) tail = block;
    head = block;
    ++count;
  }
  Free* pop() {
    Free* block = head;
    head = block->next;
    --count;
    return block;
  }
  void append(List&& other) {
    if (other.head == nullptr) return;
    other.tail->next = head;
    if (head == nullptr) tail = other.tail;
    head = other.head;
    count += other.count;
    other = {};
  }
};

/// Counts that skip atomic instructions while there is one thread.
class Counter {
 public:
  std::int64_t add(std::int64_t n) {
    if (!detail::single_threaded()) return value_.fetch_add(n, std::memory_order_relaxed) + n;
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

struct Chunk {
  std::byte* begin;
  std::size_t block_size;
};

/// What threads share. Never destroyed: threads may outlive static destructors.
struct Pool {
  std::mutex mutex;
  std::array<List, kClasses> lists{};
  std::vector<Chunk> chunks;
  Counter live, held, peak, calls;  // held: bytes got from the system
};
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

void* system_allocate(std::size_t bytes) {
  void* block = std::aligned_alloc(kAlignment, bytes);
  if (block == nullptr) {
    release_cached_memory();
    block = std::aligned_alloc(kAlignment, bytes);
    if (block == nullptr) throw std::bad_alloc();
  }
  pool().calls.add(1);
  pool().held.add(static_cast<std::int64_t>(bytes));
  return block;
}

void system_free(void* block, std::size_t bytes) {
  pool().held.add(-static_cast<std::int64_t>(bytes));
  std::free(block);
}

/// A thread's own lists; given to the pool when the thread ends.
struct ThreadLists {
  std::array<List, kClasses> lists;
  bool watched;  // the destructor below is armed
  bool ended;    // and has run: blocks that other destructors still free go to the pool at once
};
constinit thread_local ThreadLists own{};

void give_to_pool() {
  const std::scoped_lock lock(pool().mutex);
  for (std::size_t c = 0; c < own.lists.size(); ++c) pool().lists[c].append(std::move(own.lists[c]));
}

struct Farewell {
  ~Farewell() {
    give_to_pool();
    own.ended = true;
  }
};

void watch_thread() {
  own.watched = true;
  thread_local Farewell farewell;
  (void)farewell;
}

/// Fills the thread's empty list of a small class, from the pool or with a new chunk.
void refill(int index) {
  if (!own.watched) watch_thread();
  const auto c = static_cast<std::size_t>(index);
  const std::size_t size = class_size(index);
  {
    const std::scoped_lock lock(pool().mutex);
    List& shared = pool().lists[c];
    if (shared.count * size <= kThreadLimit) {
      own.lists[c].append(std::move(shared));
    } else {
      while (own.lists[c].count * size < kThreadLimit / 2) own.lists[c].push(shared.pop());
    }
  }
  if (own.lists[c].count > 0) return;
  const std::size_t bytes = std::max(size, kChunk / size * size);
  auto* begin = static_cast<std::byte*>(system_allocate(bytes));
  {
    const std::scoped_lock lock(pool().mutex);
    pool().chunks.push_back({begin, size});
  }
  for (std::size_t at = bytes; at >= size; at -= size) own.lists[c].push(reinterpret_cast<Free*>(begin + at - size));
}

void* allocate_large(int index) {
  {
    const std::scoped_lock lock(pool().mutex);
    List& list = pool().lists[static_cast<std::size_t>(index)];
    if (list.count > 0) return list.pop();
  }
  return system_allocate(class_size(index));
}

}  // namespace

namespace detail {

void* allocate(std::size_t bytes) {
  if (bytes > (std::size_t{1} << 46)) throw std::bad_alloc();
  const int index = class_of(bytes);
  const std::size_t size = class_size(index);
  void* block = nullptr;
  if (!kCaching) {
    block = system_allocate(size);
  } else if (size > kSmallLimit) {
    block = allocate_large(index);
  } else {
    List& list = own.lists[static_cast<std::size_t>(index)];
    if (list.head == nullptr) refill(index);
    block = list.pop();
  }
  Pool& shared = pool();
  const std::int64_t live = shared.live.add(static_cast<std::int64_t>(size));
  if (live > shared.peak.get()) shared.peak.raise_to(live);
  return block;
}

void deallocate(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return;
  const int index = class_of(bytes);
  const std::size_t size = class_size(index);
  Pool& shared = pool();
  shared.live.add(-static_cast<std::int64_t>(size));
  auto* free_block = static_cast<Free*>(block);
  if (!kCaching) {
    system_free(block, size);
  } else if (size > kSmallLimit) {
    const std::scoped_lock lock(shared.mutex);
    shared.lists[static_cast<std::size_t>(index)].push(free_block);
  } else {
    List& list = own.lists[static_cast<std::size_t>(index)];
    list.push(free_block);
    if (!own.watched) watch_thread();
    if (list.count * size > kThreadLimit || own.ended) {
      const std::scoped_lock lock(shared.mutex);
      shared.lists[static_cast<std::size_t>(index)].append(std::move(list));
    }
  }
}

}  // namespace detail

MemoryStats memory_stats() {
  const Pool& p = pool();
  const std::int64_t live = p.live.get();
  return {live, p.held.get() - live, p.peak.get(), p.calls.get()};
}

void reset_peak_memory() { pool().peak.set(pool().live.get()); }

void release_cached_memory() {
  give_to_pool();
  Pool& shared = pool();
  const std::scoped_lock lock(shared.mutex);
  for (int index = 0; index < kClasses; ++index) {
    List& list = shared.lists[static_cast<std::size_t>(index)];
    const std::size_t size = class_size(index);
    if (size > kSmallLimit) {
      while (list.count > 0) system_free(list.pop(), size);
      continue;
    }
    // A chunk goes back once all of its blocks are in the list.
    if (list.count == 0) continue;
    std::vector<std::byte*> blocks;
    blocks.reserve(list.count);
    while (list.count > 0) blocks.push_back(reinterpret_cast<std::byte*>(list.pop()));
    std::sort(blocks.begin(), blocks.end());
    std::vector<bool> gone(blocks.size());
    const std::size_t bytes = std::max(size, kChunk / size * size);
    std::erase_if(shared.chunks, [&](const Chunk& chunk) {
      if (chunk.block_size != size) return false;
      const auto first = std::lower_bound(blocks.begin(), blocks.end(), chunk.begin);
      const auto last = std::lower_bound(first, blocks.end(), chunk.begin + bytes);
      if (static_cast<std::size_t>(last - first) != bytes / size) return false;
      std::fill(gone.begin() + (first - blocks.begin()), gone.begin() + (last - blocks.begin()), true);
      system_free(chunk.begin, bytes);
      return true;
    });
    for (std::size_t i = blocks.size(); i-- > 0;)
      if (!gone[i]) list.push(reinterpret_cast<Free*>(blocks[i]));
  }
}

}  // namespace gradus

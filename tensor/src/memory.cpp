#include "gradus/tensor/memory.h"

#include "chunks.h"
#include "system_memory.h"

#include "gradus/tensor/packed.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace gradus {

namespace detail {

constinit Usage usage;

/// Blocks from here on ask for pages of this size, where the system gives such to those who ask: fewer page faults, and
/// more memory within reach of the processor's tables.
static constexpr std::size_t kHugePage = 2 << 20;

void* system_allocate(std::size_t bytes, std::size_t alignment) {
  const bool huge = kCaching && bytes >= kHugePage;
  if (huge) alignment = std::max(alignment, kHugePage);
  void* block = nullptr;
  const auto take = [&] { return posix_memalign(&block, alignment, bytes) == 0; };
  if (!take()) {
    try {
      release_cached_memory();
    } catch (const std::bad_alloc&) {  // what could be given back without asking for memory has been
    }
    if (!take()) throw std::bad_alloc();
  }
#ifdef MADV_HUGEPAGE
  if (huge) madvise(block, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // in vain on a system without them
#endif
  usage.calls.add(1);
  usage.held.add(static_cast<std::int64_t>(bytes));
  return block;
}

void system_free(void* block, std::size_t bytes) noexcept {
  usage.held.add(-static_cast<std::int64_t>(bytes));
  std::free(block);
}

}  // namespace detail

namespace {

using detail::kCaching, detail::system_free, detail::usage;

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSmallest = 64;              // the finest step
constexpr std::size_t kSmallLimit = 256 * 1024;    // above: the shared pool
constexpr std::size_t kChunk = 256 * 1024;         // small blocks are cut from chunks of this size
constexpr std::size_t kThreadLimit = 1024 * 1024;  // bytes of one class that a thread keeps for itself
constexpr int kClasses = 152;
constexpr int kFirstLog = 9;  // blocks above kLargestInChunk bytes have classes

/// Four classes for each power of two, and 64 for the header of a storage, so that tensors of a power of two bytes fit
/// exactly.
int class_of(std::size_t bytes) {
  const std::size_t last = bytes - kSmallest - 1;
  const int log = static_cast<int>(std::bit_width(last)) - 1;  // 2^log <= last
  const auto quarter = static_cast<int>((last >> (log - 2)) & 3);
  return (log - kFirstLog) * 4 + quarter;
}

std::size_t class_size(int index) {
  const int log = index / 4 + kFirstLog, quarter = index % 4;
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

struct Chunk {
  std::byte* begin;
  std::size_t block_size;
};

/// What threads share. Never destroyed: threads may outlive static destructors.
struct Pool {
  std::mutex mutex;
  std::array<List, kClasses> lists{};
  std::vector<Chunk> chunks;
};
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
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
  auto* begin = static_cast<std::byte*>(detail::system_allocate(bytes, kAlignment));
  try {
    const std::scoped_lock lock(pool().mutex);
    pool().chunks.push_back({begin, size});
  } catch (...) {
    system_free(begin, bytes);
    throw;
  }
  for (std::size_t at = bytes; at >= size; at -= size) own.lists[c].push(reinterpret_cast<Free*>(begin + at - size));
}

void* allocate_large(int index) {
  {
    const std::scoped_lock lock(pool().mutex);
    List& list = pool().lists[static_cast<std::size_t>(index)];
    if (list.count > 0) return list.pop();
  }
  return detail::system_allocate(class_size(index), kAlignment);
}

void* allocate_small(int index) {
  List& list = own.lists[static_cast<std::size_t>(index)];
  if (list.head == nullptr) refill(index);
  return list.pop();
}

void deallocate_large(void* block, int index) {
  const std::scoped_lock lock(pool().mutex);
  pool().lists[static_cast<std::size_t>(index)].push(static_cast<Free*>(block));
}

void deallocate_small(void* block, int index) {
  List& list = own.lists[static_cast<std::size_t>(index)];
  list.push(static_cast<Free*>(block));
  if (!own.watched) watch_thread();
  if (list.count * class_size(index) > kThreadLimit || own.ended) {
    const std::scoped_lock lock(pool().mutex);
    pool().lists[static_cast<std::size_t>(index)].append(std::move(list));
  }
}

std::size_t rounded_up(std::size_t bytes, std::size_t step) { return std::max((bytes + step - 1) / step * step, step); }

/// A block of `bytes` from a chunk, or of their class.
void* take(std::size_t bytes, std::size_t alignment) {
  void* block = nullptr;
  if (!kCaching)
    block = detail::system_allocate(bytes, alignment);
  else if (bytes <= detail::kLargestInChunk)
    block = detail::take_from_chunk(bytes);
  else if (bytes <= kSmallLimit)
    block = allocate_small(class_of(bytes));
  else
    block = allocate_large(class_of(bytes));
  const std::int64_t live = usage.live.add(static_cast<std::int64_t>(bytes));
  if (live > usage.peak.get()) usage.peak.raise_to(live);
  return block;
}

void give(void* block, std::size_t bytes) noexcept {
  usage.live.add(-static_cast<std::int64_t>(bytes));
  if (!kCaching)
    system_free(block, bytes);
  else if (bytes <= detail::kLargestInChunk)
    detail::give_to_chunk(block);
  else if (bytes <= kSmallLimit)
    deallocate_small(block, class_of(bytes));
  else
    deallocate_large(block, class_of(bytes));
}

/// What a block of so many bytes takes.
std::size_t taken(std::size_t bytes) {
  return bytes <= detail::kLargestInChunk ? rounded_up(bytes, kSmallest) : class_size(class_of(bytes));
}

}  // namespace

namespace detail {

void* allocate(std::size_t bytes) {
  if (bytes > (std::size_t{1} << 46)) throw std::bad_alloc();
  return take(taken(bytes), kAlignment);
}

void deallocate(void* block, std::size_t bytes) noexcept {
  if (block != nullptr) give(block, taken(bytes));
}

void* allocate_packed(std::size_t bytes) {
  if (bytes > kLargestInChunk) return allocate(bytes);
  const std::size_t size = rounded_up(bytes, kChunkStep);
  return take(size, size % kAlignment == 0 ? kAlignment : kChunkStep);
}

void deallocate_packed(void* block, std::size_t bytes) noexcept {
  if (bytes > kLargestInChunk) return deallocate(block, bytes);
  give(block, rounded_up(bytes, kChunkStep));
}

}  // namespace detail

MemoryStats memory_stats() {
  const std::int64_t live = usage.live.get();
  return {live, usage.held.get() - live, usage.peak.get(), usage.calls.get()};
}

void reset_peak_memory() { usage.peak.set(usage.live.get()); }

namespace {

/// Gives those chunks of small blocks back of which all blocks are in the list of their class. The pool is locked.
void release_small(Pool& shared, int index) {
  List& list = shared.lists[static_cast<std::size_t>(index)];
  if (list.count == 0) return;
  std::vector<std::byte*> blocks;
  blocks.reserve(list.count);
  std::vector<bool> gone(list.count);  // from here on nothing asks for memory
  while (list.count > 0) blocks.push_back(reinterpret_cast<std::byte*>(list.pop()));
  std::sort(blocks.begin(), blocks.end());
  const std::size_t size = class_size(index), bytes = std::max(size, kChunk / size * size);
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

// A process made by fork() has one thread. No other holds a lock of the allocator at that moment.
void lock_all() {
  pool().mutex.lock();
  detail::chunks_mutex().lock();
}
void unlock_all() {
  detail::chunks_mutex().unlock();
  pool().mutex.unlock();
}
[[maybe_unused]] const int at_fork = pthread_atfork(lock_all, unlock_all, unlock_all);

}  // namespace

void release_cached_memory() {
  give_to_pool();
  Pool& shared = pool();
  {
    const std::scoped_lock lock(shared.mutex);
    for (int index = 0; index < kClasses; ++index)  // first what takes no memory to be found
      if (const std::size_t size = class_size(index); size > kSmallLimit)
        for (List& list = shared.lists[static_cast<std::size_t>(index)]; list.count > 0;) system_free(list.pop(), size);
  }
  detail::release_chunks();
  const std::scoped_lock lock(shared.mutex);
  for (int index = 0; class_size(index) <= kSmallLimit; ++index) release_small(shared, index);
}

}  // namespace gradus

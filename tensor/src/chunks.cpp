#include "chunks.h"

#include "system_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace gradus::detail {
namespace {

constexpr std::size_t kChunk = 64 * 1024;     // and aligned to it, so that a block's address tells its chunk
constexpr std::size_t kRegion = 1024 * 1024;  // what is asked of the system at a time
constexpr std::size_t kSizes = kLargestInChunk / kChunkStep + 1;
constexpr std::size_t kSpare = 32;  // empty chunks that a thread keeps for itself

struct Free {
  Free* next;
};
struct Heap;

/// The head of a chunk. Only the owner of `heap` touches it, but for the part that is behind.
struct alignas(64) Chunk {
  Heap* heap;
  Free* free;                // blocks that were given back,
  std::byte* fresh;          // and the first that was never taken
  std::uint32_t size, used;  // bytes of a block; blocks taken
  std::uint32_t wake;        // with so few blocks taken its place in the heap changes
  enum { current, full, open, empty } state;
  Chunk *previous, *next;  // in the heap's list

  alignas(64) std::atomic<Free*> returned;  // blocks that other threads gave back
  Chunk* next_returned;                     // in the heap's list of chunks that have such

  std::byte* begin() { return reinterpret_cast<std::byte*>(this + 1); }
  std::byte* end() { return reinterpret_cast<std::byte*>(this) + kChunk; }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>((kChunk - sizeof(Chunk)) / size); }
  /// In the order of addresses again.
  void reset() {
    free = nullptr;
    fresh = begin();
  }
  bool exhausted() { return free == nullptr && fresh + size > end(); }
  /// Null once it is exhausted.
  void* take() {
    if (Free* block = free; block != nullptr) {
      free = block->next;
      ++used;
      return block;
    }
    if (fresh + size > end()) return nullptr;
    ++used;
    return std::exchange(fresh, fresh + size);
  }
};

struct List {
  Chunk* first = nullptr;

  void push(Chunk* chunk) {
    chunk->previous = nullptr;
    chunk->next = first;
    if (first != nullptr) first->previous = chunk;
    first = chunk;
  }
  void remove(Chunk* chunk) {
    (chunk->previous != nullptr ? chunk->previous->next : first) = chunk->next;
    if (chunk->next != nullptr) chunk->next->previous = chunk->previous;
  }
};

/// The chunks of a thread, or of one that ended.
struct Heap {
  std::array<Chunk*, kSizes> current{};  // that blocks are taken from
  std::array<List, kSizes> open{};       // others of which a quarter is free
  List empty{};
  std::size_t empties = 0;
  std::atomic<Chunk*> returned{nullptr};
  Heap* next = nullptr;  // of those without a thread
};

/// What threads share. Never destroyed: threads may outlive static destructors.
struct Shared {
  std::mutex mutex;
  List empty;
  std::vector<std::byte*> regions;
  Heap* left = nullptr;  // heaps of threads that ended
};
Shared& shared() {
  static Shared* const instance = new Shared;
  return *instance;
}

constinit thread_local Heap* own = nullptr;

Chunk* chunk_of(void* block) {
  return reinterpret_cast<Chunk*>(reinterpret_cast<std::uintptr_t>(block) & ~(kChunk - 1));
}

void keep_empty(Heap& heap, Chunk* chunk) {
  chunk->state = Chunk::empty;
  if (heap.empties < kSpare) {
    heap.empty.push(chunk);
    ++heap.empties;
    return;
  }
  const std::scoped_lock lock(shared().mutex);
  shared().empty.push(chunk);
}

/// A chunk that has few enough blocks taken finds its new place.
void settle(Heap& heap, Chunk* chunk) {
  if (chunk->state == Chunk::current) {
    chunk->reset();
    return;
  }
  List& open = heap.open[chunk->size / kChunkStep];
  if (chunk->used == 0) {
    if (chunk->state == Chunk::open) open.remove(chunk);
    keep_empty(heap, chunk);
  } else {
    chunk->state = Chunk::open;
    chunk->wake = 0;
    open.push(chunk);
  }
}

void give_back(Heap& heap, Chunk* chunk, Free* block) {
  block->next = chunk->free;
  chunk->free = block;
  if (--chunk->used <= chunk->wake) [[unlikely]]
    settle(heap, chunk);
}

/// Takes in what other threads gave back.
void collect(Heap& heap) {
  Chunk* chunk = heap.returned.exchange(nullptr, std::memory_order_acquire);
  while (chunk != nullptr) {
    Chunk* const next = chunk->next_returned;  // from here on it may be entered anew
    Free* block = chunk->returned.exchange(nullptr, std::memory_order_acq_rel);
    while (block != nullptr) {
      Free* const following = block->next;
      give_back(heap, chunk, block);
      block = following;
    }
    chunk = next;
  }
}

void return_to(Chunk* chunk, Free* block) noexcept {
  Heap& heap = *chunk->heap;
  // Acquired, so that who finds none may enter the chunk anew.
  Free* others = chunk->returned.load(std::memory_order_acquire);
  do {
    block->next = others;
  } while (!chunk->returned.compare_exchange_weak(others, block, std::memory_order_acq_rel, std::memory_order_acquire));
  if (others != nullptr) return;
  // The first one enters the chunk. Nobody empties it before: it is found only by way of the list.
  Chunk* first = heap.returned.load(std::memory_order_relaxed);
  do {
    chunk->next_returned = first;
  } while (!heap.returned.compare_exchange_weak(first, chunk, std::memory_order_release, std::memory_order_relaxed));
}

/// Gives empty chunks to all threads; also current ones, if `all`.
void share_empty(Heap& heap, bool all) {
  if (all) {
    for (Chunk*& chunk : heap.current)
      if (chunk != nullptr && chunk->used == 0) keep_empty(heap, std::exchange(chunk, nullptr));
  }
  const std::scoped_lock lock(shared().mutex);
  while (Chunk* chunk = heap.empty.first) {
    heap.empty.remove(chunk);
    shared().empty.push(chunk);
  }
  heap.empties = 0;
}

/// Takes in what came back for threads that ended. Meanwhile their heaps are nobody's.
void collect_left() {
  Heap* left = nullptr;
  {
    const std::scoped_lock lock(shared().mutex);
    left = std::exchange(shared().left, nullptr);
  }
  if (left == nullptr) return;
  Heap* last = left;
  for (Heap* heap = left; heap != nullptr; heap = heap->next) {
    collect(*heap);
    share_empty(*heap, true);
    last = heap;
  }
  const std::scoped_lock lock(shared().mutex);
  last->next = std::exchange(shared().left, left);
}

/// An empty chunk that no thread has; null if there is none.
Chunk* take_shared() {
  const std::scoped_lock lock(shared().mutex);
  Chunk* const chunk = shared().empty.first;
  if (chunk != nullptr) shared().empty.remove(chunk);
  return chunk;
}

void add_region() {
  auto* const begin = static_cast<std::byte*>(system_allocate(kRegion, kChunk));
  const std::scoped_lock lock(shared().mutex);
  try {
    shared().regions.push_back(begin);
  } catch (...) {
    system_free(begin, kRegion);
    throw;
  }
  for (std::size_t at = kRegion; at > 0; at -= kChunk) {
    auto* const chunk = new (begin + at - kChunk) Chunk{};
    chunk->state = Chunk::empty;
    shared().empty.push(chunk);
  }
}

Chunk* take_empty(Heap& heap) {
  if (Chunk* chunk = heap.empty.first; chunk != nullptr) {
    heap.empty.remove(chunk);
    --heap.empties;
    return chunk;
  }
  if (Chunk* chunk = take_shared(); chunk != nullptr) return chunk;
  collect_left();
  for (;;) {
    if (Chunk* chunk = take_shared(); chunk != nullptr) return chunk;
    add_region();
  }
}

/// When a thread ends, the next one that begins takes over its chunks.
struct Farewell {
  ~Farewell() {
    Heap* const heap = std::exchange(own, nullptr);
    if (heap == nullptr) return;
    collect(*heap);
    share_empty(*heap, true);
    const std::scoped_lock lock(shared().mutex);
    heap->next = std::exchange(shared().left, heap);
  }
};

[[gnu::noinline]] void take_heap() {
  thread_local Farewell farewell;
  (void)farewell;
  {
    const std::scoped_lock lock(shared().mutex);
    own = shared().left;
    if (own != nullptr) shared().left = std::exchange(own->next, nullptr);
  }
  if (own == nullptr) own = new Heap;
}

/// Another chunk to take blocks of a size from.
Chunk* next_chunk(Heap& heap, std::size_t index) {
  collect(heap);
  Chunk*& current = heap.current[index];
  if (current != nullptr) {
    if (!current->exhausted()) return current;
    current->state = Chunk::full;
    current->wake = current->capacity() / 4 * 3;
    current = nullptr;
  }
  Chunk* chunk = heap.open[index].first;
  if (chunk != nullptr) {
    heap.open[index].remove(chunk);
  } else {
    chunk = take_empty(heap);
    chunk->heap = &heap;
    chunk->size = static_cast<std::uint32_t>(index * kChunkStep);
    chunk->reset();
  }
  chunk->state = Chunk::current;
  chunk->wake = 0;
  return current = chunk;
}

}  // namespace

void* take_from_chunk(std::size_t bytes) {
  if (own == nullptr) [[unlikely]]
    take_heap();
  Heap& heap = *own;
  const std::size_t index = bytes / kChunkStep;
  if (Chunk* chunk = heap.current[index]; chunk != nullptr) [[likely]]
    if (void* block = chunk->take(); block != nullptr) [[likely]]
      return block;
  return next_chunk(heap, index)->take();
}

void give_to_chunk(void* block) noexcept {
  Chunk* const chunk = chunk_of(block);
  auto* const free_block = static_cast<Free*>(block);
  if (chunk->heap == own) [[likely]]
    give_back(*own, chunk, free_block);
  else
    return_to(chunk, free_block);
}

std::mutex& chunks_mutex() { return shared().mutex; }

void release_chunks() {
  if (own != nullptr) {
    collect(*own);
    share_empty(*own, true);
  }
  collect_left();
  const std::scoped_lock lock(shared().mutex);
  std::vector<std::byte*> empty;
  for (Chunk* chunk = shared().empty.first; chunk != nullptr; chunk = chunk->next)
    empty.push_back(reinterpret_cast<std::byte*>(chunk));
  std::sort(empty.begin(), empty.end());
  // A region goes once all of its chunks are empty.
  std::erase_if(shared().regions, [&](std::byte* region) {
    const auto first = std::lower_bound(empty.begin(), empty.end(), region);
    const auto last = std::lower_bound(first, empty.end(), region + kRegion);
    if (static_cast<std::size_t>(last - first) != kRegion / kChunk) return false;
    for (auto at = first; at != last; ++at) shared().empty.remove(reinterpret_cast<Chunk*>(*at));
    system_free(region, kRegion);
    return true;
  });
}

}  // namespace gradus::detail

#pragma once

#include <cstddef>
#include <mutex>

namespace gradus::detail {

/// Small blocks, cut from chunks of one size of block each. A thread takes blocks of a size from one chunk, in the
/// order of their addresses where the chunk was empty, until it has no more; so what is made in turn lies in turn
/// (decision 0020). Blocks are aligned to 8 bytes, and to 64 where their size is a multiple of 64.

inline constexpr std::size_t kLargestInChunk = 1024, kChunkStep = 8;

/// `bytes` is a multiple of kChunkStep, not 0 and at most kLargestInChunk.
void* take_from_chunk(std::size_t bytes);
/// On any thread.
void give_to_chunk(void* block) noexcept;

/// Gives empty chunks of this thread, of ended ones and of none back to the system.
void release_chunks();

/// Held while what threads share of them is changed.
std::mutex& chunks_mutex();

}  // namespace gradus::detail

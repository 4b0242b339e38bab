#pragma once

// Programs that link allocations.cpp count what they ask memory for, and can be refused it.

#include <cstdint>

namespace gradus::tests {

/// Blocks of operator new that are held at this moment, over all threads.
std::int64_t blocks_held();

/// While it lives, requests of this thread for memory, by operator new and to the allocator of tensors, are counted,
/// and number `n` (from 1) is refused; with `all`, those that follow too.
class Refusal {
 public:
  explicit Refusal(std::int64_t n, bool all = false);
  ~Refusal();
  Refusal(const Refusal&) = delete;
  Refusal& operator=(const Refusal&) = delete;
  /// Whether there were so many.
  static bool has_come();
};

}  // namespace gradus::tests

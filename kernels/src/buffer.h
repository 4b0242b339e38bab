#pragma once

#include "gradus/tensor/memory.h"

#include <cstddef>
#include <cstdint>

namespace gradus::kernels {

/// Memory for n numbers, from the caching allocator.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::int64_t n)
      : bytes_(static_cast<std::size_t>(n) * sizeof(T)), at_(static_cast<T*>(detail::allocate(bytes_))) {}
  ~Buffer() { detail::deallocate(at_, bytes_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  T* get() const { return at_; }

 private:
  std::size_t bytes_;
  T* at_;
};

}  // namespace gradus::kernels

#include "gradus/graph/op.h"

#include <memory>
#include <new>

namespace gradus {

void Tensors::reserve(std::size_t n) {
  if (n <= capacity_) return;
  auto* grown = static_cast<Tensor*>(detail::allocate(n * sizeof(Tensor)));
  std::uninitialized_move_n(begin(), size_, grown);
  std::uninitialized_default_construct_n(grown + size_, n - size_);
  if (heap_ != nullptr) {
    std::destroy_n(heap_, capacity_);
    detail::deallocate(heap_, capacity_ * sizeof(Tensor));
  }
  heap_ = grown;
  capacity_ = n;
}

Tensors::~Tensors() {
  if (heap_ == nullptr) return;
  std::destroy_n(heap_, capacity_);
  detail::deallocate(heap_, capacity_ * sizeof(Tensor));
}

void Tensors::swap(Tensors& other) noexcept {
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(inline_, other.inline_);
  std::swap(heap_, other.heap_);
}

}  // namespace gradus

#pragma once

#include "gradus/tensor/tensor.h"

#include <cstddef>

GRADUS_EXPORT_BEGIN
namespace gradus::detail {

/// Memory of somebody else's, which may be written to.
struct ForeignMemory {
  void* data;  // of the first element
  void* context;
  /// Called once, on whatever thread, when no tensor refers to the memory any more. It must not throw.
  void (*end)(void* context);
};

/// A tensor that is this memory, with strides in elements. If it throws, `end` has not been called.
Tensor foreign_tensor(const ForeignMemory& memory, DType dtype, const Shape& sizes, const Shape& strides);

/// The bytes of data in a storage, whoever's they are.
std::size_t data_bytes(const Storage& storage);

}  // namespace gradus::detail
GRADUS_EXPORT_END

#pragma once

#include "gradus/tensor/tensor.h"

#include <cstdint>

GRADUS_EXPORT_BEGIN
/// The structs of DLPack, by which libraries hand arrays to each other without a copy (https://dmlc.github.io/dlpack).
/// They are laid out as those of dlpack.h, so a pointer to one may be cast to a pointer to the other.
namespace gradus::dlpack {

/// Where an array lies.
struct Device {
  std::int32_t type, id;  // 1, 0: the CPU's memory
};
/// What its elements are.
struct DataType {
  std::uint8_t code, bits;  // codes: 0 signed and 1 unsigned whole numbers, 2 IEEE floats, 6 bool
  std::uint16_t lanes;
};
/// The array.
struct DLTensor {
  void* data;
  Device device;
  std::int32_t ndim;
  DataType dtype;
  std::int64_t *shape, *strides;  // strides in elements; null: row-major
  std::uint64_t byte_offset;      // of the first element from `data`
};

/// DLManagedTensor, before version 1. The deleter is called once, by who has taken the tensor.
struct ManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(ManagedTensor* self);
};

/// DLManagedTensorVersioned, of version 1.
struct ManagedTensorVersioned {
  struct {
    std::uint32_t major, minor;
  } version;
  void* context;
  void (*deleter)(ManagedTensorVersioned* self);
  std::uint64_t flags;  // 1: not to be written to; 2: a copy was made
  DLTensor tensor;
};

}  // namespace gradus::dlpack

namespace gradus {

/// The array as a tensor, without a copy: both see what the other writes (a backward pass notices only what is written
/// through tensors). The tensor has taken it: its deleter is called when no tensor refers to it any more. One that is
/// not to be written to is copied, and its deleter called at once.
///   errors    ArgumentError for null, memory of other devices than the CPU, another version than 1 or elements that
///             are not aligned to their size; DTypeError for others than float32, float64, int64 and bool; ShapeError
///             for more than 8 axes or negative sizes. It is then not taken
Tensor from_dlpack(dlpack::ManagedTensor* managed, CallSite site = CallSite::here());
Tensor from_dlpack(dlpack::ManagedTensorVersioned* managed, CallSite site = CallSite::here());

/// x for another library, without a copy: its values, not its gradient. Whoever takes it calls its deleter once.
dlpack::ManagedTensor* to_dlpack(const Tensor& x);
/// The same for libraries of version 1.
dlpack::ManagedTensorVersioned* to_dlpack_versioned(const Tensor& x);

}  // namespace gradus
GRADUS_EXPORT_END

#pragma once

#include "gradus/tensor/tensor.h"

#include <cstddef>
#include <string_view>

namespace gradus::nn {

/// An element type of safetensors files, and what it is read as.
struct Stored {
  std::string_view name;
  std::size_t bytes;
  DType dtype;
};
inline constexpr Stored kStored[] = {{"F32", 4, float32},
                                     {"F64", 8, float64},
                                     {"I64", 8, int64},
                                     {"BOOL", 1, boolean},
                                     {"F16", 2, float32},
                                     {"BF16", 2, float32},
                                     {"F8_E4M3", 1, float32},
                                     {"F8_E5M2", 1, float32},
                                     {"I32", 4, int64},
                                     {"I16", 2, int64},
                                     {"I8", 1, int64},
                                     {"U32", 4, int64},
                                     {"U16", 2, int64},
                                     {"U8", 1, int64}};
std::string_view name_of(DType dtype);

/// Whether elements can be a tensor where they are: of a type that tensors have, and aligned. (Bytes other than 0 and 1
/// are no bool, so these are converted.)
bool can_be_mapped(std::string_view bytes, const Stored& stored);

/// The elements that `bytes` hold, converted.
Tensor to_tensor(std::string_view bytes, const Stored& stored, const Shape& shape);

}  // namespace gradus::nn

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
  void (*fill)(Tensor& x, std::string_view bytes);  // x with the elements that the bytes hold
};
/// Null for a type that is not read.
const Stored* find_stored(std::string_view name);
std::string_view name_of(DType dtype);

/// Whether elements can be a tensor where they are: of a type that tensors have, and aligned. (Bytes other than 0 and 1
/// are no bool, so these are converted.)
bool can_be_mapped(std::string_view bytes, const Stored& stored);

/// The elements that `bytes` hold, converted.
Tensor to_tensor(std::string_view bytes, const Stored& stored, const Shape& shape);

}  // namespace gradus::nn

#pragma once

#include "onnx/load/wire.h"

#include "gradus/tensor/tensor.h"

#include <string>
#include <utility>

namespace gradus::onnx {

/// A TensorProto: its name and elements. IoError for types other than those of numbers and flags, and for data that
/// don't fit its shape.
std::pair<std::string, Tensor> tensor_of(const Source& source, Fields fields);

}  // namespace gradus::onnx

#pragma once

#include "onnx/save/graph_writer.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gradus::onnx {

struct Dimension {
  std::int64_t size;
  std::string name;  // if it varies
};

struct GraphValue {
  std::string name;
  DType dtype;
  std::vector<Dimension> shape;
};

struct Draft {
  const std::vector<DraftNode>* nodes;
  const std::vector<std::pair<std::string, Tensor>>* constants;
  std::vector<GraphValue> inputs, outputs;
  std::string name;
  std::int64_t opset, ir_version;
};

/// TensorProto.DataType.
std::int64_t type_number(DType dtype);

/// The bytes of an ONNX file.
std::string file_of(const Draft& draft);

}  // namespace gradus::onnx

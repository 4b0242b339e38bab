#pragma once

#include "onnx/save/graph_writer.h"

#include <cstdint>
#include <string>
#include <string_view>
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
  std::string data_name;  // of the file beside the model that large constants are in; empty: there is none
};

/// Bytes one behind the other: own ones, and lent ones, which stay where they are.
class Bytes {
 public:
  void add(std::string_view bytes);
  void lend(std::string_view bytes);
  void add(const Bytes& other);

  std::uint64_t size() const { return size_; }
  /// Valid as long as this is unchanged, and what was lent.
  std::vector<std::string_view> parts() const;

 private:
  struct Part {
    std::string own;
    std::string_view lent;  // behind it
  };
  std::vector<Part> parts_{1};
  std::uint64_t size_ = 0;
};

/// What is in an ONNX file, and in that beside it; elements of constants are lent.
struct OnnxFiles {
  Bytes model, data;
};

/// TensorProto.DataType.
std::int64_t type_number(DType dtype);

/// With a `data_name`, constants of 1 KiB and more are in the file beside, from multiples of 4096 bytes on.
OnnxFiles files_of(const Draft& draft);

}  // namespace gradus::onnx

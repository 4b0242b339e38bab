#pragma once

#include "gradus/tensor/tensor.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What an ONNX file says, as far as load_onnx needs it; the structs are the messages of onnx.proto3.

namespace gradus::onnx {

struct LoadedAttribute {
  std::string name;
  std::optional<double> number;
  std::optional<std::int64_t> integer;
  std::optional<std::string> text;
  Tensor tensor;
  std::vector<double> numbers;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
  bool is_other = false;  // a graph, a type, a sparse tensor, or several of these
};

struct LoadedNode {
  std::string name, type, domain;
  std::vector<std::string> inputs, outputs;  // empty where one is left out
  std::vector<LoadedAttribute> attributes;
};

struct LoadedSize {
  std::optional<std::int64_t> size;
  std::string name;  // of one that varies
};

struct LoadedValue {
  std::string name;
  std::optional<DType> dtype;
  std::optional<std::vector<LoadedSize>> shape;
};

struct LoadedGraph {
  std::vector<LoadedNode> nodes;
  std::vector<std::pair<std::string, Tensor>> initializers;
  std::vector<LoadedValue> inputs, outputs;
};

struct LoadedModel {
  LoadedGraph graph;
  std::map<std::string, std::int64_t> opsets;  // by domain; that of ONNX is ""
  bool has_data_outside = false;               // in other files, which have been read
};

/// A model of the bytes of the file at `path`; data that are beside it are read there, from its own folder only.
/// Whole numbers of any width become int64, float16 and bfloat16 float32. IoError that names what is wrong and where.
/// Graphs in attributes are not gone into, so messages are nested to a fixed depth.
LoadedModel read_model(const std::string& path, std::string_view bytes);

/// A TensorProto of bytes alone, as the data of node tests are.
Tensor read_tensor(const std::string& path, std::string_view bytes);

/// The element type here for a number of TensorProto.DataType, or nothing.
std::optional<DType> dtype_of_type(std::int64_t type);

}  // namespace gradus::onnx

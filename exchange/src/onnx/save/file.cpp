#include "onnx/save/file.h"

#include <bit>
#include <cstring>
#include <string_view>

// The messages of onnx.proto3 and their fields' numbers; the encoding is that of Protocol Buffers.

namespace gradus::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw data of an ONNX file is little-endian");

/// A message: its fields, one behind the other.
class Message {
 public:
  Message& put(int field, std::int64_t value) {
    key(field, 0);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& put(int field, float value) {
    key(field, 5);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Message& put(int field, std::string_view bytes) {
    key(field, 2);
    varint(bytes.size());
    bytes_ += bytes;
    return *this;
  }
  Message& put(int field, const Message& message) { return put(field, std::string_view(message.bytes_)); }
  std::string take() { return std::move(bytes_); }

 private:
  void key(int field, int type) { varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(type)); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

Message tensor(const std::string& name, const Tensor& x) {
  Message m;
  for (const std::int64_t size : x.shape()) m.put(1, size);
  const auto bytes = static_cast<std::size_t>(x.numel()) * size_of(x.dtype());
  return m.put(2, type_number(x.dtype()))
      .put(8, name)
      .put(9, std::string_view(reinterpret_cast<const char*>(x.raw()->data), bytes));
}

/// The value's field, and the number of its type.
Message attribute(const NodeAttribute& a) {
  Message m;
  m.put(1, std::string_view(a.name));
  if (const auto* number = std::get_if<double>(&a.value)) {
    m.put(2, static_cast<float>(*number)).put(20, std::int64_t{1});
  } else if (const auto* whole = std::get_if<std::int64_t>(&a.value)) {
    m.put(3, *whole).put(20, std::int64_t{2});
  } else if (const auto* text = std::get_if<std::string>(&a.value)) {
    m.put(4, *text).put(20, std::int64_t{3});
  } else {
    for (const std::int64_t value : std::get<std::vector<std::int64_t>>(a.value)) m.put(8, value);
    m.put(20, std::int64_t{7});
  }
  return m;
}

Message node(const DraftNode& n) {
  Message m;
  for (const std::string& x : n.inputs) m.put(1, x);
  for (const std::string& y : n.outputs) m.put(2, y);
  m.put(3, n.name).put(4, n.type);
  for (const NodeAttribute& a : n.attributes) m.put(5, attribute(a));
  return m;
}

Message value(const GraphValue& v) {
  Message shape;
  for (const Dimension& d : v.shape) {
    Message dimension;
    if (d.name.empty())
      dimension.put(1, d.size);
    else
      dimension.put(2, d.name);
    shape.put(1, dimension);
  }
  const Message type = Message().put(1, type_number(v.dtype)).put(2, shape);
  return Message().put(1, v.name).put(2, Message().put(1, type));
}

}  // namespace

std::int64_t type_number(DType dtype) {
  switch (dtype) {
    case DType::float32: return 1;
    case DType::float64: return 11;
    case DType::int64: return 7;
    case DType::boolean: return 9;
  }
  return 0;
}

std::string file_of(const Draft& draft) {
  Message graph;
  for (const DraftNode& n : *draft.nodes) graph.put(1, node(n));
  graph.put(2, draft.name.empty() ? std::string("model") : draft.name);
  for (const auto& [name, x] : *draft.constants) graph.put(5, tensor(name, x));
  for (const GraphValue& v : draft.inputs) graph.put(11, value(v));
  for (const GraphValue& v : draft.outputs) graph.put(12, value(v));
  return Message()
      .put(1, draft.ir_version)
      .put(2, std::string_view("gradus"))
      .put(3, std::string_view(GRADUS_VERSION))
      .put(7, graph)
      .put(8, Message().put(1, std::string_view()).put(2, draft.opset))
      .take();
}

}  // namespace gradus::onnx

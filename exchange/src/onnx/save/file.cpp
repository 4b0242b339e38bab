#include "onnx/save/file.h"

#include <fmt/format.h>

#include <array>
#include <bit>

// The messages of onnx.proto3 and their fields' numbers; the encoding is that of Protocol Buffers. Of data beside the
// model: ONNX, "External Data".

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
    bytes_.add({reinterpret_cast<const char*>(&value), sizeof value});
    return *this;
  }
  Message& put(int field, std::string_view bytes) {
    head(field, bytes.size());
    bytes_.add(bytes);
    return *this;
  }
  Message& put(int field, const Message& message) {
    head(field, message.bytes_.size());
    bytes_.add(message.bytes_);
    return *this;
  }
  Message& lend(int field, std::string_view bytes) {
    head(field, bytes.size());
    bytes_.lend(bytes);
    return *this;
  }
  Bytes take() { return std::move(bytes_); }

 private:
  void key(int field, int type) { varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(type)); }
  void head(int field, std::uint64_t size) {
    key(field, 2);
    varint(size);
  }
  void varint(std::uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
    bytes_.add(bytes);
  }

  Bytes bytes_;
};

constexpr std::size_t kLeastOutside = 1024, kAlignment = 4096;

/// One entry of TensorProto.external_data.
Message entry(std::string_view key, std::string_view value) { return Message().put(1, key).put(2, value); }

/// Elements of large ones are put into `data`, if that has a name.
Message tensor(const std::string& name, const Tensor& x, const std::string& data_name, Bytes& data) {
  Message m;
  for (const std::int64_t size : x.shape()) m.put(1, size);
  m.put(2, type_number(x.dtype())).put(8, name);
  const std::string_view elements(reinterpret_cast<const char*>(x.raw()->data),
                                  static_cast<std::size_t>(x.numel()) * size_of(x.dtype()));
  if (data_name.empty() || elements.size() < kLeastOutside) return m.lend(9, elements);
  static constexpr std::array<char, kAlignment> zeros{};
  data.lend({zeros.data(), static_cast<std::size_t>((kAlignment - data.size() % kAlignment) % kAlignment)});
  m.put(13, entry("location", data_name))
      .put(13, entry("offset", fmt::to_string(data.size())))
      .put(13, entry("length", fmt::to_string(elements.size())))
      .put(14, std::int64_t{1});
  data.lend(elements);
  return m;
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

void Bytes::add(std::string_view bytes) {
  if (!parts_.back().lent.empty()) parts_.emplace_back();
  parts_.back().own += bytes;
  size_ += bytes.size();
}

void Bytes::lend(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!parts_.back().lent.empty()) parts_.emplace_back();
  parts_.back().lent = bytes;
  size_ += bytes.size();
}

void Bytes::add(const Bytes& other) {
  for (const Part& part : other.parts_) {
    add(part.own);
    lend(part.lent);
  }
}

std::vector<std::string_view> Bytes::parts() const {
  std::vector<std::string_view> all;
  for (const Part& part : parts_)
    for (const std::string_view bytes : {std::string_view(part.own), part.lent})
      if (!bytes.empty()) all.push_back(bytes);
  return all;
}

std::int64_t type_number(DType dtype) {
  switch (dtype) {
    case DType::float32: return 1;
    case DType::float64: return 11;
    case DType::int64: return 7;
    case DType::boolean: return 9;
  }
  return 0;
}

OnnxFiles files_of(const Draft& draft) {
  OnnxFiles files;
  Message graph;
  for (const DraftNode& n : *draft.nodes) graph.put(1, node(n));
  graph.put(2, draft.name.empty() ? std::string("model") : draft.name);
  for (const auto& [name, x] : *draft.constants) graph.put(5, tensor(name, x, draft.data_name, files.data));
  for (const GraphValue& v : draft.inputs) graph.put(11, value(v));
  for (const GraphValue& v : draft.outputs) graph.put(12, value(v));
  files.model = Message()
                    .put(1, draft.ir_version)
                    .put(2, std::string_view("gradus"))
                    .put(3, std::string_view(GRADUS_VERSION))
                    .put(7, graph)
                    .put(8, Message().put(1, std::string_view()).put(2, draft.opset))
                    .take();
  return files;
}

}  // namespace gradus::onnx

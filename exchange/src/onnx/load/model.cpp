#include "onnx/load/model.h"

#include "onnx/load/tensor_data.h"
#include "onnx/load/wire.h"

#include <fmt/format.h>

// The numbers of fields are those of onnx.proto3.

namespace gradus::onnx {
namespace {

LoadedAttribute attribute_of(const Source& source, Fields fields) {
  LoadedAttribute a;
  while (fields.next()) {
    switch (fields.number()) {
      case 1: a.name = fields.text(); break;
      case 2: a.number = fields.float32(); break;
      case 3: a.integer = fields.integer(); break;
      case 4: a.text = fields.text(); break;
      case 5: a.tensor = tensor_of(source, fields.message()).second; break;
      case 7: fields.floats32([&](double value) { a.numbers.push_back(value); }); break;
      case 8: fields.integers([&](std::int64_t value) { a.integers.push_back(value); }); break;
      case 9: a.texts.push_back(fields.text()); break;
      case 6:
      case 10:
      case 11:
      case 14:
      case 15:
      case 21:
      case 22:
      case 23: a.is_other = true; break;
      default: break;
    }
  }
  return a;
}

LoadedNode node_of(const Source& source, Fields fields) {
  LoadedNode n;
  while (fields.next()) {
    switch (fields.number()) {
      case 1: n.inputs.push_back(fields.text()); break;
      case 2: n.outputs.push_back(fields.text()); break;
      case 3: n.name = fields.text(); break;
      case 4: n.type = fields.text(); break;
      case 5: n.attributes.push_back(attribute_of(source, fields.message())); break;
      case 7: n.domain = fields.text(); break;
      default: break;
    }
  }
  if (n.domain == "ai.onnx") n.domain.clear();
  if (n.type.empty()) fields.fail("a node with an operator", "one without");
  if (n.outputs.empty()) fields.fail("a node with outputs", fmt::format("{} without", n.type));
  return n;
}

std::vector<LoadedSize> shape_of(Fields fields) {
  std::vector<LoadedSize> all;
  while (fields.next()) {
    if (fields.number() != 1) continue;
    LoadedSize size;
    for (Fields d = fields.message(); d.next();) {
      if (d.number() == 1) size.size = d.integer();
      if (d.number() == 2) size.name = d.text();
    }
    all.push_back(std::move(size));
  }
  return all;
}

LoadedValue value_of(Fields fields) {
  LoadedValue v;
  while (fields.next()) {
    if (fields.number() == 1) v.name = fields.text();
    if (fields.number() != 2) continue;
    for (Fields type = fields.message(); type.next();) {
      if (type.number() != 1) continue;  // no tensor
      for (Fields tensor = type.message(); tensor.next();) {
        if (tensor.number() == 1) v.dtype = dtype_of_type(tensor.integer());
        if (tensor.number() == 2) v.shape = shape_of(tensor.message());
      }
    }
  }
  return v;
}

LoadedGraph graph_of(const Source& source, Fields fields) {
  LoadedGraph g;
  while (fields.next()) {
    switch (fields.number()) {
      case 1: g.nodes.push_back(node_of(source, fields.message())); break;
      case 5: g.initializers.push_back(tensor_of(source, fields.message())); break;
      case 11: g.inputs.push_back(value_of(fields.message())); break;
      case 12: g.outputs.push_back(value_of(fields.message())); break;
      case 15: fields.fail("dense initializers", "a sparse one"); break;
      default: break;
    }
  }
  return g;
}

}  // namespace

LoadedModel read_model(const std::string& path, std::string_view bytes) {
  const Source source{path, bytes};
  Fields fields(source, bytes);
  LoadedModel model;
  bool has_graph = false;
  while (fields.next()) {
    if (fields.number() == 7) {
      model.graph = graph_of(source, fields.message());
      has_graph = true;
    } else if (fields.number() == 8) {
      std::string domain;
      std::int64_t version = 0;
      for (Fields opset = fields.message(); opset.next();) {
        if (opset.number() == 1) domain = opset.text();
        if (opset.number() == 2) version = opset.integer();
      }
      model.opsets[domain == "ai.onnx" ? std::string() : domain] = version;
    }
  }
  model.has_data_outside = !source.outside.empty();
  if (!has_graph) source.fail("an ONNX model", "a file without a graph", bytes.data());
  if (!model.opsets.contains("")) source.fail("the version of ONNX's operators", "none", bytes.data());
  return model;
}

}  // namespace gradus::onnx

#include "exported.h"

#include "layer_rows.h"

#include "gradus/ops.h"

#include <memory>
#include <string_view>

namespace gradus {
namespace {

/// What holds for all rows whose names begin so; the first one counts.
struct Special {
  std::string_view begin;
  std::vector<nn::DynamicAxis> dynamic;
  std::string_view not_in_onnx = {};
};

const std::vector<Special>& specials() {
  static const std::vector<Special> all{
      // These write a step after the other.
      {"RNN(", {{1}}},
      {"GRU(3, 4, {.reset_after", {{1}}},
      {"EmbeddingBag(", {{0, "words", 0}}, "the places of bags are computed from the offsets' values"},
      {"MaxUnpool", {}, "who writes where is computed from the indices' values"},
      {"MultiLabelMarginLoss(", {}, "what is a target is computed from the labels' values"},
      {"CTCLoss(", {}, "ONNX has no such op"},
  };
  return all;
}

Exported exported_row(const Row& row) {
  manual_seed(5);
  auto layer = std::make_shared<Layer>(row.make());
  stir(layer->module);
  nn::detail::set_training(layer->module, false);
  Exported e{row.name,
             [layer](std::span<const Tensor> x) {
               nn::detail::OnnxResults results;
               results.add(layer->call(x));
               return results;
             },
             layer->module,
             row.inputs};
  for (const Special& special : specials()) {
    if (!row.name.starts_with(special.begin)) continue;
    e.options.dynamic = special.dynamic;
    e.not_in_onnx = special.not_in_onnx;
    break;
  }
  // A cell's state without a batch axis.
  if (row.name.find("Cell(") != std::string::npos && row.inputs[0].rank() == 1)
    e.options.dynamic = std::vector<nn::DynamicAxis>();
  return e;
}

}  // namespace

void stir(nn::ModuleRef module) {
  for (Parameter p : nn::detail::parameters(module))
    copy_into(p, detach(p) + normal(p.shape(), 0, 0.3, p.dtype(), default_generator()));
  for (Buffer b : nn::detail::buffers(module))
    if (is_floating(b.dtype())) copy_into(b, b + uniform(b.shape(), 0.1, 0.9, b.dtype(), default_generator()));
}

std::string Exported::input_name(std::size_t i) const {
  if (!options.inputs.empty()) return options.inputs[i];
  return inputs.size() == 1 ? "input" : "input_" + std::to_string(i);
}

std::string Exported::output_name(const nn::detail::OnnxResults& results, std::size_t i) const {
  if (!options.outputs.empty()) return options.outputs[i];
  if (!results.names[0].empty()) return results.names[i];
  return results.tensors.size() == 1 ? "output" : "output_" + std::to_string(i);
}

std::vector<Tensor> with_batch(const Exported& exported, std::int64_t size) {
  std::vector<nn::DynamicAxis> axes;
  if (exported.options.dynamic) {
    axes = *exported.options.dynamic;
  } else {
    for (std::size_t i = 0; i < exported.inputs.size(); ++i)
      if (exported.inputs[i].size(0) == exported.inputs[0].size(0)) axes.push_back({0, "batch", i});
  }
  std::vector<Tensor> inputs = exported.inputs;
  for (const nn::DynamicAxis& axis : axes) {
    Tensor& x = inputs[axis.input];
    std::vector<std::int64_t> places;
    const std::int64_t wanted = axis.name == axes[0].name ? size : size + 2;
    for (std::int64_t i = 0; i < wanted; ++i) places.push_back((5 * i + 1) % x.size(axis.axis));
    x = index_select(x, axis.axis, from_vector(places));
  }
  return inputs;
}

std::vector<Exported> exported_models() {
  std::vector<Exported> all = whole_models();
  for (const Row& row : layer_rows()) all.push_back(exported_row(row));
  return all;
}

}  // namespace gradus

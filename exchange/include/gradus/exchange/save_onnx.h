#pragma once

#include "gradus/graph/arg.h"
#include "gradus/nn/model.h"
#include "gradus/nn/reflect.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

/// A dimension of an input that may have any size when the file is used. Dimensions of one name have one size.
struct DynamicAxis {
  std::int64_t axis = 0;
  std::string name = "batch";
  std::size_t input = 0;  // which of them
};

struct SaveOnnxOptions {
  std::vector<std::string> inputs{};   // their names: "input", or "input_0", "input_1", … if nothing is said
  std::vector<std::string> outputs{};  // "output", "output_0", …, or the fields of what the model gives
  /// All others are those of the example. The first of each input if nothing is said, under one name where they are
  /// of one size.
  std::optional<std::vector<DynamicAxis>> dynamic{};
  bool fold_batch_norms = false;  // into the Linear or convolution right before them
  std::int64_t opset = 17;        // 17 to 21
  std::int64_t ir_version = 8;    // 8 to 10
  bool external_data = false;     // elements in a file beside, path + ".data"; beyond 2 GiB in any case
};

namespace detail {

/// What a model gives, as tensors with names.
struct OnnxResults {
  std::vector<Tensor> tensors;
  std::vector<std::string> names;  // empty where there are none

  void add(const Tensor& x, std::string_view name = {}) {
    if (!x.defined()) return;
    tensors.push_back(x);
    names.emplace_back(name);
  }
  template <class R>
  void add_all(const R& result) {
    if constexpr (std::is_base_of_v<Tensor, R>) {
      add(result);
    } else if constexpr (requires { std::tuple_size<R>::value; }) {
      std::apply([this](const auto&... x) { (add_all(x), ...); }, result);
    } else if constexpr (requires { result.begin() != result.end(); }) {
      for (const auto& x : result) add_all(x);
    } else {
      visit_fields(result, [this](std::string_view name, const auto& field) {
        if constexpr (std::is_base_of_v<Tensor, std::remove_cvref_t<decltype(field)>>) add(field, name);
      });
    }
  }
};

using OnnxForward = std::function<OnnxResults(std::span<const Tensor>)>;
void save_onnx(ModuleRef model,
               const OnnxForward& forward,
               const std::vector<Tensor>& example,
               const std::string& path,
               const SaveOnnxOptions& options);

template <class M, std::size_t... I>
OnnxForward onnx_forward(M& model, std::index_sequence<I...>) {
  return [&model](std::span<const Tensor> inputs) {
    OnnxResults results;
    results.add_all(model(inputs[I]...));
    return results;
  };
}

struct SaveOnnx {
  template <Model M, class... Inputs>
    requires(std::is_convertible_v<Inputs, Tensor> && ...)
  void operator()(M& model,
                  const std::tuple<Inputs...>& example,
                  const std::string& path,
                  const SaveOnnxOptions& options = {},
                  CallSite site = CallSite::here()) const {
    const gradus::detail::SitePin pin(site);
    save_onnx(detail::ref(model),
              onnx_forward(model, std::index_sequence_for<Inputs...>{}),
              std::apply([](const auto&... x) { return std::vector<Tensor>{x...}; }, example),
              path,
              options);
  }
  template <Model M>
  void operator()(M& model,
                  const Tensor& example,
                  const std::string& path,
                  const SaveOnnxOptions& options = {},
                  CallSite site = CallSite::here()) const {
    (*this)(model, std::tuple<Tensor>(example), path, options, site);
  }
};

}  // namespace detail

/// nn::save_onnx(model, example, path): the model in evaluation as an ONNX file, for runtimes without Gradus. Several
/// inputs are a tuple: nn::save_onnx(net, std::tuple(x, memory), "net.onnx").
///   nodes     the ops of calls with the example's values in four sizes of what is dynamic: sizes become those of the
///             inputs, or sums, products and parts of them
///   names     parameters and buffers bear their paths, "fc1.weight"; nodes those of their layers
///   errors    ArgumentError that lists all ops that ONNX has no operators for, sizes that no formula was found for,
///             and tensors that no op gives but that depend on the inputs, with layer and line; ArgumentError for names
///             or axes that don't fit; IoError if the file can't be written
///   source    ONNX, "Operator Schemas", ai.onnx version 17
inline constexpr detail::SaveOnnx save_onnx{};

}  // namespace gradus::nn
GRADUS_EXPORT_END

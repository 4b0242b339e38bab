#pragma once

#include "gradus/nn/module.h"
#include "gradus/nn/reflect.h"

#include <concepts>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

GRADUS_EXPORT_BEGIN
namespace gradus::onnx {
struct Program;
}

namespace gradus::nn {

namespace detail {
struct LoadOnnx;

/// Parameters or buffers under the names that a file has for them.
template <class T>
struct NamedInFile : std::vector<std::pair<std::string, T>> {
  using key_type = std::string;
  using mapped_type = T;
};
}  // namespace detail

/// What nn::load_onnx gives: the graph of an ONNX file as a module. It begins in evaluation, as the file says it is
/// run; nn::train has Dropout drop and BatchNormalization use the batch's statistics and move the running ones.
///   parameters    floating initialisers that are not single numbers, under their names in the file, but for those
///                 that are no weights (statistics, bounds, scales)
///   buffers       running means and variances
class OnnxModel : public Module<OnnxModel> {
 public:
  /// net(x), net(x, mask): inputs in the file's order; the result, of which there is one.
  ///   errors    ArgumentError for another number of inputs, or if there are several results; ShapeError or DTypeError
  ///             for an input that the file doesn't take
  template <class... More>
    requires(std::is_convertible_v<const More&, const Tensor&> && ...)
  Tensor forward(const Tensor& x, const More&... more) const {
    return only(run({x, more...}));
  }
  /// All results, in the file's order.
  std::vector<Tensor> forward(const std::vector<Tensor>& inputs) const { return run(inputs); }
  /// The same by names.
  std::map<std::string, Tensor> forward(const std::map<std::string, Tensor>& inputs) const;

  /// Names of what it takes and gives.
  const std::vector<std::string>& input_names() const;
  const std::vector<std::string>& output_names() const;

  auto fields() { return nn::fields("", parameters_, "", buffers_); }
  std::string describe() const;

  bool training = false;

 private:
  friend detail::LoadOnnx;
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) const;
  static Tensor only(std::vector<Tensor> results);

  std::shared_ptr<const onnx::Program> program_;
  detail::NamedInFile<Parameter> parameters_;
  detail::NamedInFile<Buffer> buffers_;
};

namespace detail {
struct LoadOnnx {
  OnnxModel operator()(const std::string& path, CallSite site = CallSite::here()) const;
};
}  // namespace detail

/// nn::load_onnx(path): the model in an ONNX file, to evaluate, train further, or put into another model.
///   types     whole numbers of any width are int64, float16 and bfloat16 are float32
///   data      in files beside the model, too, in its own folder
///   errors    IoError if the file can't be read or is no such model; ArgumentError that lists all operators and
///             attributes that aren't known, with counts
///   source    ONNX, "Operator Schemas", ai.onnx versions 7 to 23
inline constexpr detail::LoadOnnx load_onnx{};

}  // namespace gradus::nn
GRADUS_EXPORT_END

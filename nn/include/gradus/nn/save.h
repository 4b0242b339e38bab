#pragma once

#include "gradus/nn/module.h"

#include <map>
#include <string>

GRADUS_EXPORT_BEGIN
namespace gradus::nn {

/// Tensors by name in a file of the safetensors format: eight bytes of header length, a JSON header, the
/// values. The header's metadata have a checksum of each tensor. Written whole or not at all.
///   errors    IoError if the file can't be written
void save_tensors(const std::map<std::string, Tensor>& tensors, const std::string& path);
/// IoError, naming file and offset, if the file can't be read, contradicts itself or its checksums; files of
/// other programs need none.
std::map<std::string, Tensor> load_tensors(const std::string& path);

namespace detail {
std::map<std::string, Tensor> state(ModuleRef model);
/// `from` is named in errors.
void set_state(ModuleRef model, std::map<std::string, Tensor> given, const std::string& from);
void save(ModuleRef model, const std::string& path);
void load(ModuleRef model, const std::string& path);

struct Save {
  template <Model M>
  void operator()(M& model, const std::string& path) const {
    save(detail::ref(model), path);
  }
};
struct Load {
  template <Model M>
  void operator()(M& model, const std::string& path) const {
    load(detail::ref(model), path);
  }
};
}  // namespace detail

/// nn::save(model, path): the parameters and buffers of a model under their names.
inline constexpr detail::Save save{};

/// nn::load(model, path) reads them back into the model's own tensors, so optimisers made before go on with them.
///   errors    IoError as load_tensors; ArgumentError for a name that only one side has; ShapeError and
///             DTypeError where a tensor differs. After an error the model is as before.
inline constexpr detail::Load load{};

/// Copies of the parameters and buffers under their names.
template <Model M>
std::map<std::string, Tensor> state(const M& model) {
  return detail::state(detail::ref(model));
}

/// Puts them back, as `load` does.
template <Model M>
void set_state(M& model, const std::map<std::string, Tensor>& state) {
  detail::set_state(detail::ref(model), state, "the state");
}

}  // namespace gradus::nn
GRADUS_EXPORT_END
